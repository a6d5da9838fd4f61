//! Requests
//!
//! Requests to any endpoint of the server, for what has no function of its own, and response wrapping. They use the
//! connections, the token, the namespace and the retries of the manager. The `env` backend has no server
//! (`HF_ERR_UNSUPPORTED`). These functions share the statuses of the section "Secrets".

use std::ffi::c_char;

use secrecy::SecretString;

use super::arguments::{Out, OutNumber, copied_secret, copied_text, text};
use super::bytes::hf_bytes;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::export;
use super::handle::{Counted, Owned};
use super::manager::hf_manager;
use crate::call::{Call, Purpose};
use crate::error::Status;
use crate::secret::Secret;
use crate::vault::{RawAnswer, RawRequest, unwrap};

/// Sends a request to the server. GET and LIST are repeated after a failure, like all reads; the others only if the server
/// cannot have executed them.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager          The manager.
/// @param method           "GET", "LIST", "POST", "PUT", "PATCH" or "DELETE".
/// @param path             The path behind /v1/, such as "sys/health" or "pki/issue/web?x=y": UTF-8, percent-decoded
///     once, then checked like a literal reference, then encoded. The query is sent as it is.
/// @param json             The body, which is sent to the letter. NULL for none; a POST, PUT or PATCH then has the body
///     {}. GET, LIST and DELETE take none.
/// @param call             Deadline, cancellation, wrapping time. NULL for the defaults.
/// @param out_http_status  Receives the HTTP status of the answer, such as 200 or 204; 0 unless the status is `HF_OK`.
///     May be NULL.
/// @param out_body         Receives the whole body of the answer, empty for 204; the caller frees it with
///     `hf_bytes_free`, which wipes it. NULL unless the status is `HF_OK`.
/// @param error            Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The server has done it. For sys/health, every status that is documented for it.
/// @retval HF_NOT_FOUND             There is nothing at the path. No error is created.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, an unknown method, a path with an empty, "." or ".." segment or
///     unprintable characters, or a text that is not JSON: then nothing was sent, and the HTTP status of the error is 0.
///     Or the server refuses what was sent (HTTP 400); the message has its words.
/// @retval HF_ERR_CONFLICT          A check-and-set condition in `json` does not hold.
/// @retval HF_ERR_UNSUPPORTED       The server does not support the method at this path (HTTP 405), or there is no
///     server.
/// @retval HF_ERR_TOO_LARGE         The response is larger than 64 MiB, or the request is too large for the server.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_request(
    manager: *const hf_manager,
    method: *const c_char,
    path: *const c_char,
    json: *const c_char,
    call: *const hf_call,
    out_http_status: *mut i32,
    out_body: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        let reads = matches!(text(method, "method"), Ok("GET" | "LIST"));
        export::run(error, call, Purpose::Request(reads), || {
            let (out, http_status) = (Out::clear(out_body, "out_body"), OutNumber::clear(out_http_status));
            let out = out?;
            let manager = hf_manager::share(manager, "manager")?;
            let (method, path) = (text(method, "method")?, text(path, "path")?);
            let json = if json.is_null() { None } else { Some(copied_secret(json, "json")?) };
            manager.client()?;
            let request = RawRequest::new(method, path, json, hf_call::settings(call).wrap_ttl())?;
            let job = move |call: &Call| manager.request(&request, call);
            let write = |answer: Option<RawAnswer>| {
                let Some(answer) = answer else { return Status::NotFound };
                http_status.set(i32::from(answer.http_status));
                out.set(hf_bytes::from(answer.body).into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}

/// Exchanges a wrapping token for the answer that the server has kept for it. The token is spent by that. It needs no
/// policy.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param manager         The manager. Its own token is not used.
/// @param wrapping_token  The wrapping token.
/// @param call            Deadline and cancellation. NULL for the defaults.
/// @param out_json        Receives the whole answer as JSON; the caller frees it with `hf_free_string`, which wipes it.
///     NULL unless the status is `HF_OK`.
/// @param error           Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_json` has the answer.
/// @retval HF_ERR_INVALID_ARGUMENT  NULL, invalid UTF-8, or a text that no token can be; nothing was sent.
/// @retval HF_ERR_AUTH              The token is wrong, has expired, or was unwrapped before: then somebody else may have
///     read the answer.
/// @retval HF_ERR_UNSUPPORTED       There is no server.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_unwrap(
    manager: *const hf_manager,
    wrapping_token: *const c_char,
    call: *const hf_call,
    out_json: *mut *mut c_char,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_json, "out_json")?;
            let manager = hf_manager::share(manager, "manager")?;
            let token = SecretString::from(copied_text(wrapping_token, "wrapping_token")?);
            let job = move |call: &Call| unwrap(manager.client()?, &token, call);
            let write = |json: Secret| {
                out.set(json.into_raw());
                Status::Ok
            };
            Ok((job, write))
        })
    }
}
