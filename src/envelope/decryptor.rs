//! Decrypts a stream.

use super::pieces::Pieces;
use super::room::output;
use super::segments::{Place, SEGMENT, Segments, StreamHeader, TAG, failed};
use crate::error::{Error, Result};
use crate::secret::Bytes;

/// Decrypts one stream, which arrives in parts of any size. It hands out only what is authentic. After a failure it must
/// not be used again.
pub struct Decryptor {
    segments: Segments,
    pieces: Pieces,
}

impl Decryptor {
    /// Begins with what follows the stream header `stream`.
    pub fn new(stream: &StreamHeader, data_key: &[u8], associated_data: &[u8]) -> Result<Decryptor> {
        let segments = Segments::new(stream, data_key, associated_data)?;
        Ok(Decryptor { segments, pieces: Pieces::new(SEGMENT, stream.len())? })
    }

    /// The length of the next segment. Only the last one may be shorter.
    pub fn next_length(&self) -> usize {
        self.pieces.full()
    }

    /// Decrypts the next segment, for a caller that has it in one piece and so does without [`Decryptor::update`]. Returns
    /// the plaintext, which is the beginning of `out`; what else is in `out` must not be used. Nothing follows the last
    /// segment.
    pub fn open<'a>(&mut self, segment: &[u8], is_last: bool, out: &'a mut [u8]) -> Result<&'a [u8]> {
        let length = segment.len().checked_sub(TAG).ok_or_else(cut_off)?;
        let out = out.get_mut(..length).ok_or_else(failed)?;
        let number = if is_last { self.pieces.last().0 } else { self.pieces.skip()? };
        open(&self.segments, Place { number, is_last }, segment, out)?;
        Ok(out)
    }

    /// Adds `data`. Returns the plaintext of what they complete.
    pub fn update(&mut self, data: &[u8]) -> Result<Bytes> {
        let (count, length) = self.pieces.completed_by(data.len());
        let Decryptor { segments, pieces } = self;
        output(length - count * TAG, |room| {
            pieces.push(data, |number, piece| {
                let out = room.take(piece.len() - TAG)?;
                open(segments, Place { number, is_last: false }, piece, out)
            })
        })
    }

    /// Ends the stream. Returns the rest of the plaintext.
    pub fn finish(self) -> Result<Bytes> {
        let (number, piece) = self.pieces.last();
        let length = piece.len().checked_sub(TAG).ok_or_else(cut_off)?;
        output(length, |room| open(&self.segments, Place { number, is_last: true }, piece, room.take(length)?))
    }

    /// The whole plaintext of a stream that has just begun.
    pub fn decrypt_all(mut self, data: &[u8]) -> Result<Bytes> {
        let (count, completed) = self.pieces.completed_by(data.len());
        let rest = (data.len() - completed).checked_sub(TAG).ok_or_else(cut_off)?;
        let Decryptor { segments, pieces } = &mut self;
        output(completed - count * TAG + rest, |room| {
            pieces.push(data, |number, piece| {
                open(segments, Place { number, is_last: false }, piece, room.take(piece.len() - TAG)?)
            })?;
            let (number, piece) = pieces.last();
            open(segments, Place { number, is_last: true }, piece, room.take(rest)?)
        })
    }
}

fn open(segments: &Segments, place: Place, piece: &[u8], out: &mut [u8]) -> Result<()> {
    if segments.open(place, piece, out) {
        return Ok(());
    }
    let other_place = Place { is_last: !place.is_last, ..place };
    Err(match (segments.open(other_place, piece, out), place) {
        (true, Place { is_last: true, .. }) => cut_off(),
        (true, _) => Error::invalid_argument("something follows the end of the envelope"),
        (false, Place { number: 0, .. }) => Error::invalid_argument(
            "the envelope was altered or cut off, or the associated data are not those of its encryption",
        ),
        (false, _) => Error::invalid_argument("the envelope was altered or cut off"),
    })
}

/// The error of an envelope whose end is missing.
#[cold]
pub fn cut_off() -> Error {
    Error::invalid_argument("the envelope was cut off")
}
