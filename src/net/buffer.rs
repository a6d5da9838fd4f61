//! The buffers of a connection, which are reused for every exchange and wiped after each.

use zeroize::Zeroize;

/// Received bytes that have not been consumed yet. It grows if the head of a response does not fit.
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The furthest byte written since the last wipe.
    dirty: usize,
}

impl Inbox {
    /// An empty inbox with room for `size` bytes.
    pub fn new(size: usize) -> Self {
        Inbox { bytes: vec![0; size], start: 0, end: 0, dirty: 0 }
    }

    /// The bytes that were received and not taken.
    pub fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The same bytes, to be decrypted in place.
    pub fn unread_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Whether nothing has arrived since the last wipe.
    pub fn is_untouched(&self) -> bool {
        self.dirty == 0
    }

    /// Marks the first `count` unread bytes as taken.
    pub fn take(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Room for at least `wanted` more bytes after the unread ones.
    pub fn room(&mut self, wanted: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < wanted && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.end < wanted {
            self.grow(self.end + wanted);
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Grows by hand: a `Vec` that grows by itself does not wipe its old block.
    fn grow(&mut self, size: usize) {
        let mut larger = vec![0; size.max(self.bytes.len() * 2)];
        if let (Some(to), Some(from)) = (larger.get_mut(..self.end), self.bytes.get(..self.end)) {
            to.copy_from_slice(from);
        }
        self.bytes.zeroize();
        self.bytes = larger;
    }

    /// Marks the first `count` bytes of [`Inbox::room`] as received.
    pub fn added(&mut self, count: usize) {
        self.end = self.bytes.len().min(self.end + count);
        self.dirty = self.dirty.max(self.end);
    }

    /// Overwrites everything received since the last wipe, except for unread bytes.
    pub fn wipe(&mut self) {
        let (before, behind) = (self.start.min(self.dirty), self.end.min(self.dirty));
        if let Some(taken) = self.bytes.get_mut(..before) {
            taken.zeroize();
        }
        if let Some(rest) = self.bytes.get_mut(behind..self.dirty) {
            rest.zeroize();
        }
        self.dirty = self.end;
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Bytes to be sent, collected so that the head and the body of a request are sent in one system call.
pub struct Outbox {
    bytes: Vec<u8>,
}

impl Outbox {
    /// An empty outbox with room for `size` bytes. It grows.
    pub fn new(size: usize) -> Self {
        Outbox { bytes: Vec::with_capacity(size) }
    }

    /// Adds `part` at the end.
    pub fn push(&mut self, part: &[u8]) {
        self.make_room(part.len());
        self.bytes.extend_from_slice(part);
    }

    /// Grows by hand: a `Vec` that grows by itself does not wipe its old block.
    fn make_room(&mut self, more: usize) {
        let wanted = self.bytes.len() + more;
        if wanted > self.bytes.capacity() {
            let mut larger = Vec::with_capacity(wanted.max(self.bytes.capacity() * 2));
            larger.extend_from_slice(&self.bytes);
            self.bytes.zeroize();
            self.bytes = larger;
        }
    }

    /// Gives `write` room of `size` bytes, and appends as many of them as it returns. `None` appends nothing.
    pub fn fill(&mut self, size: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) {
        let start = self.bytes.len();
        self.make_room(size);
        self.bytes.resize(start + size, 0);
        let room = self.bytes.get_mut(start..).unwrap_or_default();
        let written = write(room).unwrap_or(0).min(size);
        room.get_mut(written..).unwrap_or_default().zeroize();
        self.bytes.truncate(start + written);
    }

    /// The bytes to be sent.
    pub fn filled(&self) -> &[u8] {
        &self.bytes
    }

    /// Overwrites and removes all bytes. The capacity stays.
    pub fn wipe(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(inbox: &mut Inbox, bytes: &[u8]) {
        inbox.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        inbox.added(bytes.len());
    }

    #[test]
    fn an_inbox_keeps_unread_bytes_when_it_grows() {
        let mut inbox = Inbox::new(4);
        receive(&mut inbox, b"abcd");
        inbox.take(2);
        receive(&mut inbox, b"efgh");
        assert_eq!(inbox.unread(), b"cdefgh");
    }

    #[test]
    fn a_wiped_inbox_keeps_only_unread_bytes() {
        let mut inbox = Inbox::new(16);
        receive(&mut inbox, b"secret!tail");
        inbox.take(7);
        inbox.wipe();
        assert_eq!(inbox.unread(), b"tail");
        inbox.take(4);
        inbox.wipe();
        assert!(inbox.bytes.iter().all(|&b| b == 0));
    }

    #[test]
    fn a_wiped_inbox_is_clean_after_bytes_were_moved_to_the_front() {
        let mut inbox = Inbox::new(8);
        receive(&mut inbox, b"secretAB");
        inbox.take(6);
        receive(&mut inbox, b"CDEF");
        inbox.take(6);
        inbox.wipe();
        assert!(inbox.bytes.iter().all(|&b| b == 0));
    }

    #[test]
    fn a_wiped_outbox_is_empty_and_clean_after_it_has_grown() {
        let mut outbox = Outbox::new(4);
        outbox.push(b"tok");
        outbox.push(b"en and more");
        assert_eq!(outbox.filled(), b"token and more");
        outbox.bytes.as_mut_slice().zeroize();
        assert!(outbox.filled().iter().all(|&b| b == 0));
        outbox.wipe();
        assert!(outbox.filled().is_empty());
    }

    #[test]
    fn bytes_beyond_the_returned_count_are_not_part_of_an_outbox() {
        let mut outbox = Outbox::new(4);
        outbox.push(b"a");
        outbox.fill(8, |room| {
            room.copy_from_slice(b"written!");
            Some(3)
        });
        assert_eq!(outbox.filled(), b"awri");
        // SAFETY: `fill` has written to all of it.
        unsafe { outbox.bytes.set_len(9) };
        assert_eq!(outbox.bytes[4..], [0; 5]);
        outbox.fill(8, |_| None);
        assert_eq!(outbox.filled().len(), 9);
    }
}
