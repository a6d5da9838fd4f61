//! Percent-encoding and decoding, for references and for URLs, which encode different characters.

use std::borrow::Cow;

use memchr::memchr_iter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode_byte, utf8_percent_encode};

use super::flaw::Flaw;
use super::printable::is_printable;

/// What is encoded in the path of a URL: everything but `A-Z a-z 0-9 - . _ ~` and the `/` between segments.
const NOT_IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Decodes every `%XX` of `text`, once. Errors: a `%` without two hexadecimal digits, bytes that are not UTF-8.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, Flaw> {
    let mut percents = memchr_iter(b'%', text.as_bytes()).peekable();
    if percents.peek().is_none() {
        return Ok(Cow::Borrowed(text));
    }
    for position in percents {
        match text.as_bytes().get(position..) {
            Some([_, high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {}
            _ => return Err(Flaw::Percent { position }),
        }
    }
    percent_decode_str(text).decode_utf8().map_err(|_| Flaw::NotUtf8)
}

/// Appends `text` encoded for a reference: `%`, `?` and `#`, which have a meaning there, and characters that are not
/// printable, which a field may hold, are encoded.
pub(super) fn push_reference_text(text: &str, out: &mut String) {
    for character in text.chars() {
        if matches!(character, '%' | '?' | '#') || !is_printable(character) {
            out.extend(character.encode_utf8(&mut [0; 4]).bytes().map(percent_encode_byte));
        } else {
            out.push(character);
        }
    }
}

/// Appends `path` encoded for a URL.
pub fn write_url_path(path: &str, out: &mut String) {
    out.extend(utf8_percent_encode(path, NOT_IN_A_PATH));
}
