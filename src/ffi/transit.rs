//! Transit
//!
//! Encryption as a service: the server encrypts, decrypts, signs and makes data keys with keys that it does not give away.
//! Data are bytes; ciphertexts, signatures and HMACs are texts such as "vault:v1:…", which the program keeps. Data and
//! data keys are wiped when they are freed. The engine is at VAULT_TRANSIT_MOUNT. docs/transit.md says which function is
//! for what, and what a policy must allow.
//!
//! `parameters` have the names of the engine: "context" and "associated_data", which `hf_fields_set_bytes` sets;
//! "key_version", "hash_algorithm", "signature_algorithm", "prehashed", "marshaling_algorithm" and "bits", which are texts
//! or JSON. One that is unknown, or that the operation does not have, is `HF_ERR_INVALID_ARGUMENT`. A key that was made
//! with derived=true needs a context each time, except for HMACs; the server ignores it for other keys.
//!
//! The `env` backend has no server (`HF_ERR_UNSUPPORTED`). These functions share the statuses of the section "Secrets",
//! and have these in common:
//!
//! - `HF_ERR_INVALID_ARGUMENT`: NULL, invalid UTF-8, a wrong parameter, a ciphertext that was changed or is of another key,
//!   or a wrong context or associated data;
//! - `HF_ERR_UNSUPPORTED`: the type of the key cannot do this, or the version of the key is below min_decryption_version;
//! - `HF_ERR_CONFIG`: the mount does not exist, or the key does not exist any more;
//! - `HF_ERR_TOO_LARGE`: the data exceed the server's limit or the library's.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::arguments::{Out, copied_bytes, copied_secret, copied_text};
use super::bytes::hf_bytes;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::fields::hf_fields;
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use super::{export, guard};
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::secret::{Bytes, Secret};
use crate::transit::Transit;
use crate::vault::NewDataKey;

/// A key of the transit engine. Reference-counted; any number of threads may use it at once.
pub struct hf_transit {
    _private: [u8; 0],
}

impl Counted for hf_transit {
    type Object = Transit;
}

/// Opens a key of the transit engine. The key has to exist: the server makes a key when something is encrypted under a
/// mistyped name and the policy allows it; this library does not let that happen.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager      The manager. It stays open as long as the key.
/// @param key          The name of the key.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_transit  Receives the key; the caller owns one reference and frees it with `hf_transit_free`. NULL unless
///     the status is `HF_OK`.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                     `*out_transit` has the key.
/// @retval HF_NOT_FOUND              There is no such key. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT   NULL, invalid UTF-8, or a name that no key can have.
/// @retval HF_ERR_CONFIG             The mount does not exist.
/// @retval HF_ERR_PERMISSION_DENIED  The policy does not allow to read the key, and does allow to create it. A token that
///     may not create the key opens it unchecked.
/// @retval HF_ERR_UNSUPPORTED        There is no server.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_open(
    manager: *const hf_manager,
    key: *const c_char,
    call: *const hf_call,
    out_transit: *mut *mut hf_transit,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Read, || {
            let out = Out::clear(out_transit, "out_transit")?;
            let manager = hf_manager::share(manager, "manager")?;
            let key = copied_text(key, "key")?;
            let job = move |call: &Call| Ok(Transit::open(Arc::clone(&manager), &key, call)?.map(Arc::new));
            let write = |key: Option<Arc<Transit>>| {
                let Some(key) = key else { return Status::NotFound };
                out.set(hf_transit::into_raw(key));
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Adds a reference to a key.
///
/// May be called from any thread. Does not block.
///
/// @param transit  The key.
/// @return `transit`; the caller frees the new reference with `hf_transit_free`. NULL if `transit` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_ref(transit: *const hf_transit) -> *mut hf_transit {
    // SAFETY: the caller's promise.
    guard::infallible(std::ptr::null_mut(), || unsafe { hf_transit::add_reference(transit) })
}

/// Frees one reference. Sends no request.
///
/// May be called from any thread. Does not block.
///
/// @param transit  A reference that the caller owns. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_free(transit: *mut hf_transit) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_transit::free(transit) });
}

/// Encrypts data. RSA keys do so without a request, with the public key, unless there are parameters.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit         The key.
/// @param data            The bytes. May be NULL if `length` is 0.
/// @param length          The number of bytes.
/// @param parameters      "context", "associated_data", "key_version". NULL for none.
/// @param call            Deadline and cancellation. NULL for the defaults.
/// @param out_ciphertext  Receives the ciphertext; the caller frees it with `hf_free_string`. NULL unless the
///     status is `HF_OK`.
/// @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_encrypt(
    transit: *const hf_transit,
    data: *const c_void,
    length: usize,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_ciphertext: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_ciphertext, "out_ciphertext")?;
            let transit = hf_transit::share(transit, "transit")?;
            let (data, parameters) = (copied_bytes(data, length, "data")?, hf_fields::share_or_none(parameters));
            let job = move |call: &Call| transit.encrypt(data.as_slice(), &parameters, call);
            Ok((job, |text| give_text(out, text)))
        })
    }
}

/// Decrypts a ciphertext.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit     The key.
/// @param ciphertext  The ciphertext, such as "vault:v1:…".
/// @param parameters  "context" and "associated_data", as for the encryption. NULL for none.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param out_bytes   Receives the data; the caller frees them with `hf_bytes_free`, which wipes them. NULL unless the
///     status is `HF_OK`.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_decrypt(
    transit: *const hf_transit,
    ciphertext: *const c_char,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_bytes, "out_bytes")?;
            let transit = hf_transit::share(transit, "transit")?;
            let ciphertext = copied_secret(ciphertext, "ciphertext")?;
            let parameters = hf_fields::share_or_none(parameters);
            let job = move |call: &Call| transit.decrypt(ciphertext.as_str(), &parameters, call);
            let write = |data: Bytes| {
                out.set(hf_bytes::from(data).into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Encrypts the data of a ciphertext under the latest version of the key, without showing the data. With
/// "associated_data" the server cannot do that: the ciphertext is decrypted and encrypted again, which needs the policy for
/// both.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit         The key.
/// @param ciphertext      The ciphertext, such as "vault:v1:…".
/// @param parameters      "context", "associated_data", "key_version". NULL for none.
/// @param call            Deadline and cancellation. NULL for the defaults.
/// @param out_ciphertext  Receives the new ciphertext; the caller frees it with `hf_free_string`. NULL unless the status is
///     `HF_OK`.
/// @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_rewrap(
    transit: *const hf_transit,
    ciphertext: *const c_char,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_ciphertext: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_ciphertext, "out_ciphertext")?;
            let transit = hf_transit::share(transit, "transit")?;
            let ciphertext = copied_secret(ciphertext, "ciphertext")?;
            let parameters = hf_fields::share_or_none(parameters);
            let job = move |call: &Call| transit.rewrap(ciphertext.as_str(), &parameters, call);
            Ok((job, |text| give_text(out, text)))
        })
    }
}

/// Signs data.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit         The key.
/// @param data            The bytes. May be NULL if `length` is 0.
/// @param length          The number of bytes.
/// @param parameters      "context", "key_version", "hash_algorithm", "signature_algorithm", "prehashed",
///     "marshaling_algorithm". NULL for none.
/// @param call            Deadline and cancellation. NULL for the defaults.
/// @param out_signature   Receives the signature; the caller frees it with `hf_free_string`. NULL unless the
///     status is `HF_OK`.
/// @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_sign(
    transit: *const hf_transit,
    data: *const c_void,
    length: usize,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_signature: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_signature, "out_signature")?;
            let transit = hf_transit::share(transit, "transit")?;
            let (data, parameters) = (copied_bytes(data, length, "data")?, hf_fields::share_or_none(parameters));
            let job = move |call: &Call| transit.sign(data.as_slice(), &parameters, call);
            Ok((job, |text| give_text(out, text)))
        })
    }
}

/// Makes an HMAC of data. Every key can do this.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit         The key.
/// @param data            The bytes. May be NULL if `length` is 0.
/// @param length          The number of bytes.
/// @param parameters      "key_version", "hash_algorithm". NULL for none.
/// @param call            Deadline and cancellation. NULL for the defaults.
/// @param out_hmac        Receives the HMAC; the caller frees it with `hf_free_string`. NULL unless the
///     status is `HF_OK`.
/// @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_hmac(
    transit: *const hf_transit,
    data: *const c_void,
    length: usize,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_hmac: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_hmac, "out_hmac")?;
            let transit = hf_transit::share(transit, "transit")?;
            let (data, parameters) = (copied_bytes(data, length, "data")?, hf_fields::share_or_none(parameters));
            let job = move |call: &Call| transit.hmac(data.as_slice(), &parameters, call);
            Ok((job, |text| give_text(out, text)))
        })
    }
}

/// Checks a signature or an HMAC of data. Signatures by the common algorithms are checked with the public key, without a
/// request; it is read again after a minute, and for versions that are newer.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit     The key.
/// @param data        The bytes. May be NULL if `length` is 0.
/// @param length      The number of bytes.
/// @param signature   The signature, or the HMAC.
/// @param parameters  "context", "hash_algorithm", "signature_algorithm", "prehashed", "marshaling_algorithm", as for the
///     signature. NULL for none.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK        It is one of the data.
/// @retval HF_MISMATCH  It is not. No error is created. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_verify(
    transit: *const hf_transit,
    data: *const c_void,
    length: usize,
    signature: *const c_char,
    parameters: *const hf_fields,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let transit = hf_transit::share(transit, "transit")?;
            let (data, signature) = (copied_bytes(data, length, "data")?, copied_secret(signature, "signature")?);
            let parameters = hf_fields::share_or_none(parameters);
            let job = move |call: &Call| transit.verify(data.as_slice(), signature.as_str(), &parameters, call);
            Ok((job, |valid| if valid { Status::Ok } else { Status::Mismatch }))
        })
    }
}

/// Makes a data key: a random key for encryption by the program itself, and the same key encrypted under the key of the
/// engine, which the program keeps beside its data. `hf_transit_decrypt` gives the key back.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit      The key.
/// @param parameters   "bits" (128, 256 or 512; 256 is the default), "context", "associated_data". NULL for none.
/// @param call         Deadline and cancellation. NULL for the defaults.
/// @param out_key      Receives the key; the caller frees it with `hf_bytes_free`, which wipes it. NULL to have it wrapped
///     only: then the server does not send it. Set to NULL on failure.
/// @param out_wrapped  Receives the wrapped key; the caller frees it with `hf_free_string`. NULL unless the status is
///     `HF_OK`.
/// @param error        Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_data_key(
    transit: *const hf_transit,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_key: *mut *mut hf_bytes,
    out_wrapped: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let (key, wrapped) = (Out::clear_optional(out_key), Out::clear(out_wrapped, "out_wrapped"));
            let wrapped = wrapped?;
            let transit = hf_transit::share(transit, "transit")?;
            let parameters = hf_fields::share_or_none(parameters);
            let with_plaintext = key.is_some();
            let job = move |call: &Call| transit.data_key(with_plaintext, &parameters, call);
            let write = |made: NewDataKey| {
                if let (Some(out), Some(key)) = (key, made.plaintext) {
                    out.set(hf_bytes::from(key).into_raw());
                }
                give_text(wrapped, made.wrapped)
            };
            Ok((job, write))
        })
    }
}

/// Writes a text to its out-parameter.
fn give_text(out: Out<c_char>, text: Secret) -> Status {
    out.set(text.into_raw());
    Status::Ok
}
