//! Checked paths inside a mount, and everything that can be wrong with a text that should become one.

use std::borrow::Cow;
use std::fmt;

use super::codec::write_url_path;
use super::printable::is_printable;
use crate::error::{Error, Result};

/// The longest key or path, in bytes of decoded UTF-8.
pub const MAX_PATH_BYTES: usize = 512;

/// A path inside a mount, decoded, mapped and checked: segments with `/` between them, none of them empty, `.` or
/// `..`, every character one that the server takes.
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

    /// A path exactly as it is spelled, such as one that the server listed; nothing is decoded or mapped.
    /// `HF_ERR_INVALID_REFERENCE` where no reference could name it.
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

/// The seed's rule: `.` and `_` of a key stand for `/`. The length stays the same.
pub(super) fn map_key(key: Cow<'_, str>) -> Cow<'_, str> {
    if !key.bytes().any(|byte| matches!(byte, b'.' | b'_')) {
        return key;
    }
    Cow::Owned(key.chars().map(|character| if matches!(character, '.' | '_') { '/' } else { character }).collect())
}

/// Whether a path is like most of them: not too long, all ASCII that can be seen, and no segment empty or with a dot in
/// front. One look at each byte finds that out; what exactly is wrong with another one is a longer story.
fn is_ordinary(path: &str) -> bool {
    let mut before = b'/';
    let all_fine = path.bytes().all(|byte| {
        let starts_well = before != b'/' || !matches!(byte, b'/' | b'.');
        before = byte;
        starts_well && matches!(byte, b' '..=b'~')
    });
    all_fine && before != b'/' && path.len() <= MAX_PATH_BYTES
}

/// Length and characters, which a prefix has to keep to as well.
pub(super) fn check_characters(text: &str) -> Result<(), Flaw> {
    if text.len() > MAX_PATH_BYTES {
        return Err(Flaw::TooLong { bytes: text.len() });
    }
    match text.char_indices().find(|&(_, character)| !is_printable(character)) {
        Some((position, character)) => Err(Flaw::Unprintable { character, position }),
        None => Ok(()),
    }
}

/// Segments that a server would clean away, and so answer for another path.
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

/// What is wrong with a key, a reference or a prefix. Holds no more of the text than one unprintable character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Another scheme, or none.
    Scheme,
    /// Nothing where a key or path belongs.
    Empty,
    /// Two separators in a row, or one at an end.
    EmptySegment {
        /// Counted from 1.
        number: usize,
    },
    /// A `.` or `..` segment.
    DotSegment {
        /// Counted from 1.
        number: usize,
    },
    /// Over [`MAX_PATH_BYTES`].
    TooLong {
        /// The decoded length.
        bytes: usize,
    },
    /// A character that the server refuses.
    Unprintable {
        /// Which.
        character: char,
        /// Its first byte in the decoded text, from 0.
        position: usize,
    },
    /// A `%` that is not followed by two hexadecimal digits.
    Percent {
        /// Its byte in the part it stands in, from 0.
        position: usize,
    },
    /// Encoded bytes that are no UTF-8.
    NotUtf8,
    /// `#` with nothing behind it.
    EmptyField,
    /// A version that is not 1…2^63-1 in plain digits.
    Version,
    /// A parameter other than `version=`.
    UnknownParameter,
    /// `version=` twice.
    RepeatedParameter,
    /// A `?` or `#` where only the start of a path belongs.
    NotAPrefix,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Scheme => f.write_str("does not start with vault://, so it names no secret in Vault"),
            Flaw::Empty => f.write_str("is empty; name a secret"),
            Flaw::EmptySegment { number } => {
                write!(f, "segment {number} is empty; in a key '.', '_' and '/' all separate segments")
            }
            Flaw::DotSegment { number } => write!(f, "segment {number} is '.' or '..', which a path cannot hold"),
            Flaw::TooLong { bytes } => write!(f, "is {bytes} bytes long; {MAX_PATH_BYTES} are the most"),
            Flaw::Unprintable { character, position } => {
                let number = u32::from(*character);
                write!(f, "U+{number:04X} at byte {position} is not printable, and Vault takes no such path")
            }
            Flaw::Percent { position } => {
                write!(f, "the '%' at byte {position} lacks its two hexadecimal digits; a '%' itself is written %25")
            }
            Flaw::NotUtf8 => f.write_str("its percent-encoded bytes are not UTF-8"),
            Flaw::EmptyField => f.write_str("no field follows the '#'; leave the '#' out or write it as %23"),
            Flaw::Version => {
                f.write_str("the version is no whole number from 1 to 9223372036854775807 in plain digits")
            }
            Flaw::UnknownParameter => {
                f.write_str("the only parameter is version=NUMBER; a '?' of the path itself is written %3F")
            }
            Flaw::RepeatedParameter => f.write_str("version is given twice"),
            Flaw::NotAPrefix => f.write_str("holds a version or a field; a prefix is the start of a path only"),
        }
    }
}
