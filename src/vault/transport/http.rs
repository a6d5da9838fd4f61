//! HTTP/1.1 as a client of Vault needs it: one request out, one answer in, nothing kept.
//!
//! A general client builds maps of headers and chains of readers for each exchange. Here a request is written straight
//! into the connection's buffer, most of it from lines prepared once, and of an answer's head only what decides about
//! the answer is looked at. httparse reads the head; the two ways to frame a body are below.

use std::mem::MaybeUninit;

use httparse::{ParserConfig, Response, Status as Parsed};

use super::buffer::{Inbox, Outbox};
use crate::memory::Buffer;

/// An answer's head may be this large; servers send less than 1 kB.
pub const MAX_HEAD: usize = 64 * 1024;

/// An answer's head may have this many headers; servers send six.
const MAX_HEADERS: usize = 100;

/// The line with a chunk's size, extensions included, may be this long.
const MAX_CHUNK_LINE: usize = 4 * 1024;

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
}

impl Method {
    /// As the request line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// One HTTP request.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// What stands behind `/v1/`: path and query, encoded.
    pub path: &'a str,
    /// Header lines that all requests of a manager have, each with its line end.
    pub common: &'a [u8],
    /// Headers of this request: names, and values that were checked when they came in.
    pub headers: [Option<(&'static str, &'a str)>; 3],
    /// The body, JSON, where there is one.
    pub body: Option<&'a [u8]>,
}

impl Request<'_> {
    /// Writes everything in front of the body.
    pub fn write_head(&self, authority: &str, base_path: &str, out: &mut Outbox) {
        for part in [self.method.as_str(), " ", base_path, "/v1/", self.path, " HTTP/1.1\r\nHost: ", authority, "\r\n"]
        {
            out.push(part.as_bytes());
        }
        out.push(self.common);
        for (name, value) in self.headers.iter().flatten() {
            for part in [name, ": ", value, "\r\n"] {
                out.push(part.as_bytes());
            }
        }
        if let Some(body) = self.body {
            out.push(b"Content-Type: application/json\r\nContent-Length: ");
            out.push(body.len().to_string().as_bytes());
            out.push(b"\r\n");
        }
        out.push(b"\r\n");
    }
}

/// What decides about an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, where it is a number of seconds.
    pub retry_after: Option<u64>,
    /// `Location`.
    pub location: Option<Box<str>>,
    /// `X-Vault-Index`.
    pub index: Option<Box<str>>,
    /// How the body ends.
    pub framing: Framing,
    /// The connection is good for another request.
    pub keep_alive: bool,
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

impl Head {
    /// Reads a head from what has arrived, and how long it is; `None` while some of it is missing. Interim answers
    /// (1xx) are skipped by the caller, as heads without a body.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Malformed> {
        // Left unwritten: to fill the room for a hundred headers costs more than to read six.
        let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut answer = Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, &mut headers);
        let length = match parsed {
            Ok(Parsed::Complete(length)) => length,
            Ok(Parsed::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            _ => return Err(Malformed),
        };
        let mut head = Head {
            status: answer.code.ok_or(Malformed)?,
            retry_after: None,
            location: None,
            index: None,
            framing: Framing::Close,
            keep_alive: answer.version == Some(1),
        };
        let mut announced = None;
        for header in answer.headers.iter() {
            head.take(header, &mut announced)?;
        }
        head.settle(announced);
        Ok(Some((head, length)))
    }

    fn take(&mut self, header: &httparse::Header<'_>, announced: &mut Option<u64>) -> Result<(), Malformed> {
        let name = header.name;
        // Length first: cheaper than comparing every name with every other.
        match name.len() {
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = text(header)?.parse::<u64>().map_err(|_| Malformed)?;
                if announced.replace(length).is_some_and(|before| before != length) {
                    return Err(Malformed);
                }
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                if !text(header)?.eq_ignore_ascii_case("chunked") {
                    return Err(Malformed);
                }
                self.framing = Framing::Chunked;
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                let wish = text(header)?;
                self.keep_alive &= !wish.eq_ignore_ascii_case("close");
            }
            11 if name.eq_ignore_ascii_case("retry-after") => self.retry_after = text(header)?.parse().ok(),
            8 if name.eq_ignore_ascii_case("location") => self.location = Some(text(header)?.into()),
            13 if name.eq_ignore_ascii_case("x-vault-index") => self.index = Some(text(header)?.into()),
            _ => {}
        }
        Ok(())
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

fn text<'h>(header: &httparse::Header<'h>) -> Result<&'h str, Malformed> {
    std::str::from_utf8(header.value).map(str::trim).map_err(|_| Malformed)
}

/// Takes a body apart as its bytes arrive.
pub struct BodyReader {
    state: State,
}

enum State {
    /// So many bytes of the body, or of the chunk, are to come.
    Counted { left: u64, chunked: bool },
    /// A line with a chunk's size is to come.
    ChunkSize,
    /// The line end behind a chunk's data is to come.
    ChunkEnd,
    /// Trailer lines are to come, the empty one last.
    Trailer,
    /// All that comes until the connection closes.
    UntilClose,
    /// The body is complete.
    Done,
}

impl BodyReader {
    /// For a body that ends as `framing` says.
    pub fn new(framing: Framing) -> BodyReader {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(left) => State::Counted { left, chunked: false },
            Framing::Chunked => State::ChunkSize,
            Framing::Close => State::UntilClose,
        };
        BodyReader { state }
    }

    /// Moves what has arrived from `inbox` to the end of `body`, where the caller has made room for all of it. `true`
    /// once the body is complete.
    pub fn read(&mut self, inbox: &mut Inbox, body: &mut Buffer) -> Result<bool, Malformed> {
        loop {
            let progress = match &mut self.state {
                State::Done => return Ok(true),
                State::UntilClose => {
                    let all = inbox.unread().len();
                    take_into(inbox, all, body);
                    false
                }
                State::Counted { left, chunked } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(inbox.unread().len());
                    take_into(inbox, count, body);
                    *left -= count as u64;
                    match (*left, *chunked) {
                        (0, true) => self.state = State::ChunkEnd,
                        (0, false) => self.state = State::Done,
                        _ => return Ok(false),
                    }
                    true
                }
                State::ChunkSize => self.chunk_size(inbox)?,
                State::ChunkEnd => self.chunk_end(inbox)?,
                State::Trailer => self.trailer(inbox)?,
            };
            if !progress {
                return Ok(false);
            }
        }
    }

    /// Whether a connection that closes now ends the body as it should.
    pub fn may_end_here(&self) -> bool {
        matches!(self.state, State::UntilClose | State::Done)
    }

    fn chunk_size(&mut self, inbox: &mut Inbox) -> Result<bool, Malformed> {
        match httparse::parse_chunk_size(inbox.unread()) {
            Ok(Parsed::Complete((line, size))) => {
                inbox.take(line);
                self.state = if size == 0 { State::Trailer } else { State::Counted { left: size, chunked: true } };
                Ok(true)
            }
            Ok(Parsed::Partial) if inbox.unread().len() < MAX_CHUNK_LINE => Ok(false),
            _ => Err(Malformed),
        }
    }

    fn chunk_end(&mut self, inbox: &mut Inbox) -> Result<bool, Malformed> {
        match inbox.unread() {
            [b'\r', b'\n', ..] => {
                inbox.take(2);
                self.state = State::ChunkSize;
                Ok(true)
            }
            [] | [b'\r'] => Ok(false),
            _ => Err(Malformed),
        }
    }

    fn trailer(&mut self, inbox: &mut Inbox) -> Result<bool, Malformed> {
        match inbox.unread().iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let empty = matches!(inbox.unread().get(..end), Some([] | [b'\r']));
                inbox.take(end + 1);
                if empty {
                    self.state = State::Done;
                }
                Ok(true)
            }
            None if inbox.unread().len() < MAX_HEAD => Ok(false),
            None => Err(Malformed),
        }
    }
}

/// `body` has the room already.
fn take_into(inbox: &mut Inbox, count: usize, body: &mut Buffer) {
    body.extend_from_slice(inbox.unread().get(..count).unwrap_or_default());
    inbox.take(count);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(Head, usize)>, Malformed> {
        Head::parse(text.as_bytes())
    }

    fn body(framing: Framing, pieces: &[&str]) -> Result<(bool, String, String), Malformed> {
        let (mut reader, mut inbox, mut body) = (BodyReader::new(framing), Inbox::new(8), Buffer::default());
        let mut complete = false;
        for piece in pieces {
            inbox.room(piece.len())[..piece.len()].copy_from_slice(piece.as_bytes());
            inbox.added(piece.len());
            complete = reader.read(&mut inbox, &mut body)?;
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok((complete, text(&body), text(inbox.unread())))
    }

    #[test]
    fn a_request_is_written_as_the_protocol_wants_it() {
        let request = Request {
            method: Method::Post,
            path: "secret/data/a%20b",
            common: b"X-Vault-Request: true\r\n",
            headers: [Some(("X-Vault-Token", "t")), None, None],
            body: Some(b"{}"),
        };
        let mut out = Outbox::new(16);
        request.write_head("[::1]:8200", "/base", &mut out);
        assert_eq!(
            std::str::from_utf8(out.filled()).unwrap(),
            "POST /base/v1/secret/data/a%20b HTTP/1.1\r\nHost: [::1]:8200\r\nX-Vault-Request: true\r\n\
             X-Vault-Token: t\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
    }

    #[test]
    fn a_head_is_read_once_all_of_it_is_there() {
        let text = "HTTP/1.1 307 Moved\r\ncontent-LENGTH: 5\r\nRetry-After: 7\r\nLocation: http://a/\r\n\r\n";
        for end in 0..text.len() {
            assert_eq!(head(&text[..end]), Ok(None), "{end}");
        }
        let (head, length) = head(&format!("{text}rest")).unwrap().unwrap();
        assert_eq!((head.status, head.retry_after, length), (307, Some(7), text.len()));
        assert_eq!(
            (head.location.as_deref(), head.framing, head.keep_alive),
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
    fn a_counted_body_leaves_what_follows_it() {
        assert_eq!(body(Framing::Length(3), &["a", "bcd"]), Ok((true, "abc".into(), "d".into())));
        assert_eq!(body(Framing::Length(3), &["ab"]), Ok((false, "ab".into(), String::new())));
    }

    #[test]
    fn a_chunked_body_is_put_together_however_it_arrives() {
        let text = "4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: t\r\n\r\nrest";
        let whole = Ok((true, "Wikipedia".to_owned(), "rest".to_owned()));
        assert_eq!(body(Framing::Chunked, &[text]), whole);
        let bytes: Vec<&str> = (0..text.len()).map(|at| &text[at..=at]).collect();
        assert_eq!(body(Framing::Chunked, &bytes), whole);
        assert_eq!(body(Framing::Chunked, &["4\r\nWikiX"]), Err(Malformed));
        assert_eq!(body(Framing::Chunked, &["zz\r\n"]), Err(Malformed));
        assert_eq!(body(Framing::Chunked, &[&"1".repeat(MAX_CHUNK_LINE)]), Err(Malformed));
    }

    #[test]
    fn only_a_body_without_a_length_may_end_with_the_connection() {
        assert!(BodyReader::new(Framing::Close).may_end_here());
        assert!(!BodyReader::new(Framing::Chunked).may_end_here());
        assert!(!BodyReader::new(Framing::Length(1)).may_end_here());
    }
}
