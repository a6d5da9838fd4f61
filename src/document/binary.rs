//! Bytes that stand as base64 in a field.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{Document, Kind};
use crate::error::{Error, Result};
use crate::secret::Bytes;

/// Padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Document {
    /// The bytes whose base64 is the text of a field.
    pub fn bytes(&self, name: &str) -> Result<Bytes> {
        let not_base64 = || Error::unsupported(format!("the field {name:?} is not a string in base64"));
        if self.kind(name) != Some(Kind::String) {
            return Err(not_base64());
        }
        // A string in base64 always has a text, if there is memory for it.
        let encoded = self.json_of(name).map_or(0, str::len);
        let text = self.text(name).ok_or_else(|| Error::no_memory("the texts of the document", encoded))?;
        let mut decoded = Zeroizing::new(Vec::new());
        let room = base64::decoded_len_estimate(text.len());
        decoded.try_reserve_exact(room).map_err(|_| Error::no_memory("the bytes", room))?;
        decoded.resize(room, 0);
        let length = BASE64.decode_slice(text, &mut decoded).map_err(|_| not_base64())?;
        decoded.truncate(length);
        Bytes::try_copy_of(&decoded).ok_or_else(|| Error::no_memory("the bytes", length))
    }
}
