//! Encrypts a stream.

use super::header::Header;
use super::pieces::Pieces;
use super::room::output;
use super::segments::{Place, SEGMENT, Segments, StreamHeader, TAG, new_stream_header};
use crate::error::{Error, Result};
use crate::host::fork;
use crate::secret::Bytes;

/// Encrypts one stream, which arrives in parts of any size. After a failure it must not be used again.
pub struct Encryptor {
    /// What has to go out before the first segment.
    start: Vec<u8>,
    segments: Segments,
    pieces: Pieces,
    /// The process that began the stream.
    generation: u32,
}

impl Encryptor {
    /// Begins a stream behind `header`, under its data key.
    pub fn new(header: &Header, data_key: &[u8], associated_data: &[u8]) -> Result<Encryptor> {
        Encryptor::with_stream_header(header, &new_stream_header()?, data_key, associated_data)
    }

    /// The same, with a stream header that is given. It must never be used twice with one data key.
    pub(super) fn with_stream_header(
        header: &Header,
        stream: &StreamHeader,
        data_key: &[u8],
        associated_data: &[u8],
    ) -> Result<Encryptor> {
        let mut start = header.write()?;
        start.extend_from_slice(stream);
        Ok(Encryptor {
            start,
            segments: Segments::new(stream, data_key, associated_data)?,
            pieces: Pieces::new(SEGMENT - TAG, stream.len())?,
            generation: fork::generation(),
        })
    }

    /// What has to go out first, for a caller of [`Encryptor::seal`].
    pub fn take_start(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.start)
    }

    /// The length of the next segment, its tag included. Only the last one may be shorter.
    pub fn next_length(&self) -> usize {
        self.pieces.full() + TAG
    }

    /// Encrypts the next segment where it is, for a caller that has it in one piece and so does without
    /// [`Encryptor::update`]: the data, and room for the tag behind them. Nothing follows the last one.
    pub fn seal(&mut self, segment: &mut [u8], is_last: bool) -> Result<()> {
        self.check_process()?;
        let number = if is_last { self.pieces.last().0 } else { self.pieces.skip()? };
        self.segments.seal_in_place(Place { number, is_last }, segment)
    }

    /// Adds `data`. Returns what they complete of the envelope.
    pub fn update(&mut self, data: &[u8]) -> Result<Bytes> {
        self.check_process()?;
        let (count, length) = self.pieces.completed_by(data.len());
        let start = self.take_start();
        let Encryptor { segments, pieces, .. } = self;
        output(start.len() + length + count * TAG, |room| {
            room.put(&start)?;
            pieces.push(data, |number, piece| {
                let out = room.take(piece.len() + TAG)?;
                segments.seal(Place { number, is_last: false }, piece, out)
            })
        })
    }

    /// Ends the stream. Returns the rest of the envelope.
    pub fn finish(self) -> Result<Bytes> {
        self.check_process()?;
        let (number, piece) = self.pieces.last();
        output(self.start.len() + piece.len() + TAG, |room| {
            room.put(&self.start)?;
            self.segments.seal(Place { number, is_last: true }, piece, room.take(piece.len() + TAG)?)
        })
    }

    /// The whole envelope of `data`, for a stream that has just begun.
    pub fn encrypt_all(mut self, data: &[u8]) -> Result<Bytes> {
        let (count, _) = self.pieces.completed_by(data.len());
        let start = self.take_start();
        let Encryptor { segments, pieces, .. } = &mut self;
        output(start.len() + data.len() + (count + 1) * TAG, |room| {
            room.put(&start)?;
            pieces.push(data, |number, piece| {
                segments.seal(Place { number, is_last: false }, piece, room.take(piece.len() + TAG)?)
            })?;
            let (number, piece) = pieces.last();
            segments.seal(Place { number, is_last: true }, piece, room.take(piece.len() + TAG)?)
        })
    }

    /// Parent and child would encrypt different data with the same nonces, which gives away the data of both.
    fn check_process(&self) -> Result<()> {
        match fork::generation() == self.generation {
            true => Ok(()),
            false => Err(Error::unsupported("the envelope was begun before a fork; begin another in this process")),
        }
    }
}
