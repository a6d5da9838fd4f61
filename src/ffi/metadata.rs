//! Metadata
//!
//! A map from string to string that is stored beside a value, such as `{"scopes": "repo,user"}`. Vault stores it as a
//! field of the secret; the `env` backend ignores it.

use std::ffi::c_char;
use std::sync::Arc;

use super::arguments::{copied_text, object_mut};
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::{guard, outcome};
use crate::error::Status;
use crate::store::Metadata;

/// A map from string to string. One owner; only one thread at a time may change it, and any number of calls may use it
/// while nobody changes it.
pub struct hf_metadata {
    /// Shared with jobs; a change while a job holds it makes a copy.
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

/// Creates empty metadata.
///
/// May be called from any thread. Does not block.
///
/// @return The metadata; the caller frees it with `hf_metadata_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_metadata_new() -> *mut hf_metadata {
    guard::infallible(std::ptr::null_mut(), || hf_metadata { map: Arc::default() }.into_raw())
}

/// Sets one entry. An entry with the same key is replaced.
///
/// May be called from any thread while no other thread uses `metadata`. Does not block.
///
/// @param metadata  The metadata.
/// @param key       Any UTF-8 text; it is copied.
/// @param value     Any UTF-8 text; it is copied.
/// @param error     Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
/// @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
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
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param metadata  The metadata. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_free(metadata: *mut hf_metadata) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_metadata::free(metadata) });
}
