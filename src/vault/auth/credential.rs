//! Reads credentials from texts and files. A file is read again at each login, and a change of it is detected.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

use secrecy::SecretString;

use crate::call::Deadline;
use crate::config::{Auth, SecretId, Source};
use crate::error::{Error, Result};
use crate::host::file;

/// The prefix of the message of every failed authentication, as in the Python manager.
pub const CONTEXT: &str = "Failed to authenticate with Vault";

/// What some editors write in front of UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A credential file larger than this is no credential.
const MAX_FILE: usize = 1 << 20;

/// A number that changes with the credential files, so that new credentials are tried at once.
pub fn fingerprint(auth: &Auth) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in sources(auth) {
        if let Source::File(path) = source {
            file::fingerprint(path).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn sources(auth: &Auth) -> Vec<&Source> {
    match auth {
        Auth::Token(token) => vec![&token.value],
        Auth::Agent => Vec::new(),
        Auth::Cert { certificate, .. } => vec![certificate],
        Auth::AppRole { role_id, secret_id, .. } => match secret_id {
            SecretId::None => vec![role_id],
            SecretId::Plain(secret_id) | SecretId::Wrapped(secret_id) => vec![role_id, secret_id],
        },
        Auth::UserPass { password, .. } => vec![password],
        Auth::Jwt { jwt, .. } => vec![jwt],
    }
}

/// The text of a credential. A file is read again each time.
pub fn read(source: &Source, variable: &str, deadline: &Deadline) -> Result<SecretString> {
    match source {
        Source::Text(text) => Ok(text.clone()),
        Source::File(path) => read_file(path, variable, deadline),
    }
}

fn read_file(path: &Path, variable: &str, deadline: &Deadline) -> Result<SecretString> {
    let place = place_of(path);
    let subject = format!("{CONTEXT}: {variable}: cannot read {place}");
    let text = file::read(path, MAX_FILE, deadline).map_err(|failure| failure.into_error(&subject))?;
    text_in(&text)
        .map(SecretString::from)
        .map_err(|flaw| Error::config(format!("{CONTEXT}: {variable}: {place} {flaw}")))
}

/// The name of a file in messages. A name without a folder may be a credential that was set by mistake, so it is not
/// shown.
fn place_of(path: &Path) -> String {
    let has_folder = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty());
    if has_folder { path.display().to_string() } else { "its file in the working directory".to_owned() }
}

/// The one credential in a file, as editors and orchestrators write such files: a byte order mark in front of it, and
/// blanks and line ends around it, are no part of it. The error says what else is there.
fn text_in(content: &[u8]) -> Result<&str, &'static str> {
    if matches!(content, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) || content.iter().take(64).any(|&byte| byte == 0) {
        return Err("is UTF-16 or no text; save it as UTF-8");
    }
    let text = std::str::from_utf8(content).map_err(|_| "is not UTF-8; save it as UTF-8")?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.contains(['\n', '\r']) {
        return Err("holds more than one line; write the credential alone, without comments");
    }
    if text.chars().any(char::is_control) || text.contains(BYTE_ORDER_MARK) {
        return Err("holds control characters; write the credential alone");
    }
    Ok(text)
}

/// Validates a token; `HF_ERR_CONFIG` if it is empty or has characters that tokens do not have. `place` says in
/// messages where it comes from.
pub fn checked_token(token: &str, place: &str) -> Result<SecretString> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = "the token there is empty or holds blanks, line breaks or other unprintable characters";
        return Err(Error::config(format!("{CONTEXT}: {place}: {problem}; write the token alone")));
    }
    Ok(SecretString::from(token))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::Call;

    #[test]
    fn a_credential_that_was_set_as_a_file_name_is_not_shown() {
        let deadline = Call::default().start(Duration::from_secs(60));
        let error = read_file(Path::new("hvs.CANARY"), "VAULT_TOKEN_FILE", &deadline).unwrap_err();
        assert!(error.message().contains("VAULT_TOKEN_FILE: cannot read its file in the working directory"), "{error}");
        assert!(!error.message().contains("CANARY"), "{error}");
        assert_eq!(place_of(Path::new("/run/token")), "/run/token");
    }

    #[test]
    fn a_credential_is_read_as_editors_write_it() {
        for content in ["s.token", "s.token\n", "s.token\r\n", "\u{feff}s.token\r\n", " \ts.token \n\n", "\n\ns.token"]
        {
            assert_eq!(text_in(content.as_bytes()), Ok("s.token"), "{content:?}");
        }
        assert_eq!(text_in("pass word ü".as_bytes()), Ok("pass word ü"), "blanks inside are a part of it");
    }

    #[test]
    fn what_is_no_single_credential_is_refused_and_never_read_in_part() {
        let utf16: Vec<u8> = "s.token".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xFF, 0xFE][..], &utf16].concat();
        for (content, flaw) in [
            (&b""[..], "empty"),
            (b" \n", "empty"),
            (b"\xEF\xBB\xBF\n", "empty"),
            (b"# the token\ns.token\n", "more than one line"),
            (b"s.token\rs.other", "more than one line"),
            (b"s.to\x1bken", "control characters"),
            (b"s.token\xff", "not UTF-8"),
            (&utf16, "UTF-16"),
            (&marked, "UTF-16"),
        ] {
            assert!(text_in(content).unwrap_err().contains(flaw), "{content:?}");
        }
    }
}
