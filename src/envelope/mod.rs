//! Envelopes: data that are encrypted here, under a data key that stands wrapped in front of them.
//!
//! `docs/envelope.md` has the format to the byte. Behind a [`Header`] with the wrapped data key comes the stream that Tink
//! calls AES-GCM-HKDF: segments of 32 KiB, each encrypted for its place. Nothing here reads, writes or waits.

mod decryptor;
mod encryptor;
mod header;
mod pieces;
mod room;
mod segments;
#[cfg(test)]
mod tests;

pub use self::decryptor::{Decryptor, cut_off};
pub use self::encryptor::Encryptor;
pub use self::header::{Beginning, Header, LONGEST_BEGINNING};
pub use self::segments::{KEY_LENGTH, SEGMENT, StreamHeader, TAG};
