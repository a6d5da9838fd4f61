//! Documents
//!
//! A document is all fields of one version of a secret, such as what `vault kv put secret/db username=… password=…` has
//! written. Two gets of two fields may see two versions; a document is one version, whole. A reference of these functions
//! names no field. The `env` backend has the one field "value" and no versions.
//!
//! A text, a name or a JSON text that a document returns is borrowed: it is valid as long as the document, ends with a
//! NUL, and must not be freed. The texts are decoded when the first one is asked for; if there is no memory for that,
//! they are NULL. Everything is wiped when the last reference is freed.
//!
//! The functions that block share the statuses of the section "Secrets".

use std::ffi::{CString, c_char};
use std::sync::Arc;

use once_cell::race::OnceBox;

use super::arguments::{Out, OutNumber, copied_text, text};
use super::bytes::hf_bytes;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::metadata::hf_metadata;
use super::{export, guard, outcome};
use crate::call::{Call, Purpose};
use crate::document::{Document, Kind};
use crate::error::Status;

/// The field is a string.
pub const HF_KIND_STRING: i32 = 1;

/// The field is a number.
pub const HF_KIND_NUMBER: i32 = 2;

/// The field is `true` or `false`.
pub const HF_KIND_BOOLEAN: i32 = 3;

/// The field is `null`.
pub const HF_KIND_NULL: i32 = 4;

/// The field is an object.
pub const HF_KIND_OBJECT: i32 = 5;

/// The field is an array.
pub const HF_KIND_ARRAY: i32 = 6;

/// All fields of one version of a secret. Immutable and reference-counted: any thread may read it.
pub struct hf_document {
    _private: [u8; 0],
}

/// A document, and what C programs ask of it.
pub struct DocumentObject {
    document: Arc<Document>,
    created: CString,
    metadata: OnceBox<hf_metadata>,
}

impl Counted for hf_document {
    type Object = DocumentObject;
}

impl From<Document> for DocumentObject {
    fn from(document: Document) -> DocumentObject {
        DocumentObject::from(Arc::new(document))
    }
}

impl From<Arc<Document>> for DocumentObject {
    fn from(document: Arc<Document>) -> DocumentObject {
        let created = CString::new(document.created.as_str()).unwrap_or_default();
        DocumentObject { document, created, metadata: OnceBox::new() }
    }
}

/// Gets all fields of a secret, in one version.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager       The manager.
/// @param reference     The reference, such as "vault://db" or "vault://db?version=3", without a field.
/// @param call          Deadline and cancellation. NULL for the defaults.
/// @param out_document  Receives the document; the caller owns one reference and frees it with `hf_document_free`. NULL
///     unless the status is `HF_OK`.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     `*out_document` has the document.
/// @retval HF_NOT_FOUND              The secret or the version does not exist, or it was deleted. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a reference with a field.
/// @retval HF_ERR_INVALID_REFERENCE  The text is not a reference of this manager.
/// @retval HF_ERR_TOO_LARGE          The response is larger than 64 MiB, or there is not enough memory for it.
/// @retval HF_ERR_UNSUPPORTED        A version of a secret in KV version 1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_get_document(
    manager: *const hf_manager,
    reference: *const c_char,
    call: *const hf_call,
    out_document: *mut *mut hf_document,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_document, "out_document")?;
            let manager = hf_manager::share(manager, "manager")?;
            let reference = copied_text(reference, "reference")?;
            let job = move |call: &Call| {
                let document = manager.secrets().get_document(&reference, call)?;
                Ok(document.map(|document| Arc::new(DocumentObject::from(document))))
            };
            let write = |document: Option<Arc<DocumentObject>>| {
                let Some(document) = document else { return Status::NotFound };
                out.set(hf_document::into_raw(document));
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Returns the number of fields.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @return The number; 0 if `document` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_len(document: *const hf_document) -> usize {
    // SAFETY: the caller's promise.
    unsafe { hf_document::borrow(document) }.map_or(0, |object| object.document.len())
}

/// Returns the name of a field. Names are sorted; "metadata" is one of them like any other.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @param index     The index, from 0.
/// @return UTF-8; NULL if `index` is past the end or `document` is NULL, and for a name with U+0000, which only the JSON of
///     the whole document shows. Borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_name(document: *const hf_document, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    let object = unsafe { hf_document::borrow(document) };
    guard::infallible(std::ptr::null(), || {
        let name = object.and_then(|object| object.document.name(index));
        pointer(name.filter(|name| !name.contains('\0')), None)
    })
}

/// Returns the kind of a field.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @param name      The name.
/// @return `HF_KIND_STRING`, `HF_KIND_NUMBER`, `HF_KIND_BOOLEAN`, `HF_KIND_NULL`, `HF_KIND_OBJECT` or `HF_KIND_ARRAY`; 0
///     if there is no such field, or an argument is NULL or invalid UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_kind(document: *const hf_document, name: *const c_char) -> i32 {
    // SAFETY: the caller's promises.
    let Some((object, name)) = (unsafe { field(document, name) }) else { return 0 };
    object.document.kind(name).map_or(0, |kind| match kind {
        Kind::String => HF_KIND_STRING,
        Kind::Number => HF_KIND_NUMBER,
        Kind::Boolean => HF_KIND_BOOLEAN,
        Kind::Null => HF_KIND_NULL,
        Kind::Object => HF_KIND_OBJECT,
        Kind::Array => HF_KIND_ARRAY,
    })
}

/// Returns the text of a field: a string as it is, a number or boolean as its JSON.
///
/// May be called from any thread. Does not block.
///
/// @param document    The document.
/// @param name        The name.
/// @param out_length  Receives the length of the text in bytes, 0 if there is none. May be NULL; then a string with
///     U+0000, which a C string would cut short, has no text.
/// @return UTF-8; NULL if there is no such field, or if it is null, an object or an array, or a string that is not valid
///     Unicode; NULL if `document` or `name` is NULL. Borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_text(
    document: *const hf_document,
    name: *const c_char,
    out_length: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's promises.
    let (field, length) = unsafe { (field(document, name), OutNumber::clear(out_length)) };
    guard::infallible(std::ptr::null(), || {
        let text = field.and_then(|(object, name)| object.document.text(name));
        let text = text.filter(|text| !out_length.is_null() || !text.contains('\0'));
        pointer(text, Some(length))
    })
}

/// Returns the JSON of a field, or of the whole document, to the letter of the server.
///
/// May be called from any thread. Does not block.
///
/// @param document    The document.
/// @param name        The name. NULL for the whole object.
/// @param out_length  Receives the length of the JSON in bytes, 0 if there is none. May be NULL.
/// @return UTF-8; NULL if there is no such field, `name` is invalid UTF-8, or `document` is NULL. Borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_json(
    document: *const hf_document,
    name: *const c_char,
    out_length: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's promises.
    let (object, length) = unsafe { (hf_document::borrow(document), OutNumber::clear(out_length)) };
    if name.is_null() {
        return pointer(object.map(|object| object.document.json()), Some(length));
    }
    // SAFETY: the caller's promises.
    let field = unsafe { field(document, name) };
    guard::infallible(std::ptr::null(), || {
        pointer(field.and_then(|(object, name)| object.document.json_with_nul(name)), Some(length))
    })
}

/// Decodes the text of a field, which is base64, to bytes: what `hf_fields_set_bytes` has stored. Padding may be missing.
/// Nothing marks such a field: a text that happens to be base64, such as "password", is decoded, too.
///
/// May be called from any thread. Does not block.
///
/// @param document   The document.
/// @param name       The name.
/// @param out_bytes  Receives the bytes; the caller frees them with `hf_bytes_free`. NULL unless the status is `HF_OK`.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_bytes` has the bytes.
/// @retval HF_NOT_FOUND             There is no such field. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL or invalid UTF-8.
/// @retval HF_ERR_UNSUPPORTED       The field is not a string in base64.
/// @retval HF_ERR_TOO_LARGE         There is not enough memory.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_bytes(
    document: *const hf_document,
    name: *const c_char,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        outcome::status(error, || {
            let out = Out::clear(out_bytes, "out_bytes")?;
            let object = hf_document::share(document, "document")?;
            let name = text(name, "name")?;
            if object.document.kind(name).is_none() {
                return Ok(Status::NotFound);
            }
            out.set(hf_bytes::from(object.document.bytes(name)?).into_raw());
            Ok(Status::Ok)
        })
    }
}

/// Returns the metadata of a document: the entries of its field "metadata", which `hf_store_secret` and
/// `hf_store_document` put beside the value.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @return The metadata, empty if there is none; values that are not strings are their JSON. NULL if `document` is NULL.
///     Borrowed: valid as long as the document; do not free or change it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_metadata(document: *const hf_document) -> *const hf_metadata {
    // SAFETY: the caller's promise.
    let Some(object) = (unsafe { hf_document::borrow(document) }) else { return std::ptr::null() };
    guard::infallible(std::ptr::null(), || {
        std::ptr::from_ref(object.metadata.get_or_init(|| Box::new(object.document.metadata().into())))
    })
}

/// Returns the number of the version.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @return The number; 0 if there are no versions (KV version 1, `env`), or `document` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_version(document: *const hf_document) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { hf_document::borrow(document) }.map_or(0, |object| object.document.version as i64)
}

/// Returns when the version was created.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @return The time in RFC 3339, such as "2026-11-25T23:56:55.684281514Z"; "" if the server does not tell, or `document`
///     is NULL. Borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_created(document: *const hf_document) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { hf_document::borrow(document) }.map_or(c"".as_ptr(), |object| object.created.as_ptr())
}

/// Returns how old the answer is that a document was made of.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @return 0: the server answered this call. Otherwise the age of the cached answer in milliseconds, at least 1. 0 if
///     `document` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_age_ms(document: *const hf_document) -> i64 {
    // SAFETY: the caller's promise.
    let document = unsafe { hf_document::borrow(document) };
    document.map_or(0, |document| i64::try_from(document.document.age.as_micros().div_ceil(1000)).unwrap_or(i64::MAX))
}

/// Adds a reference to a document.
///
/// May be called from any thread. Does not block.
///
/// @param document  The document.
/// @return `document`; the caller frees the new reference with `hf_document_free`. NULL if `document` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_ref(document: *const hf_document) -> *mut hf_document {
    // SAFETY: the caller's promise.
    guard::infallible(std::ptr::null_mut(), || unsafe { hf_document::add_reference(document) })
}

/// Frees one reference; freeing the last one wipes the document.
///
/// May be called from any thread. Does not block.
///
/// @param document  A reference that the caller owns. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_document_free(document: *mut hf_document) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_document::free(document) });
}

/// A document and a name.
///
/// # Safety
/// `document` is NULL, or lives during `'a`; `name` is NULL, or a string that nobody changes during `'a`.
unsafe fn field<'a>(document: *const hf_document, name: *const c_char) -> Option<(&'a DocumentObject, &'a str)> {
    // SAFETY: the caller's promises.
    unsafe { Some((hf_document::borrow(document)?, text(name, "name").ok()?)) }
}

/// The address of a text, which is followed by a NUL in memory, and its length.
fn pointer(text: Option<&str>, length: Option<OutNumber<usize>>) -> *const c_char {
    let Some(text) = text else { return std::ptr::null() };
    if let Some(length) = length {
        length.set(text.len());
    }
    text.as_ptr().cast()
}
