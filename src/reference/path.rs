//! Checked paths inside a mount.

use std::borrow::Cow;

use super::codec::write_url_path;
use super::flaw::{Flaw, MAX_PATH_BYTES};
use super::printable::is_printable;
use crate::error::{Error, Result};

/// A path inside a mount, decoded, mapped and checked: segments separated by `/`, none of them empty, `.` or `..`, and
/// all characters accepted by the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KvPath(String);

impl KvPath {
    /// The path as the server lists it, without the mount and without a slash at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path for a URL, percent-encoded.
    pub fn encoded(&self) -> String {
        let mut url = String::with_capacity(self.0.len() + 16);
        self.write_encoded(&mut url);
        url
    }

    /// Appends the path for a URL, percent-encoded.
    pub fn write_encoded(&self, out: &mut String) {
        write_url_path(&self.0, out);
    }

    /// A path exactly as it is spelled, such as one from a list of the server; nothing is decoded or mapped.
    /// `HF_ERR_INVALID_REFERENCE` if no reference can name it.
    pub fn literal(path: &str) -> Result<KvPath> {
        KvPath::from_literal(path).map_err(|flaw| Error::invalid_reference(format!("path: {flaw}")))
    }

    /// Whether the path holds characters that the key form of a reference would turn into `/`.
    pub(super) fn needs_literal_form(&self) -> bool {
        self.0.contains(['.', '_'])
    }

    pub(super) fn from_key<'k>(key: impl Into<Cow<'k, str>>) -> Result<KvPath, Flaw> {
        KvPath::from_literal(map_key(key.into()))
    }

    pub(super) fn from_literal<'p>(path: impl Into<Cow<'p, str>>) -> Result<KvPath, Flaw> {
        let path = path.into();
        if !is_ordinary(&path) {
            check_characters(&path)?;
            if path.is_empty() {
                return Err(Flaw::Empty);
            }
            check_segments(path.split('/'))?;
        }
        Ok(KvPath(path.into_owned()))
    }
}

/// Replaces `.` and `_` of a key by `/`, as the Python manager does. The length stays the same.
pub(super) fn map_key(key: Cow<'_, str>) -> Cow<'_, str> {
    if !key.bytes().any(|byte| matches!(byte, b'.' | b'_')) {
        return key;
    }
    Cow::Owned(key.chars().map(|character| if matches!(character, '.' | '_') { '/' } else { character }).collect())
}

/// A fast check in one pass, which almost all paths satisfy: not too long, printable ASCII only, no segment that is
/// empty or starts with a dot. Paths that fail it are checked in detail.
fn is_ordinary(path: &str) -> bool {
    let mut before = b'/';
    let all_fine = path.bytes().all(|byte| {
        let starts_well = before != b'/' || !matches!(byte, b'/' | b'.');
        before = byte;
        starts_well && matches!(byte, b' '..=b'~')
    });
    all_fine && before != b'/' && path.len() <= MAX_PATH_BYTES
}

/// Checks the length and the characters of a path or a prefix.
pub(super) fn check_characters(text: &str) -> Result<(), Flaw> {
    if text.len() > MAX_PATH_BYTES {
        return Err(Flaw::TooLong { bytes: text.len() });
    }
    check_characters_of(text)
}

/// Refuses characters that the server refuses.
pub(super) fn check_characters_of(text: &str) -> Result<(), Flaw> {
    match text.char_indices().find(|&(_, character)| !is_printable(character)) {
        Some((position, character)) => Err(Flaw::Unprintable { character, position }),
        None => Ok(()),
    }
}

/// Refuses segments that a server would normalize, so that it would answer for another path.
pub(super) fn check_segments<'a>(segments: impl Iterator<Item = &'a str>) -> Result<(), Flaw> {
    for (index, segment) in segments.enumerate() {
        match segment {
            "" => return Err(Flaw::EmptySegment { number: index + 1 }),
            "." | ".." => return Err(Flaw::DotSegment { number: index + 1 }),
            _ => {}
        }
    }
    Ok(())
}
