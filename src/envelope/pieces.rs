//! Cuts a stream that arrives in parts of any size into the pieces that become segments.

use crate::error::{Error, Result, Status};
use crate::secret::Bytes;

/// A stream in pieces of equal size, of which the first one is shorter. A piece is handed out when it is full and the next
/// one has begun, because the last piece is treated differently.
pub struct Pieces {
    size: usize,
    shorter: usize,
    number: u32,
    /// Room for what is pending, in memory for secrets. It grows up to the size of a piece.
    room: Bytes,
    filled: usize,
}

impl Pieces {
    /// Pieces of `size` bytes; the first one has `shorter` fewer.
    pub fn new(size: usize, shorter: usize) -> Result<Pieces> {
        Ok(Pieces { size, shorter, number: 0, room: zeroed(0)?, filled: 0 })
    }

    /// The size of the pending piece when it is full.
    pub fn full(&self) -> usize {
        if self.number == 0 { self.size - self.shorter } else { self.size }
    }

    /// The number of the next piece, which the caller has itself. Nothing may be pending.
    pub fn skip(&mut self) -> Result<u32> {
        let number = self.number;
        self.number = number.checked_add(1).ok_or_else(too_long)?;
        Ok(number)
    }

    /// The number of pieces that [`Pieces::push`] hands out for `more` bytes, and their length in total.
    pub fn completed_by(&self, more: usize) -> (usize, usize) {
        match self.filled.saturating_add(more).checked_sub(self.full() + 1) {
            None => (0, 0),
            Some(beyond) => {
                let others = beyond / self.size;
                (1 + others, self.full() + others * self.size)
            }
        }
    }

    /// Adds `data`, and gives each piece that they complete to `each`, with its number.
    pub fn push(&mut self, mut data: &[u8], mut each: impl FnMut(u32, &[u8]) -> Result<()>) -> Result<()> {
        while self.filled + data.len() > self.full() {
            let (now, later) = data.split_at_checked(self.full() - self.filled).unwrap_or((data, &[]));
            if self.filled == 0 {
                each(self.number, now)?;
            } else {
                self.keep(now)?;
                each(self.number, self.pending())?;
                self.filled = 0;
            }
            self.skip()?;
            data = later;
        }
        self.keep(data)
    }

    fn pending(&self) -> &[u8] {
        self.room.as_slice().get(..self.filled).unwrap_or_default()
    }

    fn keep(&mut self, data: &[u8]) -> Result<()> {
        let (capacity, wanted) = (self.room.as_slice().len(), self.filled + data.len());
        if wanted > capacity {
            let mut larger = zeroed(wanted.max(2 * capacity).min(self.size))?;
            copy(self.pending(), 0, &mut larger);
            self.room = larger;
        }
        copy(data, self.filled, &mut self.room);
        self.filled = wanted;
        Ok(())
    }

    /// The last piece, and its number.
    pub fn last(&self) -> (u32, &[u8]) {
        (self.number, self.pending())
    }
}

fn zeroed(length: usize) -> Result<Bytes> {
    Bytes::try_zeroed(length).ok_or_else(|| Error::no_memory("the envelope", length))
}

/// Copies bytes to an offset, where there is room for them.
fn copy(bytes: &[u8], offset: usize, to: &mut Bytes) {
    if let Some(place) = to.as_mut_slice().get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cold]
fn too_long() -> Error {
    Error::new(Status::TooLarge, "an envelope takes 128 TiB at most; divide the data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_same_however_the_stream_arrives() {
        for length in 0..40_usize {
            let stream: Vec<u8> = (0..length as u8).collect();
            for part in 1..=length.max(1) {
                let mut pieces = Pieces::new(8, 3).unwrap();
                let mut sizes = Vec::new();
                for data in stream.chunks(part) {
                    let (count, bytes) = pieces.completed_by(data.len());
                    let before = sizes.len();
                    pieces
                        .push(data, |_, piece| {
                            sizes.push(piece.len());
                            Ok(())
                        })
                        .unwrap();
                    assert_eq!((count, bytes), (sizes.len() - before, sizes[before..].iter().sum()));
                }
                let (number, last) = pieces.last();
                assert_eq!(number as usize, sizes.len());
                assert!(last.is_empty() == (length == 0), "only an empty stream has an empty piece");
                assert_eq!(sizes.iter().sum::<usize>() + last.len(), length);
                assert!(sizes.iter().enumerate().all(|(at, size)| *size == if at == 0 { 5 } else { 8 }));
            }
        }
    }
}
