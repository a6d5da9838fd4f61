//! What a refusal means for a KV mount, which `VAULT_MOUNT` names.

use crate::error::Error;
use crate::vault::api::error_response::ErrorResponse;

/// The error behind a refusal. `path` is what was asked for, `capability` what a policy must allow there.
#[cold]
pub fn refused(refusal: ErrorResponse, path: &str, capability: &str) -> Error {
    let text = refusal.summary();
    let message = if refusal.is_without_mount() {
        format!("{path}: there is no such mount ({text}); check VAULT_MOUNT")
    } else if refusal.is_inside_of_kv2() {
        format!("{path} lies inside of a mount ({text}); set VAULT_MOUNT to the mount itself")
    } else {
        return refusal.into_error(path, capability);
    };
    Error::config(message).with_http_status(404)
}

/// As [`refused`], for a write: what the server says about the fields is about an argument of the caller.
#[cold]
pub fn refused_write(refusal: ErrorResponse, path: &str) -> Error {
    if !refusal.is_about_arguments() {
        return refused(refusal, path, "\"create\" and \"update\"");
    }
    let (text, http_status) = (refusal.summary(), refusal.http_status);
    Error::invalid_argument(format!("{path}: the server refuses the fields ({text})")).with_http_status(http_status)
}
