//! The metadata of a secret.

use std::collections::BTreeMap;

/// A map from string to string.
pub type Metadata = BTreeMap<String, String>;
