//! Metadata
//!
//! What may stand beside a value: a map from string to string, such as `{"scopes": "repo,user"}`. Stored in Vault
//! beside the value; the `env` backend ignores it.

use std::ffi::c_char;

use super::arguments::{object_mut, text};
use super::error::{hf_error, hf_status};
use super::guard;
use super::handle::Owned;
use crate::error::{Error, Result, Status};
use crate::secret::try_to_owned;
use crate::store::Metadata;

/// A map from string to string. One owner; one thread at a time.
pub struct hf_metadata {
    pub(super) map: Metadata,
}

impl Owned for hf_metadata {}

/// New, empty metadata.
///
/// Any thread; does not block.
///
/// @return The metadata, owned by the caller: `hf_metadata_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_metadata_new() -> *mut hf_metadata {
    guard::infallible(std::ptr::null_mut(), || hf_metadata { map: Metadata::new() }.into_raw())
}

/// Sets one entry, in place of an entry with the same key.
///
/// One thread at a time for each `metadata`; does not block.
///
/// @param metadata  The metadata.
/// @param key       Copied. Any UTF-8 text.
/// @param value     Copied. Any UTF-8 text.
/// @param error     Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
/// @retval HF_ERR_TOO_LARGE         There is no memory for the copies.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_set(
    metadata: *mut hf_metadata,
    key: *const c_char,
    value: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        guard::status(error, || {
            let metadata = object_mut(metadata, "metadata")?;
            let (key, value) = (text(key, "key")?, text(value, "value")?);
            metadata.map.insert(copied(key, "the key")?, copied(value, "the value")?);
            Ok(Status::Ok)
        })
    }
}

/// How long it is the caller decides.
fn copied(text: &str, what: &str) -> Result<String> {
    try_to_owned(text).ok_or_else(|| Error::no_memory(what, text.len()))
}

/// Frees metadata.
///
/// Any thread, when no other uses it; does not block.
///
/// @param metadata  The metadata. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_free(metadata: *mut hf_metadata) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_metadata::free(metadata) });
}
