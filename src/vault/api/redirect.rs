//! Redirects of a standby to the active node. All others are refused, because the token would be sent along.

use super::response::Response;
use super::sanitize::{described, shown_location};
use crate::config::Address;
use crate::error::{Error, Result, Status};
use crate::reference::decode;

/// The server that a redirect of the request for `path` leads to. The redirect must keep the path, and must not lead
/// from https to http; the error says what is wrong. Whether the server belongs to the cluster is not checked here.
pub fn destination(from: &Address, location: Option<&str>, path: &str) -> Result<Address, &'static str> {
    let location = location.ok_or("but does not say where to; check the address")?;
    let (origin, place) =
        split(location).ok_or("to something that is not the address of a server; check the address")?;
    let base_path = base_path(place, path).ok_or("to another path; check VAULT_MOUNT and the address")?;
    let address = crate::config::parse_address(&format!("{origin}{base_path}"))
        .map_err(|_| "to something that is not the address of a server; check the address")?;
    if is_https(from) && !is_https(&address) {
        return Err("from https to plain http, where the token would cross the network unencrypted");
    }
    Ok(address)
}

/// The target of a redirect from plain http to https on the same host, as load balancers send it.
pub fn https_upgrade(from: &Address, location: Option<&str>) -> Option<Address> {
    let (origin, _) = split(location?)?;
    let address = crate::config::parse_address(origin).ok()?;
    let (
        Address::Tcp { https: false, host: asked, port: asked_port, .. },
        Address::Tcp { https: true, host, port, .. },
    ) = (from, &address)
    else {
        return None;
    };
    (asked == host && (*port == 443 || port == asked_port)).then_some(address)
}

/// The error for a plain http address of a server that requires https.
pub fn requires_https(target: &str, https: &Address, variable: &str) -> Error {
    let message = format!("{target} redirects plain http to {https}; write https:// in {variable}");
    Error::config(message)
}

/// The error for a redirect that is not followed, for the reason `why`.
pub fn refused(response: &Response, path: &str, why: &str) -> Error {
    let (from, received) = (&response.from, described(response));
    let to = shown_location(response).map(|to| format!(" to {to}")).unwrap_or_default();
    Error::new(Status::Protocol, format!("{from} redirects {path}{to} ({received}): {why}"))
}

/// The error for a redirect that is not followed because of `VAULT_DISABLE_REDIRECTS`.
pub fn disabled(target: &str, path: &str) -> Error {
    let message = format!(
        "{target} redirects {path}, and VAULT_DISABLE_REDIRECTS forbids to follow; name the active node as the address"
    );
    Error::new(Status::Unavailable, message)
}

/// The error for a redirect to a server that is not known as a node of the cluster.
pub fn unknown_server(target: &str, address: &Address, path: &str) -> Error {
    let message = format!(
        "{target} redirects {path} to {address}, which is neither configured nor the cluster's active node; \
         if it belongs to the cluster add it to the comma-separated VAULT_ADDR"
    );
    Error::new(Status::Unavailable, message)
}

/// The error for nodes that redirect to each other.
pub fn redirect_loop(path: &str) -> Error {
    Error::new(Status::Unavailable, format!("{path}: the nodes redirect to each other; the cluster has no leader"))
}

/// Splits a location into the origin, and the path with the query.
fn split(location: &str) -> Option<(&str, &str)> {
    let (_, rest) = location.split_once("://")?;
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    location.split_at_checked(location.len() - rest.len() + authority)
}

/// The part of `place` in front of the API's prefix, if the rest is `path` in any percent-encoding.
fn base_path<'p>(place: &'p str, path: &str) -> Option<&'p str> {
    let is_path =
        |asked: &str| asked == path || matches!((decode(asked), decode(path)), (Ok(asked), Ok(path)) if asked == path);
    place.match_indices("/v1").find_map(|(at, _)| {
        let (base_path, rest) = place.split_at_checked(at)?;
        rest.strip_prefix("/v1/").filter(|asked| is_path(asked)).map(|_| base_path)
    })
}

fn is_https(address: &Address) -> bool {
    matches!(address, Address::Tcp { https: true, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_https(location: &str) -> Result<Address, &'static str> {
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
            "https://b:8200/v1/secret/data/a%20b?version=1&x=/v1/",
            "https://b:8200/x?/v1/secret/data/a%20b?version=1",
            "/v1/secret/data/a%20b?version=1",
            "http://b:8200/v1/secret/data/a%20b?version=1",
            "https://user@b:8200/v1/secret/data/a%20b?version=1",
            "ftp://b/v1/secret/data/a%20b?version=1",
            "https://b:8200",
            "",
        ] {
            assert!(from_https(location).is_err(), "{location}");
        }
    }

    #[test]
    fn a_redirect_keeps_the_path_in_front_of_the_api() {
        for base_path in ["/vault", "/a/v1/b"] {
            let expected = crate::config::parse_address(&format!("https://b:8200{base_path}")).unwrap();
            let location = format!("https://b:8200{base_path}/v1/secret/data/a%20b?version=1");
            assert_eq!(from_https(&location).unwrap(), expected, "{base_path}");
        }
    }

    #[test]
    fn a_redirect_of_a_load_balancer_to_https_is_told_from_one_of_a_standby() {
        let upgrades = |from: &str, location: &str| {
            https_upgrade(&crate::config::parse_address(from).unwrap(), Some(location)).is_some()
        };
        assert!(upgrades("http://vault", "https://vault/v1/secret/data/a"));
        assert!(upgrades("http://Vault:8200", "https://vault/"));
        assert!(upgrades("http://vault:8200", "https://vault:8200/v1/secret/data/a"));
        assert!(!upgrades("http://vault:8200", "https://vault:8300/v1/secret/data/a"));
        assert!(!upgrades("http://vault", "https://other/v1/secret/data/a"));
        assert!(!upgrades("https://vault", "https://vault/v1/secret/data/a"));
        assert!(
            !upgrades("http://vault", "http://vault/x")
                && !upgrades("http://vault", "/x")
                && !upgrades("http://vault", "")
        );
    }
}
