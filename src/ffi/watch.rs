//! Watches
//!
//! A watch tells which secrets have changed: rotated passwords, renewed certificates, new settings. It looks at them
//! every VAULT_WATCH_INTERVAL (30 seconds), at their metadata and not at their values, and a folder is one request where
//! the server can. There is no thread behind it: whoever waits in `hf_watch_next` looks. docs/rotation.md shows how
//! programs use it.

use std::ffi::{CString, c_char};
use std::sync::Arc;

use super::arguments::{Out, null, text};
use super::batch::OwnedError;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::{export, guard, outcome};
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::watch::{Change, Watch};

/// Watches secrets for changes. One owner; any thread may add and remove references, and one at a time waits for changes.
pub struct hf_watch {
    _private: [u8; 0],
}

impl Counted for hf_watch {
    type Object = Watch;
}

/// The secret has another content.
pub const HF_CHANGE_WRITTEN: i32 = 1;
/// The content is gone: the secret was deleted, or its latest version was deleted or destroyed.
pub const HF_CHANGE_DELETED: i32 = 2;
/// The secret cannot be looked at; `hf_change_error` tells why.
pub const HF_CHANGE_FAILED: i32 = 3;

/// A change of a secret. Immutable, so any thread may read it.
pub struct hf_change {
    reference: CString,
    kind: i32,
    version: i64,
    error: Option<OwnedError>,
}

impl Owned for hf_change {}

impl From<&Change> for hf_change {
    fn from(change: &Change) -> hf_change {
        hf_change {
            reference: CString::new(change.reference.as_str()).unwrap_or_default(),
            kind: change.kind as i32,
            version: i64::try_from(change.version).unwrap_or(i64::MAX),
            error: change.error.as_ref().map(OwnedError::of),
        }
    }
}

/// A change on its way to the program. If the program does not take it any more, it goes back to its watch.
struct Untaken {
    watch: Arc<Watch>,
    change: Option<Change>,
}

impl Drop for Untaken {
    fn drop(&mut self) {
        if let Some(change) = self.change.take() {
            self.watch.give_back(change);
        }
    }
}

/// Creates a watch of nothing yet. It keeps its manager open.
///
/// May be called from any thread. Does not block.
///
/// @param manager    The manager.
/// @param out_watch  Receives the watch; the caller frees it with `hf_watch_free`. Set to NULL on failure.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_watch` has the watch.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager` or `out_watch` is NULL.
/// @retval HF_ERR_UNSUPPORTED       The `env` backend cannot be watched.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_watch_new(
    manager: *const hf_manager,
    out_watch: *mut *mut hf_watch,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let out = Out::clear(out_watch, "out_watch")?;
            let watch = Watch::new(hf_manager::share(manager, "manager")?)?;
            out.set(hf_watch::into_raw(Arc::new(watch)));
            Ok(Status::Ok)
        })
    }
}

/// Watches a secret, or everything beneath a folder. It is looked at by whoever waits for changes, at once if somebody
/// does. To add a reference again replaces what was known of it.
///
/// May be called from any thread, also while another one waits. Does not block.
///
/// @param watch          The watch.
/// @param reference      The reference of a secret, without `?version=`; or one that ends in '/', for everything beneath
///     it, such as "vault://app/".
/// @param known_version  The version that the program has: anything else is told. 0: it has nothing, so what is there is
///     told first. -1: only what changes after the first look. A folder takes 0 or -1.
/// @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     It is watched.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8; `known_version` is less than -1, or a version of a folder; the
///     reference names a version.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_INTERNAL           A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_watch_add(
    watch: *mut hf_watch,
    reference: *const c_char,
    known_version: i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let watch = hf_watch::borrow(watch).ok_or_else(|| null("watch"))?;
            watch.add(text(reference, "reference")?, known_version)?;
            Ok(Status::Ok)
        })
    }
}

/// Ends the watch of a reference. Changes that were seen before may still be told.
///
/// May be called from any thread, also while another one waits. Does not block.
///
/// @param watch      The watch.
/// @param reference  The reference, as it was added.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    It is not watched any more.
/// @retval HF_NOT_FOUND             It was not watched. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_watch_remove(
    watch: *mut hf_watch,
    reference: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let watch = hf_watch::borrow(watch).ok_or_else(|| null("watch"))?;
            let was_watched = watch.remove(text(reference, "reference")?);
            Ok(if was_watched { Status::Ok } else { Status::NotFound })
        })
    }
}

/// Waits for the next change. Several writes between two looks are one change, to the latest version. What the manager
/// has cached about a secret is dropped before its change is told, so a get afterwards returns this version or a later
/// one. A server that cannot be reached is waited for. No look comes sooner than the interval after the last one.
///
/// Without a timeout in `call` it waits for ever; `VAULT_CLIENT_TIMEOUT` limits each look. To cancel the call loses no
/// change.
///
/// May be called from any thread, by one at a time. Blocks until the call's deadline at the latest.
///
/// @param watch       The watch.
/// @param call        Deadline and cancellation. NULL for none.
/// @param out_change  Receives the change; the caller frees it with `hf_change_free`. NULL unless the status is `HF_OK`.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_change` has the change.
/// @retval HF_NOT_FOUND             Nothing has changed in the time of the call. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  `watch` or `out_change` is NULL, or another thread waits.
/// @retval HF_ERR_CANCELLED         `hf_call_cancel`.
/// @retval HF_ERR_TIMEOUT           The server has not answered a look, and the calls have no more time for it.
/// @return Otherwise the failure of the last look, once the time of the call is over.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_watch_next(
    watch: *mut hf_watch,
    call: *const hf_call,
    out_change: *mut *mut hf_change,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_change, "out_change")?;
            let watch = hf_watch::share(watch, "watch")?;
            let job = move |call: &Call| {
                let change = watch.next(call)?;
                Ok(Untaken { watch: watch.clone(), change })
            };
            let write = |mut untaken: Untaken| {
                let Some(change) = untaken.change.take() else { return Status::NotFound };
                out.set(hf_change::from(&change).into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Returns which secret has changed.
///
/// May be called from any thread. Does not block.
///
/// @param change  The change.
/// @return The reference as it was added; of a secret beneath a folder its canonical reference. "" if `change` is NULL.
///     Borrowed: valid as long as `change`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_change_reference(change: *const hf_change) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { change.as_ref() }.map_or(c"".as_ptr(), |change| change.reference.as_ptr())
}

/// Returns what has changed.
///
/// May be called from any thread. Does not block.
///
/// @param change  The change.
/// @return `HF_CHANGE_WRITTEN`, `HF_CHANGE_DELETED` or `HF_CHANGE_FAILED`. Later versions of the library may have others:
///     then read the secret again. 0 if `change` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_change_kind(change: *const hf_change) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { change.as_ref() }.map_or(0, |change| change.kind)
}

/// Returns the number of the latest version.
///
/// May be called from any thread. Does not block.
///
/// @param change  The change.
/// @return The number: of the version that was written, or of the one that was deleted. 0 for a failure, or if `change` is
///     NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_change_version(change: *const hf_change) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { change.as_ref() }.map_or(0, |change| change.version)
}

/// Returns why a secret cannot be looked at. It is told once for a reference, until a look goes well again.
///
/// May be called from any thread. Does not block.
///
/// @param change  The change.
/// @return The error of `HF_CHANGE_FAILED`; NULL for other changes, or if `change` is NULL. Borrowed: valid as long as
///     `change`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_change_error(change: *const hf_change) -> *const hf_error {
    // SAFETY: the caller's promise.
    unsafe { change.as_ref() }.and_then(|change| change.error.as_ref()).map_or(std::ptr::null(), OwnedError::get)
}

/// Frees a change.
///
/// May be called from any thread. Does not block.
///
/// @param change  The change. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_change_free(change: *mut hf_change) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_change::free(change) });
}

/// Frees a watch. Sends no request.
///
/// May be called from any thread once no other one uses the watch; a call in a queue keeps what it needs. Does not block.
///
/// @param watch  The watch. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_watch_free(watch: *mut hf_watch) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_watch::free(watch) });
}
