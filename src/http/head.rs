//! The head of an answer: what decides about the answer is picked out of it, the rest is checked and passed over.
//!
//! General parsers put every header into a table first. Here one walk over the head does both (RFC 9112, 2 to 6); a
//! property test compares it with httparse, the parser below ureq and hyper.

use super::response::media_type;
use crate::json::runs::{decimal, from_byte, from_control};

/// An answer's head may be this large; servers send less than 1 kB.
pub const MAX_HEAD: usize = 64 * 1024;

/// An answer's head may have this many headers; servers send six.
const MAX_HEADERS: usize = 100;

/// What decides about an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// What only some answers tell.
    pub hints: Option<Box<Hints>>,
    /// The media type of the body.
    pub content_type: Option<&'static str>,
    /// How the body ends.
    pub framing: Framing,
    /// The connection is good for another request.
    pub keep_alive: bool,
}

/// What only some answers tell, apart from the rest: an answer passes through many hands, and is moved by each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<u64>,
    /// `Location`.
    pub location: Option<Box<str>>,
    /// `X-Vault-Index`.
    pub index: Option<Box<str>>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With a chunk of size zero.
    Chunked,
    /// With the connection.
    Close,
}

/// The bytes are not HTTP/1.1.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Why a head could not be read.
enum Stop {
    /// Some of it is missing.
    Incomplete,
    Malformed,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Stop {
        Stop::Malformed
    }
}

impl Head {
    /// Reads a head from what has arrived, and how long it is; `None` while some of it is missing. Interim answers
    /// (1xx) are skipped by the caller, as heads without a body.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
        match Head::read(bytes) {
            Ok((head, rest)) => Ok(Some((head, bytes.len() - rest.len()))),
            Err(Stop::Incomplete) if bytes.len() < MAX_HEAD => Ok(None),
            Err(_) => Err(Malformed),
        }
    }

    fn read(bytes: &[u8]) -> Result<(Head, &[u8]), Stop> {
        let (status_line, mut rest) = line(bytes, BEGINNING)?;
        let mut head = Head::of_status_line(status_line)?;
        let mut announced = None;
        for _ in 0..=MAX_HEADERS {
            let (header, behind) = line(rest, b"")?;
            rest = behind;
            if header.is_empty() {
                head.settle(announced);
                return Ok((head, rest));
            }
            head.take(header, &mut announced)?;
        }
        Err(Stop::Malformed)
    }

    fn of_status_line(line: &[u8]) -> Result<Head, Malformed> {
        let version_and_code = line.strip_prefix(BEGINNING).ok_or(Malformed)?;
        let (keep_alive, hundreds, tens, ones) = match version_and_code {
            [minor @ (b'0' | b'1'), b' ', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9']
            | [minor @ (b'0' | b'1'), b' ', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
                (*minor == b'1', a - b'0', b - b'0', c - b'0')
            }
            _ => return Err(Malformed),
        };
        let status = u16::from(hundreds) * 100 + u16::from(tens) * 10 + u16::from(ones);
        Ok(Head { status, hints: None, content_type: None, framing: Framing::Close, keep_alive })
    }

    /// Checks a header, and takes note of it if it is one that decides about the answer.
    fn take(&mut self, header: &[u8], announced: &mut Option<u64>) -> Result<(), Malformed> {
        let behind_name = from_byte(header, b':');
        let (Some(name), [_, value @ ..]) = (header.get(..header.len() - behind_name.len()), behind_name) else {
            return Err(Malformed);
        };
        // A name with whitespace beside it may be meant as another one, and a line that begins with it as a part of the
        // one before: both were ways to smuggle one answer into another.
        if name.is_empty() || !name.iter().all(|&byte| is_token_byte(byte)) {
            return Err(Malformed);
        }
        // Length first: cheaper than comparing every name with every other.
        match name.len() {
            14 if is(name, b"content-length") => {
                let length = number(value).ok_or(Malformed)?;
                if announced.replace(length).is_some_and(|before| before != length) {
                    return Err(Malformed);
                }
            }
            17 if is(name, b"transfer-encoding") => {
                if !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed);
                }
                self.framing = Framing::Chunked;
            }
            10 if is(name, b"connection") => {
                let mut wishes = value.split(|&byte| byte == b',');
                self.keep_alive &= !wishes.any(|wish| wish.trim_ascii().eq_ignore_ascii_case(b"close"));
            }
            11 if is(name, b"retry-after") => self.hints().retry_after = number(value),
            8 if is(name, b"location") => self.hints().location = Some(text(value)?),
            12 if is(name, b"content-type") => self.content_type = Some(media_type(value)),
            13 if is(name, b"x-vault-index") => self.hints().index = Some(text(value)?),
            _ => {}
        }
        Ok(())
    }

    #[cold]
    fn hints(&mut self) -> &mut Hints {
        self.hints.get_or_insert_default()
    }

    /// How the body ends, once all headers are known (RFC 9112, 6.3).
    fn settle(&mut self, announced: Option<u64>) {
        self.framing = match (self.status, self.framing, announced) {
            (100..=199 | 204 | 304, _, _) => Framing::Length(0),
            (_, Framing::Chunked, _) => Framing::Chunked,
            (_, _, Some(length)) => Framing::Length(length),
            (_, _, None) => Framing::Close,
        };
        self.keep_alive &= self.framing != Framing::Close;
    }
}

/// What every answer begins with.
const BEGINNING: &[u8] = b"HTTP/1.";

/// A line without its end, and what follows it. No line has control characters in it but tabs. Where it has to begin
/// with `beginning`, one that does not is not waited for.
fn line<'t>(text: &'t [u8], beginning: &[u8]) -> Result<(&'t [u8], &'t [u8]), Stop> {
    if !text.iter().zip(beginning).all(|(one, other)| one == other) {
        return Err(Stop::Malformed);
    }
    let mut rest = text;
    loop {
        rest = from_control(rest);
        let behind = match rest {
            [b'\t', behind @ ..] => {
                rest = behind;
                continue;
            }
            [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..] => behind,
            [] | [b'\r'] => return Err(Stop::Incomplete),
            _ => return Err(Stop::Malformed),
        };
        return Ok((text.get(..text.len() - rest.len()).unwrap_or_default(), behind));
    }
}

/// Whether a header's name, which is as long as it, is `wanted`, in lower case. Of what a line may hold no two bytes
/// become a letter or a hyphen by the bit that makes small letters of capitals, but the capital and the small letter.
#[inline(never)]
fn is(name: &[u8], wanted: &[u8]) -> bool {
    name.iter().zip(wanted).all(|(byte, wanted)| byte | 0x20 == *wanted)
}

/// What a header's name consists of (RFC 9110, 5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES.get(usize::from(byte)) == Some(&true)
}

/// For each byte whether it is one of a token. Every byte of every name is looked up.
#[allow(clippy::indexing_slicing, reason = "looked at while the library is compiled")]
static TOKEN_BYTES: [bool; 256] = {
    let (others, mut table, mut byte) = (b"!#$%&'*+-.^_`|~", [false; 256], 0);
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut other = 0;
    while other < others.len() {
        table[others[other] as usize] = true;
        other += 1;
    }
    table
};

fn number(value: &[u8]) -> Option<u64> {
    decimal(value.trim_ascii())
}

fn text(value: &[u8]) -> Result<Box<str>, Malformed> {
    std::str::from_utf8(value.trim_ascii()).map(Box::from).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(text: &str) -> Result<Option<(Head, usize)>, Malformed> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn a_head_is_read_once_all_of_it_is_there() {
        let text = "HTTP/1.1 307 Moved\r\ncontent-LENGTH: 5\r\nRetry-After: 7\r\nLocation: http://a/\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(head(&text[..end]), Ok(None), "{end}");
        }
        let (head, length) = head(&format!("{text}rest")).unwrap().unwrap();
        let hints = head.hints.unwrap();
        assert_eq!((head.status, hints.retry_after, length), (307, Some(7), text.len()));
        assert_eq!(
            (hints.location.as_deref(), head.framing, head.keep_alive),
            (Some("http://a/"), Framing::Length(5), true)
        );
    }

    #[test]
    fn the_end_of_a_body_follows_from_the_head() {
        let framing = |text: &str| head(text).map(|head| head.map(|(head, _)| (head.framing, head.keep_alive)));
        assert_eq!(framing("HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n"), Ok(Some((Framing::Length(0), true))));
        assert_eq!(framing("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n"), Ok(Some((Framing::Chunked, true))));
        assert_eq!(framing("HTTP/1.1 200 x\r\n\r\n"), Ok(Some((Framing::Close, false))));
        assert_eq!(framing("HTTP/1.0 200 x\r\nContent-Length: 1\r\n\r\n"), Ok(Some((Framing::Length(1), false))));
        let closing = "HTTP/1.1 200 x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n";
        assert_eq!(framing(closing), Ok(Some((Framing::Length(1), false))));
    }

    #[test]
    fn what_is_not_http_is_malformed() {
        for text in [
            "garbage that is no answer\r\n\r\n",
            "HTTP/1.1 200 x\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 x\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            assert_eq!(head(text), Err(Malformed), "{text}");
        }
        let many = format!("HTTP/1.1 200 x\r\n{}\r\n", "A: b\r\n".repeat(10_000));
        assert_eq!(head(&many), Err(Malformed));
        assert_eq!(head(&format!("HTTP/1.1 200 x\r\nA: {}", "b".repeat(MAX_HEAD))), Err(Malformed));
    }

    #[test]
    fn a_peer_that_speaks_something_else_is_not_waited_for() {
        for text in
            ["\x15\x03\x01", "SSH-2", "HTTQ", "HTTP/2", "\r\n", "HTTP/1.1 200 x\r\nA: b\x00", "HTTP/1.1 200 x\rx"]
        {
            assert_eq!(head(text), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_header_has_a_name_right_in_front_of_its_colon() {
        for header in
            ["Content-Length : 5", ": 5", " Content-Length: 5", "\tb: c", " folded", "Content-Length", "Server\t: x"]
        {
            assert_eq!(head(&format!("HTTP/1.1 200 x\r\nA: b\r\n{header}\r\n\r\n")), Err(Malformed), "{header}");
        }
    }

    #[test]
    fn any_wish_to_close_counts() {
        for (wish, keeps) in [("keep-alive", true), ("x, Close", false), ("CLOSE ,x", false), ("closed", true)] {
            let head = head(&format!("HTTP/1.1 204 x\r\nConnection:{wish}\t\r\n\r\n")).unwrap().unwrap().0;
            assert_eq!(head.keep_alive, keeps, "{wish}");
        }
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        for number in ["+1", "-1", "0x1", "1 1", "", "18446744073709551616", "1,1"] {
            let text = format!("HTTP/1.1 200 x\r\nContent-Length: {number}\r\n\r\n");
            assert_eq!(head(&text), Err(Malformed), "{number}");
            let text = format!("HTTP/1.1 503 x\r\nRetry-After: {number}\r\n\r\n");
            assert_eq!(head(&text).unwrap().unwrap().0.hints.unwrap().retry_after, None, "{number}");
        }
    }

    /// What decides about an answer, out of the table that httparse makes of its head; and the head's length.
    fn by_httparse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        let length = match answer.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Malformed),
        };
        let values = |name: &'static str| {
            let of_name = answer.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
            of_name.map(|header| String::from_utf8_lossy(header.value).trim_matches([' ', '\t']).to_owned())
        };
        let digits = |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut lengths = Vec::new();
        for text in values("content-length") {
            lengths.push(Some(text).filter(digits).and_then(|text| text.parse::<u64>().ok()).ok_or(Malformed)?);
        }
        let codings: Vec<_> = values("transfer-encoding").map(|text| text.to_ascii_lowercase()).collect();
        if codings.iter().any(|coding| coding != "chunked") || lengths.windows(2).any(|two| two[0] != two[1]) {
            return Err(Malformed);
        }
        let status = answer.code.unwrap();
        let framing = match (status, codings.is_empty(), lengths.first()) {
            (100..=199 | 204 | 304, _, _) => Framing::Length(0),
            (_, false, _) => Framing::Chunked,
            (_, _, Some(&length)) => Framing::Length(length),
            _ => Framing::Close,
        };
        let wishes = values("connection").map(|text| text.to_ascii_lowercase());
        let closes =
            wishes.into_iter().any(|text| text.split(',').any(|wish| wish.trim_matches([' ', '\t']) == "close"));
        let pause = values("retry-after").next_back();
        let hints = pause.map(|text| Hints {
            retry_after: Some(text).filter(digits).and_then(|t| t.parse().ok()),
            ..Hints::default()
        });
        let content_type = values("content-type").next_back().map(|text| media_type(text.as_bytes()));
        let keep_alive = answer.version == Some(1) && framing != Framing::Close && !closes;
        Ok(Some((Head { status, hints: hints.map(Box::new), content_type, framing, keep_alive }, length)))
    }

    /// A header that decides something, or any other.
    fn any_header() -> impl Strategy<Value = String> {
        let decisive = ["Content-Length", "content-length", "Transfer-Encoding", "CONNECTION", "Retry-After"];
        let telling = ["5", "05", "7 ", "+5", "", "chunked", "Chunked\t", "gzip", "close", "keep-alive", "x, close"];
        let value = prop_oneof![prop::sample::select(telling.to_vec()).prop_map(str::to_owned), "[ -~\u{e9}\t]{0,24}"];
        let name = prop_oneof![
            prop::sample::select(decisive.to_vec()).prop_map(str::to_owned),
            "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}"
        ];
        (name, "[ \t]{0,2}", value, "\r?\n").prop_map(|(name, space, value, end)| format!("{name}:{space}{value}{end}"))
    }

    proptest! {
        #[test]
        fn a_head_is_read_as_one_reads_it_with_httparse(
            minor in 0..3_u8,
            code in 90..1000_u16,
            reason in "( [ -~\u{e9}\t]{0,12})?",
            headers in prop::collection::vec(any_header(), 0..6),
            change in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
            end in prop::option::weighted(0.3, any::<prop::sample::Index>()),
        ) {
            let mut bytes = format!("HTTP/1.{minor} {code}{reason}\r\n{}\r\nbody", headers.concat()).into_bytes();
            if let Some((place, byte)) = change {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Some(end) = end {
                bytes.truncate(end.index(bytes.len()));
            }
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            match (Head::parse(&bytes), by_httparse(&bytes)) {
                // What is wrong is seen at once, or once its line has come.
                (Ok(None), Err(_)) | (Err(_), Ok(None)) if end.is_some() || change.is_some() => {}
                (ours, theirs) => prop_assert_eq!(ours, theirs, "{}", shown),
            }
        }
    }
}
