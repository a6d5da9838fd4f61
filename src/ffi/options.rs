//! Options
//!
//! The settings that a manager is opened with. An option has the name of the environment variable of the same meaning
//! and overrides it: `hf_options_set(options, "VAULT_CACERT", "/etc/ssl/vault-ca.pem", &error)`. docs/configuration.md
//! lists all options with their defaults and units.
//!
//! A program that sets `VAULT_ADDR` or `VAULT_AGENT_ADDR` has to set `SECRET_MANAGER_TYPE` to "vault" too, as an option
//! or in the environment; otherwise opening fails with `HF_ERR_CONFIG`. Address, credentials, CA, client certificate
//! with its key, and proxy are groups: if one member of a group is set as an option, no member of the group is read
//! from the environment.
//!
//! Only one thread at a time may change options. Any number of threads may open managers with them while nobody changes
//! them. They may be freed as soon as the manager is open.

use std::ffi::{c_char, c_void};

use super::arguments::{object_mut, text};
use super::error::{hf_error, hf_status};
use super::handle::Owned;
use super::log::{self, hf_destroy, hf_log_callback};
use super::{guard, outcome};
use crate::config::Options;
use crate::error::Status;

/// The settings that a manager is opened with. One owner; only one thread at a time may change them.
pub struct hf_options {
    /// The options that are set; a manager that is opened with them has a copy.
    pub(super) options: Options,
}

impl Owned for hf_options {}

/// Creates empty options. Settings that are not set come from the environment.
///
/// May be called from any thread. Does not block.
///
/// @return The options; the caller frees them with `hf_options_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_options_new() -> *mut hf_options {
    guard::infallible(std::ptr::null_mut(), || hf_options { options: Options::new() }.into_raw())
}

/// Creates empty options for a manager that never reads the environment. Settings that are not set have their defaults.
///
/// May be called from any thread. Does not block.
///
/// @return The options; the caller frees them with `hf_options_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_options_new_isolated() -> *mut hf_options {
    guard::infallible(std::ptr::null_mut(), || hf_options { options: Options::new_isolated() }.into_raw())
}

/// Sets an option. The name is checked at once, the value when a manager is opened.
///
/// Only one thread at a time may use the same `options`. Does not block.
///
/// @param options  The options.
/// @param name     The name, such as "VAULT_CACERT". A name that this version does not know is refused, so a program
///     can find out whether the library has an option.
/// @param value    The value; it is copied. "" means that the setting has its default and the environment variable is
///     ignored.
/// @param error    Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The option is set; an earlier value is replaced.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an unknown name; the message suggests a known one.
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

/// Sets or removes the log callback of the managers that are opened with these options. Their lines then go to neither
/// the process-wide callback nor standard error.
///
/// Only one thread at a time may use the same `options`. Does not block. `destroy` is called once, after the last call
/// of the callback: when the callback was replaced or the options were freed, and every manager that was opened with it
/// is closed.
///
/// @param options    The options.
/// @param callback   Receives the lines. NULL removes the callback; `user_data` and `destroy` are then ignored.
/// @param user_data  Passed to `callback` and `destroy`. The caller keeps it valid until `destroy` is called. May be
///     NULL.
/// @param destroy    Called once when `user_data` is no longer needed. Not called if this function fails. May be NULL.
/// @param max_level  The most verbose level (`HF_LOG_*`) that is passed on.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The callback is set; an earlier one is replaced.
/// @retval HF_ERR_INVALID_ARGUMENT  `options` is NULL, or `max_level` is not a level.
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
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param options  The options. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_options_free(options: *mut hf_options) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_options::free(options) });
}
