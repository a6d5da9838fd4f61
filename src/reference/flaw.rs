//! The errors of the grammar of keys, references and prefixes.

use std::fmt;

/// The longest key or path, in bytes of decoded UTF-8.
pub const MAX_PATH_BYTES: usize = 512;

/// An error in a key, a reference or a prefix. It holds nothing of the text except one unprintable character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Another scheme, or no scheme.
    Scheme,
    /// The key or path is empty.
    Empty,
    /// An empty segment: two separators in a row, or one at an end.
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
        /// The character.
        character: char,
        /// The index of its first byte in the decoded text, from 0.
        position: usize,
    },
    /// A `%` that is not followed by two hexadecimal digits.
    Percent {
        /// Its byte index in the part of the reference that holds it, from 0.
        position: usize,
    },
    /// Encoded bytes that are not UTF-8.
    NotUtf8,
    /// `#` without a field.
    EmptyField,
    /// A version that is not a number from 1 to 2^63-1 in decimal digits.
    Version,
    /// A parameter other than `version=`.
    UnknownParameter,
    /// `version=` twice.
    RepeatedParameter,
    /// A `?` or `#` in a prefix.
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
                f.write_str("the version is not a whole number from 1 to 9223372036854775807 in plain digits")
            }
            Flaw::UnknownParameter => {
                f.write_str("the only parameter is version=NUMBER; a '?' of the path itself is written %3F")
            }
            Flaw::RepeatedParameter => f.write_str("version is given twice"),
            Flaw::NotAPrefix => f.write_str("holds a version or a field; a prefix is the start of a path only"),
        }
    }
}
