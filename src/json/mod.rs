//! JSON that is walked over and not taken apart: what an answer holds is found where it stands.
//!
//! serde_json reads each string and number through functions that are made for whatever a program may want of them. To
//! find one value among twenty, that was most of a get's work on its answer. Here the text is walked over once, eight
//! bytes of a string at a time, and held to the same grammar (RFC 8259): property tests compare the two.
//!
//! Each function is given what is left of a text, and gives what is left of it behind what it has walked over; `None`
//! where the text is no JSON. That strings are UTF-8 is not looked at here.

pub mod runs;
pub mod text;

use self::runs::from_end_of_plain_json;
use self::text::Text;

/// The name of an object's entry.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// What stands between its quotes.
    written: &'a [u8],
    has_escape: bool,
}

impl Key<'_> {
    /// Whether it stands for `name`: any of its characters may be written as an escape.
    #[inline]
    pub fn is(self, name: &str) -> bool {
        if self.has_escape { self.spells(name) } else { self.written == name.as_bytes() }
    }

    #[cold]
    fn spells(self, name: &str) -> bool {
        let text = std::str::from_utf8(self.written).ok().and_then(Text::measure);
        let as_long = text.filter(|text| text.len() == name.len());
        as_long.and_then(|text| text.to_secret()).is_some_and(|text| text.as_str() == name)
    }
}

/// Walks over an entry's value, given its name and what follows its colon.
pub type EachEntry<'e, 'a> = dyn FnMut(Key<'a>, &'a [u8]) -> Option<&'a [u8]> + 'e;

/// Walks over an object, over each of its entries by `each`: not a copy of this for every kind of object, because code
/// that a processor has at hand costs less than code that it has to fetch.
pub fn object<'a>(text: &'a [u8], each: &mut EachEntry<'_, 'a>) -> Option<&'a [u8]> {
    let mut rest = after(text, b'{')?;
    if let Some(behind) = after(rest, b'}') {
        return Some(behind);
    }
    loop {
        let (key, value) = key(rest)?;
        match trimmed(each(key, value)?) {
            [b',', behind @ ..] => rest = behind,
            [b'}', behind @ ..] => return Some(behind),
            _ => return None,
        }
    }
}

/// A value as it is written, and what follows it.
#[inline]
pub fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trimmed(text);
    let rest = skip(text)?;
    Some((text.get(..text.len() - rest.len())?, rest))
}

/// Walks over a value.
pub fn skip(text: &[u8]) -> Option<&[u8]> {
    match trimmed(text) {
        [b'"', content @ ..] => string(content),
        [b'n', rest @ ..] => word(rest, b"ull"),
        [b't', rest @ ..] => word(rest, b"rue"),
        [b'f', rest @ ..] => word(rest, b"alse"),
        container @ [b'{' | b'[', ..] => skip_container(container),
        text => number(text),
    }
}

/// Walks over a `null`.
pub fn null(text: &[u8]) -> Option<&[u8]> {
    word(trimmed(text), b"null")
}

/// Whether nothing but whitespace is left.
pub fn is_over(rest: &[u8]) -> bool {
    trimmed(rest).is_empty()
}

/// Walks over an object or an array, however deep others stand in it.
fn skip_container(text: &[u8]) -> Option<&[u8]> {
    let (mut open, mut rest) = (Open::default(), text);
    loop {
        rest = match trimmed(rest) {
            [b'{', behind @ ..] => match after(behind, b'}') {
                Some(behind) => behind,
                None => {
                    open.push(Container::Object);
                    rest = key(behind)?.1;
                    continue;
                }
            },
            [b'[', behind @ ..] => match after(behind, b']') {
                Some(behind) => behind,
                None => {
                    open.push(Container::Array);
                    rest = behind;
                    continue;
                }
            },
            scalar => skip(scalar)?,
        };
        // A value is complete: either another one follows, or what it stood in is complete as well.
        loop {
            let Some(container) = open.innermost() else { return Some(rest) };
            match (trimmed(rest), container) {
                ([b',', behind @ ..], Container::Array) => rest = behind,
                ([b',', behind @ ..], Container::Object) => rest = key(behind)?.1,
                ([b']', behind @ ..], Container::Array) | ([b'}', behind @ ..], Container::Object) => {
                    open.pop();
                    rest = behind;
                    continue;
                }
                _ => return None,
            }
            break;
        }
    }
}

/// What is left behind whitespace.
#[inline]
pub fn trimmed(text: &[u8]) -> &[u8] {
    match text {
        [b'!'..=0xFF, ..] => text,
        _ => without_whitespace(text),
    }
}

/// Servers write little of it, or none.
#[cold]
fn without_whitespace(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// What follows `expected`, if that comes next.
fn after(text: &[u8], expected: u8) -> Option<&[u8]> {
    match trimmed(text) {
        [first, rest @ ..] if *first == expected => Some(rest),
        _ => None,
    }
}

fn word<'a, const N: usize>(text: &'a [u8], word: &[u8; N]) -> Option<&'a [u8]> {
    let (first, rest) = text.split_first_chunk()?;
    (first == word).then_some(rest)
}

/// An entry's name, and what follows the colon behind it.
#[inline(always)]
fn key(text: &[u8]) -> Option<(Key<'_>, &[u8])> {
    let content = after(text, b'"')?;
    let first_end = from_end_of_plain_json(content);
    let (has_escape, rest) = match first_end {
        [b'"', behind @ ..] => (false, behind),
        _ => (true, string_with_escapes(first_end)?),
    };
    let written = content.get(..content.len() - rest.len() - 1)?;
    Some((Key { written, has_escape }, after(rest, b':')?))
}

/// Walks over a string whose opening quote has been passed.
fn string(content: &[u8]) -> Option<&[u8]> {
    match from_end_of_plain_json(content) {
        [b'"', behind @ ..] => Some(behind),
        rest => string_with_escapes(rest),
    }
}

/// Walks on from the first escape of a string.
#[cold]
fn string_with_escapes(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => behind,
            [b'\\', b'u', behind @ ..] => {
                let (digits, behind) = behind.split_first_chunk::<4>()?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(behind)?
            }
            _ => return None,
        };
        rest = from_end_of_plain_json(rest);
    }
}

fn number(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match text {
        [b'0', behind @ ..] => behind,
        _ => digits(text)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = match exponent {
            [b'+' | b'-', behind @ ..] => digits(behind)?,
            _ => digits(exponent)?,
        };
    }
    Some(rest)
}

/// Walks over at least one digit.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', rest @ ..] = text else { return None };
    let mut rest = rest;
    while let [b'0'..=b'9', behind @ ..] = rest {
        rest = behind;
    }
    Some(rest)
}

/// What a value can stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// The containers around a value, innermost last: a bit each, so that no depth of nesting takes up a thread's stack.
#[derive(Default)]
struct Open {
    /// Bit 0 is the innermost, set for an object. Those of deeper nesting push the others into `outer`.
    bits: u64,
    depth: usize,
    outer: Vec<u64>,
}

impl Open {
    fn push(&mut self, container: Container) {
        if self.depth > 0 && self.depth % BITS == 0 {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(container == Container::Object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth % BITS == 0 {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    fn innermost(&self) -> Option<Container> {
        let container = if self.bits & 1 == 1 { Container::Object } else { Container::Array };
        (self.depth > 0).then_some(container)
    }
}

const BITS: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    fn walk(text: &[u8]) -> Option<()> {
        let rest = skip(text)?;
        (is_over(rest) && std::str::from_utf8(text).is_ok()).then_some(())
    }

    fn is_json(text: &[u8]) -> bool {
        std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
    }

    /// The entries of an object, by name, the last of each.
    fn entries<'a>(text: &'a str, names: &[String]) -> Option<BTreeMap<String, &'a str>> {
        let mut found = BTreeMap::new();
        let rest = object(text.as_bytes(), &mut |key, rest| {
            let (written, rest) = value(rest)?;
            found.insert(names.iter().find(|name| key.is(name))?.clone(), std::str::from_utf8(written).ok()?);
            Some(rest)
        })?;
        is_over(rest).then_some(found)
    }

    #[test]
    fn what_the_grammar_allows_is_walked_over() {
        for text in [
            "null",
            " true ",
            "false",
            "0",
            "-0",
            "10",
            "-1.50e+10",
            "1E-2",
            "0.0",
            "\"\"",
            "\"a\"",
            "[]",
            "{}",
            "[ ]",
            "{ }",
            "[1,[2,{\"a\":[]}],\"]\"]",
            "{\"a\":1,\"a\":{\"b\":[null]}}",
            "\t{\r\n\"a\" : [ 1 , 2 ] }\n",
            r#""\"\\\/\b\f\n\r\t\u00e9\ud83d""#,
            "\"1234567\"",
            "\"12345678\"",
            "\"123456789\"",
            "\"é😀\u{7f}\"",
        ] {
            assert!(is_json(text.as_bytes()) && walk(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn what_it_does_not_allow_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "True",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "\"",
            "\"a",
            "\"a\tb\"",
            "\"1234567\u{1f}\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\"#,
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{1:1}",
            "[1}",
            "{\"a\":1]",
            "1 2",
            "nullx",
            "[]]",
            "'a'",
        ] {
            assert!(!is_json(text.as_bytes()) && walk(text.as_bytes()).is_none(), "{text}");
        }
        for bytes in [&b"\"\xff\""[..], b"\"1234567\xc3\"", b"\"\xed\xa0\x80\"", b"\xef\xbb\xbf1"] {
            assert!(walk(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn no_nesting_is_too_deep() {
        for depth in [1, 63, 64, 65, 128, 129, 200_000] {
            let (open, close): (String, String) =
                (0..depth).map(|level| if level % 3 == 0 { ("[", "]") } else { ("{\"a\":", "}") }).unzip();
            let close: String = close.chars().rev().collect();
            assert_eq!(walk(format!("{open}1{close}").as_bytes()), Some(()), "{depth}");
            assert_eq!(walk(format!("{open}1{close}]").as_bytes()), None, "{depth}");
            let wrong = if close.starts_with(']') { '}' } else { ']' };
            assert_eq!(walk(format!("{open}1{wrong}{}", &close[1..]).as_bytes()), None, "{depth}");
        }
    }

    /// A string, with some of its characters written as escapes.
    fn any_string() -> impl Strategy<Value = String> {
        prop::collection::vec((any::<char>(), any::<bool>()), 0..12).prop_map(|characters| {
            let written = |(character, escaped): (char, bool)| match escaped {
                true => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
                false => serde_json::to_string(&character).unwrap().trim_matches('"').to_owned(),
            };
            // A quote of its own was trimmed away with the others.
            let text: String = characters.into_iter().filter(|&(character, _)| character != '"').map(written).collect();
            format!("\"{text}\"")
        })
    }

    fn any_value() -> impl Strategy<Value = String> {
        let number = r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?";
        let leaf = prop_oneof![
            any_string(),
            number,
            prop::sample::select(&["null", "true", "false"][..]).prop_map(str::to_owned)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let entry = (any_string(), "[ \n]?", inner.clone())
                .prop_map(|(key, space, value)| format!("{key}{space}:{space}{value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(" , "))),
                prop::collection::vec(entry, 0..4).prop_map(|entries| format!("{{{}}}", entries.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_takes_is_walked_over_and_nothing_else(
            json in any_value(),
            change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut bytes = json.into_bytes();
            if let Some((place, byte)) = change {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            prop_assert_eq!(walk(&bytes).is_some(), is_json(&bytes), "{}", String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn entries_are_those_that_serde_json_finds(values in prop::collection::vec((any_string(), any_value()), 0..6)) {
            let text = values.iter().map(|(key, value)| format!("{key}:{value}")).collect::<Vec<_>>().join(",");
            let text = format!("{{{text}}}");
            let expected: BTreeMap<String, &RawValue> = serde_json::from_str(&text).unwrap();
            let names: Vec<String> = expected.keys().cloned().collect();
            let expected: BTreeMap<_, _> = expected.into_iter().map(|(name, value)| (name, value.get())).collect();
            prop_assert_eq!(entries(&text, &names), Some(expected));
        }
    }
}
