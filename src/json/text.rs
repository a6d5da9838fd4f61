//! The text that a JSON string stands for, without a copy on the way to its secret.
//!
//! serde_json puts the pieces of a string with escapes together in a buffer, and copies that. Both grow without asking,
//! which ends the process where a large value meets little memory. Here the pieces are counted, and then written to
//! where they stay.

use std::char::decode_utf16;
use std::iter::once;

use super::runs::from_byte;
use crate::secret::{Draft, Secret};

/// A JSON string of which is known how long the text is that it stands for.
pub struct Text<'a> {
    /// What stands in front of the first escape, mostly all of it: it is looked through once.
    plain: &'a str,
    /// What follows.
    pieces: Pieces<'a>,
    length: usize,
    has_nul: bool,
}

impl<'a> Text<'a> {
    /// Measures what stands between a string's quotes. `None` where it stands for no Unicode text: surrogates without a
    /// partner.
    pub fn measure(written: &'a str) -> Option<Text<'a>> {
        let (plain, rest) = split_at_escape(written);
        let mut text = Text { plain, pieces: Pieces { rest }, length: plain.len(), has_nul: false };
        for piece in text.pieces.clone() {
            text.length += match piece? {
                Piece::Plain(plain) => plain.len(),
                Piece::Escaped(character) => {
                    text.has_nul |= character == '\0';
                    character.len_utf8()
                }
            };
        }
        Some(text)
    }

    /// How many bytes it has as UTF-8.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether U+0000 is in it, which JSON has as an escape only.
    pub fn has_nul(&self) -> bool {
        self.has_nul
    }

    /// The text; `None` where no memory is left for it.
    pub fn to_secret(&self) -> Option<Secret> {
        let mut draft = Draft::try_new(self.length)?;
        draft.push(self.plain);
        for piece in self.pieces.clone().flatten() {
            match piece {
                Piece::Plain(plain) => draft.push(plain),
                Piece::Escaped(character) => draft.push(character.encode_utf8(&mut [0; 4])),
            }
        }
        Some(draft.finish())
    }
}

/// What a string consists of.
enum Piece<'a> {
    /// What stands for itself.
    Plain(&'a str),
    /// What an escape stands for.
    Escaped(char),
}

/// The pieces of what stands between the quotes; `None` for an escape that stands for no character.
#[derive(Clone)]
struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Option<Piece<'a>>;

    fn next(&mut self) -> Option<Option<Piece<'a>>> {
        if let Some(escape) = self.rest.strip_prefix('\\') {
            self.rest = escape;
            return Some(self.escaped().map(Piece::Escaped));
        }
        let (plain, rest) = split_at_escape(self.rest);
        self.rest = rest;
        (!plain.is_empty()).then_some(Some(Piece::Plain(plain)))
    }
}

fn split_at_escape(text: &str) -> (&str, &str) {
    let rest = from_byte(text.as_bytes(), b'\\');
    text.split_at_checked(text.len() - rest.len()).unwrap_or((text, ""))
}

impl Pieces<'_> {
    /// The character behind a backslash (RFC 8259, 7).
    fn escaped(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let letter = characters.next()?;
        self.rest = characters.as_str();
        match letter {
            '"' | '\\' | '/' => Some(letter),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => self.numbered(),
            _ => None,
        }
    }

    /// The character whose number follows, in one UTF-16 unit or two.
    fn numbered(&mut self) -> Option<char> {
        let first = self.unit()?;
        let second = match first {
            0xD800..=0xDBFF => {
                self.rest = self.rest.strip_prefix("\\u")?;
                Some(self.unit()?)
            }
            _ => None,
        };
        decode_utf16(once(first).chain(second)).next()?.ok()
    }

    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        // The number's own parser would take a sign as well.
        let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if all_digits { u16::from_str_radix(digits, 16).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(json: &str) -> Option<String> {
        let written = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))?;
        Text::measure(written).map(|text| {
            let secret = text.to_secret().unwrap();
            assert_eq!(secret.len(), text.len());
            assert_eq!(secret.as_bytes().contains(&0), text.has_nul());
            secret.as_str().to_owned()
        })
    }

    #[test]
    fn every_escape_stands_for_its_character() {
        let json = r#""\"\\\/\b\f\n\r\t \u00e9\u00E9\ud83d\ude00\uD83D\uDE00 \u0000 é😀""#;
        assert_eq!(text_of(json).unwrap(), "\"\\/\u{8}\u{c}\n\r\t éé😀😀 \0 é😀");
        assert_eq!(text_of(r#""""#).unwrap(), "");
    }

    #[test]
    fn half_a_surrogate_pair_is_no_text() {
        for json in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83dx""#, r#""\ud83d\n""#, r#""\ud83d\u0041""#] {
            assert_eq!(text_of(json), None, "{json}");
            assert_eq!(text_of(&format!("\"\\u0000{}", &json[1..])), None, "a NUL in front does not hide it");
        }
        assert_eq!(text_of(r#""\ude00\ud83d""#), None, "the wrong way round");
        assert_eq!(text_of(r#""\ud83d\ud83d\ude00""#), None);
    }

    #[test]
    fn what_is_no_json_string_is_no_text() {
        for json in ["", "\"", "a", r#""\"#, r#""\""#, r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""\u12é""#] {
            assert_eq!(text_of(json), None, "{json}");
        }
    }

    /// A part of a JSON string: any characters that need no escape, or any escape.
    fn part() -> impl Strategy<Value = String> {
        let unit = prop_oneof![0_u16..0x100, 0xD7F0_u16..0xE010, any::<u16>()];
        let numbered = (unit, any::<bool>())
            .prop_map(|(unit, upper)| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
        let pair = any::<char>().prop_map(|character| {
            character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>()
        });
        let short = prop::sample::select(&["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"][..]);
        let plain = r#"[^"\\\x00-\x1f]{0,8}"#;
        prop_oneof![plain, numbered, pair, short.prop_map(str::to_owned)]
    }

    proptest! {
        #[test]
        fn a_text_is_what_serde_json_finds(parts in prop::collection::vec(part(), 0..12)) {
            let json = format!("\"{}\"", parts.concat());
            prop_assert_eq!(text_of(&json), serde_json::from_str::<String>(&json).ok());
        }

        #[test]
        fn a_text_survives_the_way_to_json_and_back(text: String) {
            prop_assert_eq!(text_of(&serde_json::to_string(&text).unwrap()), Some(text));
        }
    }
}
