//! Reads and classifies an error response of Vault.
//!
//! The rules follow the statuses and texts of OpenBao 2.7 and HashiCorp Vault. The text is used only where the status
//! alone does not distinguish two cases.

use std::sync::Arc;

use serde::Deserialize;

use super::response::Response;
use super::sanitize::{media_type, one_line, plain_text, shown_location};

/// The longest body that is parsed as an error. Vault's errors are shorter, and the peer controls the length of a body.
const MAX_BODY: usize = 64 * 1024;

/// The words of a server that has not executed a request because of its state.
const WITHOUT_ACTING: [&str; 5] = ["sealed", "not initialized", "standby", "not active", "active node"];

/// The body of an error response, in any of the forms that Vault uses.
#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    errors: Option<Vec<String>>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

/// An error response, parsed.
pub struct ErrorResponse {
    /// The HTTP status.
    pub http_status: u16,
    /// The server that sent it, for messages.
    pub(super) from: Arc<str>,
    /// The errors for messages: joined by `; `, on one line, with the request's secrets redacted. Empty if there are
    /// none.
    pub text: String,
    /// The errors as the server wrote them, for classification: redaction could change their meaning. Never shown.
    raw_text: String,
    /// The warnings for messages, like `text`.
    pub(super) warnings: String,
    /// The warnings as the server wrote them. Never shown.
    raw_warnings: String,
    /// The body has a form that Vault sends: JSON with `errors` or `warnings`, or nothing.
    pub(super) from_vault: bool,
    /// The list of errors is present and empty: `{"errors":[]}`.
    empty_errors: bool,
    /// The errors are "permission denied" alone, which is about the token and not about its policy.
    bare_denial: bool,
    /// The media type, if it is a usual one.
    pub(super) content_type: Option<&'static str>,
    /// The target of a redirect, for messages.
    pub(super) location: Option<String>,
    /// The server reports itself as sealed because it was never initialised.
    pub is_uninitialised: bool,
}

/// The reason for a 403.
#[derive(Debug, PartialEq, Eq)]
pub enum Denial {
    /// The token has expired, was revoked, is unknown or is missing.
    Token,
    /// The token is valid, and its policy does not allow the request.
    Policy,
    /// The text names no known reason.
    Unclear,
}

impl ErrorResponse {
    /// Parses an error response.
    #[cold]
    pub fn of(response: &Response) -> ErrorResponse {
        let body = Some(&response.body).filter(|body| body.len() <= MAX_BODY);
        let parsed = body.and_then(|body| serde_json::from_slice::<Body>(body).ok());
        let is_vault_json = parsed.as_ref().is_some_and(|b| b.errors.is_some() || b.warnings.is_some());
        let from_vault = response.body.is_empty() || is_vault_json;
        let body = parsed.unwrap_or_default();
        let empty_errors = body.errors.as_ref().is_some_and(Vec::is_empty);
        let errors = body.errors.unwrap_or_default();
        let bare_denial = errors.iter().any(|e| e == "permission denied")
            && errors.iter().all(|e| e == "permission denied" || e == "invalid token");
        let mut text = match body.error {
            Some(error) if errors.is_empty() => error,
            _ => errors.join("; "),
        };
        // Plain text is used for errors only: the body of a success may hold the secret that was requested.
        if text.is_empty() && !from_vault && response.status >= 400 {
            text = plain_text(response).to_owned();
        }
        let warnings = body.warnings.unwrap_or_default().join("; ");
        ErrorResponse {
            http_status: response.status,
            from: response.from.clone(),
            text: one_line(&response.redacted(&text)),
            raw_text: text,
            warnings: one_line(&response.redacted(&warnings)),
            raw_warnings: warnings,
            from_vault,
            empty_errors,
            bare_denial,
            content_type: media_type(response),
            location: shown_location(response),
            is_uninitialised: false,
        }
    }

    /// Whether Vault sent an empty list of errors and no warnings. With a 404 this means that nothing exists at the
    /// path.
    pub fn has_no_reason(&self) -> bool {
        self.empty_errors && self.raw_warnings.is_empty()
    }

    /// The reason for a 403, from its text. Newer HashiCorp servers give both reasons for an invalid token.
    pub fn denial(&self) -> Denial {
        if self.bare_denial || (self.contains("permission denied") && self.contains("* invalid token")) {
            Denial::Token
        } else if self.raw_text.contains("* permission denied") || self.contains("preflight capability check") {
            Denial::Policy
        } else {
            Denial::Unclear
        }
    }

    /// Whether the server's errors or warnings contain `words`.
    pub fn contains(&self, words: &str) -> bool {
        self.raw_text.contains(words) || self.raw_warnings.contains(words)
    }

    /// A check-and-set write failed: the secret has another version than the one that the write names.
    pub fn is_version_mismatch(&self) -> bool {
        self.http_status == 400 && self.contains("check-and-set parameter did not match")
    }

    /// The server requires check-and-set, and the write had none.
    pub fn requires_check_and_set(&self) -> bool {
        self.http_status == 400 && self.contains("check-and-set parameter required")
    }

    /// The KV v2 mount is new and not ready yet, which is most common on a standby.
    pub fn is_mount_upgrading(&self) -> bool {
        self.http_status == 400
            && (self.contains("Upgrading from non-versioned to versioned data")
                || self.contains("Waiting for the primary to upgrade"))
    }

    /// The server did not execute the request, and may do so later: it is sealed, a standby, without a leader, or
    /// behind.
    pub fn did_not_act(&self) -> bool {
        match self.http_status {
            412 => !self.contains("X-Vault-Request"),
            429 => true,
            500 => self.contains("local node not active but active cluster node not found"),
            // Another 503 may come from a gateway that had forwarded the request.
            503 => self.from_vault && WITHOUT_ACTING.iter().any(|words| self.contains(words)),
            _ => false,
        }
    }

    /// A rate limit quota was exceeded. A 429 with `{"errors":[]}` is no quota: a standby reports with it that it is
    /// behind.
    pub fn is_quota(&self) -> bool {
        self.http_status == 429 && !self.has_no_reason()
    }

    /// This node has not caught up with the others of its cluster.
    pub fn is_behind(&self) -> bool {
        matches!(self.http_status, 412 | 429)
    }

    /// The server is sealed or not initialised: servers report both in the same words.
    pub fn is_sealed(&self) -> bool {
        self.http_status == 503 && self.contains("sealed")
    }

    /// Whether the response has the form of one from Vault.
    pub fn is_from_vault(&self) -> bool {
        self.from_vault
    }

    /// Whether the failure of the server, or of a gateway in front of it, may be temporary.
    pub fn is_transient(&self) -> bool {
        self.did_not_act() || matches!(self.http_status, 502..=504)
    }

    /// The same for a request that changes nothing: any server error counts, except those that are known to be
    /// permanent.
    pub fn is_transient_for_read(&self) -> bool {
        self.is_transient() || (self.http_status >= 500 && !self.is_permanent())
    }

    /// A failure that a retry cannot resolve.
    fn is_permanent(&self) -> bool {
        const PERMANENT: [&str; 6] =
            ["too large", "does not exist", "missing role_id", "invalid UTF-8", "not initialized", "unsupported"];
        // 501: not implemented. 505: unsupported version of HTTP.
        matches!(self.http_status, 501 | 505)
            || self.exceeds_json_limits()
            || PERMANENT.iter().any(|words| self.contains(words))
    }

    /// The JSON of the request exceeds a limit of HashiCorp's server, which answers 500 from 1.20.3 on.
    pub fn exceeds_json_limits(&self) -> bool {
        const LIMITS: [&str; 4] = [
            "JSON string value exceeds allowed length",
            "JSON object exceeds allowed entry count",
            "JSON array exceeds allowed element count",
            "JSON input exceeds allowed nesting depth",
        ];
        matches!(self.http_status, 400 | 500) && LIMITS.iter().any(|words| self.contains(words))
    }

    /// The server refuses what the request holds, for no reason that has a status of its own.
    pub fn is_about_arguments(&self) -> bool {
        self.http_status == 400
            && self.from_vault
            && !self.empty_errors
            && !self.is_version_mismatch()
            && !self.requires_check_and_set()
            && !self.is_mount_upgrading()
            && !self.contains("high complexity")
            && !self.exceeds_json_limits()
            && !self.contains("HTTP request to an HTTPS server")
    }

    /// The server could not parse the `X-Vault-Index` of the request.
    pub fn is_index_unreadable(&self) -> bool {
        self.http_status == 400 && self.contains("X-Vault-Index")
    }

    /// No engine is mounted where the request went.
    pub fn is_without_mount(&self) -> bool {
        self.http_status == 404 && self.from_vault && self.contains("no handler for route")
    }

    /// A KV version 2 engine is mounted above the place that was taken for its mount.
    pub fn is_inside_of_kv2(&self) -> bool {
        self.http_status == 404 && self.from_vault && self.contains("Invalid path for a versioned K/V secrets engine")
    }
}

/// Whether nothing exists at the path: 404 with an empty list of errors. A 404 with an error or with HTML has another
/// cause.
pub fn is_missing(response: &Response) -> bool {
    response.status == 404 && ErrorResponse::of(response).has_no_reason()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_response(status: u16, body: &str) -> ErrorResponse {
        ErrorResponse::of(&Response::for_tests(status, body))
    }

    #[test]
    fn a_bare_denial_is_about_the_token_and_a_listed_one_about_its_policy() {
        assert_eq!(error_response(403, r#"{"errors":["permission denied"]}"#).denial(), Denial::Token);
        assert_eq!(error_response(403, r#"{"errors":["permission denied","invalid token"]}"#).denial(), Denial::Token);
        let newer = r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#;
        assert_eq!(error_response(403, newer).denial(), Denial::Token);
        let policy = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        assert_eq!(error_response(403, policy).denial(), Denial::Policy);
        let preflight = r#"{"errors":["preflight capability check returned 403, please ensure client's policies grant access to path \"x/\""]}"#;
        assert_eq!(error_response(403, preflight).denial(), Denial::Policy);
        assert_eq!(error_response(403, "<html>Forbidden</html>").denial(), Denial::Unclear);
    }

    #[test]
    fn a_sealed_server_did_not_act_and_a_gateway_may_have() {
        assert!(error_response(503, r#"{"errors":["Vault is sealed"]}"#).did_not_act());
        assert!(!error_response(503, "<html>busy</html>").did_not_act());
        assert!(!error_response(503, "").did_not_act());
        assert!(!error_response(502, "").did_not_act());
        assert!(error_response(502, "").is_transient());
    }
}
