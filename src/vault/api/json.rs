//! JSON on its way in and out: strings that become secrets, and bodies that are written where there is memory for them.

use std::fmt;
use std::io;

use memchr::memchr;
use serde::Serialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Result, Status};
use crate::secret::{self, Buffer, Secret, make_room};

/// Strings with escapes up to this length are read without a look at how much memory there is.
const SMALL: usize = 64 * 1024;

/// Why a JSON value is no text.
#[derive(Debug, PartialEq, Eq)]
pub enum NotText {
    /// It is an object, an array or null, or a string with U+0000: by these words.
    Kind(&'static str),
    /// It has half of a surrogate pair in it.
    NotUnicode,
    /// There is no memory for so many bytes.
    NoMemory(usize),
}

/// The text that a JSON value stands for: a string as it is, a number or a boolean as its JSON text.
pub fn text_of(json: &RawValue) -> Result<Secret, NotText> {
    let written = json.get();
    match written.as_bytes() {
        [b'"', ..] => string_of(written),
        [b'{', ..] => Err(NotText::Kind("an object")),
        [b'[', ..] => Err(NotText::Kind("an array")),
        [b'n', ..] => Err(NotText::Kind("null")),
        _ => copied(written),
    }
}

fn string_of(written: &str) -> Result<Secret, NotText> {
    // Without escapes it stands there as it is.
    let has_escapes = memchr(b'\\', written.as_bytes()).is_some();
    if let (Some(text), false) = (written.get(1..written.len() - 1), has_escapes) {
        return copied(text);
    }
    // serde_json puts the pieces between escapes together in a buffer that doubles as it grows, and that ends the
    // process where there is no memory.
    let buffered = written.len().saturating_mul(3);
    if written.len() > SMALL && !secret::has_memory_for(buffered) {
        return Err(NotText::NoMemory(written.len()));
    }
    serde_json::Deserializer::from_str(written).deserialize_str(SecretVisitor).unwrap_or(Err(NotText::NotUnicode))
}

fn copied(text: &str) -> Result<Secret, NotText> {
    Secret::try_copy_of(text).ok_or(NotText::NoMemory(text.len()))
}

/// Copies a string into a secret.
struct SecretVisitor;

impl Visitor<'_> for SecretVisitor {
    type Value = Result<Secret, NotText>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(match memchr(0, text.as_bytes()) {
            Some(_) => Err(NotText::Kind("a string with a NUL character")),
            None => copied(text),
        })
    }
}

/// The body of a request. `size`: how long the texts in it are, so that the buffer rarely grows.
pub fn to_body(size: usize, content: &impl Serialize) -> Result<Buffer> {
    let mut body = Body::default();
    body.reserve(size + size / 8 + 256)
        .map_err(serde_json::Error::io)
        .and_then(|()| serde_json::to_writer(&mut body, content))
        .map_err(|error| match error.is_io() {
            true => Error::no_memory("the request", body.refused),
            false => Error::new(Status::Internal, "a request that is no JSON"),
        })?;
    Ok(body.bytes)
}

/// The body of a request while it is being written.
#[derive(Default)]
struct Body {
    bytes: Buffer,
    /// How many bytes there was no memory for.
    refused: usize,
}

impl Body {
    fn reserve(&mut self, more: usize) -> io::Result<()> {
        make_room(&mut self.bytes, more).map_err(|size| {
            self.refused = size;
            io::ErrorKind::OutOfMemory.into()
        })
    }
}

impl io::Write for Body {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.reserve(part.len())?;
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the whole of `body` as one JSON value. What it does not ask for has to be valid UTF-8 as well.
pub fn read<'de, S: serde::de::DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(json: &str) -> Result<String, NotText> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        text_of(raw).map(|secret| secret.as_str().to_owned())
    }

    #[test]
    fn a_string_is_its_text_and_a_scalar_its_json() {
        let json = r#""\"\\\/\b\f\n\r\t \u00e9\u00E9\ud83d\ude00\uD83D\uDE00 é😀""#;
        assert_eq!(text(json).unwrap(), "\"\\/\u{8}\u{c}\n\r\t éé😀😀 é😀");
        for (json, expected) in [("\"\"", ""), ("1e3", "1e3"), ("true", "true"), ("-1.50", "-1.50")] {
            assert_eq!(text(json).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_text_says_what_it_is() {
        for (json, kind) in [
            ("{}", "an object"),
            ("[1]", "an array"),
            ("null", "null"),
            (r#""a\u0000b""#, "a string with a NUL character"),
        ] {
            assert_eq!(text(json), Err(NotText::Kind(kind)), "{json}");
        }
        for json in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83dx""#, r#""\u0000\ud83d""#] {
            assert_eq!(text(json), Err(NotText::NotUnicode), "{json}");
        }
    }

    #[test]
    fn a_long_string_with_escapes_is_whole() {
        let long = "\n\"ü".repeat(100_000);
        assert_eq!(text(&serde_json::to_string(&long).unwrap()).unwrap(), long);
    }

    #[test]
    fn a_body_that_there_is_no_memory_for_is_too_large() {
        let error = to_body(isize::MAX as usize, &"x").unwrap_err();
        assert_eq!(error.status(), Status::TooLarge);
        assert!(error.message().starts_with("no memory for the request: "), "{error}");
    }

    proptest! {
        #[test]
        fn a_text_survives_the_way_to_json_and_back(wanted: String) {
            prop_assume!(!wanted.contains('\0'));
            prop_assert_eq!(text(&serde_json::to_string(&wanted).unwrap()), Ok(wanted));
        }
    }
}
