//! The parameters and the data keys of envelopes.

use std::sync::Arc;

use super::TransitKey;
use super::data_keys::DataKey;
use super::parameters::{Operation, Parameters};
use crate::envelope::{Header, KEY_LENGTH};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::secret::{Buffer, Bytes};
use crate::vault::client::Context;

/// The key derivation needs them in one piece, in memory whose lack ends the process. A hash of longer ones serves as well.
/// A multiple of 3, so that the length in base64 tells whether there are more.
const MAX_ASSOCIATED_DATA: usize = 65_535;

/// Checked parameters of an envelope.
pub struct EnvelopeParameters {
    /// The context of the data key; empty if there is none.
    pub context: Vec<u8>,
    /// What has to be the same for the decryption.
    pub associated_data: Buffer,
}

impl EnvelopeParameters {
    /// `HF_ERR_INVALID_ARGUMENT` for a parameter that an envelope does not have. They are those of a data key, whose length
    /// is fixed.
    pub fn check(fields: &Fields) -> Result<EnvelopeParameters> {
        if Parameters::check(Operation::DataKey, fields)?.key_bytes() != KEY_LENGTH {
            return Err(Error::invalid_argument("parameters: \"bits\" of an envelope are 256; leave it out"));
        }
        let encoded = fields.get("associated_data").map_or(0, |field| field.size());
        if encoded > MAX_ASSOCIATED_DATA / 3 * 4 {
            let message =
                format!("parameters: \"associated_data\" of an envelope have {MAX_ASSOCIATED_DATA} bytes at most");
            return Err(Error::new(Status::TooLarge, message));
        }
        let bytes = |name| fields.get(name).and_then(|field| field.bytes()).unwrap_or_default();
        Ok(EnvelopeParameters { context: bytes("context").to_vec(), associated_data: bytes("associated_data") })
    }

    /// The context of an envelope to be decrypted stands in its header, and may be given as well.
    pub fn check_context(&self, header: &Header) -> Result<()> {
        match self.context.is_empty() || self.context == header.context {
            true => Ok(()),
            false => Err(Error::invalid_argument("parameters: \"context\" is another one than that of the envelope")),
        }
    }
}

impl TransitKey {
    /// A data key to encrypt an envelope with: one that is kept, or a new one from the server.
    pub fn key_to_encrypt(&self, context: Context<'_>, key_context: &[u8]) -> Result<Arc<DataKey>> {
        self.data_keys.to_encrypt_or_make(key_context, context.deadline, || {
            let made = self.data_key(context, true, &only_context(key_context)?)?;
            let without = || Error::new(Status::Internal, "a data key without its plaintext");
            let plaintext = made.plaintext.ok_or_else(without)?;
            Ok(DataKey::new(plaintext, made.wrapped.as_str().to_owned(), key_context.to_vec()))
        })
    }

    /// The data key of an envelope: one that is kept, or the one in the header, which the server decrypts.
    pub fn key_to_decrypt(&self, context: Context<'_>, header: Header) -> Result<Arc<DataKey>> {
        let Header { wrapped_key, context: key_context } = header;
        if let Some(key) = self.data_keys.to_decrypt(&wrapped_key, &key_context) {
            return Ok(key);
        }
        let plaintext = self.decrypt(context, &wrapped_key, &only_context(&key_context)?)?;
        let plaintext = Some(plaintext).filter(has_length).ok_or_else(|| {
            Error::invalid_argument("the header of the envelope was altered: it has a key of another length")
        })?;
        Ok(self.data_keys.keep_unwrapped(DataKey::new(plaintext, wrapped_key, key_context)))
    }

    /// The same data key, encrypted under the latest version of the key of the engine.
    pub fn rewrap_key(&self, context: Context<'_>, header: Header) -> Result<Header> {
        let wrapped = self.rewrap(context, &header.wrapped_key, &only_context(&header.context)?)?;
        Ok(Header { wrapped_key: wrapped.as_str().to_owned(), ..header })
    }
}

fn has_length(key: &Bytes) -> bool {
    key.as_slice().len() == KEY_LENGTH
}

fn only_context(context: &[u8]) -> Result<Fields> {
    let mut fields = Fields::default();
    if !context.is_empty() {
        fields.set_bytes("context".to_owned(), context)?;
    }
    Ok(fields)
}
