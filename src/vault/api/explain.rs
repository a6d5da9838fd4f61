//! Turns responses into errors: which status they get, and a message that says what to do next.

use super::error_response::ErrorResponse;
use super::policy;
use super::response::Response;
use super::sanitize::{described, status_and_type};
use crate::error::{Error, Status};
use crate::http::header;

/// The longest name of a content encoding that a message quotes.
const MAX_ENCODING: usize = 32;

impl ErrorResponse {
    /// Converts the response to an error. `path` is the path of the request, `capability` what a policy must allow
    /// there.
    #[cold]
    pub fn into_error(self, path: &str, capability: &str) -> Error {
        let http_status = self.http_status;
        let (status, message) = self.explain(path, capability);
        Error::new(status, message).with_http_status(http_status)
    }

    fn explain(self, path: &str, capability: &str) -> (Status, String) {
        let (text, from) = (self.summary(), &self.from);
        match self.http_status {
            400 if self.contains("HTTP request to an HTTPS server")
                || self.contains("plain HTTP request was sent to HTTPS") =>
            {
                (Status::Protocol, format!("{from} speaks TLS; write https:// in front of the address ({text})"))
            }
            400..=404 if !self.from_vault => (
                Status::Protocol,
                format!("{path}: the answer of {from} is not one of Vault's ({text}); check the address"),
            ),
            403 => (
                Status::PermissionDenied,
                format!(
                    "permission denied: the token's policy must allow {capability} on {} ({text})",
                    policy::path_of(path)
                ),
            ),
            404 if self.is_without_mount() => (
                Status::Config,
                format!("{path}: there is no such mount ({text}); enable the engine, or correct the path"),
            ),
            404 if self.contains("namespace not found") => {
                (Status::Config, format!("{path}: the namespace does not exist ({text}); check VAULT_NAMESPACE"))
            }
            _ => self.explain_refusal(path, text),
        }
    }

    /// The cases that do not depend on the address, the path or the permissions.
    fn explain_refusal(&self, path: &str, text: String) -> (Status, String) {
        let from = &self.from;
        match self.http_status {
            400 if self.is_mount_upgrading() => {
                (Status::Unavailable, format!("{path}: the mount is still being upgraded ({text}); try again later"))
            }
            400 if self.is_version_mismatch() => {
                (Status::Conflict, format!("{path}: others kept changing the secret at the same time ({text})"))
            }
            400 if self.contains("JSON input due to high complexity") => (
                Status::TooLarge,
                format!(
                    "{path}: the document has more entries than the server takes ({text}); store fewer in one secret"
                ),
            ),
            400 | 500 if self.exceeds_json_limits() => (
                Status::TooLarge,
                format!(
                    "{path}: a text or a list of the request is longer than {from} takes ({text}); send less, or raise \
                     the limits of its listener, such as max_json_string_value_length"
                ),
            ),
            413 => (
                Status::TooLarge,
                format!(
                    "{path}: {from} refuses a request of this size ({text}); store less, or raise max_request_size"
                ),
            ),
            500 if self.contains("too large") => (
                Status::TooLarge,
                format!("{path}: the server cannot store a value of this size ({text}); split it into several secrets"),
            ),
            429 => (
                Status::RateLimited,
                format!(
                    "{path}: {from} limits the rate of requests ({text}); send fewer (VAULT_RATE_LIMIT), \
                     or have its quota raised"
                ),
            ),
            500 if self.did_not_act() => (
                Status::Unavailable,
                format!("the cluster of {from} has no active node ({text}); wait until one leads, or unseal one"),
            ),
            412 if self.did_not_act() => (
                Status::Unavailable,
                format!("the replica {from} has not caught up ({text}); try again, or name its primary in VAULT_ADDR"),
            ),
            _ if self.is_uninitialised || self.contains("not initialized") => (
                Status::Unavailable,
                format!("Vault at {from} is not initialised ({text}); initialise it with 'operator init'"),
            ),
            503 if self.is_sealed() => (Status::Unavailable, format!("Vault at {from} is sealed ({text}); unseal it")),
            501 => (
                Status::Unavailable,
                format!("{path}: {from} is not initialised, or cannot do this ({text}); look at what listens there"),
            ),
            502..=504 => (
                Status::Unavailable,
                format!("{path}: {from} is not available ({text}); look at it, and at what stands in front of it"),
            ),
            300..=399 => {
                let to = self.location.as_deref().unwrap_or("another place");
                (Status::Protocol, format!("{path}: {from} redirects to {to} ({text}); check the address"))
            }
            500..=599 => (Status::Unavailable, format!("{path}: {from} failed ({text}); its own log says why")),
            400..=499 if self.from_vault && !self.text.is_empty() => {
                (Status::Protocol, format!("{path}: {from} refuses the request ({text})"))
            }
            _ => (Status::Protocol, format!("{path}: {from} refuses the request ({text}); check the address")),
        }
    }

    /// The status with the server's text, and the content type if it is not that of Vault.
    pub fn summary(&self) -> String {
        let from_vault = self.from_vault && self.content_type == Some("application/json");
        let status = status_and_type(self.http_status, self.content_type.filter(|_| !from_vault));
        match (self.text.is_empty(), self.warnings.is_empty()) {
            (false, _) => format!("{status}: {}", self.text),
            (true, false) => format!("{status}: {}", self.warnings),
            (true, true) => status,
        }
    }
}

/// The error for a successful response whose body is not what the API documents.
#[cold]
pub fn not_as_documented(response: &Response, path: &str, what: &str) -> Error {
    let (from, received) = (&response.from, described(response));
    Error::new(Status::Protocol, format!("{path}: the answer of {from} ({received}) {what}; is that a Vault server?"))
        .with_http_status(response.status)
}

/// The error for a response with a content encoding, since none was requested. A redirect passes: its body is not used.
pub fn unexpected_encoding(response: &Response, path: &str) -> Option<Error> {
    let encoding = response.header(&header::CONTENT_ENCODING)?;
    if encoding.eq_ignore_ascii_case("identity") || matches!(response.status, 300..=399) {
        return None;
    }
    let encoding: String = encoding.chars().filter(|c| c.is_ascii_graphic()).take(MAX_ENCODING).collect();
    let message = format!(
        "{path}: the answer of {} comes with Content-Encoding: {encoding} (HTTP {}), which was not asked for; \
         have what stands in front of Vault pass its answers on as they are",
        response.from, response.status
    );
    Some(Error::new(Status::Protocol, message).with_http_status(response.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_response(status: u16, body: &str) -> ErrorResponse {
        ErrorResponse::of(&Response::for_tests(status, body))
    }

    #[test]
    fn html_is_not_repeated_in_messages() {
        let error =
            error_response(404, "<html><body>token=hvs.SECRET</body></html>").into_error("secret/data/a", "read");
        assert_eq!(error.status(), Status::Protocol);
        assert!(!error.message().contains("hvs."), "{error}");
    }

    #[test]
    fn only_a_refusal_without_the_words_of_vault_leads_to_the_address() {
        for (body, is_advised) in [(r#"{"errors":["invalid lease ID"]}"#, false), ("", true), ("<html>", true)] {
            let error = error_response(400, body).into_error("sys/leases/revoke", "update");
            assert_eq!(error.message().contains("check the address"), is_advised, "{error}");
        }
    }

    #[test]
    fn a_body_that_is_too_long_for_an_error_is_not_parsed() {
        let body = format!(r#"{{"errors":["{}"]}}"#, "x ".repeat(32 * 1024));
        let error = error_response(500, &body).into_error("p", "read");
        assert_eq!(
            (error.status(), error.message()),
            (Status::Unavailable, "p: http://vault failed (HTTP 500); its own log says why")
        );
        assert_eq!(error_response(404, &body).into_error("p", "read").status(), Status::Protocol);
    }

    #[test]
    fn a_success_in_plain_text_is_not_repeated_in_messages() {
        for status in [200, 201, 206, 299] {
            let error = error_response(status, "{value: CANARY").into_error("secret/data/a", "read");
            assert_eq!(error.status(), Status::Protocol);
            let plain = error_response(status, "value=CANARY").into_error("secret/data/a", "read");
            for error in [error, plain] {
                assert!(!error.message().contains("CANARY"), "{error}");
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_and_kept_in_one_line() {
        let body = format!(r#"{{"errors":["a\n\tb {}"]}}"#, "x".repeat(5000));
        let error = error_response(500, &body).into_error("p", "read");
        assert!(error.message().contains("a b xxx") && error.message().len() < 500, "{error}");
    }
}
