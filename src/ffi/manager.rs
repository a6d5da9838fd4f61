//! Managers
//!
//! A manager is a store of secrets: a Vault mount or the process environment. Managers are reference-counted: each
//! reference that a function returns is freed once, and the manager closes with the last one. Any number of threads may
//! use a manager at once, and so may a child process after fork.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Instant;

use super::arguments::{Out, OutNumber, null, optional_text};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::Counted;
use super::options::hf_options;
use super::{export, guard, outcome};
use crate::call::{Call, Purpose};
use crate::error::{Error, Result, Status};
use crate::open::{self, Manager};

/// A store of secrets. Reference-counted; any number of threads may use it at once.
pub struct hf_manager {
    _private: [u8; 0],
}

impl Counted for hf_manager {
    type Object = Manager;
}

/// Opens a manager. It checks the configuration and, for Vault, tries the credentials once, so that errors are reported
/// now and not by the first operation.
///
/// May be called from any thread, by several at once with the same `options`. Blocks until the call's deadline at the
/// latest.
///
/// @param options      The settings. NULL to take all of them from the environment.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_manager  Receives the manager; the caller owns one reference and frees it with `hf_manager_free`. Set to
///     NULL on failure.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                      The manager is open.
/// @retval HF_ERR_INVALID_ARGUMENT    `out_manager` is NULL.
/// @retval HF_ERR_CONFIG              A setting is missing or invalid, or two settings contradict each other; the
///     namespace does not exist, or VAULT_MOUNT is a path inside a mount. The message names the variable. A mount that
///     does not exist is reported by the first operation.
/// @retval HF_ERR_AUTH                Vault rejects the credentials.
/// @retval HF_ERR_PERMISSION_DENIED   The credentials may not log in, or not from this address.
/// @retval HF_ERR_CONNECTION          Vault cannot be reached.
/// @retval HF_ERR_TLS                 A certificate was rejected, or the TLS handshake failed.
/// @retval HF_ERR_TIMEOUT             The call's deadline passed.
/// @retval HF_ERR_UNAVAILABLE         Vault is sealed, not initialised or without an active node.
/// @retval HF_ERR_RATE_LIMITED        Vault still limited the rate of requests after the retries.
/// @retval HF_ERR_PROTOCOL            The peer is not Vault.
/// @retval HF_ERR_UNSUPPORTED         This version does not support the backend or the login method.
/// @retval HF_ERR_CANCELLED           `hf_call_cancel`.
/// @retval HF_ERR_INTERNAL            A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_open(
    options: *const hf_options,
    call: *const hf_call,
    out_manager: *mut *mut hf_manager,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_manager, "out_manager")?;
            let options = options.as_ref().map(|options| options.options.clone());
            let job = move |call: &Call| open::open(options.as_ref(), call).map(Arc::new);
            Ok((job, |manager| give(out, manager)))
        })
    }
}

/// Returns the process-wide manager, which the environment configures. The first caller opens it; later callers get the
/// same one. A failure is not remembered: the next caller tries again.
///
/// May be called from any thread. Blocks while it opens the manager or waits for another thread that opens it, until
/// the call's deadline at the latest.
///
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_manager  Receives the manager; the caller owns one reference and frees it with `hf_manager_free`. Set to
///     NULL on failure.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @return The statuses of `hf_manager_open`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_default(
    call: *const hf_call,
    out_manager: *mut *mut hf_manager,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_manager, "out_manager")?;
            Ok((open::default_manager, |manager| give(out, manager)))
        })
    }
}

/// Drops the process-wide manager, so that the next `hf_manager_default` opens a new one. Only the library's own
/// reference is dropped; those that callers own stay valid.
///
/// May be called from any thread. Does not block.
#[unsafe(no_mangle)]
pub extern "C" fn hf_manager_reset_default() {
    guard::infallible((), open::reset_default_manager);
}

/// Writes a manager to its out-parameter.
fn give(out: Out<hf_manager>, manager: Arc<Manager>) -> Status {
    out.set(hf_manager::into_raw(manager));
    Status::Ok
}

/// Checks that a manager can be used now: that a server answers, is unsealed, and takes the token. It does not look at the
/// mount, a secret or the policy. It sends one request, which needs no policy and does not use up `num_uses`; a token that
/// has died is replaced by a login, as in any call. For the `env` backend there is nothing to check.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager  The manager.
/// @param call     Deadline and cancellation. NULL for the defaults.
/// @param error    Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The manager can be used.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager` is NULL.
/// @return Otherwise the reason why it cannot, with the statuses of `hf_manager_open`.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_check(
    manager: *const hf_manager,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let manager = hf_manager::share(manager, "manager")?;
            let job = move |call: &Call| manager.secrets().check(call);
            Ok((job, |()| Status::Ok))
        })
    }
}

/// Opens connections until this number of them is idle, so that the first calls find them open: looks up the server's
/// name, connects, and makes the TLS handshakes. It sends no request. With several nodes, the connections lead to the
/// one that calls would use, or to the first one that takes them. For the `env` backend there is nothing to open.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param connections  How many connections are to be idle: from 1 to what `VAULT_MAX_IDLE_CONNECTIONS` and
///     `VAULT_MAX_CONNECTIONS` allow.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The connections are open.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager` is NULL; `connections` is less than 1 or more than can be kept.
/// @retval HF_ERR_CONNECTION        The server cannot be reached.
/// @retval HF_ERR_TLS               A certificate was rejected, or the TLS handshake failed.
/// @retval HF_ERR_TIMEOUT           The call's deadline passed.
/// @retval HF_ERR_CANCELLED         `hf_call_cancel`.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_warm(
    manager: *const hf_manager,
    connections: i32,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let manager = hf_manager::share(manager, "manager")?;
            let count = usize::try_from(connections).ok().filter(|&count| count > 0);
            let count = count.ok_or_else(|| {
                Error::invalid_argument(format!("connections is {connections}; it must be at least 1"))
            })?;
            let job = move |call: &Call| manager.warm(count, call);
            Ok((job, |()| Status::Ok))
        })
    }
}

/// Does what is due: renews or replaces the token, and the credentials of every `hf_credentials` of this manager that is in
/// use; wipes cached answers that cannot serve any more. A program that uses these all the time needs no maintenance: each
/// use does what is due. One that waits for events calls this, and again after the time that it is told. A server that
/// forks calls it in the parent.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_next_ms  Receives in how many milliseconds something is due, the pause after a failure included: 1 or more, or
///     -1 if never. Set with every status but `HF_ERR_INVALID_ARGUMENT`. `hf_credentials_open`, and a get that is cached,
///     make it out of date. May be NULL.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    What was due is done.
/// @retval HF_ERR_INVALID_ARGUMENT  `manager` is NULL.
/// @return Otherwise why the first of them failed. What can still be used is handed out all the same.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_maintain(
    manager: *const hf_manager,
    call: *const hf_call,
    out_next_ms: *mut i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run_to_writer(error, call, Purpose::Change, || {
            let next_ms = OutNumber::clear(out_next_ms);
            let manager = hf_manager::share(manager, "manager")?;
            next_ms.preset(milliseconds_until(manager.due()));
            let job = move |call: &Call| Ok(manager.maintain(call));
            let write = |(outcome, due): (Result<()>, Option<Instant>)| {
                next_ms.set(milliseconds_until(due));
                outcome.map(|()| Status::Ok)
            };
            Ok((job, write))
        })
    }
}

/// -1 for never; otherwise at least 1, rounded up. 100 if it is over, because somebody else is doing it or it has just
/// failed.
fn milliseconds_until(due: Option<Instant>) -> i64 {
    let Some(due) = due else { return -1 };
    let left = due.saturating_duration_since(Instant::now());
    if left.is_zero() { 100 } else { i64::try_from(left.as_millis()).unwrap_or(i64::MAX).saturating_add(1) }
}

/// Drops cached answers, so that the next reads ask the server. Answers that are on their way are not kept either. What is
/// dropped is wiped. A manager without a cache has nothing to drop.
///
/// May be called from any thread. Does not block, and sends no request.
///
/// @param manager    The manager.
/// @param reference  The secret, all of whose versions and fields are dropped. NULL for all secrets.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     Dropped.
/// @retval HF_ERR_INVALID_ARGUMENT   `manager` is NULL; invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_INTERNAL           A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_cache_clear(
    manager: *const hf_manager,
    reference: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let manager = hf_manager::borrow(manager).ok_or_else(|| null("manager"))?;
            manager.clear_cache(optional_text(reference, "reference")?)?;
            Ok(Status::Ok)
        })
    }
}

/// Adds a reference to a manager.
///
/// May be called from any thread. Does not block.
///
/// @param manager  The manager.
/// @return `manager`; the caller frees the new reference with `hf_manager_free`. NULL if `manager` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_ref(manager: *const hf_manager) -> *mut hf_manager {
    // SAFETY: the caller's promise.
    guard::infallible(std::ptr::null_mut(), || unsafe { hf_manager::add_reference(manager) })
}

/// Frees one reference; freeing the last one closes the manager. Sends no request and revokes no token.
///
/// May be called from any thread. Does not block.
///
/// @param manager  A reference that the caller owns. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_free(manager: *mut hf_manager) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_manager::free(manager) });
}

/// Returns the name of a manager's backend.
///
/// May be called from any thread. Does not block.
///
/// @param manager  The manager.
/// @return "env" or "vault"; NULL if `manager` is NULL. Borrowed: valid until the process ends; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_type(manager: *const hf_manager) -> *const c_char {
    // SAFETY: the caller's promise.
    let manager = unsafe { hf_manager::borrow(manager) };
    guard::infallible(std::ptr::null(), || {
        manager.map_or(std::ptr::null(), |manager| manager.secrets().kind().as_ptr())
    })
}
