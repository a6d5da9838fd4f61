//! Queues
//!
//! Calls that do not block. A function that is given an `hf_call` with a queue returns `HF_PENDING`, and threads of the
//! queue do its work. Its end is taken from the queue with `hf_queue_next`, which event loops call when `hf_queue_fd` is
//! readable. docs/async.md shows how to use queues with epoll, libevent, libuv, and in other languages.
//!
//! - For each `HF_PENDING` exactly one call is taken from the queue. Every other status is final: the out-parameters are
//!   written, and nothing is taken. What needs no request is answered so: wrong arguments, the `env` backend, encryption
//!   with a data key that is kept.
//! - Arguments are copied, descriptors are duplicated, and objects are kept open: the program may free all of them, and
//!   the `hf_call`, when the function has returned.
//! - Out-parameters, the `hf_error **` and the buffer of `hf_get_secret_into` are cleared when the call is submitted. They
//!   have to stay valid until the call was taken or abandoned. The thread that takes the call writes them, inside of
//!   `hf_queue_next`; no other thread does.
//! - Calls begin in the order of their submission, and end in any order.
//! - The timeout counts from the submission. A call ends at its deadline, and within 100 ms of a cancellation, also if it
//!   has not begun, or if its thread is looking up a host name.
//! - A queue has at most as many threads as calls under way. They are made when they are needed, and end when the queue is
//!   freed; they block all signals, and have stacks of 256 KiB. Log callbacks of the calls run on them.
//! - A child of fork cannot use a queue of its parent (`HF_ERR_UNSUPPORTED`), but has to free it like any other object, for
//!   its memory. The calls go on in the parent.

use std::ffi::c_int;
use std::time::Duration;

use super::arguments::{Out, OutNumber, null, object};
use super::call::{CallQueue, hf_call};
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::{guard, outcome};
use crate::error::{Error, Status};
use crate::queue::{Next, Taken};

/// A queue of calls. One owner, who frees it with `hf_queue_free`; any number of threads may use it at once.
pub struct hf_queue {
    queue: CallQueue,
}

impl Owned for hf_queue {}

/// Creates a queue. It has no threads until a call is submitted, and three file descriptors; the first queue of a process
/// opens one more, which stays open.
///
/// May be called from any thread. Does not block.
///
/// @param concurrency  How many calls may be under way at a time, from 1 to 64. Others wait for their turn.
/// @param out_queue    Receives the queue; the caller frees it with `hf_queue_free`. NULL unless the status is `HF_OK`.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_queue` has the queue.
/// @retval HF_ERR_INVALID_ARGUMENT  `out_queue` is NULL, or `concurrency` is out of range.
/// @retval HF_ERR_TOO_LARGE         The process cannot open more descriptors.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_queue_new(
    concurrency: i32,
    out_queue: *mut *mut hf_queue,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let out = Out::clear(out_queue, "out_queue")?;
            out.set(hf_queue { queue: CallQueue::new(concurrency)? }.into_raw());
            Ok(Status::Ok)
        })
    }
}

/// Returns a descriptor that is readable while calls have ended and wait to be taken, and once a closed queue is empty. It
/// may be readable without need. Level-triggered polling works, and edge-triggered polling if the queue is emptied each
/// time. It may be duplicated; it must not be read, written or closed.
///
/// May be called from any thread. Does not block.
///
/// @param queue  The queue.
/// @return The descriptor, valid as long as the queue; -1 in a child of fork, or if `queue` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_queue_fd(queue: *const hf_queue) -> c_int {
    // SAFETY: the caller's promise.
    guard::infallible(-1, || unsafe { queue.as_ref() }.map_or(-1, |queue| queue.queue.descriptor()))
}

/// Sets the queue of the calls from now on, and the tag by which `hf_queue_next` names them. The `hf_call` keeps what the
/// queue needs to refuse calls, also when the queue was freed: `HF_ERR_CANCELLED`.
///
/// Only one thread at a time may change the same `call`. Does not block.
///
/// @param call   The settings.
/// @param queue  The queue. NULL: calls block again.
/// @param tag    A number of the program's choice, such as an address.
/// @param error  Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, for the calls that start from now on.
/// @retval HF_ERR_INVALID_ARGUMENT  `call` is NULL.
/// @retval HF_ERR_UNSUPPORTED       The queue belongs to the parent of this process.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_set_queue(
    call: *mut hf_call,
    queue: *mut hf_queue,
    tag: usize,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let settings = object(call, "call")?;
            let queue = queue.as_ref().map(|queue| &queue.queue);
            queue.map_or(Ok(()), CallQueue::check_process)?;
            settings.bind(queue, tag);
            Ok(Status::Ok)
        })
    }
}

/// Takes a call that has ended, and writes its out-parameters. If several threads wait, one of them takes it.
///
/// May be called from any thread. Blocks for `timeout_ms`; POSIX thread cancellation is disabled meanwhile.
///
/// @param queue       The queue.
/// @param timeout_ms  How long to wait for a call, in milliseconds. 0: not at all. -1: without a limit.
/// @param out_tag     Receives the tag of the call. Set to 0 if none was taken.
/// @param out_status  Receives the status that the call came to. Set to 0 if none was taken.
/// @param error       Receives the error of this function, not that of the call; the caller frees it with
///     `hf_error_free`. May be NULL.
/// @retval HF_OK                    A call was taken.
/// @retval HF_PENDING               No call has ended in time. No error is created.
/// @retval HF_NOT_FOUND             The queue is closed and empty. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, or `timeout_ms` is less than -1.
/// @retval HF_ERR_UNSUPPORTED       The queue belongs to the parent of this process.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_queue_next(
    queue: *mut hf_queue,
    timeout_ms: i64,
    out_tag: *mut usize,
    out_status: *mut hf_status,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let (tag, status) = (OutNumber::clear(out_tag), OutNumber::clear(out_status));
            // A copy, because another thread may free the queue when this one is woken.
            let queue = object(queue, "queue")?.queue.clone();
            if out_tag.is_null() || out_status.is_null() {
                return Err(null(if out_tag.is_null() { "out_tag" } else { "out_status" }));
            }
            let timeout = match u64::try_from(timeout_ms) {
                Ok(timeout) => Some(Duration::from_millis(timeout)),
                Err(_) if timeout_ms == -1 => None,
                Err(_) => {
                    let message = format!("timeout_ms is {timeout_ms}; it must be at least 0, or -1 for no limit");
                    return Err(Error::invalid_argument(message));
                }
            };
            Ok(match queue.next(timeout, deliver)? {
                Next::Pending => Status::Pending,
                Next::Closed => Status::NotFound,
                Next::Taken((taken_tag, taken_status)) => {
                    tag.set(taken_tag);
                    status.set(taken_status);
                    Status::Ok
                }
            })
        })
    }
}

/// Writes the out-parameters of a call. Returns its tag and its status.
fn deliver(taken: Taken<Option<Out<hf_error>>>) -> (usize, hf_status) {
    let delivered = taken.outcome.and_then(|deliver| guard::catch(deliver)?);
    let status = delivered.as_ref().map_or_else(Error::status, |&status| status);
    if let (Some(out), Err(failure)) = (taken.error, &delivered) {
        out.set(hf_error::into_raw(failure));
    }
    (taken.tag, status.code())
}

/// Returns the number of calls that were submitted and not taken.
///
/// May be called from any thread. Does not block.
///
/// @param queue  The queue.
/// @return The number; 0 in a child of fork, or if `queue` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_queue_pending(queue: *const hf_queue) -> usize {
    // SAFETY: the caller's promise.
    guard::infallible(0, || unsafe { queue.as_ref() }.map_or(0, |queue| queue.queue.pending()))
}

/// Closes a queue: calls are refused from now on (`HF_ERR_CANCELLED`), and those that have not ended are cancelled. They
/// are still taken with `hf_queue_next`, which returns `HF_NOT_FOUND` when none is left, also to threads that wait in it.
///
/// May be called from any thread. Does not block.
///
/// @param queue  The queue. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_queue_close(queue: *mut hf_queue) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { queue.as_ref() }.map_or((), |queue| queue.queue.close()));
}

/// Closes and frees a queue. Calls that were not taken write nothing: what they have made is freed and wiped.
///
/// May be called from any thread once no other thread uses the queue, except to wait in `hf_queue_next`. Blocks until the
/// calls under way have ended, which are cancelled: for 100 ms, or until the lookup of a host name returns. In a child of
/// fork it does not block.
///
/// @param queue  The queue. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_queue_free(queue: *mut hf_queue) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe {
        if let Some(queue) = queue.as_ref() {
            queue.queue.free();
        }
        hf_queue::free(queue);
    });
}

/// Cancels all calls that use these settings, and forgets those that are in a queue and were not taken: once this
/// returns, nothing is written for them, and they are not taken any more. What they make is freed and wiped. As after
/// `hf_call_cancel`, the `hf_call` can only be freed.
///
/// May be called from any thread; not from a signal handler. Does not block.
///
/// @param call  The settings. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_call_abandon(call: *const hf_call) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { call.as_ref() }.map_or((), hf_call::abandon));
}
