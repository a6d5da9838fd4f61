//! Calls
//!
//! The settings of calls: how long each may take, and a way to end them from another thread or from a signal handler. A
//! NULL call has the manager's timeout (`VAULT_CLIENT_TIMEOUT`, 60 seconds if not set) and cannot be cancelled. One
//! `hf_call` may serve any number of calls, one after the other or at once on any number of threads; the time of each
//! begins with it. To cancel it ends all of them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::arguments::object;
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::{guard, outcome};
use crate::call::{Call, Canceller};
use crate::error::{Error, Status};

/// Settings of calls. One owner; set by one thread at a time, then used by any number of calls at once.
pub struct hf_call {
    /// 0 where none is set. Atomic, and apart from `call`, so that no function needs exclusive access to the object.
    timeout_ms: AtomicI64,
    call: Call,
    canceller: Canceller,
}

impl Owned for hf_call {}

impl hf_call {
    /// A copy of the settings behind a pointer that may be NULL. It shares the flag that cancels.
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
        outcome::status(error, || {
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

/// Ends all calls that run with these settings, within 100 ms, with `HF_ERR_CANCELLED`; and every later one with them
/// at once. It cannot be undone: a cancelled `hf_call` can only be freed.
///
/// Any thread, also while calls run, and a signal handler: it is async-signal-safe, the only function of the library
/// that is. Does not block.
///
/// @param call  The settings. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_cancel(call: *const hf_call) {
    // Runs in signal handlers: nothing but an atomic store, and no guard, which is not async-signal-safe.
    // SAFETY: the caller's promise.
    if let Some(settings) = unsafe { call.as_ref() } {
        settings.canceller.cancel();
    }
}

/// Frees settings.
///
/// Any thread, when no call runs with them and no other thread or signal handler is about to cancel; does not block.
///
/// @param call  The settings. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_free(call: *mut hf_call) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_call::free(call) });
}
