//! Many items of transit
//!
//! Thousands of rows in one call: split into requests that the server takes, up to 8 of which are on their way at a time.
//! Each item has its own status, in the order of the call: a bad one does not spoil the others. The statuses are those of
//! the section "Transit".

use std::ffi::{c_char, c_void};

use super::arguments::{Out, copied_bytes, copied_secret, room_for, slice};
use super::batch::{give, hf_results, items};
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::export;
use super::fields::hf_fields;
use super::handle::Counted;
use super::transit::hf_transit;
use crate::call::{Call, Purpose};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::secret::{Bytes, Secret};
use crate::transit::Transit;
use crate::vault::{Input, Operation};

/// Encrypts many pieces of data.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit          The key.
/// @param data             An array of `count` pointers to bytes, each of which may be NULL if its length is 0. May be NULL
///     if `count` is 0.
/// @param lengths          An array of `count` lengths. May be NULL if `count` is 0.
/// @param count            The number of items.
/// @param parameters       Parameters of all items, as for `hf_transit_encrypt`. NULL for none.
/// @param item_parameters  An array of `count` pointers to what differs for one item, each of which may be NULL. NULL for
///     none.
/// @param call             Deadline and cancellation of the whole call. NULL for the defaults.
/// @param out_results      Receives the results, whose texts are ciphertexts; the caller frees them with
///     `hf_results_free`. Set to NULL on failure.
/// @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results. Each has its own status, which may be a failure.
/// @retval HF_ERR_INVALID_ARGUMENT  `transit`, an array or `out_results` is NULL, or `parameters` are wrong.
/// @retval HF_ERR_UNSUPPORTED       The type of the key cannot do this.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_encrypt_many(
    transit: *const hf_transit,
    data: *const *const c_void,
    lengths: *const usize,
    count: usize,
    parameters: *const hf_fields,
    item_parameters: *const *const hf_fields,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_results, "out_results")?;
            let transit = hf_transit::share(transit, "transit")?;
            let (data, lengths) = (slice(data, count, "data")?, slice(lengths, count, "lengths")?);
            let copied = |(index, (&data, &length)): (usize, (&*const c_void, &usize))| {
                copied_bytes(data, length, &format!("data[{index}]"))
            };
            let mut items: Vec<Result<Bytes>> = room_for(count, "data")?;
            items.extend(data.iter().zip(lengths).enumerate().map(copied));
            let parameters = Shared::of(parameters, item_parameters, count);
            let job = move |call: &Call| {
                let inputs = items.iter().map(|data| data.as_ref().map(|data| Input::Bytes(data.as_slice())));
                each(&transit, Operation::Encrypt, inputs, &parameters, call)
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// Decrypts many ciphertexts.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit          The key.
/// @param ciphertexts      An array of `count` ciphertexts. May be NULL if `count` is 0.
/// @param count            The number of items.
/// @param parameters       Parameters of all items, as for `hf_transit_decrypt`. NULL for none.
/// @param item_parameters  An array of `count` pointers to what differs for one item, each of which may be NULL. NULL for
///     none.
/// @param call             Deadline and cancellation of the whole call. NULL for the defaults.
/// @param out_results      Receives the results, which `hf_results_bytes` reads; the caller frees them with
///     `hf_results_free`, which wipes them. Set to NULL on failure.
/// @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results. Each has its own status, which may be a failure.
/// @retval HF_ERR_INVALID_ARGUMENT  `transit`, `ciphertexts` or `out_results` is NULL, or `parameters` are wrong.
/// @retval HF_ERR_UNSUPPORTED       The type of the key cannot do this.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_decrypt_many(
    transit: *const hf_transit,
    ciphertexts: *const *const c_char,
    count: usize,
    parameters: *const hf_fields,
    item_parameters: *const *const hf_fields,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        texts(transit, Operation::Decrypt, ciphertexts, count, parameters, item_parameters, call, out_results, error)
    }
}

/// Encrypts the data of many ciphertexts under the latest version of the key.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit          The key.
/// @param ciphertexts      An array of `count` ciphertexts. May be NULL if `count` is 0.
/// @param count            The number of items.
/// @param parameters       Parameters of all items, as for `hf_transit_rewrap`. NULL for none.
/// @param item_parameters  An array of `count` pointers to what differs for one item, each of which may be NULL. NULL for
///     none.
/// @param call             Deadline and cancellation of the whole call. NULL for the defaults.
/// @param out_results      Receives the results, whose texts are the new ciphertexts; the caller frees them with
///     `hf_results_free`, which wipes them. Set to NULL on failure.
/// @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    There are results. Each has its own status, which may be a failure.
/// @retval HF_ERR_INVALID_ARGUMENT  `transit`, `ciphertexts` or `out_results` is NULL, or `parameters` are wrong.
/// @retval HF_ERR_UNSUPPORTED       The type of the key cannot do this.
/// @retval HF_ERR_INTERNAL          A bug in the library.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_transit_rewrap_many(
    transit: *const hf_transit,
    ciphertexts: *const *const c_char,
    count: usize,
    parameters: *const hf_fields,
    item_parameters: *const *const hf_fields,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        texts(transit, Operation::Rewrap, ciphertexts, count, parameters, item_parameters, call, out_results, error)
    }
}

/// # Safety
/// As for the exported functions.
#[allow(clippy::too_many_arguments, reason = "those of the exported functions")]
unsafe fn texts(
    transit: *const hf_transit,
    operation: Operation,
    ciphertexts: *const *const c_char,
    count: usize,
    parameters: *const hf_fields,
    item_parameters: *const *const hf_fields,
    call: *const hf_call,
    out_results: *mut *mut hf_results,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_results, "out_results")?;
            let transit = hf_transit::share(transit, "transit")?;
            let texts: Vec<Result<Secret>> =
                items(ciphertexts, count, "ciphertexts", |text, name| copied_secret(text, name))?;
            let parameters = Shared::of(parameters, item_parameters, count);
            let job = move |call: &Call| {
                let inputs = texts.iter().map(|text| text.as_ref().map(|text| Input::Text(text.as_str())));
                each(&transit, operation, inputs, &parameters, call)
            };
            Ok((job, |results| give(out, results)))
        })
    }
}

/// The parameters of all items and of each.
struct Shared {
    all: std::sync::Arc<Fields>,
    each: Vec<Option<std::sync::Arc<Fields>>>,
}

impl Shared {
    /// # Safety
    /// Each pointer is NULL or valid; `each` is NULL or has `count` entries.
    unsafe fn of(all: *const hf_fields, each: *const *const hf_fields, count: usize) -> Shared {
        // SAFETY: the caller's promises.
        unsafe {
            let each = if each.is_null() { &[] } else { slice(each, count, "item_parameters").unwrap_or_default() };
            let own = |&item: &*const hf_fields| hf_fields::share(item, "item_parameters").ok();
            Shared { all: hf_fields::share_or_none(all), each: each.iter().map(own).collect() }
        }
    }
}

/// Runs the operation on the valid items, and puts the errors of the others in their places.
fn each<'a>(
    transit: &Transit,
    operation: Operation,
    inputs: impl Iterator<Item = Result<Input<'a>, &'a Error>>,
    parameters: &Shared,
    call: &Call,
) -> Result<hf_results> {
    let (mut arguments, mut valid, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for (index, input) in inputs.enumerate() {
        arguments.push(
            input
                .map(|input| {
                    valid.push(input);
                    own.push(parameters.each.get(index).and_then(|fields| fields.as_deref()));
                })
                .map_err(Clone::clone),
        );
    }
    let outcomes = transit.each(operation, &valid, &parameters.all, &own, call)?;
    Ok(hf_results::new(&arguments, outcomes.into_iter().map(|outcome| outcome.map(Some)).collect()))
}
