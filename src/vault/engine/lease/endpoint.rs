//! The requests: obtaining credentials, renewing and revoking a lease.

use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::answer::{Granted, age_of, granted, seconds};
use super::refusal::refused;
use crate::error::{Error, Result, Status};
use crate::fields::{Field, Fields};
use crate::host::random;
use crate::http::{HeaderName, HeaderValue, Method};
use crate::json::to_body;
use crate::vault::api::error_response::{ErrorResponse, is_missing};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::{ApiRequest, Cost, Effect, Special};
use crate::vault::api::response::Response;

/// A header with a different value each time. Caching agents use an answer again for an equal request only.
static UNIQUE: HeaderName = HeaderName::from_static("x-handsfree-request");

fn unique() -> Option<(&'static HeaderName, HeaderValue)> {
    Some((&UNIQUE, HeaderValue::from(random::number())))
}

/// The parameters of a POST.
struct Parameters<'a>(&'a Fields);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, field) in self.0.iter().filter(|(_, field)| !matches!(field, Field::Removed)) {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

/// The request for credentials. It is never repeated where the server may have acted: each execution makes a user.
/// `past_caches`: a cache must not answer it.
pub fn obtain(path: &str, parameters: Option<&Fields>, past_caches: bool) -> Result<ApiRequest> {
    let body = parameters.map(|fields| to_body(fields.size(), &Parameters(fields))).transpose()?;
    let header = if past_caches { unique() } else { None };
    let special = Special { header, hides_query: true, ..Special::default() };
    Ok(ApiRequest {
        method: if body.is_some() { Method::POST } else { Method::GET },
        body,
        effect: Effect::Once,
        cost: Cost::Lease,
        special: Some(Box::new(special)),
        ..ApiRequest::get(path)
    })
}

/// The credentials in the answer to [`obtain`]; `None`: there is nothing at the path.
pub fn obtained(request: &ApiRequest, response: &Response) -> Result<Option<Granted>> {
    let path = request.shown_path();
    match response.status {
        200 => granted(path, response).map(Some),
        204 => Err(Error::unsupported(format!("{path}: the server has done that, and gives no credentials"))),
        _ if is_missing(response) => Ok(None),
        _ => Err(refused(ErrorResponse::of(response), path, request.body.is_some())),
    }
}

const RENEW: &str = "sys/leases/renew";
const REVOKE: &str = "sys/leases/revoke";

#[derive(Serialize)]
struct Named<'a> {
    lease_id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    sync: bool,
}

/// The result of a renewal.
#[derive(Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lives this long from now.
    For {
        ttl: Duration,
        /// The lease is near its maximum.
        is_capped: bool,
    },
    /// The server does not know the lease.
    Unknown,
}

/// The request to renew a lease for the time of its role: a smaller time would shorten it.
pub fn renewal(id: &str) -> Result<ApiRequest> {
    let body = to_body(id.len(), &Named { lease_id: id, sync: false })?;
    let special = Special { header: unique(), ..Special::default() };
    Ok(ApiRequest { cost: Cost::Lease, special: Some(Box::new(special)), ..ApiRequest::post_repeatable(RENEW, body) })
}

/// The result of a renewal of a lease that lived for `ttl` at first.
pub fn renewed(response: &Response, ttl: Duration) -> Result<Renewed> {
    #[derive(Deserialize)]
    struct Body {
        lease_duration: u64,
        warnings: Option<Vec<String>>,
    }
    if response.status != 200 {
        let refusal = ErrorResponse::of(response);
        if response.status == 400 && refusal.contains("lease not found") {
            return Ok(Renewed::Unknown);
        }
        let status = if refusal.is_about_arguments() { Status::Unsupported } else { Status::Ok };
        if status == Status::Unsupported {
            let text = refusal.summary();
            let message = format!("{RENEW}: the server does not renew the lease ({text})");
            return Err(Error::new(status, message).with_http_status(400));
        }
        return Err(refusal.into_error(RENEW, "\"update\""));
    }
    let body: Body = serde_json::from_slice(&response.body)
        .map_err(|_| not_as_documented(response, RENEW, "is not that of a renewal"))?;
    if age_of(response).1 {
        let message = format!("{RENEW}: a cache has answered in place of the server, so that nothing was renewed");
        return Err(Error::new(Status::Unavailable, message));
    }
    let new = seconds(body.lease_duration);
    let is_capped = body.warnings.unwrap_or_default().iter().any(|warning| warning.contains("capped accordingly"));
    // Servers round to whole seconds.
    let is_less = new.is_zero() || new + Duration::from_secs(1) < ttl;
    Ok(Renewed::For { ttl: new, is_capped: is_capped || is_less })
}

/// The request to revoke a lease, which is answered once that is done.
pub fn revocation(id: &str) -> Result<ApiRequest> {
    Ok(ApiRequest::post_repeatable(REVOKE, to_body(id.len(), &Named { lease_id: id, sync: true })?))
}

/// The result of a revocation. To revoke what is not there is a success.
pub fn revoked(response: &Response) -> Result<()> {
    match response.status {
        200..=299 => Ok(()),
        _ => Err(ErrorResponse::of(response).into_error(REVOKE, "\"update\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn parsed(status: u16, body: &str) -> Result<Renewed> {
        renewed(&Response::for_tests(status, body), TTL)
    }

    #[test]
    fn a_renewal_that_gives_less_than_at_first_is_capped() {
        for (seconds, is_capped) in [(10, false), (9, false), (8, true), (1, true), (60, false)] {
            let body = format!(r#"{{"lease_duration":{seconds},"warnings":null}}"#);
            let ttl = Duration::from_secs(seconds);
            assert_eq!(parsed(200, &body).unwrap(), Renewed::For { ttl, is_capped });
        }
        assert!(matches!(
            renewed(&Response::for_tests(200, r#"{"lease_duration":0}"#), Duration::from_secs(1)),
            Ok(Renewed::For { is_capped: true, .. })
        ));
        let warned = r#"{"lease_duration":10,"warnings":["TTL of \"10h\" exceeded the effective max_ttl of \"1h\"; TTL value is capped accordingly"]}"#;
        assert_eq!(parsed(200, warned).unwrap(), Renewed::For { ttl: TTL, is_capped: true });
    }

    #[test]
    fn a_renewal_without_an_end_has_one_that_can_be_calculated() {
        let Renewed::For { ttl, is_capped } = parsed(200, r#"{"lease_duration":18446744073709551615}"#).unwrap() else {
            panic!("it was renewed")
        };
        assert!(!is_capped && std::time::Instant::now().checked_add(ttl * 2).is_some());
    }

    #[test]
    fn a_renewal_that_a_cache_answers_is_none() {
        let mut response = Response::for_tests(200, r#"{"lease_duration":10}"#);
        response.headers.insert("x-cache", HeaderValue::from_static("HIT"));
        assert_eq!(renewed(&response, TTL).unwrap_err().status(), Status::Unavailable);
    }

    #[test]
    fn a_dead_lease_and_one_that_is_not_renewable_are_told_apart() {
        assert_eq!(parsed(400, r#"{"errors":["lease not found"]}"#).unwrap(), Renewed::Unknown);
        let error = parsed(400, r#"{"errors":["lease is not renewable"]}"#).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Unsupported, 400));
    }

    #[test]
    fn each_request_past_caches_differs_from_the_last() {
        let header = |request: ApiRequest| request.special.unwrap().header.map(|(_, value)| value);
        let again = || header(obtain("a", None, true).unwrap());
        assert!(again().is_some() && again() != again());
        assert!(header(obtain("a", None, false).unwrap()).is_none());
        assert_ne!(header(renewal("x").unwrap()), header(renewal("x").unwrap()));
    }

    #[test]
    fn without_parameters_it_is_a_get() {
        assert_eq!(obtain("a", None, false).unwrap().method, Method::GET);
        let empty = obtain("a", Some(&Fields::default()), false).unwrap();
        assert_eq!((empty.method, empty.body.unwrap().as_slice()), (Method::POST, &b"{}"[..]));
    }
}
