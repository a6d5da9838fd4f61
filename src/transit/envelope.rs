//! Envelopes under a key of the engine: whole, or piece by piece.

use std::sync::Arc;

use super::Transit;
use crate::call::{Call, Deadline};
use crate::envelope::{Beginning, Decryptor, Encryptor, Header, LONGEST_BEGINNING, cut_off};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::secret::Bytes;
use crate::vault::{EnvelopeKey, EnvelopeParameters};

/// A stream that is being encrypted or decrypted.
pub struct Envelope {
    transit: Arc<Transit>,
    parameters: EnvelopeParameters,
    state: State,
}

enum State {
    Encrypting(Encryptor, Arc<EnvelopeKey>),
    /// The headers of an envelope are not complete yet.
    Beginning(Vec<u8>),
    Decrypting(Decryptor),
    /// Finished, or failed.
    Ended,
}

impl Envelope {
    /// Begins an encryption, for which a data key is asked for unless one is kept.
    pub fn encryptor(transit: Arc<Transit>, parameters: &Fields, call: &Call) -> Result<Envelope> {
        let parameters = EnvelopeParameters::check(parameters)?;
        let (encryptor, key) = transit.encryptor(&parameters, call)?;
        Ok(Envelope { transit, parameters, state: State::Encrypting(encryptor, key) })
    }

    /// Begins a decryption, without a request: the data key stands in the envelope.
    pub fn decryptor(transit: Arc<Transit>, parameters: &Fields, call: &Call) -> Result<Envelope> {
        transit.start(call)?;
        let parameters = EnvelopeParameters::check(parameters)?;
        Ok(Envelope { transit, parameters, state: State::Beginning(Vec::new()) })
    }

    /// Adds data, and returns what they complete. After a failure the stream has ended.
    pub fn update(&mut self, data: &[u8], call: &Call) -> Result<Bytes> {
        let started = self.start(call);
        if started.is_err() && call.has_to_wait() {
            // It is called again, with the same data.
            return started.and_then(|_| empty());
        }
        let before = std::mem::replace(&mut self.state, State::Ended);
        let deadline = started?;
        let (state, output) = match before {
            State::Encrypting(mut encryptor, key) => {
                key.add_bytes(data.len());
                let output = encryptor.update(data)?;
                (State::Encrypting(encryptor, key), output)
            }
            State::Decrypting(mut decryptor) => {
                let output = decryptor.update(data)?;
                (State::Decrypting(decryptor), output)
            }
            State::Beginning(begun) => self.begin(begun, data, &deadline)?,
            State::Ended => return Err(ended()),
        };
        self.state = state;
        Ok(output)
    }

    /// Ends the stream, also if this fails, and returns the rest of its output.
    pub fn finish(&mut self, call: &Call) -> Result<Bytes> {
        let before = std::mem::replace(&mut self.state, State::Ended);
        self.transit.start(call)?;
        match before {
            State::Encrypting(encryptor, _) => encryptor.finish(),
            State::Decrypting(decryptor) => decryptor.finish(),
            State::Beginning(_) => Err(cut_off()),
            State::Ended => Err(ended()),
        }
    }

    /// The deadline of a call that begins now. Fails if the call was cancelled, or is tried out while it may have to ask
    /// for the data key, since it could not go on with the same data.
    fn start(&self, call: &Call) -> Result<Deadline> {
        let deadline = self.transit.start(call)?;
        if matches!(self.state, State::Beginning(_)) {
            call.may_wait()?;
        }
        Ok(deadline)
    }

    /// Collects the headers. When they are complete, the decryption begins with what follows them.
    fn begin(&self, mut begun: Vec<u8>, data: &[u8], deadline: &Deadline) -> Result<(State, Bytes)> {
        let (now, later) = data.split_at_checked(LONGEST_BEGINNING - begun.len()).unwrap_or((data, &[]));
        begun.extend_from_slice(now);
        let Some((mut decryptor, length)) = self.transit.decryptor(&begun, &self.parameters, deadline)? else {
            return Ok((State::Beginning(begun), empty()?));
        };
        // What is left of the headers' room is shorter than a segment, and completes none.
        decryptor.update(begun.get(length..).unwrap_or_default())?;
        let output = decryptor.update(later)?;
        Ok((State::Decrypting(decryptor), output))
    }
}

impl Transit {
    /// An envelope with `data` in it.
    pub fn encrypt_envelope(&self, data: &[u8], parameters: &Fields, call: &Call) -> Result<Bytes> {
        let (encryptor, key) = self.encryptor(&EnvelopeParameters::check(parameters)?, call)?;
        key.add_bytes(data.len());
        encryptor.encrypt_all(data)
    }

    /// The data in an envelope.
    pub fn decrypt_envelope(&self, data: &[u8], parameters: &Fields, call: &Call) -> Result<Bytes> {
        let parameters = EnvelopeParameters::check(parameters)?;
        let (decryptor, length) = self.decryptor(data, &parameters, &self.start(call)?)?.ok_or_else(cut_off)?;
        decryptor.decrypt_all(data.get(length..).unwrap_or_default())
    }

    /// A header with the data key of the one at the start of `data`, wrapped under the latest version of the key.
    pub fn rewrap_envelope(&self, data: &[u8], call: &Call) -> Result<Bytes> {
        let Some((header, _)) = Header::read(data)? else {
            return Err(Error::invalid_argument("header: is not complete; give more of the envelope"));
        };
        let header = self.run("Failed to rewrap", call, |context| self.key.rewrap_key(context, header))?.write()?;
        Bytes::try_copy_of(&header).ok_or_else(|| Error::no_memory("the header", header.len()))
    }

    pub(super) fn encryptor(
        &self,
        parameters: &EnvelopeParameters,
        call: &Call,
    ) -> Result<(Encryptor, Arc<EnvelopeKey>)> {
        let deadline = self.start(call)?;
        Header::check_context(&parameters.context)?;
        let context = &parameters.context;
        let client = self.manager.client()?;
        let key =
            client.run_until("Failed to encrypt", &deadline, |client| self.key.key_to_encrypt(client, context))?;
        let header = Header { wrapped_key: key.wrapped.clone(), context: context.clone() };
        Ok((Encryptor::new(&header, key.plaintext.as_slice(), &parameters.associated_data)?, key))
    }

    /// What decrypts the rest of an envelope that begins with `begun`, and the length of its headers; `None` if they are
    /// not complete.
    pub(super) fn decryptor(
        &self,
        begun: &[u8],
        parameters: &EnvelopeParameters,
        deadline: &Deadline,
    ) -> Result<Option<(Decryptor, usize)>> {
        let Some(Beginning { header, stream, length }) = Beginning::read(begun)? else { return Ok(None) };
        parameters.check_context(&header)?;
        let client = self.manager.client()?;
        let key = client.run_until("Failed to decrypt", deadline, |client| self.key.key_to_decrypt(client, header))?;
        let decryptor = Decryptor::new(&stream, key.plaintext.as_slice(), &parameters.associated_data)?;
        Ok(Some((decryptor, length)))
    }
}

fn empty() -> Result<Bytes> {
    Bytes::try_copy_of(&[]).ok_or_else(|| Error::no_memory("the data", 0))
}

/// The error of a call for a stream that has ended.
#[cold]
pub fn ended() -> Error {
    Error::invalid_argument("envelope: has ended, because it was finished or a call failed; begin another one")
}
