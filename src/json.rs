//! JSON: reading strings into secrets, and writing request bodies without aborting when memory is short.

use std::fmt;
use std::io;

use memchr::memchr;
use serde::Serialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result, Status};
use crate::secret::{Buffer, Draft, Secret, make_room};

/// A string with escapes that is longer is decoded in pieces of this length.
const PIECE: usize = 64 * 1024;

const HAS_NUL: NotText = NotText::Kind("a string with a NUL character");

/// Why a JSON value cannot be returned as text.
#[derive(Debug, PartialEq, Eq)]
pub enum NotText {
    /// It is an object, an array, null, or a string with U+0000. The text describes it.
    Kind(&'static str),
    /// It has an unpaired surrogate.
    NotUnicode,
    /// There is no memory for this many bytes.
    NoMemory(usize),
}

/// The error of a parameter that is not JSON. It names the place and never the text, which may be a secret.
pub fn not_json(parameter: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    Error::invalid_argument(format!("{parameter}: is not JSON (line {line}, column {column})"))
}

/// The text of a JSON value: the content of a string, or the JSON text of a number or a boolean.
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
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(content) if memchr(b'\\', content.as_bytes()).is_none() => copied(content),
        Some(content) if content.len() > PIECE => long_string_of(content),
        _ => decoded(written, |text| match memchr(0, text.as_bytes()) {
            Some(_) => Err(HAS_NUL),
            None => copied(text),
        })?,
    }
}

/// Decodes a long string with escapes, first to measure it.
fn long_string_of(content: &str) -> Result<Secret, NotText> {
    let (mut length, mut has_nul) = (0, false);
    visit_pieces(content, &mut |text| {
        length += text.len();
        has_nul |= memchr(0, text.as_bytes()).is_some();
    })?;
    if has_nul {
        return Err(HAS_NUL);
    }
    let mut draft = Draft::try_new(length).ok_or(NotText::NoMemory(length))?;
    visit_pieces(content, &mut |text| draft.push(text))?;
    Ok(draft.finish())
}

/// The length of the text of a JSON value in bytes; `None` if it has none. A string with U+0000 has one here.
pub fn text_length(json: &str) -> Option<usize> {
    let mut length = 0;
    visit_text(json, |piece| length += piece.len()).ok()?;
    Some(length)
}

/// Calls `visit` with the pieces of the text of a JSON value. A string may hold U+0000.
pub fn visit_text(json: &str, mut visit: impl FnMut(&str)) -> Result<(), NotText> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(content) if memchr(b'\\', content.as_bytes()).is_none() => visit(content),
        Some(content) if content.len() > PIECE => return visit_pieces(content, &mut visit),
        Some(_) => decoded(json, visit)?,
        None => match json.as_bytes().first() {
            Some(b'{') => return Err(NotText::Kind("an object")),
            Some(b'[') => return Err(NotText::Kind("an array")),
            Some(b'n') => return Err(NotText::Kind("null")),
            _ => visit(json),
        },
    }
    Ok(())
}

/// Whether a JSON value is the string `text`, or the number or boolean that is written as `text`.
pub fn is_text(json: &str, text: &str) -> bool {
    let mut rest = Some(text);
    let is_whole = visit_text(json, |piece| rest = rest.and_then(|rest| rest.strip_prefix(piece))).is_ok();
    is_whole && rest == Some("")
}

/// Whether two JSON values are the same for a server that keeps numbers as floating point.
pub fn is_same(one: &str, other: &str) -> bool {
    let parsed = |json| serde_json::from_str::<Value>(json);
    one == other || matches!((parsed(one), parsed(other)), (Ok(one), Ok(other)) if are_equal(&one, &other))
}

fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_in_other = |(name, value)| other.get(name).is_some_and(|other| are_equal(value, other));
            one.len() == other.len() && one.iter().all(is_in_other)
        }
        _ => one == other,
    }
}

/// Calls `visit` with the pieces of a long string with escapes, whose content is `content`.
///
/// serde_json decodes a string with escapes into a buffer that doubles as it grows, and ends the process where there is
/// no memory for it. So a long one is decoded piece by piece.
fn visit_pieces(content: &str, visit: &mut dyn FnMut(&str)) -> Result<(), NotText> {
    let mut quoted = Zeroizing::new(String::with_capacity(PIECE + 2));
    for piece in Pieces(content) {
        quoted.clear();
        for part in ["\"", piece, "\""] {
            quoted.push_str(part);
        }
        decoded(&quoted, &mut *visit)?;
    }
    Ok(())
}

fn copied(text: &str) -> Result<Secret, NotText> {
    Secret::try_copy_of(text).ok_or(NotText::NoMemory(text.len()))
}

/// Calls `visit` with the text of a JSON string.
fn decoded<T>(written: &str, visit: impl FnOnce(&str) -> T) -> Result<T, NotText> {
    let visitor = StringVisitor(visit);
    serde_json::Deserializer::from_str(written).deserialize_str(visitor).map_err(|_| NotText::NotUnicode)
}

struct StringVisitor<F>(F);

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for StringVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        Ok((self.0)(text))
    }
}

/// The content of a JSON string in pieces, none of which ends inside of an escape or between the halves of a surrogate
/// pair.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut end = 0;
        while let Some(rest) = self.0.as_bytes().get(end..).filter(|rest| !rest.is_empty()) {
            let step = match memchr(b'\\', rest).unwrap_or(rest.len()) {
                0 => escape_length(rest),
                plain => plain.min(PIECE - end),
            };
            if end + step > PIECE || step == 0 {
                break;
            }
            end += step;
        }
        while !self.0.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

/// How long the escape is that a text begins with: that of a surrogate pair takes two.
fn escape_length(text: &[u8]) -> usize {
    let length = match text {
        [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', _, _, b'\\', b'u', ..] => 12,
        [b'\\', b'u', ..] => 6,
        _ => 2,
    };
    length.min(text.len())
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
    /// The size of the allocation that failed.
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

/// Reads the whole of `body` as one JSON value. All of it has to be valid UTF-8, including the parts that `seed` skips.
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
    fn a_value_that_is_no_text_is_described() {
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
    #[cfg_attr(miri, ignore = "it takes the interpreter many minutes")]
    fn a_long_string_with_escapes_is_whole_wherever_it_is_cut() {
        for (written, pattern) in
            [("\\n\\\"ü", "\n\"ü"), ("\\ud83d\\ude00", "😀"), ("\\u00e9\\\\", "é\\"), ("x\\t", "x\t")]
        {
            for shift in 0..12 {
                let (before, count) = ("y".repeat(shift), 2 * PIECE / written.len() + 7);
                let json = format!("\"{before}{}\"", written.repeat(count));
                assert!(text(&json).unwrap() == format!("{before}{}", pattern.repeat(count)), "{written}, {shift}");
            }
        }
        let long = "\\t".repeat(PIECE);
        assert_eq!(text(&format!("\"{long}\\u0000{long}\"")), Err(HAS_NUL));
        assert_eq!(text(&format!("\"{long}\\ud83d{long}\"")), Err(NotText::NotUnicode));
    }

    #[test]
    fn a_body_without_memory_for_it_is_too_large() {
        let error = to_body(isize::MAX as usize, &"x").unwrap_err();
        assert_eq!(error.status(), Status::TooLarge);
        assert!(error.message().starts_with("no memory for the request: "), "{error}");
    }

    #[test]
    fn the_text_of_a_value_is_compared_without_a_copy() {
        assert!(is_text(r#""a\u00e9""#, "aé") && is_text("1.50", "1.50") && is_text("\"\"", ""));
        for (json, text) in [(r#""ab""#, "a"), (r#""a""#, "ab"), ("null", "null"), (r#""a\n""#, "a\\n")] {
            assert!(!is_text(json, text), "{json} {text}");
        }
    }

    #[test]
    fn values_are_the_same_however_they_are_written() {
        assert!(is_same(r#"{"a":[1,2.0],"b":"\u0061"}"#, r#"{ "b":"a", "a":[1.0,2] }"#));
        assert!(is_same("12345678901234567890", "12345678901234567000"), "a server keeps no more digits");
        for (one, other) in [("1", "2"), ("[1]", "[1,1]"), (r#"{"a":1}"#, r#"{"b":1}"#), ("null", "false")] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn a_text_survives_the_round_trip_through_json(wanted: String) {
            prop_assume!(!wanted.contains('\0'));
            prop_assert_eq!(text(&serde_json::to_string(&wanted).unwrap()), Ok(wanted));
        }
    }
}
