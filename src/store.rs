//! The trait of every backend.

use crate::call::Call;
use crate::document::Document;
use crate::error::Result;
use crate::fields::Fields;
use crate::secret::Secret;

pub use crate::metadata::Metadata;

/// A store of secrets. All operations block, and may be called from several threads at the same time.
pub trait SecretManager: Send + Sync {
    /// `"env"` or `"vault"`.
    fn kind(&self) -> &'static std::ffi::CStr;

    /// Stores `value` under `key`, replacing an existing secret, and returns its reference.
    fn store(&self, key: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<String>;

    /// Stores all of `fields` under `key`, replacing an existing secret, and returns its reference and version.
    fn store_document(&self, key: &str, fields: &Fields, metadata: Option<&Metadata>, call: &Call) -> Result<Stored>;

    /// The value of `reference`; `None` if there is no such secret. A value with U+0000 is `HF_ERR_UNSUPPORTED`,
    /// because a C string cannot hold it.
    fn get(&self, reference: &str, call: &Call) -> Result<Option<Secret>>;

    /// The values of several references, in the same order, each as from [`SecretManager::get`].
    fn get_many(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Secret>>> {
        references.iter().map(|reference| self.get(reference, call)).collect()
    }

    /// All fields of the secret of `reference` in one version; `None` if there is no such secret.
    fn get_document(&self, reference: &str, call: &Call) -> Result<Option<Document>>;

    /// The documents of several references, in the same order, each as from [`SecretManager::get_document`].
    fn get_documents(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Document>>> {
        references.iter().map(|reference| self.get_document(reference, call)).collect()
    }

    /// Stores several values under their keys without metadata, and returns their references in the same order.
    fn store_many(&self, secrets: &[(&str, &str)], call: &Call) -> Vec<Result<String>> {
        secrets.iter().map(|(key, value)| self.store(key, value, None, call)).collect()
    }

    /// Replaces the value of `reference`. `metadata` `None` keeps the existing metadata, an empty map removes it.
    /// `false` if there is no such secret.
    fn update(&self, reference: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<bool>;

    /// Changes `fields` of the secret of `reference`; the others stay. `metadata` as for [`SecretManager::update`].
    /// Returns the number of the new version, 0 if the backend has none; `None` if there is no such secret.
    fn update_document(
        &self,
        reference: &str,
        fields: &Fields,
        metadata: Option<&Metadata>,
        call: &Call,
    ) -> Result<Option<u64>>;

    /// Deletes the secret with all its versions. `false` if there was none.
    fn delete(&self, reference: &str, call: &Call) -> Result<bool>;

    /// The sorted canonical references of the secrets whose paths start with `prefix`.
    fn list(&self, prefix: Option<&str>, call: &Call) -> Result<Vec<String>>;

    /// Checks that the store can be used now: that a server answers, is unsealed, and takes the credentials.
    fn check(&self, call: &Call) -> Result<()>;

    /// The spelling of `reference` that all references to the same secret share. Sends no request.
    fn canonical(&self, reference: &str) -> Result<String>;
}

/// What [`SecretManager::store_document`] has stored.
pub struct Stored {
    /// The reference that names the secret from now on.
    pub reference: String,
    /// The number of the version, 0 if the backend has none.
    pub version: u64,
}
