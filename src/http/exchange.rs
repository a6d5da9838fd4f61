//! HTTP/1.1 as a client of Vault needs it: one request out, one answer in, nothing kept.
//!
//! A general client builds maps of headers and chains of readers for each exchange. Here a request is written straight
//! into the connection's buffer, most of it from lines prepared once, and of an answer's head only what decides about
//! the answer is looked at (`head`). The ways to frame a body are below.

use super::head::{Framing, MAX_HEAD, Malformed};
use crate::net::buffer::{Inbox, Outbox};
use crate::secret::Buffer;

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
    /// Its name.
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
    /// The line with the token, likewise; empty where there is none.
    pub token: &'a str,
    /// Headers of this request: names, and values that were checked when they came in.
    pub headers: [Option<(&'static str, &'a str)>; 2],
    /// The body, JSON, where there is one.
    pub body: Option<&'a [u8]>,
}

/// What stands around the method and the path in the request line, and behind it, in every request to one node.
pub struct Frame {
    before_path: Box<str>,
    behind_path: Box<str>,
}

impl Frame {
    /// For the node `authority`, whose API is below `base_path`.
    pub fn new(authority: &str, base_path: &str) -> Frame {
        let before_path = format!(" {base_path}/v1/").into();
        let behind_path = format!(" HTTP/1.1\r\nHost: {authority}\r\n").into();
        Frame { before_path, behind_path }
    }
}

impl Request<'_> {
    /// Writes everything in front of the body.
    pub fn write_head(&self, frame: &Frame, out: &mut Outbox) {
        let Frame { before_path, behind_path } = frame;
        for part in [self.method.as_str(), before_path, self.path, behind_path] {
            out.push(part.as_bytes());
        }
        out.push(self.common);
        out.push(self.token.as_bytes());
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
                    inbox.move_to(body, all);
                    false
                }
                State::Counted { left, chunked } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(inbox.unread().len());
                    inbox.move_to(body, count);
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
        let come = inbox.unread();
        let Some(end) = come.iter().position(|&byte| byte == b'\n') else {
            // What cannot become one is not waited for.
            let may_be_one = size_of_chunk(come.strip_suffix(b"\r").unwrap_or(come)).is_some() || come.is_empty();
            return if may_be_one && come.len() < MAX_CHUNK_LINE { Ok(false) } else { Err(Malformed) };
        };
        let line = come.get(..end).filter(|line| line.len() < MAX_CHUNK_LINE).ok_or(Malformed)?;
        let size = size_of_chunk(line.strip_suffix(b"\r").ok_or(Malformed)?).ok_or(Malformed)?;
        inbox.take(end + 1);
        self.state = if size == 0 { State::Trailer } else { State::Counted { left: size, chunked: true } };
        Ok(true)
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

/// The hexadecimal number that a chunk's line begins with; whitespace and extensions may follow (RFC 9112, 7.1).
fn size_of_chunk(line: &[u8]) -> Option<u64> {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (size, behind) = line.split_at_checked(digits)?;
    let extends_well = matches!(behind.trim_ascii_start(), [] | [b';', ..]);
    let size = std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
    size.filter(|_| extends_well)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            token: "X-Vault-Token: t\r\n",
            headers: [Some(("X-Vault-Index", "i")), None],
            body: Some(b"{}"),
        };
        let mut out = Outbox::new(16);
        request.write_head(&Frame::new("[::1]:8200", "/base"), &mut out);
        assert_eq!(
            std::str::from_utf8(out.filled()).unwrap(),
            "POST /base/v1/secret/data/a%20b HTTP/1.1\r\nHost: [::1]:8200\r\nX-Vault-Request: true\r\n\
             X-Vault-Token: t\r\nX-Vault-Index: i\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
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
        for line in ["zz\r\n", "\r\n", "+4\r\n", "-4\r\n", "4x\r\n", "4\n", "10000000000000000\r\n", "4 4\r\n"] {
            assert_eq!(body(Framing::Chunked, &[line]), Err(Malformed), "{line}");
        }
        for line in ["2;a=\"b\"\r\nab\r\n", "0002 ; x\r\nab\r\n", "2\t\r\nab\r\n"] {
            assert_eq!(body(Framing::Chunked, &[line, "0\r\n\r\n"]), Ok((true, "ab".into(), String::new())), "{line}");
        }
        assert_eq!(body(Framing::Chunked, &[&"1".repeat(MAX_CHUNK_LINE)]), Err(Malformed));
        for beginning in ["zz", "-", "<html>", "4x", "\r"] {
            assert_eq!(body(Framing::Chunked, &[beginning]), Err(Malformed), "{beginning} is not waited for");
        }
    }

    #[test]
    fn only_a_body_without_a_length_may_end_with_the_connection() {
        assert!(BodyReader::new(Framing::Close).may_end_here());
        assert!(!BodyReader::new(Framing::Chunked).may_end_here());
        assert!(!BodyReader::new(Framing::Length(1)).may_end_here());
    }
}
