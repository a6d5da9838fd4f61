//! Fields
//!
//! Names and values, and the functions that write several of them at once. The values are wiped when the fields are freed.
//! The functions that block share the statuses of the section "Secrets".

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::arguments::{Out, OutNumber, copied_secret, copied_text, null, object_mut, slice, text};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::metadata::hf_metadata;
use super::secrets::version_or_not_found;
use super::{arguments, export, guard, outcome};
use crate::call::{Call, Purpose};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::secret::Secret;
use crate::store::Stored;

/// Names and values. One owner; only one thread at a time may change them, and any number of calls may use them while
/// nobody changes them.
pub struct hf_fields {
    /// Shared with jobs; a change while a job holds it makes a copy.
    fields: Arc<Fields>,
}

impl Owned for hf_fields {}

impl hf_fields {
    /// The present fields, for a job.
    ///
    /// # Safety
    /// `pointer` is NULL, or points at fields that nobody changes until this returns.
    pub(super) unsafe fn share(pointer: *const hf_fields, name: &str) -> Result<Arc<Fields>> {
        // SAFETY: the caller's promise.
        unsafe { pointer.as_ref() }.map(|fields| Arc::clone(&fields.fields)).ok_or_else(|| null(name))
    }
}

impl hf_fields {
    /// The present fields, for a job; `None` for NULL.
    ///
    /// # Safety
    /// As for [`hf_fields::share`].
    pub(super) unsafe fn share_optional(pointer: *const hf_fields) -> Option<Arc<Fields>> {
        // SAFETY: the caller's promise.
        unsafe { pointer.as_ref() }.map(|fields| Arc::clone(&fields.fields))
    }

    /// The present fields, for a job; none for NULL.
    ///
    /// # Safety
    /// As for [`hf_fields::share`].
    pub(super) unsafe fn share_or_none(pointer: *const hf_fields) -> Arc<Fields> {
        // SAFETY: the caller's promise.
        unsafe { hf_fields::share_optional(pointer) }.unwrap_or_default()
    }
}

/// Changes the fields under a name.
///
/// # Safety
/// `fields` and `name` are NULL or valid; `error` is NULL or may be written to.
unsafe fn change(
    fields: *mut hf_fields,
    name: *const c_char,
    error: *mut *mut hf_error,
    change: impl FnOnce(&mut Fields, String) -> Result<()>,
) -> hf_status {
    // SAFETY: the caller's promise.
    unsafe {
        outcome::status(error, || {
            let fields = object_mut(fields, "fields")?;
            let name = text(name, "name")?;
            if name.is_empty() {
                return Err(Error::invalid_argument("name is empty; a field has a name"));
            }
            change(Arc::make_mut(&mut fields.fields), arguments::copy(name, "name")?)?;
            Ok(Status::Ok)
        })
    }
}

/// Creates fields, none at first.
///
/// May be called from any thread. Does not block.
///
/// @return The fields; the caller frees them with `hf_fields_free`. NULL only if there is a bug in the library.
#[unsafe(no_mangle)]
pub extern "C" fn hf_fields_new() -> *mut hf_fields {
    guard::infallible(std::ptr::null_mut(), || hf_fields { fields: Arc::default() }.into_raw())
}

/// Sets a field to a text. A field with the same name is replaced.
///
/// May be called from any thread while no other thread uses `fields`. Does not block.
///
/// @param fields  The fields.
/// @param name    The name: UTF-8, not empty; it is copied.
/// @param text    The value: UTF-8, may be empty; it is copied.
/// @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an empty name.
/// @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_fields_set(
    fields: *mut hf_fields,
    name: *const c_char,
    text: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        change(fields, name, error, |fields, name| {
            fields.set(name, copied_secret(text, "text")?);
            Ok(())
        })
    }
}

/// Sets a field to a JSON value of any kind, such as `5`, `true`, `null` or `{"a": [1, 2]}`. A field with the same name
/// is replaced.
///
/// May be called from any thread while no other thread uses `fields`. Does not block.
///
/// @param fields  The fields.
/// @param name    The name: UTF-8, not empty; it is copied.
/// @param json    The value, which is sent to the letter; it is copied. KV version 2 keeps numbers as floating point.
/// @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, an empty name, or a text that is not one JSON value; the
///     message names the place and does not repeat the text.
/// @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_fields_set_json(
    fields: *mut hf_fields,
    name: *const c_char,
    json: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe { change(fields, name, error, |fields, name| fields.set_json(name, text(json, "json")?)) }
}

/// Sets a field to bytes. They are stored as a text in base64, from which `hf_document_bytes` decodes them. A field with
/// the same name is replaced.
///
/// May be called from any thread while no other thread uses `fields`. Does not block.
///
/// @param fields  The fields.
/// @param name    The name: UTF-8, not empty; it is copied.
/// @param data    The bytes; they are copied. May be NULL if `length` is 0.
/// @param length  The number of bytes.
/// @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an empty name.
/// @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_fields_set_bytes(
    fields: *mut hf_fields,
    name: *const c_char,
    data: *const c_void,
    length: usize,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe { change(fields, name, error, |fields, name| fields.set_bytes(name, slice(data.cast(), length, "data")?)) }
}

/// Sets a field for each member of a JSON object. Fields with the same names are replaced.
///
/// May be called from any thread while no other thread uses `fields`. Does not block.
///
/// @param fields       The fields.
/// @param json_object  The object, such as `{"username": "app", "port": 5432}`; its values are copied to the letter. A name
///     may be empty here, so that every document can be stored again.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Set.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a text that is not one JSON object; no field is changed,
///     and the message does not repeat the text.
/// @retval HF_ERR_TOO_LARGE         There is not enough memory for the copies.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_fields_set_object(
    fields: *mut hf_fields,
    json_object: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let fields = object_mut(fields, "fields")?;
            Arc::make_mut(&mut fields.fields).set_object(text(json_object, "json_object")?)?;
            Ok(Status::Ok)
        })
    }
}

/// Marks a field as removed: an update deletes it from the secret; a store does not send it.
///
/// May be called from any thread while no other thread uses `fields`. Does not block.
///
/// @param fields  The fields.
/// @param name    The name: UTF-8, not empty; it is copied.
/// @param error   Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    Marked, whether the field was set before or not.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or an empty name.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_fields_remove(
    fields: *mut hf_fields,
    name: *const c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        change(fields, name, error, |fields, name| {
            fields.remove(name);
            Ok(())
        })
    }
}

/// Wipes and frees fields.
///
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param fields  The fields. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_fields_free(fields: *mut hf_fields) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_fields::free(fields) });
}

/// Stores fields under a key. A secret that is already there is replaced, with all of its fields and its metadata.
/// `hf_call_set_cas` makes the write conditional: with 0 it stores only if there is nothing yet.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager        The manager.
/// @param key            The key, as for `hf_store_secret`.
/// @param fields         The fields. Removed ones are not sent.
/// @param metadata       The metadata to store beside them, in the field "metadata". NULL or empty for none.
/// @param call           Deadline, cancellation, condition. NULL for the defaults.
/// @param out_reference  Receives the reference that names the secret from now on; the caller frees it with
///     `hf_free_string`. May be NULL if it is not needed. Set to NULL on failure.
/// @param out_version    Receives the number of the new version; 0 where there are no versions, and on failure. May be
///     NULL.
/// @param error          Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The fields are stored.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, an invalid key, or `metadata` together with a field "metadata":
///     then nothing was sent. Or the server refuses the fields (HTTP 400), and nothing was written.
/// @retval HF_ERR_CONFLICT          The condition of the call does not hold; or the mount requires check-and-set, and
///     other writers changed the secret on every attempt.
/// @retval HF_ERR_TOO_LARGE         The fields exceed the server's limits or the library's; nothing was written.
/// @retval HF_ERR_UNSUPPORTED       A condition, where there are no versions; another field than "value", for the `env`
///     backend.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_store_document(
    manager: *const hf_manager,
    key: *const c_char,
    fields: *const hf_fields,
    metadata: *const hf_metadata,
    call: *const hf_call,
    out_reference: *mut *mut c_char,
    out_version: *mut i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::ConditionalWrite, || {
            let (out, version) = (Out::clear_optional(out_reference), OutNumber::clear(out_version));
            let manager = hf_manager::share(manager, "manager")?;
            let key = copied_text(key, "key")?;
            let (fields, metadata) = (hf_fields::share(fields, "fields")?, hf_metadata::share(metadata));
            let job = move |call: &Call| {
                let stored = manager.secrets().store_document(&key, &fields, metadata.as_deref(), call)?;
                Ok((Secret::copy_of(&stored.reference), stored))
            };
            let write = |(reference, stored): (Secret, Stored)| {
                version.set(stored.version as i64);
                if let Some(out) = out {
                    out.set(reference.into_raw());
                }
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Changes fields of an existing secret: those that are set here are added or replaced, removed ones are deleted, and all
/// others stay. Concurrent updates do not overwrite each other's fields, except in KV version 1.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager.
/// @param reference    The reference, such as "vault://db", without a version or field.
/// @param fields       The fields to change.
/// @param metadata     The new metadata. NULL keeps the present metadata; empty metadata removes it.
/// @param call         Deadline, cancellation, condition. NULL for the defaults.
/// @param out_version  Receives the number of the new version; 0 where there are no versions, and on failure. May be
///     NULL.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     The fields are changed.
/// @retval HF_NOT_FOUND              The secret does not exist. No error is created, and nothing is written.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, a reference with a version or field, or `metadata` together
///     with a field "metadata": then nothing was sent. Or the server refuses the fields (HTTP 400), and nothing was
///     written.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_CONFLICT           The condition of the call does not hold; or other writers changed the secret on
///     every attempt.
/// @retval HF_ERR_TOO_LARGE          The fields exceed the server's limits or the library's; nothing was written.
/// @retval HF_ERR_UNSUPPORTED        A condition, where there are no versions; another field than "value", for the `env`
///     backend.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_update_document(
    manager: *const hf_manager,
    reference: *const c_char,
    fields: *const hf_fields,
    metadata: *const hf_metadata,
    call: *const hf_call,
    out_version: *mut i64,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::ConditionalWrite, || {
            let version = OutNumber::clear(out_version);
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let (fields, metadata) = (hf_fields::share(fields, "fields")?, hf_metadata::share(metadata));
            let job =
                move |call: &Call| manager.secrets().update_document(&reference, &fields, metadata.as_deref(), call);
            Ok((job, |written| version_or_not_found(version, written)))
        })
    }
}
