//! Parses the addresses of `VAULT_ADDR` and of the proxy variables.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use super::layers::Setting;
use super::settings::Address;
use crate::error::Result;

/// One address, or several separated by commas. Duplicates are dropped.
pub(super) fn addresses(setting: &Setting) -> Result<Vec<Address>> {
    let mut addresses = Vec::new();
    for text in setting.text().split(',') {
        if text.trim().is_empty() {
            return Err(setting.error("holds an empty address; check its commas"));
        }
        let address = address(text.trim()).map_err(|problem| setting.error(problem))?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// Parses one address. The error says what is wrong with it.
pub fn address(text: &str) -> Result<Address, &'static str> {
    if let Some(path) = text.strip_prefix("unix://") {
        return unix(path);
    }
    let url = split_url(text).ok_or_else(|| address_problem(text))?;
    if url.user.is_some() {
        return Err("holds a user in front of '@', which Vault has no use for; leave it out");
    }
    // A password with a '/' ends up in the path.
    if url.path.contains('@') {
        return Err("holds an '@' behind the host; leave out the user, or encode the '@' as %40");
    }
    if url.authority.contains([';', ' ', '\t', '\n']) || text.matches("://").count() > 1 {
        return Err("holds more than one address, or text behind it; separate the nodes of a cluster by commas");
    }
    let (host, port) = host_and_port(url.authority, url.https)?;
    Ok(Address::Tcp { https: url.https, host, port, base_path: base_path(url.path)? })
}

/// The error for a text that does not start like an address.
fn address_problem(text: &str) -> &'static str {
    let is_quoted = text.starts_with(['"', '\'', '`', '\u{201c}', '\u{2018}', '<']);
    if is_quoted || text.contains(char::is_whitespace) {
        "holds quotes or blanks; write the URL alone, such as https://host:8200"
    } else if text.contains("ADDR=") {
        "holds a name and a '='; write what follows it, such as https://host:8200"
    } else if text.starts_with('/') {
        "holds no URL; write https://host:8200, or unix:// in front of the path of a socket"
    } else if text.contains("://") {
        "holds a URL that is neither https, http nor unix; write https://host:8200"
    } else {
        "holds no URL; write https://host:8200, http://host:8200 or unix:///path"
    }
}

fn unix(path: &str) -> Result<Address, &'static str> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err("holds a socket whose path is not absolute; write unix:///path");
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

/// The parts of an `http` or `https` URL.
pub(super) struct Url<'a> {
    pub(super) https: bool,
    /// The part before `@`.
    pub(super) user: Option<&'a str>,
    /// Host and port.
    pub(super) authority: &'a str,
    /// With its leading `/`, and with query and fragment.
    pub(super) path: &'a str,
}

/// Splits a URL. `None` if its scheme is neither `http` nor `https`.
pub(super) fn split_url(text: &str) -> Option<Url<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, authority)) => (Some(user), authority),
        None => (None, authority),
    };
    Some(Url { https, user, authority, path })
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`. The default port is that of the scheme.
pub(super) fn host_and_port(authority: &str, https: bool) -> Result<(String, u16), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or("holds an IPv6 address without its ']'")?;
            let address: Ipv6Addr = address.parse().map_err(|_| "holds no IPv6 address between '[' and ']'")?;
            (address.to_string(), port)
        }
        None => {
            if authority.parse::<Ipv6Addr>().is_ok() || authority.matches(':').count() > 1 {
                return Err("holds an IPv6 address without brackets; write https://[::1]:8200");
            }
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(end).unwrap_or((authority, ""));
            (host_name(host).ok_or("holds no valid host name")?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => Some(if https { 443 } else { 80 }),
        None => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|&port| port != 0)
        }
        Some(_) => None,
    };
    Ok((host, port.ok_or("holds no valid port; one is from 1 to 65535")?))
}

/// A DNS name or an IPv4 address, in lower case.
pub(super) fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letter);
    let valid = name.len() <= 253 && name.split('.').all(label);
    valid.then(|| text.to_ascii_lowercase())
}

/// The path before `/v1`, if a gateway serves Vault under a path.
fn base_path(path: &str) -> Result<String, &'static str> {
    let path = path.trim_end_matches('/');
    // A gateway may use these names in the middle of the path, but not as its first or last segment.
    let (first, last) = (path.split('/').nth(1), path.rsplit('/').next());
    let at_an_end = |name: &str| first == Some(name) || last == Some(name);
    if at_an_end("ui") {
        return Err("holds the address of the web interface; write the part before /ui");
    }
    if at_an_end("v1") {
        return Err("holds the path of a request; write the part before /v1");
    }
    if path.contains(['?', '#']) {
        return Err("holds a '?' or '#', which an address cannot have");
    }
    let clean =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(|byte| byte.is_ascii_graphic());
    if path.is_empty() || path.split('/').skip(1).all(clean) {
        Ok(path.to_owned())
    } else {
        Err("holds a path with empty segments, '.', '..' or characters that a URL must encode")
    }
}

/// Whether `host` is a loopback host, so that requests do not cross a network.
pub(super) fn is_this_host(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn parse(text: &str) -> Result<Vec<Address>> {
        addresses(&Setting::of("VAULT_ADDR", text))
    }

    fn tcp(https: bool, host: &str, port: u16, base_path: &str) -> Address {
        Address::Tcp { https, host: host.to_owned(), port, base_path: base_path.to_owned() }
    }

    #[test]
    fn one_address_is_a_url_or_a_socket() {
        let cases = [
            ("https://vault.example.com:8200", tcp(true, "vault.example.com", 8200, "")),
            ("http://127.0.0.1:8200/", tcp(false, "127.0.0.1", 8200, "")),
            ("https://vault.example.com", tcp(true, "vault.example.com", 443, "")),
            ("http://vault", tcp(false, "vault", 80, "")),
            ("HTTPS://Vault.Example.COM:1", tcp(true, "vault.example.com", 1, "")),
            ("https://[::1]:8200", tcp(true, "::1", 8200, "")),
            ("https://[2001:db8:0::1]", tcp(true, "2001:db8::1", 443, "")),
            ("https://gw/tools/vault/", tcp(true, "gw", 443, "/tools/vault")),
            ("https://gw/api/v1/vault", tcp(true, "gw", 443, "/api/v1/vault")),
            ("unix:///run/bao.sock", Address::Unix("/run/bao.sock".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn several_addresses_are_split_at_commas_and_duplicates_dropped() {
        let nodes = parse("https://a:8200, https://b:8200,https://a:8200").unwrap();
        assert_eq!(nodes, [tcp(true, "a", 8200, ""), tcp(true, "b", 8200, "")]);
    }

    #[test]
    fn an_invalid_address_is_a_configuration_error_that_shows_no_password() {
        for text in [
            "127.0.0.1:8200",
            "vault.example.com",
            "ftp://a",
            "https://",
            "https:///x",
            "https://a:0",
            "https://a:65536",
            "https://a:",
            "https://a:+1",
            "https://a:x",
            "https://a b",
            "https://ä",
            "https://[::1",
            "https://[a]",
            "https://[::1]x",
            "https://::1",
            "https://a,",
            ",https://a",
            "https://a?x",
            "https://a/#x",
            "https://a//b",
            "https://a/../b",
            "https://a/b c",
            "unix://run/x",
            "unix://",
            "https://user:CANARY@a",
            "https://a..b",
            "https://-\u{0}",
            "\"https://a:8200\"",
            "VAULT_ADDR=https://a:8200",
            "https://a:8200/ui/vault/secrets",
            "https://a:8200/v1/",
            "https://a:8200/v1/secret/data/x",
            "https://a:8200/#/vault",
            "https://::1:8200",
            "https://2001:db8::1",
            "tcp://a:8200",
            "/run/bao.sock",
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.status(), Status::Config, "{text}");
            assert!(error.message().starts_with("VAULT_ADDR holds "), "{error}");
            assert!(!error.message().contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn common_mistakes_get_specific_advice() {
        for (text, advice) in [
            ("vault.example.com:8200", "write https://host:8200"),
            ("'https://a'", "holds quotes or blanks"),
            ("export VAULT_ADDR=https://a", "holds quotes or blanks"),
            ("VAULT_ADDR=https://a", "write what follows it"),
            ("https://a:8200/ui/", "the part before /ui"),
            ("https://a:8200/gw/v1/", "the part before /v1"),
            ("https://::1:8200", "write https://[::1]:8200"),
            ("/run/bao.sock", "unix://"),
            ("grpc://a", "neither https, http nor unix"),
            ("http://a:1;http://b:1", "separate the nodes of a cluster by commas"),
            ("http://a:1 http://b:1", "separate the nodes of a cluster by commas"),
            ("http://a:1 # prod", "text behind it"),
            ("https://a,", "check its commas"),
            ("http://user/word@a:1", "leave out the user"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.message().contains(advice), "{text}: {error}");
        }
    }

    #[test]
    fn every_spelling_of_loopback_is_this_host() {
        for host in ["localhost", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_this_host(host), "{host}");
        }
        for host in ["vault", "localhost.example.com", "10.0.0.1", "0.0.0.0", "::", "2001:db8::1", "notlocalhost"] {
            assert!(!is_this_host(host), "{host}");
        }
    }
}
