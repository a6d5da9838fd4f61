//! Options
//!
//! The settings that a manager is opened with. An option has the name of the environment variable of the same meaning,
//! and comes before the environment:
//! `hf_options_set(options, "VAULT_ADDR", "https://vault.example.com:8200", &error)`. The groups address; credentials;
//! CA; client certificate and key; proxy are taken whole: where one member is set as an option, no member comes from the
//! environment.
//!
//! Options are changed by one thread at a time, and unchanged used by any number of calls. They can be freed as soon as
//! the manager is open.

use std::ffi::{c_char, c_void};

use super::arguments::{object_mut, text};
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::log::{self, hf_destroy, hf_log_callback};
use super::{guard, outcome};
use crate::config::Options;
use crate::error::Status;

/// Options of a manager that is to be opened. One owner; changed by one thread at a time.
pub struct hf_options {
    /// What is set; a manager that is opened with it has a copy.
    pub(super) options: Options,
}

impl Owned for hf_options {}

/// New options: nothing is set, and what is not set comes from the environment.
///
/// Any thread; does not block.
///
/// @return The options, owned by the caller: `hf_options_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_options_new() -> *mut hf_options {
    guard::infallible(std::ptr::null_mut(), || hf_options { options: Options::new() }.into_raw())
}

/// New options for a manager that never looks at the environment: nothing is set, and what is not set has its default.
///
/// Any thread; does not block.
///
/// @return The options, owned by the caller: `hf_options_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_options_new_isolated() -> *mut hf_options {
    guard::infallible(std::ptr::null_mut(), || hf_options { options: Options::new_isolated() }.into_raw())
}

/// Sets an option. The name is checked now, the value when a manager is opened.
///
/// One thread at a time for each `options`; does not block.
///
/// @param options  The options.
/// @param name     Such as "VAULT_ADDR". A name that this version does not know is refused, so this also tells what a
///     library can do.
/// @param value    Copied. "" means explicitly none: the environment does not count either.
/// @param error    Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, in place of what was set before.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an unknown name; the message has the nearest known one.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_options_set(
    options: *mut hf_options,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let options = object_mut(options, "options")?;
            options.options.set(text(name, "name")?, text(value, "value")?)?;
            Ok(Status::Ok)
        })
    }
}

/// Sets or removes the log callback of the managers that are opened with these options. It comes in place of the
/// process-wide one and of standard error.
///
/// One thread at a time for each `options`; does not block. `destroy` is called once, after the last call into the
/// callback: when it has been replaced or its options freed, and the last manager opened with it freed too.
///
/// @param options    The options.
/// @param callback   Receives the lines. NULL: none; then `user_data` and `destroy` are not used.
/// @param user_data  Passed to `callback` and `destroy`; may be NULL. Stays the caller's until `destroy` is called.
/// @param destroy    Called once when `user_data` is no longer needed; NULL: nothing to do. Not called for a callback
///     that was refused.
/// @param max_level  `HF_LOG_*`: lines beyond this level are not passed on.
/// @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set, in place of the one before.
/// @retval HF_ERR_INVALID_ARGUMENT  `options` is NULL, or `max_level` is no level.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_options_set_log_callback(
    options: *mut hf_options,
    callback: hf_log_callback,
    user_data: *mut c_void,
    destroy: hf_destroy,
    max_level: i32,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let options = object_mut(options, "options")?;
            let level = log::level(max_level)?;
            // Dropped after the change of the options, because its `destroy` may call the library.
            let _before = options.options.log_sink().cloned();
            options.options.set_log_sink(log::sink(callback, user_data, destroy).map(|sink| (sink, level)));
            Ok(Status::Ok)
        })
    }
}

/// Frees options. Managers that were opened with them stay open.
///
/// Any thread, when no other uses them; does not block.
///
/// @param options  The options. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_options_free(options: *mut hf_options) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_options::free(options) });
}
