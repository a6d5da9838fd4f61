//! What an answer of Vault says, and which error it is. The rules follow the statuses and texts that OpenBao 2.7 and
//! HashiCorp Vault send; a text is only looked at where a status alone does not tell two cases apart.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::{Error, Status};
use crate::http::{Response, header};

/// More of a server's error text than this does not help.
const MAX_TEXT: usize = 300;

/// Vault's errors are shorter than this. What is longer is not taken apart: how long an answer is others decide.
const MAX_BODY: usize = 64 * 1024;

/// The name of a coding is shorter than this.
const MAX_CODING: usize = 32;

/// The errors of an answer's body, in whatever form they come.
#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    errors: Option<Vec<String>>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
}

/// What an unsuccessful answer says.
pub struct ErrorResponse {
    /// The HTTP status.
    pub http_status: u16,
    /// Whose answer it is.
    from: Arc<str>,
    /// The errors for people, joined by `; `, in one line, without what the request held; empty where there are none.
    pub text: String,
    /// The errors as the server wrote them: what they mean does not depend on the secrets of the request. Never shown.
    said: String,
    /// The warnings likewise, for people and as they were written.
    shown_warnings: String,
    /// The body is what Vault sends: JSON with `errors`, or nothing.
    from_vault: bool,
    /// The server was silent about the reason: `{"errors":[]}`.
    empty_errors: bool,
    /// A 403 says no more than that: the token, not its policy.
    bare_denial: bool,
    warnings: String,
    content_type: Option<&'static str>,
    location: Option<String>,
    /// The server was found to be sealed because it was never initialised.
    pub is_uninitialised: bool,
}

/// What a 403 is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Denial {
    /// The token is dead, unknown or absent.
    Token,
    /// The token is alive, its policy says no.
    Policy,
    /// The text does not tell.
    Unclear,
}

impl ErrorResponse {
    /// Reads the body of an unsuccessful answer.
    #[cold]
    pub fn of(reply: &Response) -> ErrorResponse {
        let body = Some(&reply.body).filter(|body| body.len() <= MAX_BODY);
        let parsed = body.and_then(|body| serde_json::from_slice::<Body>(body).ok());
        let speaks_json = parsed.as_ref().is_some_and(|b| b.errors.is_some() || b.warnings.is_some());
        let from_vault = reply.body.is_empty() || speaks_json;
        let body = parsed.unwrap_or_default();
        let empty_errors = body.errors.as_ref().is_some_and(Vec::is_empty);
        let errors = body.errors.unwrap_or_default();
        let bare_denial = errors.iter().any(|e| e == "permission denied")
            && errors.iter().all(|e| e == "permission denied" || e == "invalid token");
        let mut said = match body.error {
            Some(error) if errors.is_empty() => error,
            _ => errors.join("; "),
        };
        // What is no error may hold a value that was asked for.
        if said.is_empty() && !from_vault && reply.status >= 400 {
            said = plain_text(reply).to_owned();
        }
        let warnings = body.warnings.unwrap_or_default().join("; ");
        ErrorResponse {
            http_status: reply.status,
            from: reply.from.clone(),
            text: one_line(&reply.secrets.redacted(&said)),
            shown_warnings: one_line(&reply.secrets.redacted(&warnings)),
            said,
            warnings,
            from_vault,
            empty_errors,
            bare_denial,
            content_type: media_type(reply),
            location: shown_location(reply),
            is_uninitialised: false,
        }
    }

    /// Vault's own answer, which gives no reason: with a 404, nothing is there.
    pub fn is_silent(&self) -> bool {
        self.empty_errors && self.warnings.is_empty()
    }

    /// What a 403 is about, as far as its text tells. HashiCorp's newer servers give both reasons for a dead token.
    pub fn denial(&self) -> Denial {
        if self.bare_denial || (self.says("permission denied") && self.says("* invalid token")) {
            Denial::Token
        } else if self.said.contains("* permission denied") || self.says("preflight capability check") {
            Denial::Policy
        } else {
            Denial::Unclear
        }
    }

    /// Whether the server's text or its warnings contain `words`.
    pub fn says(&self, words: &str) -> bool {
        self.said.contains(words) || self.warnings.contains(words)
    }

    /// A check-and-set write met another version than the one it was made for.
    pub fn is_version_mismatch(&self) -> bool {
        self.http_status == 400 && self.says("check-and-set parameter did not match")
    }

    /// The server asks for check-and-set where the write had none.
    pub fn wants_check_and_set(&self) -> bool {
        self.http_status == 400 && self.says("check-and-set parameter required")
    }

    /// A new KV v2 mount that is not ready yet, most of all on a standby.
    pub fn is_mount_upgrading(&self) -> bool {
        self.http_status == 400
            && (self.says("Upgrading from non-versioned to versioned data")
                || self.says("Waiting for the primary to upgrade"))
    }

    /// The server did not act, and may do so later: sealed, standby, no leader, behind.
    pub fn did_not_act(&self) -> bool {
        match self.http_status {
            412 => !self.says("X-Vault-Request"),
            429 => true,
            500 => self.says("local node not active but active cluster node not found"),
            // Without a word it may be a gateway's, which has passed the request on.
            503 => self.from_vault && !self.said.is_empty(),
            _ => false,
        }
    }

    /// A limit that somebody has set for requests. `{"errors":[]}` is none: so a standby says that it is behind.
    pub fn is_quota(&self) -> bool {
        self.http_status == 429 && !self.is_silent()
    }

    /// This node has not seen yet what others have.
    pub fn is_behind(&self) -> bool {
        matches!(self.http_status, 412 | 429)
    }

    /// Sealed, or not initialised, which servers do not tell apart.
    pub fn is_sealed(&self) -> bool {
        self.http_status == 503 && self.says("sealed")
    }

    /// The answer of a Vault server, as far as its form tells.
    pub fn is_vaults(&self) -> bool {
        self.from_vault
    }

    /// The server, or something in front of it, is in trouble that may pass.
    pub fn may_pass(&self) -> bool {
        self.did_not_act() || matches!(self.http_status, 502..=504)
    }

    /// The same, for a request that changes nothing: whatever a server failed at may go well another time, unless it is
    /// known that it will not.
    pub fn may_pass_for_a_read(&self) -> bool {
        self.may_pass() || (self.http_status >= 500 && !self.is_final())
    }

    /// A failure that no repeat can better.
    fn is_final(&self) -> bool {
        const FINAL: [&str; 6] =
            ["too large", "does not exist", "missing role_id", "invalid UTF-8", "not initialized", "unsupported"];
        // Not implemented, and a version of HTTP that is not spoken.
        matches!(self.http_status, 501 | 505) || FINAL.iter().any(|words| self.says(words))
    }

    /// The server could not read the `X-Vault-Index` that went along.
    pub fn is_index_unreadable(&self) -> bool {
        self.http_status == 400 && self.says("X-Vault-Index")
    }

    /// No engine is mounted where the request went.
    pub fn is_without_mount(&self) -> bool {
        self.http_status == 404 && self.from_vault && self.says("no handler for route")
    }

    /// A KV version 2 engine is mounted above the place that was taken for its mount.
    pub fn is_inside_of_kv2(&self) -> bool {
        self.http_status == 404 && self.from_vault && self.says("Invalid path for a versioned K/V secrets engine")
    }

    /// The error behind this answer. `path` is what was asked for, `capability` what a policy must allow there.
    #[cold]
    pub fn into_error(self, path: &str, capability: &str) -> Error {
        let http_status = self.http_status;
        let (status, message) = self.explain(path, capability);
        Error::new(status, message).with_http_status(http_status)
    }

    fn explain(self, path: &str, capability: &str) -> (Status, String) {
        let (text, from) = (self.shown(), &self.from);
        match self.http_status {
            400 if self.says("HTTP request to an HTTPS server")
                || self.says("plain HTTP request was sent to HTTPS") =>
            {
                (Status::Protocol, format!("{from} speaks TLS; write https:// in front of the address ({text})"))
            }
            400..=404 if !self.from_vault => (
                Status::Protocol,
                format!("{path}: the answer of {from} is not one of Vault's ({text}); check the address"),
            ),
            403 => (
                Status::PermissionDenied,
                format!("permission denied: the token's policy must allow {capability} on {path} ({text})"),
            ),
            404 if self.is_without_mount() => (
                Status::Config,
                format!("{path}: there is no such mount ({text}); enable the engine, or mend its path"),
            ),
            404 if self.says("namespace not found") => {
                (Status::Config, format!("{path}: the namespace does not exist ({text}); check VAULT_NAMESPACE"))
            }
            _ => self.explain_refusal(path, text),
        }
    }

    /// What is no matter of where a request went, or of who may make it.
    fn explain_refusal(&self, path: &str, text: String) -> (Status, String) {
        let from = &self.from;
        match self.http_status {
            400 if self.is_version_mismatch() => {
                (Status::Conflict, format!("{path}: others kept changing the secret at the same time ({text})"))
            }
            400 if self.says("JSON input due to high complexity") => (
                Status::TooLarge,
                format!(
                    "{path}: the document has more entries than the server takes ({text}); store fewer in one secret"
                ),
            ),
            413 => (
                Status::TooLarge,
                format!(
                    "{path}: {from} refuses a request of this size ({text}); store less, or raise max_request_size"
                ),
            ),
            500 if self.says("too large") => (
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
            _ if self.is_uninitialised || self.says("not initialized") => (
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
            _ => (Status::Protocol, format!("{path}: {from} refuses the request ({text}); check the address")),
        }
    }

    /// The status with the server's own words, and what form they came in where it is not Vault's.
    pub fn shown(&self) -> String {
        let from_vault = self.from_vault && self.content_type == Some("application/json");
        let what = status_and_type(self.http_status, self.content_type.filter(|_| !from_vault));
        match (self.text.is_empty(), self.shown_warnings.is_empty()) {
            (false, _) => format!("{what}: {}", self.text),
            (true, false) => format!("{what}: {}", self.shown_warnings),
            (true, true) => what,
        }
    }
}

/// The media type of an answer, where it is a usual one: others, which could hold anything, are not repeated.
fn media_type(reply: &Response) -> Option<&'static str> {
    const USUAL: [&str; 12] = [
        "application/json",
        "text/html",
        "text/plain",
        "application/xml",
        "text/xml",
        "application/xhtml+xml",
        "application/problem+json",
        "application/octet-stream",
        "application/grpc",
        "application/javascript",
        "text/javascript",
        "text/event-stream",
    ];
    let name = reply.header(&header::CONTENT_TYPE)?.split(';').next()?.trim();
    let usual = USUAL.into_iter().find(|usual| usual.eq_ignore_ascii_case(name));
    Some(usual.unwrap_or("an unusual content type"))
}

fn status_and_type(status: u16, content_type: Option<&str>) -> String {
    match content_type {
        Some(content_type) => format!("HTTP {status}, {content_type}"),
        None => format!("HTTP {status}"),
    }
}

/// What came in place of what was expected: status and content type.
#[cold]
pub fn described(reply: &Response) -> String {
    status_and_type(reply.status, media_type(reply))
}

/// Where a redirect leads, without user and query, which may hold what nobody should read.
#[cold]
pub fn shown_location(reply: &Response) -> Option<String> {
    let location = reply.header(&header::LOCATION)?;
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let place = location.get(..end)?;
    let (scheme, rest) = place.split_once("://").unwrap_or(("", place));
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let host = authority.rsplit('@').next()?;
    let separator = if scheme.is_empty() { "" } else { "://" };
    Some(one_line(&reply.secrets.redacted(&format!("{scheme}{separator}{host}{path}"))))
}

/// A body that is neither JSON nor HTML, such as Go's answer to plain HTTP on a TLS port, is worth showing.
fn plain_text(reply: &Response) -> &str {
    let html_or_json = |c: &u8| matches!(c, b'<' | b'{' | b'[');
    let text = std::str::from_utf8(&reply.body).unwrap_or_default();
    let first = reply.body.iter().find(|c| !c.is_ascii_whitespace());
    if first.is_some_and(html_or_json) || text.len() > MAX_TEXT { "" } else { text }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_TEXT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The error for a successful answer whose body is not what the API promises.
#[cold]
pub fn not_as_documented(reply: &Response, path: &str, what: &str) -> Error {
    let (from, came) = (&reply.from, described(reply));
    Error::new(Status::Protocol, format!("{path}: the answer of {from} ({came}) {what}; is that a Vault server?"))
        .with_http_status(reply.status)
}

/// The error for an answer that was packed on its way, which was not asked for; nobody needs what a redirect says.
pub fn encoded(reply: &Response, path: &str) -> Option<Error> {
    let coding = reply.header(&header::CONTENT_ENCODING)?;
    if coding.eq_ignore_ascii_case("identity") || matches!(reply.status, 300..=399) {
        return None;
    }
    let coding: String = coding.chars().filter(|c| c.is_ascii_graphic()).take(MAX_CODING).collect();
    let message = format!(
        "{path}: the answer of {} comes with Content-Encoding: {coding} (HTTP {}), which was not asked for; \
         have what stands in front of Vault pass its answers on as they are",
        reply.from, reply.status
    );
    Some(Error::new(Status::Protocol, message).with_http_status(reply.status))
}

/// 404 with an empty list of errors: nothing is there. A 404 with an error, or with HTML, says something else.
pub fn is_missing(reply: &Response) -> bool {
    reply.status == 404 && ErrorResponse::of(reply).is_silent()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::redact::RequestSecrets;

    fn complaint(status: u16, body: &str) -> ErrorResponse {
        ErrorResponse::of(&Response::for_tests(status, body))
    }

    #[test]
    fn a_media_type_is_known_with_parameters_and_in_capitals_and_no_other_is_repeated() {
        let shown = |content_type: &'static [u8]| {
            let value = crate::http::HeaderValue::from_bytes(content_type).unwrap();
            let headers = [(header::CONTENT_TYPE, value)].into_iter().collect();
            let (body, secrets) = (Vec::new().into(), RequestSecrets::default());
            media_type(&Response { from: Arc::from("http://vault"), status: 404, headers, body, secrets })
        };
        assert_eq!(shown(b" text/HTML ; charset=utf-8"), Some("text/html"));
        assert_eq!(shown(b"application/json"), Some("application/json"));
        for other in [&b"text/hvs.CANARY"[..], b""] {
            assert_eq!(shown(other), Some("an unusual content type"));
        }
    }

    #[test]
    fn a_bare_denial_is_about_the_token_and_a_listed_one_about_its_policy() {
        assert_eq!(complaint(403, r#"{"errors":["permission denied"]}"#).denial(), Denial::Token);
        assert_eq!(complaint(403, r#"{"errors":["permission denied","invalid token"]}"#).denial(), Denial::Token);
        let newer = r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#;
        assert_eq!(complaint(403, newer).denial(), Denial::Token);
        let policy = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        assert_eq!(complaint(403, policy).denial(), Denial::Policy);
        let preflight = r#"{"errors":["preflight capability check returned 403, please ensure client's policies grant access to path \"x/\""]}"#;
        assert_eq!(complaint(403, preflight).denial(), Denial::Policy);
        assert_eq!(complaint(403, "<html>Forbidden</html>").denial(), Denial::Unclear);
    }

    #[test]
    fn a_sealed_server_did_not_act_but_a_gateway_may_have() {
        assert!(complaint(503, r#"{"errors":["Vault is sealed"]}"#).did_not_act());
        assert!(!complaint(503, "<html>busy</html>").did_not_act());
        assert!(!complaint(503, "").did_not_act());
        assert!(!complaint(502, "").did_not_act());
        assert!(complaint(502, "").may_pass());
    }

    #[test]
    fn a_mount_that_is_missing_is_not_blamed_on_the_mount_of_kv() {
        let body = r#"{"errors":["no handler for route \"auth/nowhere/login\". route entry not found."]}"#;
        let error = complaint(404, body).into_error("auth/nowhere/login", "\"update\"");
        assert_eq!(error.status(), Status::Config);
        assert!(error.message().contains("no such mount") && !error.message().contains("VAULT_MOUNT"), "{error}");
    }

    #[test]
    fn html_of_a_stranger_is_not_repeated_in_messages() {
        let error = complaint(404, "<html><body>token=hvs.SECRET</body></html>").into_error("secret/data/a", "read");
        assert_eq!(error.status(), Status::Protocol);
        assert!(!error.message().contains("hvs."), "{error}");
    }

    #[test]
    fn a_body_that_is_too_long_for_an_error_is_not_taken_apart() {
        let body = format!(r#"{{"errors":["{}"]}}"#, "x ".repeat(MAX_BODY / 2));
        let error = complaint(500, &body).into_error("p", "read");
        assert_eq!(
            (error.status(), error.message()),
            (Status::Unavailable, "p: http://vault failed (HTTP 500); its own log says why")
        );
        assert_eq!(complaint(404, &body).into_error("p", "read").status(), Status::Protocol);
    }

    #[test]
    fn a_success_in_plain_text_is_not_repeated_in_messages() {
        for status in [200, 201, 206, 299] {
            let error = complaint(status, "{value: CANARY").into_error("secret/data/a", "read");
            assert_eq!(error.status(), Status::Protocol);
            let plain = complaint(status, "value=CANARY").into_error("secret/data/a", "read");
            for error in [error, plain] {
                assert!(!error.message().contains("CANARY"), "{error}");
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_and_kept_in_one_line() {
        let body = format!(r#"{{"errors":["a\n\tb {}"]}}"#, "x".repeat(5000));
        let error = complaint(500, &body).into_error("p", "read");
        assert!(error.message().contains("a b xxx") && error.message().len() < 500, "{error}");
    }
}
