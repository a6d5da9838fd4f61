//! Secrets
//!
//! The five operations on secrets. Any number of threads may call them on one manager at once. They block until the
//! call's deadline at the latest, and POSIX thread cancellation is disabled while they run. They share these statuses,
//! which the functions do not repeat:
//!
//! - `HF_ERR_CONFIG`: the mount or the namespace does not exist;
//! - `HF_ERR_AUTH`: the token is no longer valid and no login can replace it;
//! - `HF_ERR_PERMISSION_DENIED`: the policy denies the request; the message names the path and the capability;
//! - `HF_ERR_CONNECTION`, `HF_ERR_TLS`, `HF_ERR_UNAVAILABLE`, `HF_ERR_RATE_LIMITED`, `HF_ERR_PROTOCOL`: as in
//!   `hf_manager_open`;
//! - `HF_ERR_TIMEOUT`, `HF_ERR_CANCELLED`: the call's deadline passed, or `hf_call_cancel` ended it;
//! - `HF_ERR_INTERNAL`: a bug in the library.
//!
//! After `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` or `HF_ERR_CANCELLED` from store, update or delete
//! the change may have happened; so it may after `HF_ERR_PROTOCOL`, if the response could not be understood.
//!
//! A reference is a capability: it selects what is read, changed or deleted. Never accept one from untrusted input.

use std::ffi::c_char;
use std::ptr::NonNull;

use super::arguments::{
    Out, OutBuffer, OutNumber, check_fits, copied_optional_text, copied_secret, copied_text, null, text,
};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::{Counted, Owned};
use super::list::hf_string_list;
use super::manager::hf_manager;
use super::metadata::hf_metadata;
use super::{export, guard, outcome};
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::secret::Secret;

/// Stores a value under a key. A secret that is already there is replaced, including its metadata.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager        The manager.
/// @param key            The key, such as "github_token_user_123". '.' and '_' mean the same as '/': this secret has
///     the path github/token/user/123. At most 512 bytes, without empty segments and control characters.
/// @param value          The value. It may be empty.
/// @param metadata       The metadata to store beside the value. NULL or empty for none.
/// @param call           Deadline and cancellation. NULL for the defaults.
/// @param out_reference  Receives the reference that names the secret from now on, such as
///     "vault://github_token_user_123"; the caller frees it with `hf_free_string`. May be NULL if it is not needed. Set
///     to NULL on failure.
/// @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The value is stored.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an invalid key; nothing was sent.
/// @retval HF_ERR_CONFLICT          The mount requires check-and-set, and other writers changed the secret on every
///     attempt.
/// @retval HF_ERR_TOO_LARGE         The value exceeds the server's limit or the library's; nothing was written.
/// @retval HF_ERR_UNSUPPORTED       A condition of the call, where there are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_store_secret(
    manager: *const hf_manager,
    key: *const c_char,
    value: *const c_char,
    metadata: *const hf_metadata,
    call: *const hf_call,
    out_reference: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::ConditionalWrite, || {
            let out = Out::clear_optional(out_reference);
            let manager = hf_manager::share(manager, "manager")?;
            let (key, value) = (copied_text(key, "key")?, copied_secret(value, "value")?);
            let metadata = hf_metadata::share(metadata);
            let job = move |call: &Call| {
                let reference = manager.secrets().store(&key, value.as_str(), metadata.as_deref(), call)?;
                Ok(Secret::copy_of(&reference))
            };
            let write = |reference: Secret| {
                if let Some(out) = out {
                    out.set(reference.into_raw());
                }
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Gets the value that a reference names.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference, such as "vault://github_token_user_123", "vault://db?version=3" (the third version)
///     or "vault://db#password" (the field password).
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param out_value  Receives the value in UTF-8; the caller frees it with `hf_free_string`, which wipes it. A number
///     or boolean is returned as its JSON text. NULL unless the status is `HF_OK`.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     `*out_value` has the value.
/// @retval HF_NOT_FOUND              The secret, version or field does not exist, or it was deleted. No error is
///     created. If only the field is missing, a log line names the fields of the secret.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_TOO_LARGE          The response is larger than 64 MiB.
/// @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or contains U+0000.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_get_secret(
    manager: *const hf_manager,
    reference: *const c_char,
    call: *const hf_call,
    out_value: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_value, "out_value")?;
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| manager.secrets().get(&reference, call);
            let write = |value: Option<Secret>| {
                let Some(value) = value else { return Status::NotFound };
                out.set(value.into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Gets the value that a reference names and writes it to a buffer of the caller. For languages that cannot free C
/// memory, and for locked pages.
///
/// May be called from any thread. Blocks until the call's deadline at the latest. The library's own copy of the value
/// is wiped before the function returns.
///
/// @param manager     The manager.
/// @param reference   The reference, as for `hf_get_secret`.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param buffer      Receives the value and a terminating NUL; bytes after the NUL are not changed. Its first byte is
///     NUL unless the status is `HF_OK`. Must not overlap `reference`.
/// @param capacity    The size of `buffer` in bytes. The value and its NUL must fit: a value of 20 bytes needs 21.
/// @param out_length  Receives the length of the value in bytes, without the NUL; 0 unless the status is `HF_OK`.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     `buffer` has the value.
/// @retval HF_NOT_FOUND              The secret, version or field does not exist, or it was deleted. No error is
///     created. If only the field is missing, a log line names the fields of the secret.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_TOO_LARGE          The value does not fit, and the message says how many bytes it needs; or the
///     response is larger than 64 MiB.
/// @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or contains U+0000.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_get_secret_into(
    manager: *const hf_manager,
    reference: *const c_char,
    call: *const hf_call,
    buffer: *mut c_char,
    capacity: usize,
    out_length: *mut usize,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = OutBuffer::clear(buffer, capacity, out_length)?;
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| {
                let value = manager.secrets().get(&reference, call)?;
                value.as_ref().map_or(Ok(()), |value| check_fits(value, capacity))?;
                Ok(value)
            };
            let write = |value: Option<Secret>| {
                let Some(value) = value else { return Status::NotFound };
                out.set(&value);
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Replaces the value of an existing secret: the field that the reference names, or `value`. Other fields are kept.
/// Concurrent updates do not overwrite each other's fields.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference, as for `hf_get_secret`, without a version.
/// @param value      The new value. It may be empty.
/// @param metadata   The new metadata. NULL keeps the present metadata; empty metadata removes it.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The value is replaced.
/// @retval HF_NOT_FOUND              The secret does not exist, or has no such field. No error is created, and nothing is
///     written. `hf_update_document` adds fields.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version, or metadata for a reference that
///     names the field "metadata" itself.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_CONFLICT           Other writers changed the secret on every attempt.
/// @retval HF_ERR_TOO_LARGE          The value exceeds the server's limit or the library's; nothing was written.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_update_secret(
    manager: *const hf_manager,
    reference: *const c_char,
    value: *const c_char,
    metadata: *const hf_metadata,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::ConditionalWrite, || {
            let manager = hf_manager::share(manager, "manager")?;
            let (reference, value) = (copied_text(reference, "reference")?, copied_secret(value, "value")?);
            let metadata = hf_metadata::share(metadata);
            let job =
                move |call: &Call| manager.secrets().update(&reference, value.as_str(), metadata.as_deref(), call);
            Ok((job, found))
        })
    }
}

/// Deletes a secret with all its versions and its metadata.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference, as for `hf_get_secret`, without a version or field.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The secret is deleted.
/// @retval HF_NOT_FOUND              The secret did not exist. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a version or field.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_delete_secret(
    manager: *const hf_manager,
    reference: *const c_char,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| manager.secrets().delete(&reference, call);
            Ok((job, found))
        })
    }
}

/// Lists the references of the secrets whose path starts with a prefix, at any depth, sorted. Each reference can be
/// passed to the other functions. A secret whose latest version was deleted may be in the list. Secrets with a path
/// that no reference can name, such as one of more than 512 bytes or with a control character, are left out, and each
/// is logged as a warning.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager   The manager.
/// @param prefix    A string prefix of the path, in which '.' and '_' mean the same as '/': "github_tok" finds
///     github/token/user/123 and github/tokens. NULL or "" for all secrets.
/// @param call      Deadline and cancellation. NULL for the defaults.
/// @param out_list  Receives the list; the caller frees it with `hf_string_list_free`. Empty if nothing matches. Set to
///     NULL on failure.
/// @param error     Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The list has every reference that matches; it may be empty.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a prefix that no path can have.
/// @retval HF_ERR_TOO_LARGE         A response is larger than 64 MiB.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_list_secrets(
    manager: *const hf_manager,
    prefix: *const c_char,
    call: *const hf_call,
    out_list: *mut *mut hf_string_list,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_list, "out_list")?;
            let manager = hf_manager::share(manager, "manager")?;
            let prefix = copied_optional_text(prefix, "prefix")?;
            let job = move |call: &Call| hf_string_list::new(manager.secrets().list(prefix.as_deref(), call)?);
            let write = |list: hf_string_list| {
                out.set(list.into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Returns the canonical form of a reference. Two references name the same secret if and only if their canonical forms
/// are equal.
///
/// May be called from any thread. Does not block and sends no request.
///
/// @param manager        The manager.
/// @param reference      The reference, as for `hf_get_secret`.
/// @param out_reference  Receives the canonical form; the caller frees it with `hf_free_string`. Set to NULL on
///     failure.
/// @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     `*out_reference` has the canonical form.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_INTERNAL           A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_canonical_reference(
    manager: *const hf_manager,
    reference: *const c_char,
    out_reference: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let out = Out::clear(out_reference, "out_reference")?;
            let manager = hf_manager::borrow(manager).ok_or_else(|| null("manager"))?;
            let canonical = manager.secrets().canonical(text(reference, "reference")?)?;
            out.set(Secret::copy_of(&canonical).into_raw());
            Ok(Status::Ok)
        })
    }
}

/// Wipes and frees a string that the library returned through a `char **`. The whole allocation is wiped, whatever was
/// written into it. Do not pass it a `const char *`, and do not call `free` instead.
///
/// May be called from any thread. Does not block.
///
/// @param string  The string. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_free_string(string: *mut c_char) {
    // SAFETY: the caller's promise: NULL, or from `Secret::into_raw`, which all our `char **` come from.
    guard::infallible((), || drop(NonNull::new(string).map(|string| unsafe { Secret::from_raw(string) })));
}

/// The status of an operation that returns nothing but whether the secret existed.
pub(super) fn found(found: bool) -> Status {
    if found { Status::Ok } else { Status::NotFound }
}

/// Writes the number of a new version, if there is one.
pub(super) fn version_or_not_found(out: OutNumber<i64>, written: Option<u64>) -> Status {
    let Some(version) = written else { return Status::NotFound };
    out.set(version as i64);
    Status::Ok
}
