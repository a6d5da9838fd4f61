//! Calls
//!
//! The settings of calls: how long each may take, and a way to end them from another thread or from a signal handler. A
//! call without settings (NULL) has the manager's timeout (`VAULT_CLIENT_TIMEOUT`, 60 seconds by default) and cannot be
//! cancelled. Any number of calls may use one `hf_call`, one after another or on several threads at once; the time of
//! each call starts with that call. Cancelling it ends all of them, so a program that shuts down can end the calls of
//! all of its threads with one `hf_call`.

use std::ffi::c_char;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};

use super::arguments::{Out, object, text};
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::{guard, outcome};
use crate::call::{Call, Canceller, TraceParent};
use crate::error::{Error, Status};
use crate::host::notifier::announce;
use crate::queue::Queue;

/// The longest time that servers can count, in nanoseconds with 63 bits.
const MAX_WRAP_TTL_MS: i64 = 9_223_372_036_000;

/// The settings of calls. One owner; only one thread at a time may change them, and any number of calls may use them at
/// once.
pub struct hf_call {
    /// 0 if no timeout is set. Atomic and separate from `call`, so that no function needs exclusive access to the
    /// object.
    timeout_ms: AtomicI64,
    /// -1 if there is no condition.
    cas: AtomicI64,
    /// 0 if answers are not wrapped.
    wrap_ttl_ms: AtomicI64,
    /// -1 if the manager's setting counts.
    max_age_ms: AtomicI64,
    /// Whether `trace_parent` is set.
    is_traced: AtomicBool,
    trace_parent: ArcSwapOption<TraceParent>,
    call: Call,
    canceller: Canceller,
    binding: Binding,
}

/// The queue of a call.
#[derive(Default)]
struct Binding {
    /// Whether there is a queue: spares the calls that block a look at it.
    is_set: AtomicBool,
    queue: ArcSwapOption<CallQueue>,
    tag: AtomicUsize,
    /// This queue and those before it, where calls with these settings may be.
    all: ArcSwap<Vec<CallQueue>>,
}

/// A queue of calls of the program. An error goes to the out-parameter of the call.
pub(super) type CallQueue = Queue<Option<Out<hf_error>>>;

/// What a call needs to be submitted.
pub(super) struct Ticket {
    pub(super) queue: CallQueue,
    pub(super) tag: usize,
    pub(super) owner: Canceller,
}

impl Owned for hf_call {}

impl hf_call {
    fn new(call: Call, canceller: Canceller) -> hf_call {
        hf_call {
            timeout_ms: AtomicI64::new(0),
            cas: AtomicI64::new(-1),
            wrap_ttl_ms: AtomicI64::new(0),
            max_age_ms: AtomicI64::new(-1),
            is_traced: AtomicBool::new(false),
            trace_parent: ArcSwapOption::empty(),
            call,
            canceller,
            binding: Binding::default(),
        }
    }

    /// Sets the queue of the calls from now on; `None`: they block.
    pub(super) fn bind(&self, queue: Option<&CallQueue>, tag: usize) {
        let binding = &self.binding;
        binding.tag.store(tag, Ordering::Relaxed);
        let Some(queue) = queue else {
            binding.is_set.store(false, Ordering::Release);
            return binding.queue.store(None);
        };
        let is_present = binding.queue.load().as_ref().is_some_and(|present| present.is_same(queue));
        if !is_present {
            binding.all.rcu(|all| {
                let others = all.iter().filter(|other| !other.is_same(queue) && !other.is_freed());
                others.cloned().chain([queue.clone()]).collect::<Vec<_>>()
            });
            binding.queue.store(Some(Arc::new(queue.clone())));
        }
        binding.is_set.store(true, Ordering::Release);
    }

    /// What a call with these settings needs to be submitted; `None` if it blocks.
    ///
    /// # Safety
    /// As for [`hf_call::settings`].
    pub(super) unsafe fn ticket(pointer: *const hf_call) -> Option<Ticket> {
        // SAFETY: the caller's promise.
        let call = unsafe { pointer.as_ref() }?;
        if !call.binding.is_set.load(Ordering::Acquire) {
            return None;
        }
        let queue = CallQueue::clone(call.binding.queue.load().as_ref()?);
        Some(Ticket { queue, tag: call.binding.tag.load(Ordering::Relaxed), owner: call.canceller.clone() })
    }

    /// Cancels the calls, and forgets those that are in a queue.
    pub(super) fn abandon(&self) {
        self.canceller.cancel();
        announce();
        self.binding.all.load().iter().for_each(|queue| queue.abandon(&self.canceller));
    }

    /// A copy of the settings, the defaults for NULL. The copy shares the cancellation flag.
    ///
    /// # Safety
    /// `pointer` is NULL, or points at an `hf_call` that lives.
    #[inline(always)]
    pub(super) unsafe fn settings(pointer: *const hf_call) -> Call {
        // SAFETY: the caller's promise.
        let Some(settings) = (unsafe { pointer.as_ref() }) else { return Call::default() };
        let mut call = settings.call.clone();
        let timeout = settings.timeout_ms.load(Ordering::Relaxed);
        if let Some(timeout) = u64::try_from(timeout).ok().filter(|&timeout| timeout > 0) {
            call.set_timeout(Duration::from_millis(timeout));
        }
        call.set_cas(u64::try_from(settings.cas.load(Ordering::Relaxed)).ok());
        let wrap_ttl = settings.wrap_ttl_ms.load(Ordering::Relaxed);
        if let Some(wrap_ttl) = u64::try_from(wrap_ttl).ok().filter(|&ttl| ttl > 0) {
            call.set_wrap_ttl(Duration::from_millis(wrap_ttl));
        }
        let max_age = u64::try_from(settings.max_age_ms.load(Ordering::Relaxed)).ok();
        call.set_max_age(max_age.map(Duration::from_millis));
        if settings.is_traced.load(Ordering::Relaxed) {
            call.set_trace_parent(settings.trace_parent.load_full());
        }
        call
    }
}

/// Creates call settings with the manager's timeout, not cancelled.
///
/// May be called from any thread. Does not block.
///
/// @return The settings; the caller frees them with `hf_call_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_call_new() -> *mut hf_call {
    guard::infallible(std::ptr::null_mut(), || {
        let (call, canceller) = Call::cancellable();
        hf_call::new(call, canceller).into_raw()
    })
}

/// Copies call settings: timeout, condition, wrapping time, trace parent, age of cached answers; not the queue and
/// its tag. Cancelling the original cancels the copies, too; cancelling a copy does not cancel the original.
///
/// May be called from any thread while no other thread changes `call`. Does not block.
///
/// @param call  The settings.
/// @return The copy; the caller frees it with `hf_call_free`. NULL if `call` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_copy(call: *const hf_call) -> *mut hf_call {
    // SAFETY: the caller's promise.
    let Some(original) = (unsafe { call.as_ref() }) else { return std::ptr::null_mut() };
    guard::infallible(std::ptr::null_mut(), || {
        let (call, canceller) = original.call.copy();
        let copied = |number: &AtomicI64| AtomicI64::new(number.load(Ordering::Relaxed));
        hf_call {
            timeout_ms: copied(&original.timeout_ms),
            cas: copied(&original.cas),
            wrap_ttl_ms: copied(&original.wrap_ttl_ms),
            max_age_ms: copied(&original.max_age_ms),
            is_traced: AtomicBool::new(original.is_traced.load(Ordering::Relaxed)),
            trace_parent: ArcSwapOption::new(original.trace_parent.load_full()),
            ..hf_call::new(call, canceller)
        }
        .into_raw()
    })
}

/// Sets how long a call may take, including connecting, TLS, sending, waiting, reading, retries and logins. A call that
/// is already running keeps its deadline.
///
/// Only one thread at a time may change the same `call`. Does not block.
///
/// @param call          The settings.
/// @param milliseconds  The timeout in milliseconds, at least 1. No number means "no limit"; pass a large one.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that start from now on.
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

/// Sets the check-and-set condition of store and update, of a secret or a document: they write only if the latest
/// version of the secret has this number, and return `HF_ERR_CONFLICT` otherwise, which always is somebody else's write:
/// nothing is tried again after a conflict, and a write whose response was lost is not repeated. Reads ignore the
/// condition; other functions that change something refuse it with `HF_ERR_INVALID_ARGUMENT`. KV version 1 and the `env`
/// backend have no versions (`HF_ERR_UNSUPPORTED`).
///
/// Only one thread at a time may change the same `call`. Does not block.
///
/// @param call     The settings.
/// @param version  The number of the latest version. 0: there is no version yet. -1: no condition.
/// @param error    Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that start from now on.
/// @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `version` is less than -1.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_set_cas(call: *mut hf_call, version: i64, error: *mut *mut hf_error) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let settings = object(call, "call")?;
            if version < -1 {
                return Err(Error::invalid_argument(format!("version is {version}; -1, 0 and version numbers count")));
            }
            settings.cas.store(version, Ordering::Relaxed);
            Ok(Status::Ok)
        })
    }
}

/// Has `hf_request` ask for a wrapped answer: the server keeps the answer, and sends a token that `hf_unwrap` exchanges
/// for it once. All other functions refuse such a call with `HF_ERR_INVALID_ARGUMENT`.
///
/// Only one thread at a time may change the same `call`. Does not block.
///
/// @param call          The settings.
/// @param milliseconds  How long the token lives, from 1 to 9,223,372,036,000 (292 years). Servers count seconds, so it is
///     rounded up.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that start from now on.
/// @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is out of range.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_set_wrap_ttl_ms(
    call: *mut hf_call,
    milliseconds: i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let settings = object(call, "call")?;
            if !(1..=MAX_WRAP_TTL_MS).contains(&milliseconds) {
                let message = format!("milliseconds is {milliseconds}; it must be from 1 to {MAX_WRAP_TTL_MS}");
                return Err(Error::invalid_argument(message));
            }
            settings.wrap_ttl_ms.store(milliseconds, Ordering::Relaxed);
            Ok(Status::Ok)
        })
    }
}

/// Sets how old a cached answer may be for reads with these settings, in place of `VAULT_CACHE_TTL`. It bounds the answers
/// that serve while the server cannot be asked (`VAULT_CACHE_STALE_TTL`), too. Without a cache, and for calls that do not
/// read secrets or documents, it has no effect.
///
/// Only one thread at a time may change the same `call`. Does not block.
///
/// @param call          The settings.
/// @param milliseconds  The age. 0: the server is asked. -1: as the manager is set.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that start from now on.
/// @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL, or `milliseconds` is less than -1.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_set_max_age_ms(
    call: *mut hf_call,
    milliseconds: i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let settings = object(call, "call")?;
            if milliseconds < -1 {
                let message = format!("milliseconds is {milliseconds}; -1, 0 and ages count");
                return Err(Error::invalid_argument(message));
            }
            settings.max_age_ms.store(milliseconds, Ordering::Relaxed);
            Ok(Status::Ok)
        })
    }
}

/// Has every request of the calls carry the header `traceparent` of W3C Trace Context: redirects, retries, logins and
/// the questions that they cause. So a trace shows which call of the program a request belongs to. A `traceparent` in
/// `VAULT_HEADERS` is not sent then.
///
/// Only one thread at a time may change the same `call`. Does not block.
///
/// @param call         The settings.
/// @param traceparent  The header, version 00, such as "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01". "" to
///     send none.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that start from now on.
/// @retval HF_ERR_INVALID_ARGUMENT  `call` or `traceparent` is NULL, or `traceparent` is not of this form.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_set_trace_parent(
    call: *mut hf_call,
    traceparent: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let settings = object(call, "call")?;
            let text = text(traceparent, "traceparent")?;
            let parent = if text.is_empty() { None } else { Some(Arc::new(TraceParent::parse(text)?)) };
            settings.is_traced.store(parent.is_some(), Ordering::Relaxed);
            settings.trace_parent.store(parent);
            Ok(Status::Ok)
        })
    }
}

/// Cancels all calls that use these settings: running calls end within 100 ms with `HF_ERR_CANCELLED`, later ones at
/// once. A call that is looking up a host name ends when the C library's lookup returns. Cancelling cannot be undone: a
/// cancelled `hf_call` can only be freed.
///
/// A call in a queue ends as soon, and is taken like any other; to cancel one that has ended changes nothing.
///
/// May be called from any thread while calls run, and from a signal handler: this is the only function of the library
/// that is async-signal-safe. Does not block.
///
/// @param call  The settings. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_cancel(call: *const hf_call) {
    // Runs in signal handlers: nothing but atomics and a `write`, and no guard, which is not async-signal-safe.
    // SAFETY: the caller's promise.
    if let Some(settings) = unsafe { call.as_ref() } {
        settings.canceller.cancel();
        announce();
    }
}

/// Frees call settings.
///
/// May be called from any thread once no call uses the settings and no thread or signal handler can cancel them any
/// more. Does not block.
///
/// @param call  The settings. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_free(call: *mut hf_call) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_call::free(call) });
}
