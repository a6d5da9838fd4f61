//! Buffers and strings with fallible allocation, for data whose size a server or a caller controls.

use std::fmt;
use std::ops::{Deref, DerefMut};

use zeroize::Zeroize;

/// A byte vector that is wiped when it is dropped, spare capacity included. `Zeroizing<Vec<u8>>` does the same, but
/// byte by byte.
#[derive(Default)]
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer with a capacity of at least `capacity` bytes.
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
        // The wiping allocator wipes the whole block when it is freed.
        if !cfg!(feature = "wiping-allocator") {
            self.wipe();
        }
    }
}

/// Reserves capacity for `more` further bytes, and at least doubles the capacity when it has to grow. If there is no
/// memory, returns the number of bytes it asked for and leaves the buffer unchanged.
///
/// A `Vec` that grows by itself aborts the process instead, and leaves its old block unwiped if the allocator does not
/// wipe.
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

/// Fallible copy, for text whose length is not controlled by this library. Returns `None` if there is no memory.
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
    fn a_buffer_is_wiped_including_its_spare_capacity() {
        let mut buffer = Buffer::with_capacity(64);
        buffer.extend_from_slice(b"secret");
        buffer.truncate(2);
        buffer.wipe();
        let room: &[MaybeUninit<u8>] = buffer.spare_capacity_mut();
        assert!(room.len() >= 64);
        // SAFETY: `wipe` has written to every byte of the capacity.
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
    fn a_buffer_that_cannot_grow_is_unchanged() {
        let mut buffer = Buffer(b"abc".to_vec());
        let far_too_much = isize::MAX as usize;
        assert_eq!(make_room(&mut buffer, far_too_much), Err(far_too_much + 3));
        assert_eq!(make_room(&mut buffer, usize::MAX), Err(usize::MAX));
        assert_eq!(buffer.as_slice(), b"abc");
    }
}
