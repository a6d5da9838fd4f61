//! The grammar of `vault://` references and of keys, and their mapping to paths inside a mount. Pure: sends no request.
//!
//! ```text
//! "vault://"  key  [ "?version=" number ] [ "#" field ]    '.' and '_' of the key become '/'
//! "vault:///" path [ "?version=" number ] [ "#" field ]    the path is taken literally
//! ```
//!
//! A reference is split at its first `#`, and the part before that at its first `?`. Each part is percent-decoded once,
//! then checked, then mapped. A key is not decoded. Messages name the flaw and its position but do not repeat the text:
//! a caller who swaps arguments passes a secret as the reference.

mod codec;
mod flaw;
mod path;
mod prefix;
mod printable;
mod request_path;
#[cfg(test)]
mod tests;

pub(crate) use codec::decode;
pub use codec::write_url_path;
pub(crate) use flaw::Flaw;
pub use flaw::MAX_PATH_BYTES;
pub use path::KvPath;
pub use prefix::Prefix;
pub use printable::is_printable;
pub use request_path::request_path;

use crate::error::{Error, Result};
use codec::push_reference_text;

/// The prefix of references of the `vault` backend.
pub const SCHEME: &str = "vault://";

/// The field that a reference without `#field` names.
pub const DEFAULT_FIELD: &str = "value";

/// A parsed reference of the `vault` backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultReference {
    /// The path of the document inside the mount.
    pub path: KvPath,
    /// The version, 1 to 2^63-1; `None` means the latest one.
    pub version: Option<u64>,
    /// The field as it was written; `None` means [`DEFAULT_FIELD`].
    pub field: Option<String>,
}

impl VaultReference {
    /// The name of the field, [`DEFAULT_FIELD`] if the reference names none.
    pub fn field_name(&self) -> &str {
        self.field.as_deref().unwrap_or(DEFAULT_FIELD)
    }

    /// The spelling that all references to the same secret share.
    pub fn canonical(&self) -> String {
        canonical(&self.path, self.version, self.field.as_deref())
    }
}

/// The path of a key: the key with `.` and `_` replaced by `/`. `HF_ERR_INVALID_ARGUMENT` if the key cannot be stored.
pub fn key_to_path(key: &str) -> Result<KvPath> {
    KvPath::from_key(key).map_err(|flaw| match key.starts_with(SCHEME) {
        true => Error::invalid_argument("key: is a reference; a store takes a key, which is what follows vault://"),
        false => Error::invalid_argument(format!("key: {flaw}")),
    })
}

/// The reference that `store` returns for `key`: the key, in which the characters that have a meaning in a reference
/// are encoded.
pub fn key_reference(key: &str) -> String {
    let mut reference = String::with_capacity(SCHEME.len() + key.len());
    reference.push_str(SCHEME);
    push_reference_text(key, &mut reference);
    reference
}

/// Parses a reference. `HF_ERR_INVALID_REFERENCE` if it is not a reference of this backend.
pub fn parse_vault(reference: &str) -> Result<VaultReference> {
    parse(reference).map_err(|flaw| Error::invalid_reference(format!("reference: {flaw}")))
}

/// The canonical form: the short `vault://`, or the literal `vault:///` if a segment holds `.` or `_`, with `/` between
/// the segments. The default field is omitted.
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

/// The parts of a text before and after its first `mark`. For texts as short as these a loop over the bytes is faster
/// than the set-up of a search.
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

/// The number in `version=`, the only parameter.
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
