//! Buffers and texts whose size others decide: they come to be where there is memory, and say so where there is none.

use std::fmt;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

use super::pages;

/// Bytes that are wiped, the spare room behind them included, when they are dropped. `Zeroizing<Vec<u8>>` does that
/// too, but byte by byte.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// No bytes yet, and room for `capacity` of them.
    pub fn with_capacity(capacity: usize) -> Buffer {
        Buffer(Vec::with_capacity(capacity))
    }

    fn wipe(&mut self) {
        self.0.clear();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Buffer {
        Buffer(bytes)
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // An allocator that wipes does so with the whole block.
        if !cfg!(feature = "wiping-allocator") {
            self.wipe();
        }
    }
}

/// Room for `more` bytes behind those of `buffer`, which at least doubles when it grows. `Err`: so many bytes were
/// wanted, and there is no memory for them; the buffer is as it was.
///
/// A `Vec` that grows by itself ends the process instead. It also leaves its old block unwiped where the allocator does
/// not wipe.
pub fn make_room(buffer: &mut Buffer, more: usize) -> Result<(), usize> {
    let wanted = buffer.len().saturating_add(more);
    if buffer.capacity() == 0 {
        return buffer.try_reserve_exact(wanted).map_err(|_| wanted);
    }
    if wanted > buffer.capacity() {
        let size = wanted.max(buffer.capacity().saturating_mul(2));
        let mut larger = Buffer::default();
        larger.try_reserve_exact(size).map_err(|_| size)?;
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    Ok(())
}

/// Whether the system has memory for a block of `size` bytes now: for what a library allocates without a way to say no.
pub fn has_memory_for(size: usize) -> bool {
    // SAFETY: the pages were mapped just now with the same size, and nobody has seen them.
    pages::map(size).map(|block| unsafe { pages::unmap(block, size) }).is_some()
}

/// `text.to_owned()`; `None` where no memory is left.
pub fn try_to_owned(text: &str) -> Option<String> {
    let mut owned = String::new();
    owned.try_reserve_exact(text.len()).ok()?;
    owned.push_str(text);
    Some(owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;

    #[test]
    fn a_buffer_is_wiped_with_all_that_ever_stood_in_it() {
        let mut buffer = Buffer::with_capacity(64);
        buffer.extend_from_slice(b"secret");
        buffer.truncate(2);
        buffer.wipe();
        let room: &[MaybeUninit<u8>] = buffer.spare_capacity_mut();
        assert!(room.len() >= 64);
        // SAFETY: `wipe` has written to every byte of the room.
        assert!(room.iter().all(|byte| unsafe { byte.assume_init() } == 0));
    }

    #[test]
    fn a_buffer_keeps_its_bytes_when_it_grows() {
        let mut buffer = Buffer(b"abc".to_vec());
        assert_eq!(make_room(&mut buffer, 2), Ok(()));
        assert!(buffer.capacity() >= 5);
        let (address, capacity) = (buffer.as_ptr(), buffer.capacity());
        assert_eq!(make_room(&mut buffer, capacity - 3), Ok(()));
        assert_eq!((buffer.as_ptr(), buffer.capacity()), (address, capacity), "it has room already");
        assert_eq!(make_room(&mut buffer, capacity), Ok(()));
        assert!(buffer.capacity() >= capacity * 2);
        assert_eq!(buffer.as_slice(), b"abc");
    }

    #[test]
    fn a_buffer_that_cannot_grow_says_so_and_stays() {
        let mut buffer = Buffer(b"abc".to_vec());
        let far_too_much = isize::MAX as usize;
        assert_eq!(make_room(&mut buffer, far_too_much), Err(far_too_much + 3));
        assert_eq!(make_room(&mut buffer, usize::MAX), Err(usize::MAX));
        assert_eq!(buffer.as_slice(), b"abc");
    }
}
