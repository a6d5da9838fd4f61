//! The cipher: one segment is encrypted or decrypted for its place in the stream.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

use crate::error::{Error, Result, Status};
use crate::host::crypto::without_forks;

/// The length of an encrypted segment. The first one is shorter by the stream header, the last one has what is left. Such a
/// segment fits into a slot of the arena of secrets; larger ones would cost a mapping each, which takes longer than the
/// cipher.
pub const SEGMENT: usize = 32 * 1024;

/// What the tag of a segment adds to its length.
pub const TAG: usize = 16;

/// The length of a data key.
pub const KEY_LENGTH: usize = 32;

const SALT: usize = 32;
const NONCE_PREFIX: usize = 7;

/// The header of a stream: its own length, the salt of its key, and the beginning of its nonces.
pub type StreamHeader = [u8; 1 + SALT + NONCE_PREFIX];

/// A new stream header. The salt is so long that no two streams ever have the same key.
pub fn new_stream_header() -> Result<StreamHeader> {
    let mut header = [0; size_of::<StreamHeader>()];
    let [length, random @ ..] = &mut header;
    *length = size_of::<StreamHeader>() as u8;
    getrandom::fill(random).map_err(|_| Error::new(Status::Internal, "the system has no random numbers"))?;
    Ok(header)
}

/// Where a segment is in its stream.
#[derive(Clone, Copy)]
pub struct Place {
    /// Its number, from 0.
    pub number: u32,
    /// It is the last one.
    pub is_last: bool,
}

/// The key of one stream.
pub struct Segments {
    key: LessSafeKey,
    nonce_prefix: [u8; NONCE_PREFIX],
}

impl Segments {
    /// The key of the stream with this header. `associated_data` are part of it.
    pub fn new(header: &StreamHeader, data_key: &[u8], associated_data: &[u8]) -> Result<Segments> {
        let [length, rest @ ..] = header;
        let (Some(salt), Some(nonce_prefix)) = (rest.first_chunk::<SALT>(), rest.last_chunk()) else {
            return Err(failed());
        };
        if usize::from(*length) != header.len() {
            return Err(Error::invalid_argument("the envelope was altered behind its header"));
        }
        let derive = || {
            let extracted = Salt::new(HKDF_SHA256, salt).extract(data_key);
            let info = [associated_data];
            let key = UnboundKey::from(extracted.expand(&info, &AES_256_GCM)?);
            Ok(LessSafeKey::new(key))
        };
        let key = without_forks(derive).map_err(|_: Unspecified| failed())?;
        Ok(Segments { key, nonce_prefix: *nonce_prefix })
    }

    /// Encrypts `data` to `out`, which is longer by [`TAG`].
    pub fn seal(&self, place: Place, data: &[u8], out: &mut [u8]) -> Result<()> {
        let Some((text, _)) = out.split_at_mut_checked(data.len()).filter(|(_, tag)| tag.len() == TAG) else {
            return Err(failed());
        };
        text.copy_from_slice(data);
        self.seal_in_place(place, out)
    }

    /// Encrypts a segment where it is: the data, and room for the tag behind them.
    pub fn seal_in_place(&self, place: Place, segment: &mut [u8]) -> Result<()> {
        let Some((text, tag_out)) = segment.split_last_chunk_mut::<TAG>() else { return Err(failed()) };
        let seal = || self.key.seal_in_place_separate_tag(self.nonce(place), Aad::empty(), text);
        let tag = without_forks(seal).map_err(|_| failed())?;
        tag_out.copy_from_slice(tag.as_ref());
        Ok(())
    }

    /// Decrypts `data` to `out`, which is shorter by [`TAG`]. Returns whether this is the segment of that place; if not,
    /// what is in `out` must not be used.
    pub fn open(&self, place: Place, data: &[u8], out: &mut [u8]) -> bool {
        let Some((text, tag)) = data.split_at_checked(out.len()).filter(|(_, tag)| tag.len() == TAG) else {
            return false;
        };
        let open = || self.key.open_separate_gather(self.nonce(place), Aad::empty(), text, tag, out);
        without_forks(open).is_ok()
    }

    fn nonce(&self, place: Place) -> Nonce {
        let [a, b, c, d, e, f, g] = self.nonce_prefix;
        let [h, i, j, k] = place.number.to_be_bytes();
        Nonce::assume_unique_for_key([a, b, c, d, e, f, g, h, i, j, k, u8::from(place.is_last)])
    }
}

#[cold]
pub fn failed() -> Error {
    Error::new(Status::Internal, "the cipher failed")
}
