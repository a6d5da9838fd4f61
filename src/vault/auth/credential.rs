//! Credentials as texts and files: a file is read anew at each login, and noticed when it changes.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::config::{Auth, SecretId, Source};
use crate::error::{Error, Result};

/// The words that every failed authentication starts with, known from the Python manager.
pub const CONTEXT: &str = "Failed to authenticate with Vault";

/// A credential file larger than this is no credential.
const MAX_FILE: u64 = 1 << 20;

/// A number that changes when a credential file does, so that new credentials are tried at once.
pub fn fingerprint(auth: &Auth) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in sources(auth) {
        if let Source::File(path) = source {
            // A file that was replaced by renaming another over it may have the old length and time, but not its place.
            let state = fs::metadata(path).ok().map(|m| (m.ino(), m.len(), m.ctime(), m.ctime_nsec()));
            state.hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn sources(auth: &Auth) -> Vec<&Source> {
    match auth {
        Auth::Token(token) => vec![&token.value],
        Auth::Agent | Auth::Cert { .. } => Vec::new(),
        Auth::AppRole { role_id, secret_id, .. } => match secret_id {
            SecretId::None => vec![role_id],
            SecretId::Plain(secret_id) | SecretId::Wrapped(secret_id) => vec![role_id, secret_id],
        },
        Auth::UserPass { password, .. } => vec![password],
        Auth::Jwt { jwt, .. } => vec![jwt],
    }
}

/// The text of a credential, read anew where it stands in a file.
pub fn read(source: &Source, variable: &str) -> Result<SecretString> {
    match source {
        Source::Text(text) => Ok(text.clone()),
        Source::File(path) => read_file(path, variable),
    }
}

fn read_file(path: &Path, variable: &str) -> Result<SecretString> {
    let place = path.display();
    let unreadable = |e| Error::config(format!("{CONTEXT}: {variable}: cannot read {place}: {e}"));
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len().min(MAX_FILE);
    // Room for all of it and one byte more, so that reading never moves the text to another block.
    let mut text = Zeroizing::new(String::with_capacity(size as usize + 1));
    file.take(MAX_FILE).read_to_string(&mut text).map_err(unreadable)?;
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
