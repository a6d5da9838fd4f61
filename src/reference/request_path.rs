//! Paths of the API that a program names itself, behind `/v1/`.

use super::codec::{decode, write_url_path};
use super::flaw::Flaw;
use super::path::{check_characters_of, check_segments};
use crate::error::{Error, Result};

/// The longest path or query in bytes. Servers take URLs of some kilobytes.
const MAX_BYTES: usize = 4096;

/// The path of a request in the form that is sent. `path` is read like a literal reference: percent-decoded once, then
/// checked; it may end with a slash, and have a query, which is sent as it is. `HF_ERR_INVALID_ARGUMENT` if it cannot be
/// sent, or if a server would take it for another path.
pub fn request_path(path: &str) -> Result<String> {
    let flawed = |flaw: String| Error::invalid_argument(format!("path: {flaw}"));
    if path.len() > MAX_BYTES {
        return Err(flawed(format!("is {} bytes long; {MAX_BYTES} are the most", path.len())));
    }
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let decoded = decode(path).map_err(|flaw| flawed(flaw.to_string()))?;
    let inner = decoded.strip_suffix('/').unwrap_or(&decoded);
    if inner.starts_with("v1/") {
        return Err(flawed("begins with v1/, which is put in front; leave it out".to_owned()));
    }
    if inner.is_empty() {
        return Err(flawed("is empty; name an endpoint, such as sys/health".to_owned()));
    }
    check_characters_of(inner).and_then(|()| check_segments(inner.split('/'))).map_err(|flaw| match flaw {
        Flaw::EmptySegment { number } => {
            flawed(format!("segment {number} is empty; write it without /v1/ and without a slash in front"))
        }
        flaw => flawed(flaw.to_string()),
    })?;
    let mut sent = String::with_capacity(path.len() + 16);
    write_url_path(&decoded, &mut sent);
    if let Some(query) = query {
        if let Some(position) = query.bytes().position(|byte| !byte.is_ascii_graphic() || byte == b'#') {
            return Err(flawed(format!("byte {position} of the query has to be percent-encoded")));
        }
        sent.push('?');
        sent.push_str(query);
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn a_path_is_encoded_once_and_its_query_is_kept() {
        for (given, sent) in [
            ("sys/health", "sys/health"),
            ("sys/health?standbyok=true&x=%20", "sys/health?standbyok=true&x=%20"),
            ("secret/metadata/", "secret/metadata/"),
            ("secret/data/a b", "secret/data/a%20b"),
            ("secret/data/a%20b%25", "secret/data/a%20b%25"),
            ("secret/data/a%3Fb?version=1", "secret/data/a%3Fb?version=1"),
            ("a.b/c_d", "a.b/c_d"),
        ] {
            assert_eq!(request_path(given).unwrap(), sent, "{given}");
        }
    }

    #[test]
    fn a_path_that_a_server_would_change_is_refused() {
        let long = "x".repeat(MAX_BYTES + 1);
        for given in [
            "",
            "/",
            "?a",
            "/sys/health",
            "v1/sys/health",
            "a//b",
            "a/../b",
            "a/%2e%2e/b",
            "./a",
            "a/..",
            "a\nb",
            "a%0ab",
            "a%zz",
            "a%ff",
            "a?b c",
            "a?b#c",
            "a?\u{e9}",
            "a//",
            &long,
        ] {
            let error = request_path(given).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{given}");
            assert!(error.message().starts_with("path: "), "{error}");
        }
    }
}
