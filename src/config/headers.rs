//! Parses `VAULT_HEADERS`, the extra headers of every request.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::value::RawValue;

use super::layers::Setting;
use crate::error::Result;

/// A JSON object of strings, or of arrays of strings for headers that are sent more than once. Headers that would break
/// the request, or that the library sets itself, are refused.
pub(super) fn headers(setting: &Setting) -> Result<Vec<(String, SecretString)>> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(setting.text())
        .map_err(|_| setting.error("is not a JSON object such as {\"X-Team\": \"payments\"}"))?;
    let mut headers = Vec::with_capacity(object.len());
    for (name, value) in object {
        check_header_name(setting, &name)?;
        for value in header_values(value).ok_or_else(|| {
            setting.error(format_args!("gives {name} a value that is neither a string nor an array of strings"))
        })? {
            headers.push((name.clone(), header_value(setting, &name, value)?));
        }
    }
    Ok(headers)
}

fn header_values(json: &RawValue) -> Option<Vec<String>> {
    let json = json.get();
    if json.starts_with('[') { serde_json::from_str(json).ok() } else { Some(vec![serde_json::from_str(json).ok()?]) }
}

fn header_value(setting: &Setting, name: &str, value: String) -> Result<SecretString> {
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return Err(setting.error(format_args!("gives {name} a value that is not printable ASCII")));
    }
    Ok(SecretString::from(value))
}

/// Headers that only the library sets. Most of them determine where a request ends or whether the connection stays
/// open; contradicting values allow request smuggling. `expect` and `accept-encoding` would change how the response has
/// to be read, `content-type` is set with each body, and `proxy-` headers are for a proxy, which does not see requests
/// inside its tunnel.
const RESERVED_HEADERS: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a byte is allowed in the name of an HTTP header (RFC 9110, 5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn check_header_name(setting: &Setting, name: &str) -> Result<()> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(setting.error("has a header name that is empty or holds characters no header name may have"));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("x-vault-") || RESERVED_HEADERS.contains(&lower.as_str()) {
        return Err(setting.error(format_args!("sets {lower}, which is the library's own; leave it out")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::error::Status;

    fn of(text: &str) -> Setting {
        Setting::of("VAULT_X", text)
    }

    #[test]
    fn headers_are_a_json_object_of_strings() {
        let found = headers(&of(r#"{"X-Team": "payments", "X-Empty": ""}"#)).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(found, [("X-Empty", ""), ("X-Team", "payments")]);
        assert!(headers(&of("{}")).unwrap().is_empty());
    }

    #[test]
    fn a_header_with_several_values_is_repeated() {
        let found = headers(&of(r#"{"X-Team": ["payments", "billing"], "X-None": [], "X-One": ["1"]}"#)).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(found, [("X-One", "1"), ("X-Team", "payments"), ("X-Team", "billing")]);
    }

    #[test]
    fn headers_that_would_break_a_request_are_errors_that_show_no_value() {
        for text in [
            "CANARY",
            "[]",
            "null",
            r#"{"X-A": "CANARY""#,
            r#"{"X-A": 1}"#,
            r#"{"X-A": {"X-B": "CANARY"}}"#,
            r#"{"X-A": ["b", 1]}"#,
            r#"{"X-A": ["b", ["CANARY"]]}"#,
            r#"{"X-A": ["b", "CANARY\r\nX-B: 1"]}"#,
            r#"{"X-A": "CANARY\r\nX-B: 1"}"#,
            r#"{"X-A": "CANARYü"}"#,
            r#"{"": "CANARY"}"#,
            r#"{"X A": "CANARY"}"#,
            r#"{"X-Vault-Token": "CANARY"}"#,
            r#"{"x-vault-namespace": "CANARY"}"#,
        ] {
            let error = headers(&of(text)).unwrap_err();
            assert_eq!(error.status(), Status::Config, "{text}");
            assert!(!error.message().contains("CANARY"), "{error}");
        }
        for name in ["Content-Length", "Host", "HOST"].iter().chain(&RESERVED_HEADERS) {
            let error = headers(&of(&format!(r#"{{"{name}": "CANARY"}}"#))).unwrap_err();
            let expected = format!("VAULT_X sets {}, which is the library's own; leave it out", name.to_lowercase());
            assert_eq!(error.message(), expected);
        }
    }
}
