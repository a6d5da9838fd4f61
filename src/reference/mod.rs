//! The grammar of `vault://` references and of keys, and how both become a path inside a mount. Pure: no traffic.
//!
//! ```text
//! "vault://"  key  [ "?version=" number ] [ "#" field ]    '.' and '_' of the key become '/'
//! "vault:///" path [ "?version=" number ] [ "#" field ]    the path is taken literally
//! ```
//!
//! A reference is split at its first `#`, what is in front of that at its first `?`; each part is percent-decoded
//! once, then checked, then mapped. A key is never decoded. Messages name the flaw and its place but never repeat
//! the text: who mixes up the arguments of a call passes a secret where a reference belongs.

mod codec;
mod flaw;
mod path;
mod prefix;
mod printable;
#[cfg(test)]
mod tests;

pub(crate) use codec::decode;
pub use codec::write_url_path;
pub(crate) use flaw::Flaw;
pub use flaw::MAX_PATH_BYTES;
pub use path::KvPath;
pub use prefix::Prefix;
pub use printable::is_printable;

use crate::error::{Error, Result};
use codec::push_reference_text;

/// What a reference of the `vault` backend starts with.
pub const SCHEME: &str = "vault://";

/// The field of a document that a reference without `#field` means.
pub const DEFAULT_FIELD: &str = "value";

/// A reference of the `vault` backend, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultReference {
    /// Where the document stands inside the mount.
    pub path: KvPath,
    /// The version asked for, 1…2^63-1; `None` means the latest.
    pub version: Option<u64>,
    /// The field as it was written; `None` means [`DEFAULT_FIELD`].
    pub field: Option<String>,
}

impl VaultReference {
    /// The field that is meant, [`DEFAULT_FIELD`] where none is named.
    pub fn field_name(&self) -> &str {
        self.field.as_deref().unwrap_or(DEFAULT_FIELD)
    }

    /// The one spelling that all references to the same secret share.
    pub fn canonical(&self) -> String {
        canonical(&self.path, self.version, self.field.as_deref())
    }
}

/// The path that a key given to `store` stands for: the key as it is, with `.` and `_` as `/`.
/// `HF_ERR_INVALID_ARGUMENT` where the key cannot be stored.
pub fn key_to_path(key: &str) -> Result<KvPath> {
    KvPath::from_key(key).map_err(|flaw| Error::invalid_argument(format!("key: {flaw}")))
}

/// The reference that `store` returns for `key`: the key itself, with the characters encoded that would mean
/// something else in a reference.
pub fn key_reference(key: &str) -> String {
    let mut reference = String::with_capacity(SCHEME.len() + key.len());
    reference.push_str(SCHEME);
    push_reference_text(key, &mut reference);
    reference
}

/// Takes a reference apart. `HF_ERR_INVALID_REFERENCE` where it is none of this backend.
pub fn parse_vault(reference: &str) -> Result<VaultReference> {
    parse(reference).map_err(|flaw| Error::invalid_reference(format!("reference: {flaw}")))
}

/// The canonical form: `/` between the segments and the short `vault://` where the path allows it, the literal
/// `vault:///` where a segment holds `.` or `_`. The default field is left out, since naming it changes nothing.
pub fn canonical(path: &KvPath, version: Option<u64>, field: Option<&str>) -> String {
    let mut reference = String::with_capacity(SCHEME.len() + 1 + path.as_str().len());
    reference.push_str(SCHEME);
    if path.needs_literal_form() {
        reference.push('/');
    }
    push_reference_text(path.as_str(), &mut reference);
    if let Some(version) = version {
        reference.push_str("?version=");
        reference.push_str(&version.to_string());
    }
    if let Some(field) = field.filter(|&name| name != DEFAULT_FIELD) {
        reference.push('#');
        push_reference_text(field, &mut reference);
    }
    reference
}

fn parse(reference: &str) -> Result<VaultReference, Flaw> {
    let rest = reference.strip_prefix(SCHEME).ok_or(Flaw::Scheme)?;
    let (rest, field) = split_at_first(rest, b'#');
    let (text, query) = split_at_first(rest, b'?');
    let field = field.map(parse_field).transpose()?;
    let version = query.map(parse_query).transpose()?;
    let path = match text.strip_prefix('/') {
        Some(literal) => KvPath::from_literal(decode(literal)?)?,
        None => KvPath::from_key(decode(text)?)?,
    };
    Ok(VaultReference { path, version, field })
}

/// What stands in front of the first `mark` of a text, and what stands behind it, if there is one. For texts as short
/// as these a look at each byte is less than the way into a search.
fn split_at_first(text: &str, mark: u8) -> (&str, Option<&str>) {
    let place = text.bytes().position(|byte| byte == mark);
    match place.and_then(|place| Some((text.get(..place)?, text.get(place + 1..)?))) {
        Some((front, rest)) => (front, Some(rest)),
        None => (text, None),
    }
}

fn parse_field(text: &str) -> Result<String, Flaw> {
    let field = decode(text)?;
    if field.is_empty() { Err(Flaw::EmptyField) } else { Ok(field.into_owned()) }
}

/// The number behind `version=`, the only parameter that there is.
fn parse_query(query: &str) -> Result<u64, Flaw> {
    let mut version = None;
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').ok_or(Flaw::UnknownParameter)?;
        if decode(name)? != "version" {
            return Err(Flaw::UnknownParameter);
        }
        if version.is_some() {
            return Err(Flaw::RepeatedParameter);
        }
        version = Some(parse_version(&decode(value)?)?);
    }
    version.ok_or(Flaw::UnknownParameter)
}

fn parse_version(text: &str) -> Result<u64, Flaw> {
    let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if canonical { text.parse::<i64>().ok() } else { None };
    number.and_then(|number| u64::try_from(number).ok()).ok_or(Flaw::Version)
}
