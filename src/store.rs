//! A store of secrets: the operations that every backend has.

use std::collections::BTreeMap;

use crate::call::Call;
use crate::error::Result;
use crate::secret::Secret;

/// What may stand beside a value: a map from string to string.
pub type Metadata = BTreeMap<String, String>;

/// A store of secrets. All operations may be called from any number of threads at once, and block.
pub trait SecretManager: Send + Sync {
    /// `"env"` or `"vault"`.
    fn kind(&self) -> &'static std::ffi::CStr;

    /// Stores `value` under `key`, replacing what was there, and gives the reference to get it back with.
    fn store(&self, key: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<String>;

    /// The value behind `reference`; `None` where there is none. It holds no U+0000: such a value is
    /// `HF_ERR_UNSUPPORTED`, because a C string cannot hold it.
    fn get(&self, reference: &str, call: &Call) -> Result<Option<Secret>>;

    /// The values behind several references, in their order, as [`SecretManager::get`] gives each.
    fn get_many(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Secret>>> {
        references.iter().map(|reference| self.get(reference, call)).collect()
    }

    /// Stores several values under their keys without metadata; the references, in their order.
    fn store_many(&self, secrets: &[(&str, &str)], call: &Call) -> Vec<Result<String>> {
        secrets.iter().map(|(key, value)| self.store(key, value, None, call)).collect()
    }

    /// Replaces the value behind `reference`; `metadata` `None` keeps what is there, an empty map removes it.
    /// `false` where there is nothing to update.
    fn update(&self, reference: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<bool>;

    /// Deletes what is behind `reference`, all versions. `false` where there was nothing.
    fn delete(&self, reference: &str, call: &Call) -> Result<bool>;

    /// The canonical references of the secrets whose path starts with `prefix`, sorted.
    fn list(&self, prefix: Option<&str>, call: &Call) -> Result<Vec<String>>;

    /// The one spelling of `reference` that all references to the same secret share. No traffic.
    fn canonical(&self, reference: &str) -> Result<String>;
}
