//! A key of the transit engine, with the manager that it came from.

mod envelope;
mod transfer;

use std::sync::Arc;

pub use self::envelope::{Envelope, ended};
use crate::call::{Call, Deadline};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::open::Manager;
use crate::secret::{Bytes, Secret};
use crate::vault::client::Context;
use crate::vault::engine::transit::TransitKey;
use crate::vault::{Input, NewDataKey, Operation, Outcome};

/// A key of the transit engine. It keeps its manager open.
pub struct Transit {
    manager: Arc<Manager>,
    key: TransitKey,
}

impl Transit {
    /// The key `name` of the engine at `VAULT_TRANSIT_MOUNT`; `None` if there is none.
    pub fn open(manager: Arc<Manager>, name: &str, call: &Call) -> Result<Option<Transit>> {
        let (mount, limits) = (manager.transit_mount()?, manager.data_key_limits()?);
        let open = |context: Context<'_>| TransitKey::open(context, mount, name, limits);
        let key = manager.client()?.run("Failed to open the key", call, open)?;
        Ok(key.map(|key| Transit { manager, key }))
    }

    /// The ciphertext of `data`.
    pub fn encrypt(&self, data: &[u8], parameters: &Fields, call: &Call) -> Result<Secret> {
        self.run("Failed to encrypt", call, |context| self.key.encrypt(context, data, parameters))
    }

    /// The data of a ciphertext.
    pub fn decrypt(&self, ciphertext: &str, parameters: &Fields, call: &Call) -> Result<Bytes> {
        self.run("Failed to decrypt", call, |context| self.key.decrypt(context, ciphertext, parameters))
    }

    /// A ciphertext of the same data under the latest version of the key.
    pub fn rewrap(&self, ciphertext: &str, parameters: &Fields, call: &Call) -> Result<Secret> {
        self.run("Failed to rewrap", call, |context| self.key.rewrap(context, ciphertext, parameters))
    }

    /// A signature of `data`.
    pub fn sign(&self, data: &[u8], parameters: &Fields, call: &Call) -> Result<Secret> {
        self.run("Failed to sign", call, |context| self.key.sign(context, data, parameters))
    }

    /// Whether `signature`, which may also be an HMAC, is one of `data`.
    pub fn verify(&self, data: &[u8], signature: &str, parameters: &Fields, call: &Call) -> Result<bool> {
        self.run("Failed to verify", call, |context| self.key.verify(context, data, signature, parameters))
    }

    /// An HMAC of `data`.
    pub fn hmac(&self, data: &[u8], parameters: &Fields, call: &Call) -> Result<Secret> {
        self.run("Failed to make an HMAC", call, |context| self.key.hmac(context, data, parameters))
    }

    /// A new data key. Without `with_plaintext` only the wrapped one is sent.
    pub fn data_key(&self, with_plaintext: bool, parameters: &Fields, call: &Call) -> Result<NewDataKey> {
        let make = |context: Context<'_>| self.key.data_key(context, with_plaintext, parameters);
        self.run("Failed to make a data key", call, make)
    }

    /// Encrypts, decrypts or rewraps several items, each with its own outcome, in their order. `item_parameters` has for
    /// each item what differs from `parameters`; it may be shorter.
    pub fn each(
        &self,
        operation: Operation,
        inputs: &[Input<'_>],
        parameters: &Fields,
        item_parameters: &[Option<&Fields>],
        call: &Call,
    ) -> Result<Vec<Result<Outcome>>> {
        let failed = match operation {
            Operation::Decrypt => "Failed to decrypt",
            Operation::Rewrap => "Failed to rewrap",
            _ => "Failed to encrypt",
        };
        let each = |context: Context<'_>| self.key.each(context, operation, inputs, parameters, item_parameters);
        let outcomes = self.run(failed, call, each)?;
        let with_prefix = |error: Error| match error.status() {
            Status::InvalidArgument => error,
            _ => error.in_context(failed),
        };
        Ok(outcomes.into_iter().map(|outcome| outcome.map_err(with_prefix)).collect())
    }

    /// The deadline of a call that begins now. Fails if the call was cancelled.
    fn start(&self, call: &Call) -> Result<Deadline> {
        let deadline = self.manager.client()?.start(call);
        call.check_cancelled()?;
        Ok(deadline)
    }

    fn run<T>(&self, failed: &str, call: &Call, operation: impl FnOnce(Context<'_>) -> Result<T>) -> Result<T> {
        self.manager.client()?.run(failed, call, operation)
    }
}
