//! Changes of versions
//!
//! A reference of these functions names the whole secret: no version and no field, except where a function says otherwise.
//! KV version 1 and the `env` backend have no versions (`HF_ERR_UNSUPPORTED`). A secret or a version that does not exist is
//! `HF_NOT_FOUND`, also where the server itself would report success; a log line says whether it was pruned, deleted or
//! destroyed. These functions share the statuses of the section "Secrets". What a policy must allow for each of them is in
//! docs/secrets.md.

use std::ffi::c_char;

use super::arguments::{Out, OutNumber, copied_optional_text, copied_text, null, slice};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::export;
use super::handle::Counted;
use super::manager::hf_manager;
use super::metadata::hf_metadata;
use super::secrets::{found, version_or_not_found};
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::vault::{Rotated, VersionChange};

/// Deletes versions of a secret. They cannot be read until `hf_undelete_versions`. `hf_delete_secret` removes a secret with
/// all of its versions for good.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference of the secret.
/// @param versions   An array of `count` version numbers. 0 is the latest version.
/// @param count      The number of versions, at least 1.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The versions are deleted.
/// @retval HF_NOT_FOUND              The secret or one of the versions does not exist. No error is created, and nothing
///     is changed.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, a `count` of 0, or a
///     version below 0; nothing was sent.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_delete_versions(
    manager: *const hf_manager,
    reference: *const c_char,
    versions: *const i64,
    count: usize,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe { change(manager, reference, versions, count, VersionChange::Delete, call, error) }
}

/// Makes deleted versions of a secret readable again. A version that is not deleted stays as it is.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference of the secret.
/// @param versions   An array of `count` version numbers.
/// @param count      The number of versions, at least 1.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The versions can be read.
/// @retval HF_NOT_FOUND              The secret or one of the versions does not exist, or a version was destroyed. No
///     error is created, and nothing is changed.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, a `count` of 0, or a
///     version below 1; nothing was sent.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_undelete_versions(
    manager: *const hf_manager,
    reference: *const c_char,
    versions: *const i64,
    count: usize,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe { change(manager, reference, versions, count, VersionChange::Undelete, call, error) }
}

/// Removes the content of versions of a secret for good.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference of the secret.
/// @param versions   An array of `count` version numbers.
/// @param count      The number of versions, at least 1.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The content of the versions is gone.
/// @retval HF_NOT_FOUND              The secret or one of the versions does not exist. No error is created, and nothing
///     is changed.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, a `count` of 0, or a
///     version below 1; nothing was sent.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_destroy_versions(
    manager: *const hf_manager,
    reference: *const c_char,
    versions: *const i64,
    count: usize,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe { change(manager, reference, versions, count, VersionChange::Destroy, call, error) }
}

/// Makes an older version of a secret the latest one again: its fields are written as a new version, unless somebody
/// writes the secret at the same time.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param reference    The reference of the secret.
/// @param version      The number of the older version, at least 1.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_version  Receives the number of the new version; 0 unless the status is `HF_OK`. May be NULL.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The fields are those of the older version.
/// @retval HF_NOT_FOUND              The secret or the version does not exist, or the version was deleted or destroyed.
///     No error is created, and nothing is written.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, or a `version` below 1;
///     nothing was sent.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_CONFLICT           Somebody has written the secret meanwhile; nothing was written here.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_rollback_secret(
    manager: *const hf_manager,
    reference: *const c_char,
    version: i64,
    call: *const hf_call,
    out_version: *mut i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = OutNumber::clear(out_version);
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| manager.vault()?.rollback(&reference, version, call);
            Ok((job, |written| version_or_not_found(out, written)))
        })
    }
}

/// Sets the custom metadata of a secret, which belong to all of its versions: `vault kv metadata put -custom-metadata`.
/// All that was set before is replaced. The metadata that store and update take are something else: a field of one
/// version.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager    The manager.
/// @param reference  The reference of the secret.
/// @param metadata   The metadata: at most 64 keys of 1 to 128 bytes, values of 1 to 512 bytes. Empty to remove them.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The metadata are set.
/// @retval HF_NOT_FOUND              The secret does not exist. No error is created, and nothing is written.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, or metadata over the
///     limits; nothing was sent.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_set_custom_metadata(
    manager: *const hf_manager,
    reference: *const c_char,
    metadata: *const hf_metadata,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let metadata = hf_metadata::share(metadata).ok_or_else(|| null("metadata"))?;
            let job = move |call: &Call| manager.vault()?.set_custom_metadata(&reference, &metadata, call);
            Ok((job, found))
        })
    }
}

/// Gives a field of a secret a new random value, which is a text whatever the field was before. It is one write on
/// condition that nobody has changed the secret since it was read: there never is a second rotation. The other fields and the metadata stay, and the old value stays readable
/// with `?version=`.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager          The manager.
/// @param reference        The reference, without a version; with `#field` that field is rotated, else "value".
/// @param password_policy  The name of a password policy of the server that makes the value. NULL for 32 letters and
///     digits from the system's random generator.
/// @param call             Deadline and cancellation. NULL for the defaults.
/// @param out_value        Receives the new value; the caller frees it with `hf_free_string`, which wipes it. May be NULL
///     if it is not needed. NULL unless the status is `HF_OK`.
/// @param out_version      Receives the number of the new version; 0 unless the status is `HF_OK`. May be NULL.
/// @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The field has its new value.
/// @retval HF_NOT_FOUND              The secret does not exist, or has no such field. No error is created, and nothing
///     is written.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version, or a name that no policy can have.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_CONFIG             There is no such password policy.
/// @retval HF_ERR_CONFLICT           Somebody has written the secret meanwhile; nothing was written here.
/// @retval HF_ERR_UNSUPPORTED        There are no versions.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_rotate_secret(
    manager: *const hf_manager,
    reference: *const c_char,
    password_policy: *const c_char,
    call: *const hf_call,
    out_value: *mut *mut c_char,
    out_version: *mut i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let (out, version) = (Out::clear_optional(out_value), OutNumber::clear(out_version));
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let policy = copied_optional_text(password_policy, "password_policy")?;
            let job = move |call: &Call| manager.vault()?.rotate(&reference, policy.as_deref(), call);
            let write = |rotated: Option<Rotated>| {
                let Some(rotated) = rotated else { return Status::NotFound };
                version.set(rotated.version as i64);
                if let Some(out) = out {
                    out.set(rotated.value.into_raw());
                }
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// # Safety
/// As for the exported functions.
unsafe fn change(
    manager: *const hf_manager,
    reference: *const c_char,
    versions: *const i64,
    count: usize,
    change: VersionChange,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let versions = slice(versions, count, "versions")?.to_vec();
            let job = move |call: &Call| manager.vault()?.change_versions(&reference, &versions, change, call);
            Ok((job, found))
        })
    }
}
