//! Calls
//!
//! The settings of one call: how long it may take, and a way to end it from another thread. A NULL call has the
//! manager's timeout (`VAULT_CLIENT_TIMEOUT`, 60 seconds if not set) and cannot be cancelled. One `hf_call` may serve
//! any number of calls, one after the other; the time begins anew with each.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::arguments::object;
use super::error::{hf_error, hf_status};
use super::guard;
use super::handle::Owned;
use crate::call::{Call, Canceller};
use crate::error::{Error, Status};

/// Settings of one call. One owner; one thread at a time, `hf_call_cancel` excepted.
pub struct hf_call {
    /// 0 where none is set. Atomic, and apart from `call`, so that no function needs the object for itself alone: a
    /// call that runs, and a thread that cancels it, share it.
    timeout_ms: AtomicI64,
    call: Call,
    canceller: Canceller,
}

impl Owned for hf_call {}

impl hf_call {
    /// The settings behind a pointer that may be NULL.
    ///
    /// # Safety
    /// `pointer` is NULL, or points at an `hf_call` that lives.
    pub(super) unsafe fn settings(pointer: *const hf_call) -> Call {
        // SAFETY: the caller's promise.
        let Some(settings) = (unsafe { pointer.as_ref() }) else { return Call::default() };
        let mut call = settings.call.clone();
        let timeout = settings.timeout_ms.load(Ordering::Relaxed);
        if let Some(timeout) = u64::try_from(timeout).ok().filter(|&timeout| timeout > 0) {
            call.set_timeout(Duration::from_millis(timeout));
        }
        call
    }
}

/// New settings: the manager's timeout, not cancelled.
///
/// Any thread; does not block.
///
/// @return The settings, owned by the caller: `hf_call_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_call_new() -> *mut hf_call {
    guard::infallible(std::ptr::null_mut(), || {
        let (call, canceller) = Call::cancellable();
        hf_call { timeout_ms: AtomicI64::new(0), call, canceller }.into_raw()
    })
}

/// Sets how long a call may take: connecting, TLS, sending, waiting and reading, retries and logins included. A call
/// that is running already keeps its time.
///
/// One thread at a time for each `call`; does not block.
///
/// @param call          The settings.
/// @param milliseconds  At least 1: there is no call that takes no time. There is no "for ever"; a large number will
///     do.
/// @param error         Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that begin from now on.
/// @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is 0 or negative.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_set_timeout_ms(
    call: *mut hf_call,
    milliseconds: i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        guard::status(error, || {
            let settings = object(call, "call")?;
            if milliseconds < 1 {
                let message = format!("milliseconds is {milliseconds}; it must be at least 1");
                return Err(Error::invalid_argument(message));
            }
            settings.timeout_ms.store(milliseconds, Ordering::Relaxed);
            Ok(Status::Ok)
        })
    }
}

/// Ends the call that runs with these settings, within 100 ms, with `HF_ERR_CANCELLED`; and every later one with them
/// at once. There is no way back: a cancelled `hf_call` is freed.
///
/// Any thread, also while a call runs; but not from a signal handler. Does not block.
///
/// @param call  The settings. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_cancel(call: *const hf_call) {
    // SAFETY: the caller's promise.
    if let Some(settings) = unsafe { call.as_ref() } {
        settings.canceller.cancel();
    }
}

/// Frees settings.
///
/// Any thread, when no call runs with them and no other thread is about to cancel; does not block.
///
/// @param call  The settings. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_free(call: *mut hf_call) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_call::free(call) });
}
