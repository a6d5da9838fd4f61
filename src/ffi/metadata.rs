//! Metadata
//!
//! A map from string to string that is stored beside a value, such as `{"scopes": "repo,user"}`. Vault stores it as a
//! field of the secret; the `env` backend ignores it.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use once_cell::race::OnceBox;

use super::arguments::{copied_text, object_mut, text};
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
    /// Keys and values for C, sorted by key; made when one is asked for.
    texts: OnceBox<Texts>,
}

/// Keys and values. A text with U+0000, which no C string can hold, is `None`.
type Texts = Box<[(Option<CString>, Option<CString>)]>;

impl Owned for hf_metadata {}

impl From<Metadata> for hf_metadata {
    fn from(map: Metadata) -> hf_metadata {
        hf_metadata { map: map.into(), texts: OnceBox::new() }
    }
}

impl hf_metadata {
    fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| {
            let text = |text: &String| CString::new(text.as_str()).ok();
            Box::new(self.map.iter().map(|(key, value)| (text(key), text(value))).collect())
        })
    }

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
    guard::infallible(std::ptr::null_mut(), || hf_metadata::from(Metadata::new()).into_raw())
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
            metadata.texts = OnceBox::new();
            Ok(Status::Ok)
        })
    }
}

/// Returns the number of entries.
///
/// May be called from any thread while no other thread changes `metadata`. Does not block.
///
/// @param metadata  The metadata.
/// @return The number; 0 if `metadata` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_len(metadata: *const hf_metadata) -> usize {
    // SAFETY: the caller's promise.
    unsafe { metadata.as_ref() }.map_or(0, |metadata| metadata.map.len())
}

/// Returns one key. Keys are sorted.
///
/// May be called from any thread while no other thread changes `metadata`. Does not block.
///
/// @param metadata  The metadata.
/// @param index     The index, from 0.
/// @return UTF-8; NULL if `index` is past the end, the key has U+0000, or `metadata` is NULL. Borrowed: valid until
///     `metadata` is changed or freed; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_key(metadata: *const hf_metadata, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { entry(metadata, index, |(key, _)| key.as_ref()) }
}

/// Returns the value of one entry, by its index.
///
/// May be called from any thread while no other thread changes `metadata`. Does not block.
///
/// @param metadata  The metadata.
/// @param index     The index, from 0, as for `hf_metadata_key`.
/// @return UTF-8; NULL if `index` is past the end, the value has U+0000, or `metadata` is NULL. Borrowed: valid until
///     `metadata` is changed or freed; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_value(metadata: *const hf_metadata, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { entry(metadata, index, |(_, value)| value.as_ref()) }
}

/// Returns the value of one entry, by its key.
///
/// May be called from any thread while no other thread changes `metadata`. Does not block.
///
/// @param metadata  The metadata.
/// @param key       The key.
/// @return UTF-8; NULL if there is no such entry, the value has U+0000, or an argument is NULL or invalid UTF-8.
///     Borrowed: valid until `metadata` is changed or freed; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_metadata_get(metadata: *const hf_metadata, key: *const c_char) -> *const c_char {
    // SAFETY: the caller's promises.
    let (Some(metadata), Ok(key)) = (unsafe { (metadata.as_ref(), text(key, "key")) }) else {
        return std::ptr::null();
    };
    let index = metadata.map.keys().position(|name| name == key).unwrap_or(usize::MAX);
    // SAFETY: the reference is a valid pointer.
    unsafe { entry(metadata, index, |(_, value)| value.as_ref()) }
}

/// # Safety
/// `metadata` is NULL, or lives and is not changed.
unsafe fn entry(
    metadata: *const hf_metadata,
    index: usize,
    part: impl Fn(&(Option<CString>, Option<CString>)) -> Option<&CString>,
) -> *const c_char {
    // SAFETY: the caller's promise.
    let Some(metadata) = (unsafe { metadata.as_ref() }) else { return std::ptr::null() };
    guard::infallible(std::ptr::null(), || {
        metadata.texts().get(index).and_then(part).map_or(std::ptr::null(), |text| text.as_ptr())
    })
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
