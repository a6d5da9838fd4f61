//! Managers
//!
//! A manager is a store of secrets: a Vault mount, or the process environment. It is counted: each reference that a
//! function gives is freed once, and the manager closes with the last. All its functions may be called from any number
//! of threads at once, and from a child after a fork.

use std::ffi::c_char;
use std::sync::Arc;

use super::arguments::Out;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::Counted;
use super::options::hf_options;
use super::{export, guard};
use crate::call::Call;
use crate::error::Status;
use crate::open::{self, Manager};

/// A store of secrets. Counted; usable from any number of threads at once.
pub struct hf_manager {
    _private: [u8; 0],
}

impl Counted for hf_manager {
    type Object = Manager;
}

/// Opens a manager. The configuration is checked first; then, for Vault, the credentials are tried once, so that errors
/// show now and not at the first secret.
///
/// Any thread. Blocks, until the call's time is up at the latest. `options` are not changed, and may be used by
/// several threads for this at once.
///
/// @param options      What to open. NULL: what the environment says.
/// @param call         Time limit and cancellation. NULL: the defaults.
/// @param out_manager  Where the manager goes; the caller owns one reference: `hf_manager_free`. NULL on failure.
/// @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                      Open.
/// @retval HF_ERR_INVALID_ARGUMENT    `out_manager` is NULL.
/// @retval HF_ERR_CONFIG              A setting is missing or wrong, or two contradict each other; the namespace does
///     not exist, or VAULT_MOUNT lies inside of a mount. The message names the variable. A mount that does not exist
///     is reported by the first operation: no token may ask for it in advance.
/// @retval HF_ERR_AUTH                Vault refuses the credentials.
/// @retval HF_ERR_PERMISSION_DENIED   The credentials may not log in, or not from here.
/// @retval HF_ERR_CONNECTION          Vault cannot be reached.
/// @retval HF_ERR_TLS                 A certificate was refused, or the handshake failed.
/// @retval HF_ERR_TIMEOUT             The call's time was up.
/// @retval HF_ERR_UNAVAILABLE         Vault is sealed, not initialised or without an active node.
/// @retval HF_ERR_RATE_LIMITED        Vault limits the rate of requests.
/// @retval HF_ERR_PROTOCOL            What answers is not Vault.
/// @retval HF_ERR_UNSUPPORTED         This version has no such backend or way to log in.
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
        export::run(error, call, || {
            let out = Out::clear(out_manager, "out_manager")?;
            let options = options.as_ref().map(|options| options.options.clone());
            let job = move |call: &Call| open::open(options.as_ref(), call).map(Arc::new);
            Ok((job, |manager| give(out, manager)))
        })
    }
}

/// The manager of the whole process, as the environment says. The first caller opens it, the others get the same. A
/// failure is not remembered: the next caller tries again.
///
/// Any thread. Blocks where it opens the manager, or waits for a thread that does; until the call's time is up at the
/// latest.
///
/// @param call         Time limit and cancellation. NULL: the defaults.
/// @param out_manager  Where the manager goes; the caller owns one reference: `hf_manager_free`. NULL on failure.
/// @param error        Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
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
        export::run(error, call, || {
            let out = Out::clear(out_manager, "out_manager")?;
            Ok((open::default_manager, |manager| give(out, manager)))
        })
    }
}

/// Forgets the process-wide manager: the next `hf_manager_default` opens a new one. Only the library's reference is
/// dropped; whoever has one goes on using it.
///
/// Any thread; does not block.
#[unsafe(no_mangle)]
pub extern "C" fn hf_manager_reset_default() {
    guard::infallible((), open::reset_default_manager);
}

/// Writes a manager to its out-parameter.
fn give(out: Out<hf_manager>, manager: Arc<Manager>) -> Status {
    out.set(hf_manager::into_raw(manager));
    Status::Ok
}

/// Adds a reference.
///
/// Any thread; does not block.
///
/// @param manager  The manager.
/// @return `manager`, owned once more: one more `hf_manager_free`. NULL where `manager` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_ref(manager: *const hf_manager) -> *mut hf_manager {
    // SAFETY: the caller's promise.
    guard::infallible(std::ptr::null_mut(), || unsafe { hf_manager::add_reference(manager) })
}

/// Drops one reference; the last one closes the manager. Makes no request and revokes no token.
///
/// Any thread; does not block.
///
/// @param manager  A reference of the caller's own. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_free(manager: *mut hf_manager) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_manager::free(manager) });
}

/// The kind of the manager.
///
/// Any thread; does not block.
///
/// @param manager  The manager.
/// @return "env" or "vault". Borrowed: it lives as long as the process, and is not freed. NULL where `manager` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_manager_type(manager: *const hf_manager) -> *const c_char {
    // SAFETY: the caller's promise.
    let manager = unsafe { hf_manager::borrow(manager) };
    guard::infallible(std::ptr::null(), || {
        manager.map_or(std::ptr::null(), |manager| manager.secrets().kind().as_ptr())
    })
}
