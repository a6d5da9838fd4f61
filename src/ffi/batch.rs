//! Many secrets in one call
//!
//! Up to VAULT_LIST_CONCURRENCY requests (8 by default) are on their way at a time, from the calling thread, and each
//! secret has a status of its own: the statuses are those of the functions for one secret.

use std::ffi::c_char;

use super::arguments::{Out, copied_secret, copied_text, null};
use super::call::hf_call;
use super::error::{hf_error, hf_error_free, hf_status};
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::{export, guard};
use crate::call::Call;
use crate::error::{Error, Result, Status};
use crate::secret::Secret;

/// The results of a call for many secrets, in the order of the call. Immutable, and so usable from any thread. One
/// owner, who frees it with `hf_results_free`.
pub struct hf_results {
    results: Box<[Item]>,
}

impl Owned for hf_results {}

/// The result for one secret.
enum Item {
    Text(Secret),
    NotFound,
    Failed(OwnedError),
}

/// An error that lives as long as its list.
struct OwnedError(*mut hf_error);

// SAFETY: an `hf_error` is immutable and has no ties to a thread; the pointer is its only owner.
unsafe impl Send for OwnedError {}
// SAFETY: as above.
unsafe impl Sync for OwnedError {}

impl Drop for OwnedError {
    fn drop(&mut self) {
        // SAFETY: it came from `hf_error::into_raw`, and nobody else frees it.
        unsafe { hf_error_free(self.0) };
    }
}

impl From<Result<Option<Secret>>> for Item {
    fn from(outcome: Result<Option<Secret>>) -> Item {
        match outcome {
            Ok(Some(text)) => Item::Text(text),
            Ok(None) => Item::NotFound,
            Err(error) => Item::Failed(OwnedError(hf_error::into_raw(&error))),
        }
    }
}

impl hf_results {
    /// One result for each argument: its error, or the next outcome of `done`, which has those of the good arguments.
    fn new<T>(arguments: Vec<Result<T>>, done: Vec<Result<Option<Secret>>>) -> hf_results {
        let mut done = done.into_iter();
        let missing = || Err(Error::new(Status::Internal, "a secret without a result"));
        let outcome = |argument: Result<T>| match argument {
            Ok(_) => done.next().unwrap_or_else(missing),
            Err(error) => Err(error),
        };
        hf_results { results: arguments.into_iter().map(outcome).map(Item::from).collect() }
    }
}

/// Gets the values behind many references at once.
///
/// Any thread; blocks.
///
/// @param manager      The manager.
/// @param references   `count` references, each as for `hf_get_secret`. May be NULL if `count` is 0.
/// @param count        How many.
/// @param call         Time limit and cancellation, of all of them together. NULL: the defaults.
/// @param out_results  Where the results go, owned by the caller: `hf_results_free`, which wipes them. NULL on failure.
/// @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results; each has a status of its own, which may be a failure.
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
        export::run(error, call, || {
            let out = Out::clear(out_results, "out_results")?;
            let manager = hf_manager::share(manager, "manager")?;
            let references = items(references, count, "references", |text, name| copied_text(text, name))?;
            let job = move |call: &Call| {
                let good: Vec<&str> = references.iter().flatten().map(String::as_str).collect();
                let values = manager.secrets().get_many(&good, call);
                Ok(hf_results::new(references, values))
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// Stores many values at once, without metadata. Where two keys name the same secret, either value may be the last.
///
/// Any thread; blocks.
///
/// @param manager      The manager.
/// @param keys         `count` keys, each as for `hf_store_secret`. May be NULL if `count` is 0.
/// @param values       `count` values. May be NULL if `count` is 0.
/// @param count        How many.
/// @param call         Time limit and cancellation, of all of them together. NULL: the defaults.
/// @param out_results  Where the results go, whose texts are references; owned by the caller: `hf_results_free`. NULL
///     on failure.
/// @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results; each has a status of its own, which may be a failure.
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
        export::run(error, call, || {
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
                Ok(hf_results::new(secrets, references))
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// How many results there are.
///
/// Any thread; does not block.
///
/// @param results  The results.
/// @return As many as the call had secrets; 0 where `results` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_len(results: *const hf_results) -> usize {
    // SAFETY: the caller's promise.
    unsafe { results.as_ref() }.map_or(0, |results| results.results.len())
}

/// The status of one secret.
///
/// Any thread; does not block.
///
/// @param results  The results.
/// @param index    From 0.
/// @return `HF_OK`, `HF_NOT_FOUND` or a failure; `HF_ERR_INVALID_ARGUMENT` past the end, or where `results` is NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_status(results: *const hf_results, index: usize) -> hf_status {
    // SAFETY: the caller's promise; an item's error lives as long as the item.
    match unsafe { item(results, index) } {
        Some(Item::Text(_)) => Status::Ok.code(),
        Some(Item::NotFound) => Status::NotFound.code(),
        // SAFETY: it came from `hf_error::into_raw` and is alive.
        Some(Item::Failed(error)) => unsafe { super::error::hf_error_status(error.0) },
        None => Status::InvalidArgument.code(),
    }
}

/// The text of one secret: the value that was got, or the reference of what was stored.
///
/// Any thread; does not block.
///
/// @param results  The results.
/// @param index    From 0.
/// @return UTF-8. Borrowed: it lives as long as `results`, and is not freed. NULL unless the status is `HF_OK`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_text(results: *const hf_results, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    match unsafe { item(results, index) } {
        Some(Item::Text(text)) => text.as_ptr(),
        _ => std::ptr::null(),
    }
}

/// Why one secret failed.
///
/// Any thread; does not block.
///
/// @param results  The results.
/// @param index    From 0.
/// @return The error. Borrowed: it lives as long as `results`, and is not freed. NULL unless the status is negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_results_error(results: *const hf_results, index: usize) -> *const hf_error {
    // SAFETY: the caller's promise.
    match unsafe { item(results, index) } {
        Some(Item::Failed(error)) => error.0,
        _ => std::ptr::null(),
    }
}

/// Wipes and frees results, their texts and errors included.
///
/// Any thread, when no other uses them; does not block.
///
/// @param results  The results. NULL is fine.
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

/// What `item` makes of each element of an array, with the element's name; each may fail.
///
/// # Safety
/// `array` is NULL, or has `count` pointers that `item` may be called with.
unsafe fn items<T>(
    array: *const *const c_char,
    count: usize,
    name: &str,
    item: impl Fn(*const c_char, &str) -> Result<T>,
) -> Result<Vec<Result<T>>> {
    if array.is_null() && count > 0 {
        return Err(null(name));
    }
    // SAFETY: the caller's promise; an index below `count` is inside the array.
    Ok((0..count).map(|index| item(unsafe { *array.add(index) }, &format!("{name}[{index}]"))).collect())
}

/// Writes results to their out-parameter.
fn give(out: Out<hf_results>, results: hf_results) -> Status {
    out.set(results.into_raw());
    Status::Ok
}
