//! Output of a length that is known before it is made.

use super::segments::failed;
use crate::error::{Error, Result};
use crate::secret::Bytes;

/// What is left of the output.
pub struct Room<'a>(&'a mut [u8]);

impl<'a> Room<'a> {
    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a mut [u8]> {
        let (taken, rest) = std::mem::take(&mut self.0).split_at_mut_checked(length).ok_or_else(failed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.take(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }
}

/// Output of `length` bytes, all of which `write` writes. If that fails, they are wiped.
pub fn output(length: usize, write: impl FnOnce(&mut Room<'_>) -> Result<()>) -> Result<Bytes> {
    let mut bytes = Bytes::try_zeroed(length).ok_or_else(|| Error::no_memory("the envelope", length))?;
    let mut room = Room(bytes.as_mut_slice());
    write(&mut room)?;
    if room.0.is_empty() { Ok(bytes) } else { Err(failed()) }
}
