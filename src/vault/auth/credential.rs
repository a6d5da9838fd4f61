//! Credentials as texts and files: a file is read anew at each login, and noticed when it changes.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

use secrecy::SecretString;

use crate::call::Deadline;
use crate::config::{Auth, SecretId, Source};
use crate::error::{Error, Result};
use crate::host::file;

/// The words that every failed authentication starts with, known from the Python manager.
pub const CONTEXT: &str = "Failed to authenticate with Vault";

/// A credential file larger than this is no credential.
const MAX_FILE: usize = 1 << 20;

/// A number that changes when a credential file does, so that new credentials are tried at once.
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

/// The text of a credential, read anew where it stands in a file.
pub fn read(source: &Source, variable: &str, deadline: &Deadline) -> Result<SecretString> {
    match source {
        Source::Text(text) => Ok(text.clone()),
        Source::File(path) => read_file(path, variable, deadline),
    }
}

fn read_file(path: &Path, variable: &str, deadline: &Deadline) -> Result<SecretString> {
    let place = path.display();
    let subject = format!("{CONTEXT}: {variable}: cannot read {place}");
    let text = file::read(path, MAX_FILE, deadline).map_err(|failure| failure.into_error(&subject))?;
    let text = std::str::from_utf8(&text).map_err(|_| Error::config(format!("{subject}: it is not UTF-8")))?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Error::config(format!("{CONTEXT}: {variable}: {place} is empty")));
    }
    Ok(SecretString::from(trimmed))
}

/// A token that can be sent; `HF_ERR_CONFIG` if it holds what no token holds. `place` is where it stands.
pub fn checked_token(token: &str, place: &str) -> Result<SecretString> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = "the token there is empty or holds blanks, line breaks or other unprintable characters";
        return Err(Error::config(format!("{CONTEXT}: {place}: {problem}; write the token alone")));
    }
    Ok(SecretString::from(token))
}
