//! Metadata
//!
//! Data stored beside a value: a map from string to string, such as `{"scopes": "repo,user"}`. Stored in Vault
//! beside the value; the `env` backend ignores it.

use std::ffi::c_char;
use std::sync::Arc;

use super::arguments::{copied_text, object_mut};
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::{guard, outcome};
use crate::error::Status;
use crate::store::Metadata;

/// A map from string to string. One owner; changed by one thread at a time, and unchanged used by any number of calls.
pub struct hf_metadata {
    /// Shared with the jobs that were given it; a change while one of them has it makes a copy.
    map: Arc<Metadata>,
}

impl Owned for hf_metadata {}

impl hf_metadata {
    /// The present entries, for a job. `None` for NULL.
    ///
    /// # Safety
    /// `pointer` is NULL, or points at metadata that nobody changes until this returns.
    pub(super) unsafe fn share(pointer: *const hf_metadata) -> Option<Arc<Metadata>> {
        // SAFETY: the caller's promise.
        unsafe { pointer.as_ref() }.map(|metadata| Arc::clone(&metadata.map))
    }
}

/// New, empty metadata.
///
/// Any thread; does not block.
///
/// @return The metadata, owned by the caller: `hf_metadata_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_metadata_new() -> *mut hf_metadata {
    guard::infallible(std::ptr::null_mut(), || hf_metadata { map: Arc::default() }.into_raw())
}

/// Sets one entry, in place of an entry with the same key.
///
/// One thread at a time for each `metadata`, while no other uses it; does not block.
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
        outcome::status(error, || {
            let metadata = object_mut(metadata, "metadata")?;
            let (key, value) = (copied_text(key, "key")?, copied_text(value, "value")?);
            Arc::make_mut(&mut metadata.map).insert(key, value);
            Ok(Status::Ok)
        })
    }
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
