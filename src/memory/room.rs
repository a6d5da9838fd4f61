//! Buffers and texts whose size others decide: they come to be where there is memory, and say so where there is none.

use zeroize::Zeroizing;

/// Room for `more` bytes behind those of `buffer`, which at least doubles when it grows. `Err`: so many bytes were
/// wanted, and there is no memory for them; the buffer is as it was.
///
/// A `Vec` that grows by itself ends the process instead. It also leaves its old block unwiped where the allocator does
/// not wipe.
pub fn make_room(buffer: &mut Zeroizing<Vec<u8>>, more: usize) -> Result<(), usize> {
    let wanted = buffer.len().saturating_add(more);
    if wanted > buffer.capacity() {
        let size = wanted.max(buffer.capacity().saturating_mul(2));
        let mut larger = Zeroizing::new(Vec::new());
        larger.try_reserve_exact(size).map_err(|_| size)?;
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
    Ok(())
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

    #[test]
    fn a_buffer_keeps_its_bytes_when_it_grows() {
        let mut buffer = Zeroizing::new(b"abc".to_vec());
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
        let mut buffer = Zeroizing::new(b"abc".to_vec());
        let far_too_much = isize::MAX as usize;
        assert_eq!(make_room(&mut buffer, far_too_much), Err(far_too_much + 3));
        assert_eq!(make_room(&mut buffer, usize::MAX), Err(usize::MAX));
        assert_eq!(buffer.as_slice(), b"abc");
    }
}
