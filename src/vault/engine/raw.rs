//! Requests that a program names itself, for what has no function of its own.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::call::Call;
use crate::error::{Error, Result, Status};
use crate::http::{HeaderName, HeaderValue, Method};
use crate::json::not_json;
use crate::observe::metrics::Operation;
use crate::reference::request_path;
use crate::secret::{Buffer, Bytes, Secret, make_room};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{ErrorResponse, is_missing};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::{ApiRequest, Effect, Special};
use crate::vault::api::response::Response;
use crate::vault::api::sanitize::media_type;
use crate::vault::client::Client;

/// The statuses with which `sys/health` tells how a server is.
const HEALTH_STATUSES: &[u16] = &[200, 429, 472, 473, 501, 503];

static WRAP_TTL: HeaderName = HeaderName::from_static("x-vault-wrap-ttl");

/// A request that a program has named.
pub struct RawRequest {
    method: Method,
    /// The capability that a policy must allow.
    capability: &'static str,
    path: String,
    json: Option<Secret>,
    wrap_ttl: Option<HeaderValue>,
}

/// The answer of a server.
pub struct RawAnswer {
    /// The HTTP status.
    pub http_status: u16,
    /// The whole body.
    pub body: Bytes,
}

impl RawRequest {
    /// Whether it changes nothing.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    /// Checks the parts of a request. `HF_ERR_INVALID_ARGUMENT` names the parameter that is wrong.
    pub fn new(method: &str, path: &str, json: Option<Secret>, wrap_ttl: Option<Duration>) -> Result<RawRequest> {
        let (sent, capability) = match method {
            "GET" => (Method::GET, "\"read\""),
            "LIST" => (Method::GET, "\"list\""),
            "POST" => (Method::POST, "\"create\" or \"update\""),
            "PUT" => (Method::PUT, "\"create\" or \"update\""),
            "PATCH" => (Method::PATCH, "\"patch\""),
            "DELETE" => (Method::DELETE, "\"delete\""),
            _ => {
                let message = "method: is unknown; write GET, LIST, POST, PUT, PATCH or DELETE";
                return Err(Error::invalid_argument(message));
            }
        };
        let mut path = request_path(path)?;
        if method == "LIST" {
            if path.split(['?', '&']).any(|part| part.starts_with("list=")) {
                return Err(Error::invalid_argument("path: its query has \"list\", which the method LIST sets"));
            }
            path.push_str(if path.contains('?') { "&list=true" } else { "?list=true" });
        }
        if let Some(json) = &json {
            if matches!(sent, Method::GET | Method::DELETE) {
                return Err(Error::invalid_argument(format!("json: a {method} has no body; pass NULL")));
            }
            serde_json::from_str::<&RawValue>(json.as_str()).map_err(|error| not_json("json", &error))?;
        }
        let wrap_ttl = wrap_ttl.map(seconds);
        Ok(RawRequest { method: sent, capability, path, json, wrap_ttl })
    }

    /// Sends the request. `None`: there is nothing at the path.
    pub fn send(&self, client: &Client, call: &Call) -> Result<Option<RawAnswer>> {
        client.run("Failed to send request", call, |context| context.call(self))
    }

    fn is_health(&self) -> bool {
        self.path.split('?').next() == Some("sys/health")
    }
}

/// A fallible copy: the length is controlled by the caller.
fn copied(json: &Secret) -> Result<Buffer> {
    let mut body = Buffer::default();
    make_room(&mut body, json.len()).map_err(|size| Error::no_memory("the request", size))?;
    body.extend_from_slice(json.as_bytes());
    Ok(body)
}

/// Servers count the lifetime of a wrapping token in seconds.
fn seconds(ttl: Duration) -> HeaderValue {
    let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    HeaderValue::from_str(&format!("{seconds}s")).unwrap_or(HeaderValue::from_static("1s"))
}

impl Endpoint for RawRequest {
    /// `None`: there is nothing at the path.
    type Output = Option<RawAnswer>;

    fn request(&self) -> Result<ApiRequest> {
        let empty = || b"{}".to_vec().into();
        let body = match &self.json {
            Some(json) => Some(copied(json)?),
            None if matches!(self.method, Method::GET | Method::DELETE) => None,
            None => Some(empty()),
        };
        let special = Special {
            header: self.wrap_ttl.clone().map(|ttl| (&WRAP_TTL, ttl)),
            answers: if self.is_health() { HEALTH_STATUSES } else { &[] },
            hides_query: true,
            is_behind: None,
        };
        Ok(ApiRequest {
            method: self.method.clone(),
            body,
            effect: if self.method == Method::GET { Effect::Read } else { Effect::Once },
            operation: Operation::Request,
            special: Some(Box::new(special)),
            ..ApiRequest::get(self.path.clone())
        })
    }

    fn parse(&self, path: &str, response: Response) -> Result<Option<RawAnswer>> {
        // A query of the program may hold a secret.
        let path = path.split('?').next().unwrap_or_default();
        let is_answer =
            matches!(response.status, 200..=299) || (self.is_health() && HEALTH_STATUSES.contains(&response.status));
        if is_answer {
            // A login page in front of Vault, for example.
            if media_type(&response) == Some("text/html") {
                return Err(not_as_documented(&response, path, "is a page for browsers"));
            }
            let body = &response.body;
            let body = Bytes::try_copy_of(body).ok_or_else(|| Error::no_memory("the answer", body.len()))?;
            return Ok(Some(RawAnswer { http_status: response.status, body }));
        }
        // OpenBao answers a PATCH of nothing with 404 and no body.
        let is_empty = response.status == 404 && response.body.is_empty();
        if is_empty || is_missing(&response) || is_deleted(&response) {
            return Ok(None);
        }
        Err(refused(ErrorResponse::of(&response), path, self.capability))
    }
}

/// A KV version that was deleted: 404 with its metadata in place of errors.
fn is_deleted(response: &Response) -> bool {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        data: Option<&'a RawValue>,
    }
    response.status == 404 && serde_json::from_slice(&response.body).is_ok_and(|body: Body<'_>| body.data.is_some())
}

/// The error behind a refused request, whatever the path.
pub(super) fn refused(refusal: ErrorResponse, path: &str, capability: &str) -> Error {
    let http_status = refusal.http_status;
    if refusal.is_version_mismatch() {
        let text = refusal.summary();
        let message = format!("{path}: the check-and-set condition of the request does not hold ({text})");
        return Error::new(Status::Conflict, message).with_http_status(http_status);
    }
    if refusal.is_inside_of_kv2() {
        let text = refusal.summary();
        return Error::invalid_argument(format!(
            "{path}: KV version 2 has its secrets at MOUNT/data/… and its lists at MOUNT/metadata/… ({text})"
        ))
        .with_http_status(http_status);
    }
    let status = match http_status {
        400 if refusal.is_about_arguments() => Status::InvalidArgument,
        404 if refusal.contains("unsupported path") => Status::Unsupported,
        405 if refusal.is_from_vault() => Status::Unsupported,
        _ => return refusal.into_error(path, capability),
    };
    let text = refusal.summary();
    Error::new(status, format!("{path}: the server refuses the request ({text})")).with_http_status(http_status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, json: Option<&str>) -> Result<RawRequest> {
        RawRequest::new(method, path, json.map(Secret::copy_of), None)
    }

    fn parsed(path: &str, status: u16, body: &str) -> Result<Option<RawAnswer>> {
        let request = request("GET", path, None).unwrap();
        request.parse(path, Response::for_tests(status, body))
    }

    #[test]
    fn a_list_is_a_get_with_a_parameter() {
        for (path, sent) in [("a/", "a/?list=true"), ("a?x=1", "a?x=1&list=true")] {
            let request = request("LIST", path, None).unwrap().request().unwrap();
            assert_eq!((request.method, request.path.as_str()), (Method::GET, sent));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_by_the_name_of_the_parameter() {
        for (method, path, json, parameter) in [
            ("get", "a", None, "method: "),
            ("HEAD", "a", None, "method: "),
            ("GET", "a/../b", None, "path: "),
            ("POST", "a", Some("{hunter2"), "json: is not JSON (line 1, column 2)"),
            ("GET", "a", Some("{}"), "json: "),
            ("DELETE", "a", Some("{}"), "json: "),
        ] {
            let Err(error) = request(method, path, json) else { panic!("{method} {path}") };
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().starts_with(parameter) && !error.message().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_wrapping_time_is_rounded_up_to_seconds() {
        for (ttl, sent) in [(1, "1s"), (1000, "1s"), (1001, "2s"), (90_000, "90s")] {
            assert_eq!(seconds(Duration::from_millis(ttl)), sent);
        }
    }

    #[test]
    fn an_answer_is_told_from_an_absence_and_from_a_refusal() {
        assert_eq!(parsed("a", 200, "{}").unwrap().unwrap().body.as_slice(), b"{}");
        assert_eq!(parsed("a", 204, "").unwrap().unwrap().http_status, 204);
        assert!(parsed("a", 404, r#"{"errors":[]}"#).unwrap().is_none());
        assert!(parsed("a", 404, r#"{"data":{"data":null,"metadata":{}}}"#).unwrap().is_none());
        for (status, body, expected) in [
            (400, r#"{"errors":["missing field"]}"#, Status::InvalidArgument),
            (405, r#"{"errors":["unsupported operation"]}"#, Status::Unsupported),
            (404, r#"{"errors":["1 error occurred:\n\t* unsupported path\n\n"]}"#, Status::Unsupported),
            (404, r#"{"errors":["no handler for route"]}"#, Status::Config),
            (403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#, Status::PermissionDenied),
            (404, "<html>", Status::Protocol),
        ] {
            let Err(error) = parsed("a", status, body) else { panic!("{status} {body}") };
            assert_eq!((error.status(), error.http_status()), (expected, status), "{error}");
        }
    }

    #[test]
    fn every_status_of_health_is_an_answer() {
        for &status in HEALTH_STATUSES {
            assert_eq!(parsed("sys/health?a=b", status, "{}").unwrap().unwrap().http_status, status);
        }
        assert!(parsed("sys/healthy", 503, "{}").is_err());
    }
}
