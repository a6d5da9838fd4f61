//! What the refusal of credentials means.

use crate::error::{Error, Status};
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::engine::raw;

/// The error behind a refused request for credentials, with which parameters were sent or not.
#[cold]
pub fn refused(refusal: ErrorResponse, path: &str, has_parameters: bool) -> Error {
    let http_status = refusal.http_status;
    let (status, advice) = if refusal.contains("unknown role") || refusal.contains("role not found") {
        (Status::Config, "there is no such role; create it, or correct the path")
    } else if http_status == 400 && refusal.contains("token had one use left") {
        let advice = "the token has no use left that credentials could live with; use one without num_uses";
        (Status::Auth, advice)
    } else if http_status == 405 && refusal.is_from_vault() {
        let advice = match has_parameters {
            true => "the path gives nothing this way; leave the parameters out, for a GET",
            false => "the path gives nothing this way; pass parameters, even if they are empty, for a POST",
        };
        (Status::Unsupported, advice)
    } else {
        let capability = if has_parameters { "\"create\" or \"update\"" } else { "\"read\"" };
        return raw::refused(refusal, path, capability);
    };
    let text = refusal.summary();
    Error::new(status, format!("{path}: {advice} ({text})")).with_http_status(http_status)
}
