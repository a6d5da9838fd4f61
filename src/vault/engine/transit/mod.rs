//! The transit engine: the server encrypts, signs and makes keys, with keys that it does not give away.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

mod batch;
mod data_keys;
mod endpoint;
mod envelope;
mod key;
mod parameters;
mod place;
mod public_key;
mod refusal;

pub use self::batch::Outcome;
pub use self::data_keys::DataKey as EnvelopeKey;
use self::data_keys::DataKeys;
pub use self::endpoint::{Input, NewDataKey};
use self::endpoint::{MakeDataKey, MakeText, Verify};
pub use self::envelope::EnvelopeParameters;
use self::key::{KeyFacts, ReadKey, SelfCapabilities};
pub use self::parameters::Operation;
use self::parameters::Parameters;
use self::place::Place;
use self::public_key::{Checked, PublicKeys};
use crate::config::DataKeyLimits;
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::secret::{Bytes, Secret};
use crate::vault::client::Context;

/// A key of the engine.
pub struct TransitKey {
    /// The mount and the name, for URLs.
    place: Place,
    /// What the server tells about the key; `None` if the token may not read it.
    facts: Option<KeyFacts>,
    /// What serves operations that need no request.
    public_keys: ArcSwapOption<PublicKeys>,
    /// The data keys of envelopes.
    data_keys: DataKeys,
}

impl TransitKey {
    /// The key `name` of the engine at `mount`; `None` if there is none. So no operation makes a key by a mistyped name,
    /// which the server does where the policy allows it.
    pub fn open(context: Context<'_>, mount: &str, name: &str, limits: DataKeyLimits) -> Result<Option<TransitKey>> {
        check_name(name)?;
        let place = Place::new(mount, name);
        let facts = match context.call(&ReadKey { place: &place }) {
            Ok(None) => return Ok(None),
            Ok(Some(facts)) => Some(facts),
            Err(error) if error.status() == Status::PermissionDenied => {
                // A token that may not create a key cannot make one by mistake.
                match context.call(&SelfCapabilities { path: place.path("encrypt") }) {
                    Ok(capabilities) if !capabilities.may_create() => None,
                    _ => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        let public_keys = ArcSwapOption::new(facts.as_ref().and_then(KeyFacts::public_keys));
        Ok(Some(TransitKey { place, facts, public_keys, data_keys: DataKeys::new(limits) }))
    }

    /// The ciphertext of `data`.
    pub fn encrypt(&self, context: Context<'_>, data: &[u8], parameters: &Fields) -> Result<Secret> {
        let parameters = self.check(Operation::Encrypt, parameters)?;
        if let Some(encrypted) = self.public_keys(context, None)?.and_then(|keys| keys.encrypt(data, &parameters)) {
            return encrypted;
        }
        self.call_to_encrypt(context, data, &parameters)
    }

    fn call_to_encrypt(&self, context: Context<'_>, data: &[u8], parameters: &Parameters<'_>) -> Result<Secret> {
        let encrypt = MakeText::bytes(&self.place, Operation::Encrypt, data, parameters);
        context.call(&encrypt).map_err(|error| self.with_unseen_key(error))
    }

    /// To a token that must not create a key, the server says the same of a key that does not exist as of one that the
    /// token must not use. So does the error, unless the key was seen.
    fn with_unseen_key(&self, error: Error) -> Error {
        if self.facts.is_some() || error.status() != Status::PermissionDenied {
            return error;
        }
        let message = format!("{}; or there is no such key, which this token is not told", error.message());
        Error::new(Status::PermissionDenied, message).with_http_status(error.http_status())
    }

    /// The data of a ciphertext.
    pub fn decrypt(&self, context: Context<'_>, ciphertext: &str, parameters: &Fields) -> Result<Bytes> {
        let parameters = self.check(Operation::Decrypt, parameters)?;
        context.call(&endpoint::Decrypt { place: &self.place, ciphertext, parameters: &parameters })
    }

    /// A ciphertext of the same data under the latest version of the key. The server does this without showing the data,
    /// but not if there is associated data: then it is decrypted and encrypted.
    pub fn rewrap(&self, context: Context<'_>, ciphertext: &str, parameters: &Fields) -> Result<Secret> {
        let checked = self.check(Operation::Rewrap, parameters)?;
        if !checked.has("associated_data") {
            return context.call(&MakeText::text(&self.place, Operation::Rewrap, ciphertext, &checked));
        }
        let data = context.call(&endpoint::Decrypt {
            place: &self.place,
            ciphertext,
            parameters: &checked.of(Operation::Decrypt),
        })?;
        let checked = checked.of(Operation::Encrypt);
        self.call_to_encrypt(context, data.as_slice(), &checked)
    }

    /// A signature of `data`.
    pub fn sign(&self, context: Context<'_>, data: &[u8], parameters: &Fields) -> Result<Secret> {
        let parameters = self.check(Operation::Sign, parameters)?;
        context.call(&MakeText::bytes(&self.place, Operation::Sign, data, &parameters))
    }

    /// An HMAC of `data`.
    pub fn hmac(&self, context: Context<'_>, data: &[u8], parameters: &Fields) -> Result<Secret> {
        let parameters = self.check(Operation::Hmac, parameters)?;
        context.call(&MakeText::bytes(&self.place, Operation::Hmac, data, &parameters))
    }

    /// Whether `signature`, which may also be an HMAC, is one of `data`.
    pub fn verify(&self, context: Context<'_>, data: &[u8], signature: &str, parameters: &Fields) -> Result<bool> {
        let parameters = self.check(Operation::Verify, parameters)?;
        let public_keys = self.public_keys(context, Some(signature))?;
        let checked = public_keys.map_or(Checked::Unknown, |keys| keys.verify(data, signature, &parameters));
        match checked {
            Checked::Valid => return Ok(true),
            Checked::Invalid if !endpoint::may_be_hmac(signature) => return Ok(false),
            _ => {}
        }
        let verify =
            |kind| context.call(&Verify { place: &self.place, data, kind, signature, parameters: &parameters });
        let may_sign = self.facts.as_ref().is_none_or(|facts| facts.supports_signing);
        let is_derived = self.facts.as_ref().is_some_and(|facts| facts.derived);
        // A signature of a derived key needs a context, an HMAC does not.
        let may_be_signature = may_sign && (!is_derived || parameters.has("context"));
        // Both have the same form. Each key makes HMACs, and some make signatures, too.
        if may_be_signature && checked == Checked::Unknown {
            match verify("signature") {
                Ok(true) => return Ok(true),
                Ok(false) if !endpoint::may_be_hmac(signature) => return Ok(false),
                Err(error) if self.facts.is_some() || error.status() != Status::Unsupported => return Err(error),
                Ok(false) | Err(_) => {}
            }
        }
        match verify("hmac") {
            Ok(false) if may_sign && !may_be_signature => Err(no_context()),
            // It is no signature, and the parameters are none of an HMAC.
            Err(error) if may_be_signature && error.status() == Status::InvalidArgument => Ok(false),
            outcome => outcome,
        }
    }

    /// A new data key. Without `with_plaintext` only the wrapped one is sent.
    pub fn data_key(&self, context: Context<'_>, with_plaintext: bool, parameters: &Fields) -> Result<NewDataKey> {
        let parameters = self.check(Operation::DataKey, parameters)?;
        context.call(&MakeDataKey { place: &self.place, with_plaintext, parameters: &parameters })
    }

    /// The public keys. They are read again from time to time, and for a signature of a version that was made since.
    fn public_keys(&self, context: Context<'_>, signature: Option<&str>) -> Result<Option<Arc<PublicKeys>>> {
        let Some(known) = self.public_keys.load_full() else {
            return Ok(None);
        };
        if !known.is_old(signature) {
            return Ok(Some(known));
        }
        let facts = context.call(&ReadKey { place: &self.place })?;
        let read = facts.and_then(|facts| facts.public_keys());
        self.public_keys.store(read.clone());
        Ok(read)
    }

    /// Checks the parameters of an operation, and whether the key can do it, as far as that is known here.
    fn check<'a>(&self, operation: Operation, parameters: &'a Fields) -> Result<Parameters<'a>> {
        let parameters = Parameters::check(operation, parameters)?;
        if let Some(facts) = &self.facts {
            facts.check(operation)?;
        }
        self.check_context(operation, &parameters)?;
        Ok(parameters)
    }

    /// Whether there is a context if the key needs one. An HMAC needs none, so verification may have none.
    fn check_context(&self, operation: Operation, parameters: &Parameters<'_>) -> Result<()> {
        let is_derived = self.facts.as_ref().is_some_and(|facts| facts.derived);
        let takes_one = operation.takes("context") && operation != Operation::Verify;
        match is_derived && takes_one && !parameters.has("context") {
            true => Err(no_context()),
            false => Ok(()),
        }
    }
}

/// A longer name would not fit into a path.
const MAX_NAME: usize = 1024;

#[cold]
fn no_context() -> Error {
    Error::invalid_argument("parameters: the key derives a key from a context, which is missing; set \"context\"")
}

/// The engine's names consist of ASCII letters, digits, `_`, and within them `-` and `.`.
fn check_name(name: &str) -> Result<()> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let ends_well = [name.bytes().next(), name.bytes().next_back()].iter().all(|end| end.is_some_and(is_word));
    let is_name =
        ends_well && name.len() <= MAX_NAME && name.bytes().all(|byte| is_word(byte) || b"-.".contains(&byte));
    match is_name {
        true => Ok(()),
        false => Err(Error::invalid_argument("key: is not the name of a key; write it without the mount")),
    }
}
