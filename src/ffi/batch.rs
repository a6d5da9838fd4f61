//! Many secrets in one call
//!
//! The calling thread keeps up to VAULT_LIST_CONCURRENCY requests (8 by default) in flight at a time. Each secret has
//! its own status, as the function for one secret would return it.

use std::ffi::c_char;
use std::sync::Arc;

use super::arguments::{Out, OutNumber, copied_secret, copied_text, room_for, slice};
use super::call::hf_call;
use super::document::{DocumentObject, hf_document};
use super::error::{hf_error, hf_error_free, hf_status};
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::{export, guard};
use crate::call::{Call, Purpose};
use crate::document::Document;
use crate::error::{Error, Result, Status};
use crate::secret::{Bytes, Secret};
use crate::vault::Outcome;

/// The results of a call for many items, such as secrets, in the order of the call. Immutable, so any thread may read them. One owner,
/// who frees them with `hf_results_free`.
pub struct hf_results {
    results: Box<[Item]>,
}

impl Owned for hf_results {}

/// The result for one item.
pub(super) enum Item {
    Text(Secret),
    Document(Arc<DocumentObject>),
    Bytes(Bytes),
    NotFound,
    Failed(OwnedError),
}

/// An error that lives as long as its list.
pub(super) struct OwnedError(*mut hf_error);

// SAFETY: an `hf_error` is immutable and has no ties to a thread; the pointer is its only owner.
unsafe impl Send for OwnedError {}
// SAFETY: as above.
unsafe impl Sync for OwnedError {}

impl OwnedError {
    pub(super) fn of(error: &Error) -> OwnedError {
        OwnedError(hf_error::into_raw(error))
    }

    pub(super) fn get(&self) -> *const hf_error {
        self.0
    }
}

impl Drop for OwnedError {
    fn drop(&mut self) {
        // SAFETY: it came from `hf_error::into_raw`, and nobody else frees it.
        unsafe { hf_error_free(self.0) };
    }
}

impl From<Secret> for Item {
    fn from(text: Secret) -> Item {
        Item::Text(text)
    }
}

impl From<Document> for Item {
    fn from(document: Document) -> Item {
        Item::Document(Arc::new(DocumentObject::from(document)))
    }
}

impl From<Outcome> for Item {
    fn from(outcome: Outcome) -> Item {
        match outcome {
            Outcome::Text(text) => Item::Text(text),
            Outcome::Bytes(bytes) => Item::Bytes(bytes),
        }
    }
}

impl Item {
    fn of(outcome: Result<Option<impl Into<Item>>>) -> Item {
        match outcome {
            Ok(Some(result)) => result.into(),
            Ok(None) => Item::NotFound,
            Err(error) => Item::Failed(OwnedError(hf_error::into_raw(&error))),
        }
    }
}

impl hf_results {
    /// One result for each argument: the error of the argument, or the next outcome of `done`, which has the outcomes
    /// of the valid arguments.
    pub(super) fn new<T, R: Into<Item>>(arguments: &[Result<T>], done: Vec<Result<Option<R>>>) -> hf_results {
        let mut done = done.into_iter();
        let missing = || Err(Error::new(Status::Internal, "an item without a result"));
        let outcome = |argument: &Result<T>| match argument {
            Ok(_) => done.next().unwrap_or_else(missing),
            Err(error) => Err(error.clone()),
        };
        hf_results { results: arguments.iter().map(outcome).map(Item::of).collect() }
    }
}

/// Gets the values that many references name.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param references   An array of `count` references, each as for `hf_get_secret`. May be NULL if `count` is 0.
/// @param count        The number of secrets.
/// @param call         Deadline and cancellation of the whole call. NULL for the defaults.
/// @param out_results  Receives the results; the caller frees them with `hf_results_free`, which wipes them. Set to
///     NULL on failure.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results. Each has its own status, which may be a failure.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager`, `references` or `out_results` is NULL.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_get_secrets(
    manager: *const hf_manager,
    references: *const *const c_char,
    count: usize,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_results, "out_results")?;
            let manager = hf_manager::share(manager, "manager")?;
            let references = items(references, count, "references", |text, name| copied_text(text, name))?;
            let job = move |call: &Call| {
                let good: Vec<&str> = references.iter().flatten().map(String::as_str).collect();
                let values = manager.secrets().get_many(&good, call);
                Ok(hf_results::new(&references, values))
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// Gets the documents of many secrets.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param references   An array of `count` references, each as for `hf_get_document`. May be NULL if `count` is 0.
/// @param count        The number of secrets.
/// @param call         Deadline and cancellation of the whole call. NULL for the defaults.
/// @param out_results  Receives the results, which `hf_results_document` reads; the caller frees them with
///     `hf_results_free`, which wipes them. Set to NULL on failure.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results. Each has its own status, which may be a failure.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager`, `references` or `out_results` is NULL.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_get_documents(
    manager: *const hf_manager,
    references: *const *const c_char,
    count: usize,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_results, "out_results")?;
            let manager = hf_manager::share(manager, "manager")?;
            let references = items(references, count, "references", |text, name| copied_text(text, name))?;
            let job = move |call: &Call| {
                let good: Vec<&str> = references.iter().flatten().map(String::as_str).collect();
                let documents = manager.secrets().get_documents(&good, call);
                Ok(hf_results::new(&references, documents))
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// Stores many values, without metadata. If two keys name the same secret, either value may be the one that stays.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param keys         An array of `count` keys, each as for `hf_store_secret`. May be NULL if `count` is 0.
/// @param values       An array of `count` values. May be NULL if `count` is 0.
/// @param count        The number of secrets.
/// @param call         Deadline and cancellation of the whole call. NULL for the defaults.
/// @param out_results  Receives the results, whose texts are references; the caller frees them with `hf_results_free`.
///     Set to NULL on failure.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results. Each has its own status, which may be a failure.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager`, `keys`, `values` or `out_results` is NULL.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_store_secrets(
    manager: *const hf_manager,
    keys: *const *const c_char,
    values: *const *const c_char,
    count: usize,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_results, "out_results")?;
            let manager = hf_manager::share(manager, "manager")?;
            let keys = items(keys, count, "keys", |text, name| copied_text(text, name))?;
            let values = items(values, count, "values", |text, name| copied_secret(text, name))?;
            let secrets: Vec<Result<(String, Secret)>> =
                keys.into_iter().zip(values).map(|(key, value)| Ok((key?, value?))).collect();
            let job = move |call: &Call| {
                let good: Vec<(&str, &str)> =
                    secrets.iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect();
                let references = manager.secrets().store_many(&good, call).into_iter();
                let references = references.map(|outcome| Ok(Some(Secret::copy_of(&outcome?)))).collect();
                Ok(hf_results::new(&secrets, references))
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// Returns the number of results.
///
/// May be called from any thread. Does not block.
///
/// @param results  The results.
/// @return The number of items in the call; 0 if `results` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_len(results: *const hf_results) -> usize {
    // SAFETY: the caller's promise.
    unsafe { results.as_ref() }.map_or(0, |results| results.results.len())
}

/// Returns the status of one item.
///
/// May be called from any thread. Does not block.
///
/// @param results  The results.
/// @param index    The index, from 0.
/// @return `HF_OK`, `HF_NOT_FOUND` or a failure; `HF_ERR_INVALID_ARGUMENT` if `index` is past the end or `results` is
///     NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_status(results: *const hf_results, index: usize) -> hf_status {
    // SAFETY: the caller's promise; an item's error lives as long as the item.
    match unsafe { item(results, index) } {
        Some(Item::Text(_) | Item::Document(_) | Item::Bytes(_)) => Status::Ok.code(),
        Some(Item::NotFound) => Status::NotFound.code(),
        // SAFETY: it came from `hf_error::into_raw` and is alive.
        Some(Item::Failed(error)) => unsafe { super::error::hf_error_status(error.0) },
        None => Status::InvalidArgument.code(),
    }
}

/// Returns the text of one secret: its value after a get, its reference after a store.
///
/// May be called from any thread. Does not block.
///
/// @param results  The results.
/// @param index    The index, from 0.
/// @return UTF-8; NULL unless the status is `HF_OK`, and for documents and decrypted data. Borrowed: valid as long as
///     `results`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_text(results: *const hf_results, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    match unsafe { item(results, index) } {
        Some(Item::Text(text)) => text.as_ptr(),
        _ => std::ptr::null(),
    }
}

/// Returns the document of one secret, after `hf_get_documents`.
///
/// May be called from any thread. Does not block.
///
/// @param results  The results.
/// @param index    The index, from 0.
/// @return The document; NULL unless the status is `HF_OK`, and for other results. Borrowed: valid as long as `results`;
///     do not free it. `hf_document_ref` makes a reference that outlives `results`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_document(results: *const hf_results, index: usize) -> *const hf_document {
    // SAFETY: the caller's promise.
    match unsafe { item(results, index) } {
        Some(Item::Document(document)) => Arc::as_ptr(document).cast(),
        _ => std::ptr::null(),
    }
}

/// Returns the bytes of one result: what was decrypted, or a text.
///
/// May be called from any thread. Does not block.
///
/// @param results     The results.
/// @param index       The index, from 0.
/// @param out_length  Receives the number of bytes, 0 if there are none. May be NULL.
/// @return The bytes, followed by a NUL that is not counted; NULL unless the status is `HF_OK`, and for documents.
///     Borrowed: valid as long as `results`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_bytes(
    results: *const hf_results,
    index: usize,
    out_length: *mut usize,
) -> *const std::ffi::c_void {
    // SAFETY: the caller's promises.
    let (item, length) = unsafe { (item(results, index), OutNumber::clear(out_length)) };
    let bytes = match item {
        Some(Item::Text(text)) => text.as_bytes(),
        Some(Item::Bytes(bytes)) => bytes.as_slice(),
        _ => return std::ptr::null(),
    };
    length.set(bytes.len());
    bytes.as_ptr().cast()
}

/// Returns the error of one secret.
///
/// May be called from any thread. Does not block.
///
/// @param results  The results.
/// @param index    The index, from 0.
/// @return The error; NULL unless the status is negative. Borrowed: valid as long as `results`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_error(results: *const hf_results, index: usize) -> *const hf_error {
    // SAFETY: the caller's promise.
    match unsafe { item(results, index) } {
        Some(Item::Failed(error)) => error.0,
        _ => std::ptr::null(),
    }
}

/// Wipes and frees results with their texts and errors.
///
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param results  The results. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_free(results: *mut hf_results) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_results::free(results) });
}

/// # Safety
/// `results` is NULL, or lives during `'a`.
unsafe fn item<'a>(results: *const hf_results, index: usize) -> Option<&'a Item> {
    // SAFETY: the caller's promise.
    unsafe { results.as_ref() }?.results.get(index)
}

/// Calls `item` with each element of an array and the name of the element; each call may fail.
///
/// # Safety
/// `array` is NULL, or has `count` pointers that `item` may be called with.
pub(super) unsafe fn items<T>(
    array: *const *const c_char,
    count: usize,
    name: &str,
    item: impl Fn(*const c_char, &str) -> Result<T>,
) -> Result<Vec<Result<T>>> {
    // SAFETY: the caller's promise.
    let pointers = unsafe { slice(array, count, name) }?;
    let mut items = room_for(count, name)?;
    items.extend(pointers.iter().enumerate().map(|(index, &pointer)| item(pointer, &format!("{name}[{index}]"))));
    Ok(items)
}

/// Writes results to their out-parameter.
pub(super) fn give(out: Out<hf_results>, results: hf_results) -> Status {
    out.set(results.into_raw());
    Status::Ok
}
