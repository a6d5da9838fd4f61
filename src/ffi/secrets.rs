//! Secrets
//!
//! The five operations. All of them may be called from any number of threads at once on one manager, and block until
//! the call's time is up at the latest; thread cancellation is disabled meanwhile. They share these statuses, which
//! the functions do not repeat:
//!
//! - `HF_ERR_CONFIG`: the mount or the namespace does not exist;
//! - `HF_ERR_AUTH`: the token is dead and no login can replace it;
//! - `HF_ERR_PERMISSION_DENIED`: the policy says no; the message names path and capability;
//! - `HF_ERR_CONNECTION`, `HF_ERR_TLS`, `HF_ERR_UNAVAILABLE`, `HF_ERR_RATE_LIMITED`, `HF_ERR_PROTOCOL`: as in
//!   `hf_manager_open`;
//! - `HF_ERR_TIMEOUT`, `HF_ERR_CANCELLED`: the call's time was up, or `hf_call_cancel`;
//! - `HF_ERR_INTERNAL`: a bug in the library.
//!
//! `HF_ERR_TIMEOUT`, `HF_ERR_CONNECTION`, `HF_ERR_UNAVAILABLE` and `HF_ERR_CANCELLED` from store, update or delete mean
//! that it may have happened all the same; so does `HF_ERR_PROTOCOL`, where the answer made no sense.
//!
//! A reference is a capability: it names what is read or deleted. Never take one from untrusted input.

use std::ffi::c_char;
use std::ptr::NonNull;

use super::arguments::{Out, OutBuffer, check_fits, copied_optional_text, copied_secret, copied_text, null, text};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::{Counted, Owned};
use super::list::hf_string_list;
use super::manager::hf_manager;
use super::metadata::hf_metadata;
use super::{export, guard, outcome};
use crate::call::Call;
use crate::error::Status;
use crate::secret::Secret;

/// Stores a value under a key, replacing what was there, its metadata included.
///
/// Any thread; blocks.
///
/// @param manager        The manager.
/// @param key            Such as "github_token_user_123". '.' and '_' are the same as '/': the secret is at
///     github/token/user/123. At most 512 bytes; no empty segments, no control characters.
/// @param value          The value. "" is a value.
/// @param metadata       What stands beside the value. NULL or empty: none.
/// @param call           Time limit and cancellation. NULL: the defaults.
/// @param out_reference  Where the reference to get the secret back with goes, such as
///     "vault://github_token_user_123"; owned by the caller: `hf_free_string`. May be NULL. NULL on failure.
/// @param error          Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    Stored.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an invalid key; nothing was sent.
/// @retval HF_ERR_CONFLICT          The mount demands check-and-set, and others kept writing.
/// @retval HF_ERR_TOO_LARGE         The value is over the server's limit or ours; nothing was written.
/// @retval HF_ERR_UNSUPPORTED       The mount is no KV version 2.
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
        export::run(error, call, || {
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

/// Gets the value behind a reference.
///
/// Any thread; blocks.
///
/// @param manager    The manager.
/// @param reference  Such as "vault://github_token_user_123", "vault://db?version=3", "vault://db#password".
/// @param call       Time limit and cancellation. NULL: the defaults.
/// @param out_value  Where the value goes: UTF-8, owned by the caller: `hf_free_string`, which wipes it. A number or
///     boolean comes as its JSON text. NULL unless the status is `HF_OK`.
/// @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                     There is a value, and `*out_value` has it.
/// @retval HF_NOT_FOUND              There is no such secret, version or field, or it was deleted. No error is made.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
/// @retval HF_ERR_TOO_LARGE          The answer is over 64 MiB.
/// @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or has U+0000 in it.
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
        export::run(error, call, || {
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

/// Gets the value behind a reference into memory of the caller's: for languages that have no pointers to free, and for
/// pages that are locked.
///
/// Any thread; blocks. The library's own copy is wiped before this returns.
///
/// @param manager     The manager.
/// @param reference   As for `hf_get_secret`.
/// @param call        Time limit and cancellation. NULL: the defaults.
/// @param buffer      Where the value goes, with a NUL behind it; what lies behind the NUL is not touched. Unless the
///     status is `HF_OK`, its first byte is NUL. Must not overlap `reference`.
/// @param capacity    How many bytes `buffer` has. The value and its NUL must fit: a value of 20 bytes takes 21.
/// @param out_length  Where the length of the value in bytes goes, its NUL not counted; 0 unless the status is `HF_OK`.
/// @param error       Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                     There is a value, and `buffer` has it.
/// @retval HF_NOT_FOUND              There is no such secret, version or field, or it was deleted. No error is made.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
/// @retval HF_ERR_TOO_LARGE          The value does not fit; the message says how many bytes it takes. Or the answer
///     is over 64 MiB.
/// @retval HF_ERR_UNSUPPORTED        The value is an object, an array or null, or has U+0000 in it.
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
        export::run(error, call, || {
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

/// Replaces the value of a secret that exists. Its other fields stay as they are; a field named by the reference is the
/// one that is replaced. Concurrent updates do not undo each other's fields.
///
/// Any thread; blocks.
///
/// @param manager    The manager.
/// @param reference  As for `hf_get_secret`, without a version.
/// @param value      The new value. "" is a value.
/// @param metadata   NULL keeps what is there; empty metadata removes it.
/// @param call       Time limit and cancellation. NULL: the defaults.
/// @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                     Updated.
/// @retval HF_NOT_FOUND              There is no such secret. No error is made, and nothing written.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version, or metadata for a reference that
///     names the field "metadata" itself.
/// @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
/// @retval HF_ERR_CONFLICT           Others kept writing.
/// @retval HF_ERR_TOO_LARGE          The value is over the server's limit or ours; nothing was written.
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
        export::run(error, call, || {
            let manager = hf_manager::share(manager, "manager")?;
            let (reference, value) = (copied_text(reference, "reference")?, copied_secret(value, "value")?);
            let metadata = hf_metadata::share(metadata);
            let job =
                move |call: &Call| manager.secrets().update(&reference, value.as_str(), metadata.as_deref(), call);
            Ok((job, found))
        })
    }
}

/// Deletes a secret, all its versions and its metadata.
///
/// Any thread; blocks.
///
/// @param manager    The manager.
/// @param reference  As for `hf_get_secret`, without a version or field.
/// @param call       Time limit and cancellation. NULL: the defaults.
/// @param error      Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                     Deleted.
/// @retval HF_NOT_FOUND              There was no such secret. No error is made.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a version or field.
/// @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
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
        export::run(error, call, || {
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| manager.secrets().delete(&reference, call);
            Ok((job, found))
        })
    }
}

/// Lists the references of the secrets whose path starts with a prefix, at any depth, sorted. Each of them can be given
/// to the other functions. A secret whose latest version was deleted may be among them.
///
/// Any thread; blocks.
///
/// @param manager   The manager.
/// @param prefix    A plain string prefix of the path, '.' and '_' being the same as '/': "github_tok" finds
///     github/token/user/123 and github/tokens. NULL or "": all.
/// @param call      Time limit and cancellation. NULL: the defaults.
/// @param out_list  Where the list goes, owned by the caller: `hf_string_list_free`. Empty where there is nothing. NULL
///     on failure.
/// @param error     Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                    The list is complete; it may be empty.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a prefix that no path can have.
/// @retval HF_ERR_TOO_LARGE         An answer is over 64 MiB.
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
        export::run(error, call, || {
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

/// The one spelling of a reference: two references name the same secret exactly if their canonical forms are equal.
///
/// Any thread; does not block, and makes no request.
///
/// @param manager        The manager.
/// @param reference      As for `hf_get_secret`.
/// @param out_reference  Where the canonical form goes, owned by the caller: `hf_free_string`. NULL on failure.
/// @param error          Where an error goes, owned by the caller: `hf_error_free`. May be NULL.
/// @retval HF_OK                     `*out_reference` has the canonical form.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL or invalid UTF-8.
/// @retval HF_ERR_INVALID_REFERENCE  The text is no reference of this manager.
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

/// Wipes and frees a string that this library gave by a `char **`: the whole of it, whatever was written into it. Never
/// for a `const char *`, and never with `free` in its place.
///
/// Any thread; does not block.
///
/// @param string  The string. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_free_string(string: *mut c_char) {
    // SAFETY: the caller's promise: NULL, or from `Secret::into_raw`, which all our `char **` come from.
    guard::infallible((), || drop(NonNull::new(string).map(|string| unsafe { Secret::from_raw(string) })));
}

/// The status of an operation on one secret that made nothing.
fn found(found: bool) -> Status {
    if found { Status::Ok } else { Status::NotFound }
}
