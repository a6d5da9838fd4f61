//! Percent-encoding and decoding, for references and for URLs, which encode different characters.

use std::borrow::Cow;
use std::fmt::Write;

use super::flaw::Flaw;
use super::printable::is_printable;

/// Decodes every `%XX` of `text`, once. Errors: a `%` without two hexadecimal digits, bytes that are not UTF-8.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, Flaw> {
    if !text.bytes().any(|byte| byte == b'%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((position, byte)) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|(_, digit)| char::from(digit).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
            _ => return Err(Flaw::Percent { position }),
        }
    }
    String::from_utf8(decoded).map(Cow::Owned).map_err(|_| Flaw::NotUtf8)
}

/// Appends `text` encoded for a reference: `%`, `?` and `#`, which have a meaning there, and characters that are not
/// printable, which a field may hold, are encoded.
pub(super) fn push_reference_text(text: &str, out: &mut String) {
    for character in text.chars() {
        if matches!(character, '%' | '?' | '#') || !is_printable(character) {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                push_percent(byte, out);
            }
        } else {
            out.push(character);
        }
    }
}

/// Appends `path` encoded for a URL: all but `A-Z a-z 0-9 - . _ ~` and the `/` between segments.
pub fn write_url_path(path: &str, out: &mut String) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/');
    // Usually the whole path.
    let plain = path.bytes().position(|byte| !is_plain(byte)).unwrap_or(path.len());
    let (plain, rest) = path.split_at_checked(plain).unwrap_or(("", path));
    out.push_str(plain);
    for byte in rest.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            push_percent(byte, out);
        }
    }
}

fn push_percent(byte: u8, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "%{byte:02X}");
}
