//! Redacts secrets in the text of a peer: servers and gateways quote parts of the requests that they refuse, and no
//! message may hold a secret.
//!
//! A quote may be truncated, and it may be escaped for JSON, HTML or a URL, also several times. So the text is decoded
//! in all these ways, and each run of a few characters that it shares with a secret is replaced in the original text.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Replaces a secret in a message.
const REDACTED: &str = "[redacted]";

/// Shorter secrets are not redacted: they occur in messages by chance.
const SHORTEST: usize = 4;

/// A run of this many bytes is considered a part of a secret.
const RUN: usize = 8;

/// Request bodies that are nested deeper are not searched for secrets.
const DEEPEST: usize = 64;

/// Larger request bodies are not searched for secrets, whose copies would need as much memory again.
const LARGEST: usize = 4 * 1024 * 1024;

/// How many layers of escapes are decoded.
const LAYERS: usize = 3;

/// The secrets of one request: the values of its headers, and every string and number in its JSON body.
#[derive(Default)]
pub struct RequestSecrets {
    known: Vec<SecretString>,
    /// The body could not be searched completely, so there may be other secrets.
    incomplete: bool,
}

impl RequestSecrets {
    /// The secrets of a request with these header values and this body.
    pub fn of<'a>(headers: impl Iterator<Item = &'a str>, body: Option<&[u8]>) -> RequestSecrets {
        let mut secrets = RequestSecrets { known: headers.map(SecretString::from).collect(), incomplete: false };
        if let Some(body) = body {
            secrets.incomplete = body.len() > LARGEST || secrets.collect(body).is_none();
        }
        secrets.known.retain(|secret| secret.expose_secret().len() >= SHORTEST);
        secrets
    }

    /// Collects the secrets of a JSON text. `None` if it is invalid or nested too deeply.
    fn collect(&mut self, body: &[u8]) -> Option<()> {
        let mut waiting = vec![(serde_json::from_slice::<&RawValue>(body).ok()?, 0)];
        while let Some((json, depth)) = waiting.pop() {
            let text = json.get();
            let inner: Vec<&RawValue> = match text.as_bytes().first()? {
                b'"' => {
                    self.known.push(SecretString::from(serde_json::from_str::<String>(text).ok()?));
                    continue;
                }
                b'{' => serde_json::from_str::<BTreeMap<Name<'_>, &RawValue>>(text).ok()?.into_values().collect(),
                b'[' => serde_json::from_str(text).ok()?,
                b't' | b'f' | b'n' => continue,
                _ => {
                    self.known.push(SecretString::from(text));
                    continue;
                }
            };
            if depth == DEEPEST {
                return None;
            }
            waiting.extend(inner.into_iter().map(|json| (json, depth + 1)));
        }
        Some(())
    }

    /// `text` without the parts that it shares with the secrets; empty if not all secrets are known.
    pub fn redacted(&self, text: &str) -> String {
        if self.incomplete || text.is_empty() {
            return String::new();
        }
        without(text, &self.hidden_in(text))
    }

    /// The same for each of several texts. It takes as long as for one text of their length.
    pub fn redacted_each(&self, texts: &[&str]) -> Vec<String> {
        if self.incomplete {
            return vec![String::new(); texts.len()];
        }
        let hidden = self.hidden_in(&texts.join("\0"));
        let mut start = 0;
        let shown = |text: &&str| {
            let end = start + text.len();
            let of_text = hidden.get(start..end).unwrap_or_default();
            start = end + 1;
            without(text, of_text)
        };
        texts.iter().map(shown).collect()
    }

    /// For each byte of a text whether it must not be shown.
    fn hidden_in(&self, text: &str) -> Vec<bool> {
        let mut hidden = vec![false; text.len()];
        for view in View::all_of(text) {
            let runs = Runs::of(&view.bytes);
            for secret in &self.known {
                runs.shared_with(secret.expose_secret().as_bytes(), |run| view.hide(run, &mut hidden));
            }
        }
        hidden
    }
}

/// The name of an object member.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// `text` with the hidden bytes replaced. A character is hidden if any of its bytes is.
fn without(text: &str, hidden: &[bool]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut in_gap = false;
    for (position, character) in text.char_indices() {
        let bytes = hidden.get(position..position + character.len_utf8()).unwrap_or_default();
        let is_hidden = bytes.contains(&true);
        match (is_hidden, in_gap) {
            (true, false) => shown.push_str(REDACTED),
            (true, true) => {}
            (false, _) => shown.push(character),
        }
        in_gap = is_hidden;
    }
    shown
}

/// A text after decoding some layers of escapes.
struct View {
    bytes: Vec<u8>,
    /// For each byte its position in the original text.
    origins: Vec<Range<usize>>,
}

impl View {
    /// The text itself, and the text with up to [`LAYERS`] layers of escapes decoded.
    fn all_of(text: &str) -> Vec<View> {
        let origins = (0..text.len()).map(|position| position..position + 1).collect();
        let mut views = vec![View { bytes: text.as_bytes().to_vec(), origins }];
        let mut first_new = 0;
        for _ in 0..LAYERS {
            let newest = views.get(first_new..).unwrap_or_default();
            let escapes: [ReadEscape; 3] = [json_escape, html_escape, url_escape];
            let decoded: Vec<View> =
                newest.iter().flat_map(|view| escapes.map(|escape| view.decoded(escape))).flatten().collect();
            first_new = views.len();
            views.extend(decoded);
        }
        views
    }

    /// `None` if there is nothing to decode.
    fn decoded(&self, read: ReadEscape) -> Option<View> {
        let mut view = View { bytes: Vec::with_capacity(self.bytes.len()), origins: Vec::new() };
        let (mut position, mut any) = (0, false);
        while let Some(rest @ [first, ..]) = self.bytes.get(position..) {
            let escape = read(rest);
            any |= escape.is_some();
            let escape = escape.unwrap_or(Escape { stands_for: [*first, 0, 0, 0], count: 1, length: 1 });
            let end = position + escape.length;
            let origin = self.origins.get(position)?.start..self.origins.get(end - 1)?.end;
            for byte in escape.stands_for.into_iter().take(escape.count) {
                view.bytes.push(byte);
                view.origins.push(origin.clone());
            }
            position = end;
        }
        any.then_some(view)
    }

    fn hide(&self, run: Range<usize>, hidden: &mut [bool]) {
        for origin in self.origins.get(run).unwrap_or_default() {
            if let Some(bytes) = hidden.get_mut(origin.clone()) {
                bytes.fill(true);
            }
        }
    }
}

/// An escape at the start of a text.
struct Escape {
    /// The decoded bytes: the first `count` of these.
    stands_for: [u8; 4],
    count: usize,
    /// The length of the escape in bytes.
    length: usize,
}

impl Escape {
    fn of(character: char, length: usize) -> Escape {
        let mut stands_for = [0; 4];
        let count = character.encode_utf8(&mut stands_for).len();
        Escape { stands_for, count, length }
    }

    fn of_byte(byte: u8, length: usize) -> Escape {
        Escape { stands_for: [byte, 0, 0, 0], count: 1, length }
    }
}

/// Reads an escape at the start of a text, if there is one.
type ReadEscape = fn(&[u8]) -> Option<Escape>;

/// The escapes of a JSON string, and `\xXX` of other languages.
fn json_escape(text: &[u8]) -> Option<Escape> {
    let [b'\\', letter, rest @ ..] = text else { return None };
    Some(match letter {
        b'n' => Escape::of_byte(b'\n', 2),
        b'r' => Escape::of_byte(b'\r', 2),
        b't' => Escape::of_byte(b'\t', 2),
        b'b' => Escape::of_byte(8, 2),
        b'f' => Escape::of_byte(12, 2),
        b'x' => Escape::of_byte(u8::try_from(number(rest.get(..2)?, 16)?).ok()?, 4),
        b'u' => {
            let first = number(rest.get(..4)?, 16)?;
            let second = rest.get(4..10).and_then(|rest| number(rest.strip_prefix(b"\\u")?, 16));
            let pair = second.filter(|_| (0xD800..0xDC00).contains(&first));
            let units = [u16::try_from(first).ok()?, u16::try_from(pair.unwrap_or(0)).ok()?];
            let count = if pair.is_some() { 2 } else { 1 };
            let character = char::decode_utf16(units.into_iter().take(count)).next()?.ok()?;
            Escape::of(character, 6 * count)
        }
        b'"' | b'\\' | b'/' | b'\'' => Escape::of_byte(*letter, 2),
        _ => return None,
    })
}

/// The entities of characters with a meaning in HTML, and numeric character references.
fn html_escape(text: &[u8]) -> Option<Escape> {
    const LONGEST: usize = 12;
    let body = text.strip_prefix(b"&")?;
    let end = body.iter().take(LONGEST).position(|&byte| byte == b';')?;
    let length = end + 2;
    let character = match body.get(..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some(Escape::of(character, length))
}

fn url_escape(text: &[u8]) -> Option<Escape> {
    let digits = text.strip_prefix(b"%")?.get(..2)?;
    Some(Escape::of_byte(u8::try_from(number(digits, 16)?).ok()?, 3))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok()
}

/// All runs of [`RUN`] bytes of a text and their positions.
struct Runs<'t> {
    text: &'t [u8],
    places: HashMap<&'t [u8], Vec<usize>>,
    /// For each pair of bytes whether a run begins with it: a filter that skips most of a long secret.
    beginnings: Vec<bool>,
}

impl<'t> Runs<'t> {
    fn of(text: &'t [u8]) -> Runs<'t> {
        let mut runs = Runs { text, places: HashMap::new(), beginnings: vec![false; 1 << 16] };
        for (position, run) in text.windows(RUN).enumerate() {
            runs.places.entry(run).or_default().push(position);
            if let Some(beginning) = Runs::beginning(run).and_then(|pair| runs.beginnings.get_mut(pair)) {
                *beginning = true;
            }
        }
        runs
    }

    fn beginning(run: &[u8]) -> Option<usize> {
        let (pair, _) = run.split_first_chunk()?;
        Some(usize::from(u16::from_ne_bytes(*pair)))
    }

    /// Calls `found` with the position of each run of the text that occurs in `secret`. A secret shorter than a run has
    /// to occur as a whole.
    fn shared_with(&self, secret: &[u8], mut found: impl FnMut(Range<usize>)) {
        if secret.len() < RUN {
            memmem::find_iter(self.text, secret).for_each(|place| found(place..place + secret.len()));
            return;
        }
        for run in secret.windows(RUN) {
            let may_occur = Runs::beginning(run).and_then(|pair| self.beginnings.get(pair)) == Some(&true);
            let places = may_occur.then(|| self.places.get(run)).flatten();
            places.into_iter().flatten().for_each(|&place| found(place..place + RUN));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "hvs.TOKEN-1234567";

    fn quoted(body: &str, text: &str) -> String {
        RequestSecrets::of([TOKEN, ""].into_iter(), Some(body.as_bytes())).redacted(text)
    }

    #[test]
    fn secrets_of_a_request_are_redacted() {
        let body = r#"{"options":{"cas":1},"data":{"value":"a\"b\nCANARY","metadata":{"owner":"billing"},"n":12345}}"#;
        assert_eq!(quoted(body, "token hvs.TOKEN-1234567 of billing"), "token [redacted] of [redacted]");
        assert_eq!(quoted(body, "bad value: a\"b\nCANARY."), "bad value: [redacted].");
        assert_eq!(quoted(body, "bad number: 12345"), "bad number: [redacted]");
        assert_eq!(quoted(body, &format!("refused: {body}")).matches("CANARY").count(), 0);
        assert_eq!(quoted(body, "1 error occurred: permission denied"), "1 error occurred: permission denied");
    }

    #[test]
    fn several_texts_are_redacted_as_each_alone() {
        let secrets = RequestSecrets::of([TOKEN].into_iter(), Some(br#"{"a":"first CANARY","b":"other CANARY"}"#));
        let texts = ["no: first CANARY", "", "%66irst CANARY", "nothing", "other CANARY", "\\", "n"];
        let alone: Vec<String> = texts.iter().map(|text| secrets.redacted(text)).collect();
        assert_eq!(secrets.redacted_each(&texts), alone);
        assert!(alone.iter().all(|text| !text.contains("CANARY")) && alone[3] == "nothing");
    }

    #[test]
    fn a_secret_is_redacted_if_it_is_escaped_or_truncated() {
        let body = r#"{"data":{"value":"p<ss&w\"rd/ü😀-0123456789"}}"#;
        for spelling in [
            r#"p<ss&w\"rd/ü😀-0123456789"#,
            r#"p\u003css\u0026w\"rd\/\u00fc\ud83d\ude00-0123456789"#,
            "p&lt;ss&amp;w&quot;rd/ü😀-0123456789",
            "p&#60;ss&#x26;w&#34;rd/&#252;&#128512;-0123456789",
            "p%3Css%26w%22rd%2F%C3%BC%F0%9F%98%80-0123456789",
            r#"p\u0026lt;ss\u0026amp;w\u0026quot;rd/ü😀-0123456789"#,
            r#"p\\u003css\\u0026w\\\"rd/ü😀-0123456789"#,
            "p%26lt%3Bss%26amp%3Bw%26quot%3Brd/ü😀-0123456789",
        ] {
            assert_eq!(quoted(body, &format!("bad <{spelling}>")), "bad <[redacted]>", "{spelling}");
        }
        assert_eq!(quoted(body, "bad -012345678…"), "bad [redacted]…", "the end is cut off");
        assert_eq!(quoted(body, "…ü😀-0123456789"), "…[redacted]", "the beginning is cut off");
        assert_eq!(quoted(body, "…3456789"), "…3456789", "fewer than eight");
    }

    #[test]
    fn overlapping_secrets_are_redacted_completely() {
        let body = r#"{"data":{"value":"CANARY-tail","other":"CANARY"}}"#;
        assert_eq!(quoted(body, "echo CANARY-tail"), "echo [redacted]");
    }

    #[test]
    fn short_secrets_are_not_redacted() {
        assert_eq!(quoted(r#"{"data":{"value":"err"}}"#, "1 error occurred"), "1 error occurred");
    }

    #[test]
    fn a_number_is_redacted_as_it_was_written() {
        assert_eq!(quoted(r#"{"data":{"n":1.5000e2}}"#, "bad 1.5000e2"), "bad [redacted]");
    }

    #[test]
    fn nothing_is_shown_if_the_request_cannot_be_searched() {
        let deep = format!(r#"{{"data":{{"value":"CANARY","deep":{}{}}}}}"#, "[".repeat(200), "]".repeat(200));
        for body in [&deep, r#"{"data":{"value":"\ud83d"}}"#, r#"{"data":{"value":"CANARY"#, "CANARY"] {
            assert_eq!(quoted(body, "refused: CANARY"), "", "{body}");
        }
        assert_eq!(RequestSecrets::of([TOKEN].into_iter(), None).redacted("no body"), "no body");
    }

    #[test]
    fn a_large_secret_is_redacted() {
        let body = format!(r#"{{"data":{{"value":"{}CANARY-CANARY"}}}}"#, "0123456789".repeat(200_000));
        assert_eq!(quoted(&body, "at the end: CANARY-CANARY"), "at the end: [redacted]");
    }
}
