//! Redirects: a standby that names the active node. Anything else is refused, because the token would go along.

use serde::Deserialize;

use super::response::not_as_documented;
use crate::config::Address;
use crate::error::{Error, Result, Status};
use crate::http::Response;
use crate::reference::decode;

/// Tells who the active node is, to anybody who asks.
pub const LEADER: &str = "sys/leader";

#[derive(Deserialize)]
struct LeaderAnswer {
    #[serde(default)]
    leader_address: String,
}

/// The server that a redirect of the request for `path` leads to: the same path there, and never from https to http.
/// Whether it belongs to the cluster is not looked at.
pub fn destination(from: &Address, location: Option<&str>, path: &str) -> Result<Address> {
    let refuse = |why: &str| Err(Error::new(Status::Protocol, format!("{from} redirects {path} {why}")));
    let Some(location) = location else {
        return refuse("but does not say where to; check the address");
    };
    let Some((address, place)) = split(location) else {
        return refuse("to something that is no address of a server; check the address");
    };
    if !same_path(place, path) {
        return refuse("to another path; check VAULT_MOUNT and the address");
    }
    if is_https(from) && !is_https(&address) {
        return refuse("from https to plain http, where the token would cross the network unencrypted");
    }
    Ok(address)
}

/// The active node that an answer to [`LEADER`] names.
pub fn leader(reply: &Response) -> Result<Address> {
    let answer: LeaderAnswer =
        serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(reply, LEADER, "names no leader"))?;
    crate::config::parse_address(&answer.leader_address)
        .map_err(|_| Error::new(Status::Unavailable, "the cluster has no active node"))
}

/// The error of a redirect that is not followed because `VAULT_DISABLE_REDIRECTS` says so.
pub fn disabled(target: &str, path: &str) -> Error {
    let message = format!(
        "{target} redirects {path}, and VAULT_DISABLE_REDIRECTS forbids to follow; name the active node as the address"
    );
    Error::new(Status::Unavailable, message)
}

/// The error of a redirect to a server that the cluster does not know.
pub fn stranger(target: &str, address: &Address, path: &str) -> Error {
    let message = format!(
        "{target} redirects {path} to {address}, which is neither configured nor the cluster's active node; \
         if it belongs to the cluster add it to the comma-separated VAULT_ADDR"
    );
    Error::new(Status::Unavailable, message)
}

/// A cluster whose nodes name each other.
pub fn endless(path: &str) -> Error {
    Error::new(Status::Unavailable, format!("{path}: the nodes redirect to each other; the cluster has no leader"))
}

/// A location's origin, and path with query.
fn split(location: &str) -> Option<(Address, &str)> {
    let (origin_end, _) = location.match_indices('/').nth(2)?;
    let (origin, path) = location.split_at_checked(origin_end)?;
    let address = crate::config::parse_address(origin).ok()?;
    Some((address, path))
}

/// Whether `place` is where `path` is asked for, however the server encodes it.
fn same_path(place: &str, path: &str) -> bool {
    let Some(asked) = place.strip_prefix("/v1/") else { return false };
    asked == path || matches!((decode(asked), decode(path)), (Ok(asked), Ok(path)) if asked == path)
}

fn is_https(address: &Address) -> bool {
    matches!(address, Address::Tcp { https: true, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_https(location: &str) -> Result<Address> {
        let from = crate::config::parse_address("https://a:8200").unwrap();
        destination(&from, Some(location), "secret/data/a%20b?version=1")
    }

    #[test]
    fn a_redirect_leads_to_the_same_path_of_another_server() {
        let expected = crate::config::parse_address("https://b:8200").unwrap();
        for path in ["/v1/secret/data/a%20b?version=1", "/v1/secret%2Fdata/a%20b?version=1"] {
            assert_eq!(from_https(&format!("https://b:8200{path}")).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn a_redirect_to_another_path_or_to_plain_http_is_refused() {
        for location in [
            "https://b:8200/v1/secret/data/other?version=1",
            "https://b:8200/v1/secret/data/a%20b",
            "https://b:8200/x/v1/secret/data/a%20b?version=1",
            "/v1/secret/data/a%20b?version=1",
            "http://b:8200/v1/secret/data/a%20b?version=1",
            "https://user@b:8200/v1/secret/data/a%20b?version=1",
            "ftp://b/v1/secret/data/a%20b?version=1",
            "https://b:8200",
            "",
        ] {
            let error = from_https(location).expect_err(location);
            assert_eq!(error.status(), Status::Protocol, "{location}");
        }
    }
}
