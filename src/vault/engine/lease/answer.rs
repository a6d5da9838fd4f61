//! Reads the answer that grants credentials.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::{Document, ObjectSeed};
use crate::error::{Error, Result};
use crate::http::{HeaderName, header};
use crate::json;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::response::Response;

/// What a caching agent adds to an answer that it did not get from the server just now.
static X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The upper bound of a TTL, so that its end can be calculated.
const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What tells that credentials end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A lease.
    Leased,
    /// A certificate, by its own end.
    Certificate,
    /// A password of a static role, by its next rotation.
    Rotated,
    /// Nothing.
    Plain,
}

/// Credentials as they were granted.
pub struct Granted {
    /// What tells that they end.
    pub kind: Kind,
    /// The id of the lease; empty if there is none.
    pub id: String,
    /// How long they live from the time of the answer; `None`: they have no end.
    pub ttl: Option<Duration>,
    /// How soon the server advises to read again, where nothing ends.
    pub hint: Option<Duration>,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// The credentials.
    pub document: Document,
    /// How old the answer is.
    pub age: Duration,
    /// It comes from a cache.
    pub is_cached: bool,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    lease_id: Cow<'a, str>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Reads the answer to a request for credentials.
pub fn granted(path: &str, response: &Response) -> Result<Granted> {
    let undocumented = |what: &str| not_as_documented(response, path, what);
    let body: Body<'_> = serde_json::from_slice(&response.body).map_err(|_| undocumented("is not one with data"))?;
    if body.data.is_none() && body.lease_id.is_empty() {
        return Err(Error::unsupported(format!(
            "{path}: the answer has no credentials; hf_request gets other answers"
        )));
    }
    let data = body.data.map(|data| data.get().as_bytes()).unwrap_or(b"{}");
    let found = json::read(data, ObjectSeed::of(data)).ok().flatten();
    let found = found.ok_or_else(|| undocumented("has data that are no object"))?;
    let document = Document::new(found, 0, String::new())?;
    let lease = Some(body.lease_duration).filter(|&seconds| seconds > 0).map(seconds);
    let (kind, ttl) = match times_in(&document) {
        Some((kind, ttl)) => (kind, Some(ttl)),
        None if !body.lease_id.is_empty() => (Kind::Leased, lease),
        None => (Kind::Plain, None),
    };
    let (age, is_cached) = age_of(response);
    let hint = lease.filter(|_| kind == Kind::Plain);
    let renewable = body.renewable && kind == Kind::Leased;
    Ok(Granted { kind, id: body.lease_id.into_owned(), ttl, hint, renewable, document, age, is_cached })
}

/// The end that the credentials themselves tell: `expiration` of a certificate, and `ttl` of a static role.
fn times_in(document: &Document) -> Option<(Kind, Duration)> {
    let number = |name: &str| document.text(name).and_then(|text| text.parse::<u64>().ok());
    if let (Some(end), Some(_)) = (number("expiration"), document.text("certificate")) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        return Some((Kind::Certificate, seconds(end).saturating_sub(now)));
    }
    let is_rotated = document.text("last_vault_rotation").is_some();
    is_rotated.then(|| Some((Kind::Rotated, seconds(number("ttl")?)))).flatten()
}

/// This many seconds, or a hundred years if that is less: an end that can be calculated.
pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(MAX_TTL)
}

/// The age of an answer, and whether it comes from a cache.
pub fn age_of(response: &Response) -> (Duration, bool) {
    let age = response.header(&header::AGE).and_then(|age| age.parse().ok()).map_or(Duration::ZERO, seconds);
    let is_hit = response.header(&X_CACHE).is_some_and(|text| text.eq_ignore_ascii_case("hit"));
    (age, is_hit || !age.is_zero())
}

/// Whether both are the same credentials. Of a static role, which tells when it was last rotated, the time to the next
/// rotation does not count.
pub fn are_same(one: &Document, other: &Document) -> bool {
    if (one.version, &one.created) != (other.version, &other.created) || one.len() != other.len() {
        return false;
    }
    let counts = |name: &str| name != "ttl" || one.text("last_vault_rotation").is_none();
    one.iter().zip(other.iter()).all(|(one, other)| one.0 == other.0 && (one.1 == other.1 || !counts(one.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn read(body: &str) -> Granted {
        granted("p", &Response::for_tests(200, body)).unwrap()
    }

    #[test]
    fn what_tells_the_end_depends_on_the_engine() {
        let lease = read(r#"{"lease_id":"a/b","lease_duration":10,"renewable":true,"data":{"username":"u"}}"#);
        assert_eq!((lease.kind, &*lease.id, lease.renewable), (Kind::Leased, "a/b", true));
        assert_eq!((lease.ttl, lease.document.text("username")), (Some(seconds(10)), Some("u")));

        let rotated = read(r#"{"lease_id":"","data":{"ttl":7,"last_vault_rotation":"2026","password":"p"}}"#);
        assert_eq!((rotated.kind, rotated.ttl), (Kind::Rotated, Some(seconds(7))));

        let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 100;
        let certificate = read(&format!(r#"{{"lease_id":"x","data":{{"expiration":{soon},"certificate":"c"}}}}"#));
        assert_eq!(certificate.kind, Kind::Certificate);
        assert!(matches!(certificate.ttl.unwrap().as_secs(), 98..=100));

        let plain = read(r#"{"lease_id":"","lease_duration":2764800,"data":{"ttl":5}}"#);
        assert_eq!((plain.kind, plain.ttl, plain.hint), (Kind::Plain, None, Some(seconds(2_764_800))));
        assert_eq!(read(r#"{"data":{"ttl":7,"expiration":5}}"#).kind, Kind::Plain);
    }

    #[test]
    fn the_age_of_a_cached_answer_is_told() {
        let mut response = Response::for_tests(200, "{}");
        assert_eq!(age_of(&response), (Duration::ZERO, false));
        response.headers.insert("x-cache", crate::http::HeaderValue::from_static("HIT"));
        assert_eq!(age_of(&response), (Duration::ZERO, true));
        response.headers.insert("age", crate::http::HeaderValue::from_static("16"));
        assert_eq!(age_of(&response), (seconds(16), true));
        response.headers.insert("x-cache", crate::http::HeaderValue::from_static("MISS"));
        response.headers.insert("age", crate::http::HeaderValue::from_static("0"));
        assert_eq!(age_of(&response), (Duration::ZERO, false));
    }

    #[test]
    fn a_static_role_is_the_same_until_it_is_rotated() {
        let document = |ttl: u32, rotated: &str, password: &str| {
            read(&format!(r#"{{"data":{{"ttl":{ttl},"last_vault_rotation":"{rotated}","password":"{password}"}}}}"#))
                .document
        };
        let before = document(5, "a", "p");
        assert!(are_same(&before, &document(60, "a", "p")), "the ttl alone is no rotation");
        assert!(!are_same(&before, &document(5, "b", "p")) && !are_same(&before, &document(5, "a", "q")));
        let plain = |ttl: u32| read(&format!(r#"{{"data":{{"ttl":{ttl}}}}}"#)).document;
        assert!(!are_same(&plain(1), &plain(2)), "a secret's own field");
    }

    #[test]
    fn an_answer_without_credentials_is_no_lease() {
        // Such as a token, or the state of the server.
        for body in ["{}", r#"{"lease_id":"","data":null,"auth":{"client_token":"t"}}"#, r#"{"sealed":false}"#] {
            let error = granted("p", &Response::for_tests(200, body)).err().unwrap();
            assert_eq!(error.status(), Status::Unsupported, "{body}");
        }
        for body in ["", "[]", "<html>", r#"{"data":[1]}"#, r#"{"data":"x"}"#] {
            let error = granted("p", &Response::for_tests(200, body)).err().unwrap();
            assert_eq!(error.status(), Status::Protocol, "{body}");
        }
    }
}
