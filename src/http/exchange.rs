//! One HTTP/1.1 exchange without its connection: the request's head out, the answer's head and body in.
//!
//! `ureq-proto` speaks the protocol. Where it takes an answer that may be meant in two ways, this refuses it, or has the
//! connection used no more: what follows such an answer could be taken for the next one.

use bytes::Bytes;
use memchr::memchr;
use ureq_proto::client::state::{RecvBody, RecvResponse, SendRequest};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use ureq_proto::http::header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use ureq_proto::http::uri::PathAndQuery;
use ureq_proto::http::{self, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use ureq_proto::{BodyMode, Error};
use zeroize::Zeroizing;

use super::proxy::Forwarder;
use crate::net::buffer::{Inbox, Outbox};
use crate::secret::Buffer;

/// An answer's head may be this large, interim answers in front of it included; servers send less than 1 kB.
const MAX_HEAD: usize = 64 * 1024;

/// Chunk lines and trailers may take this much without a byte of the body among them.
const MAX_FRAMING: usize = 4 * 1024;

/// The line with a chunk's size may be this long, extensions included.
const MAX_CHUNK_LINE: usize = 20;

/// Room for the parts of a request's head that are neither target nor header: method, version, line ends.
const REQUEST_LINE: usize = 64;

/// One HTTP request.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Path and query, encoded, behind what stands in front of every path of its node.
    pub path: &'a str,
    /// Headers that many requests share.
    pub common: &'a HeaderMap,
    /// Headers of this request.
    pub headers: [Option<(&'a HeaderName, &'a HeaderValue)>; 4],
    /// The body, where there is one.
    pub body: Option<&'a [u8]>,
}

/// What all requests to one node have in common.
pub struct Origin {
    /// `Host`.
    host: HeaderValue,
    /// What stands in front of every path.
    base_path: Box<str>,
    /// The proxy that passes requests on, where they do not go through a tunnel.
    forwarder: Option<Forwarder>,
}

/// The bytes are not HTTP/1.1, or not in one way only.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<Error> for Malformed {
    fn from(_: Error) -> Malformed {
        Malformed
    }
}

/// A request that HTTP has no form for.
#[derive(Debug)]
pub struct Unsendable;

impl From<Error> for Unsendable {
    fn from(_: Error) -> Unsendable {
        Unsendable
    }
}

impl Origin {
    /// For the node `authority`, whose paths all begin with `base_path`.
    pub fn new(authority: &str, base_path: String, forwarder: Option<Forwarder>) -> Option<Origin> {
        let host = HeaderValue::from_str(authority).ok()?;
        Some(Origin { host, base_path: base_path.into(), forwarder })
    }

    /// The proxy that passes requests on, where there is one.
    pub fn forwarder(&self) -> Option<&Forwarder> {
        self.forwarder.as_ref()
    }

    fn target(&self, path: &str) -> Option<PathAndQuery> {
        let mut target = Vec::with_capacity(self.base_path.len() + path.len());
        target.extend_from_slice(self.base_path.as_bytes());
        target.extend_from_slice(path.as_bytes());
        PathAndQuery::from_maybe_shared(Bytes::from(target)).ok()
    }
}

/// An exchange whose request was written, and whose answer's head is awaited.
pub struct Exchange {
    call: Call<RecvResponse>,
    /// Bytes of interim answers.
    interim: usize,
}

impl Exchange {
    /// Writes everything in front of the body to `out`. The body is the caller's to send.
    pub fn begin(request: &Request<'_>, origin: &Origin, out: &mut Outbox) -> Result<Exchange, Unsendable> {
        let (target, headers) = (origin.target(request.path).ok_or(Unsendable)?, headers(request, origin));
        let size = REQUEST_LINE + target.as_str().len() + size_of_lines(&headers);
        let mut message = http::Request::new(());
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = Uri::from(target);
        *message.headers_mut() = headers;
        let mut call = Call::new(message)?.proceed();
        write_head(&mut call, size, origin.forwarder.as_ref().map_or("", Forwarder::prefix), out)?;
        let call = match call.proceed()?.ok_or(Unsendable)? {
            SendRequestResult::RecvResponse(call) => call,
            SendRequestResult::SendBody(mut call) => {
                call.consume_direct_write(request.body.unwrap_or_default().len())?;
                call.proceed().ok_or(Unsendable)?
            }
            SendRequestResult::Await100(_) => return Err(Unsendable),
        };
        Ok(Exchange { call, interim: 0 })
    }

    /// Takes the head of the answer from `inbox`, interim answers in front of it included; `None` while some of it is
    /// missing.
    pub fn head(&mut self, inbox: &mut Inbox) -> Result<Option<http::Response<()>>, Malformed> {
        loop {
            let (used, head) = answer(&mut self.call, inbox.unread())?;
            inbox.take(used);
            if head.is_some() {
                return Ok(head);
            }
            self.interim += used;
            if self.interim + inbox.unread().len() >= MAX_HEAD {
                return Err(Malformed);
            }
            if used == 0 {
                return Ok(None);
            }
        }
    }

    /// The reader of the body behind `head`.
    pub fn body(self, head: &http::Response<()>) -> Result<BodyReader, Malformed> {
        let is_sound = is_sound(head)?;
        let (call, closes) = match self.call.proceed().ok_or(Malformed)? {
            RecvResponseResult::RecvBody(call) => (Some(call), false),
            RecvResponseResult::Cleanup(call) => (None, call.must_close_connection()),
            RecvResponseResult::Redirect(call) => (None, call.must_close_connection()),
        };
        Ok(BodyReader { call, is_reusable: is_sound && !closes, is_last_chunk: false, framing: 0 })
    }
}

/// Looks for an answer at the beginning of `input`: how much of it to take, and the head of the answer unless it is an
/// interim one. Servers that switch protocols, empty lines in front of an answer, and numbers that HTTP does not have
/// are refused.
pub(super) fn answer(
    call: &mut Call<RecvResponse>,
    input: &[u8],
) -> Result<(usize, Option<http::Response<()>>), Malformed> {
    if matches!(input, [b'\r' | b'\n', ..]) {
        return Err(Malformed);
    }
    let (used, head) = call.try_response(input, false)?;
    match head {
        Some(head) if head.status() == StatusCode::SWITCHING_PROTOCOLS => Err(Malformed),
        head => Ok((used, head)),
    }
}

/// A header value that no `Debug` shows, and that is wiped with its last copy. `None` where a header cannot hold it.
pub fn secret_value(text: &str) -> Option<HeaderValue> {
    let bytes = Bytes::from_owner(Zeroizing::new(text.as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn headers(request: &Request<'_>, origin: &Origin) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(request.common.len() + request.headers.len() + 3);
    headers.append(HOST, origin.host.clone());
    for (name, value) in request.common.iter().chain(request.headers.iter().flatten().copied()) {
        headers.append(name, value.clone());
    }
    if let Some(authorization) = origin.forwarder.as_ref().and_then(Forwarder::authorization) {
        headers.append(PROXY_AUTHORIZATION, authorization.clone());
    }
    if let Some(body) = request.body {
        headers.append(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    headers
}

/// Room for the lines of `headers`.
fn size_of_lines(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// Writes the head of `call`, which takes no more than `size`. The engine knows no absolute form: where a proxy wants
/// one, scheme and authority, `prefix`, go between the method and the path that it wrote.
pub(super) fn write_head(
    call: &mut Call<SendRequest>,
    size: usize,
    prefix: &str,
    out: &mut Outbox,
) -> Result<(), Unsendable> {
    let behind_method = call.method().as_str().len() + 1;
    out.fill(prefix.len() + size, |room| {
        let written = call.write(room.get_mut(prefix.len()..)?).ok()?;
        room.copy_within(prefix.len()..prefix.len() + behind_method, 0);
        room.get_mut(behind_method..)?.get_mut(..prefix.len())?.copy_from_slice(prefix.as_bytes());
        Some(prefix.len() + written)
    });
    if call.can_proceed() { Ok(()) } else { Err(Unsendable) }
}

/// Whether it is beyond doubt where the answer ends, so that another may follow on the connection. `Err`: its body
/// cannot be read.
fn is_sound(head: &http::Response<()>) -> Result<bool, Malformed> {
    let is_current = head.version() == Version::HTTP_11;
    let (mut lengths, mut codings, mut is_empty, mut sound) = (0, 0, true, is_current);
    for (name, value) in head.headers() {
        if name == CONTENT_LENGTH {
            lengths += 1;
            is_empty &= value.as_bytes().iter().all(|&digit| digit == b'0');
            sound &= value.as_bytes().iter().all(u8::is_ascii_digit);
        } else if name == TRANSFER_ENCODING {
            codings += 1;
            if !is_current || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed);
            }
        } else if name == CONNECTION {
            // The engine passes over what is not ASCII, and with it a wish to close.
            sound &= value.to_str().is_ok();
        }
    }
    let has_no_body = matches!(head.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(sound && lengths + codings <= 1 && (is_empty && codings == 0 || !has_no_body))
}

/// Takes a body apart as its bytes arrive.
pub struct BodyReader {
    /// `None` once the body is complete.
    call: Option<Call<RecvBody>>,
    /// Another answer may follow on the connection.
    is_reusable: bool,
    /// The chunk of size zero has begun: trailers follow.
    is_last_chunk: bool,
    /// Bytes of framing since the last byte of the body.
    framing: usize,
}

impl BodyReader {
    /// How long the body will be, where that is known.
    pub fn announced(&self) -> Option<u64> {
        match self.call.as_ref().map(Call::body_mode) {
            Some(BodyMode::LengthDelimited(length)) => Some(length),
            Some(_) => None,
            None => Some(0),
        }
    }

    /// Moves what has arrived from `inbox` to the end of `body`, where the caller has made room for all of it. `true`
    /// once the body is complete.
    pub fn read(&mut self, inbox: &mut Inbox, body: &mut Buffer) -> Result<bool, Malformed> {
        let Some(call) = &mut self.call else { return Ok(true) };
        let mode = call.body_mode();
        let before = body.len();
        body.resize(before + inbox.unread().len(), 0);
        let room = body.get_mut(before..).unwrap_or_default();
        let moved = if mode == BodyMode::Chunked { self.read_chunks(inbox, room)? } else { read(call, inbox, room)?.1 };
        body.truncate(before + moved);
        if mode != BodyMode::CloseDelimited {
            self.settle();
        }
        Ok(self.call.is_none())
    }

    /// A connection that closes now ends the body as it should.
    pub fn may_end_here(&self) -> bool {
        self.call.as_ref().is_none_or(|call| call.can_proceed())
    }

    /// Whether another answer may follow on the connection: the body is complete, and nobody wants to close.
    pub fn is_reusable(&self) -> bool {
        self.call.is_none() && self.is_reusable
    }

    fn settle(&mut self) {
        let Some(call) = self.call.take_if(|call| call.can_proceed()) else { return };
        let closes = match call.proceed() {
            Some(RecvBodyResult::Cleanup(call)) => call.must_close_connection(),
            Some(RecvBodyResult::Redirect(call)) => call.must_close_connection(),
            None => true,
        };
        self.is_reusable &= !closes;
    }

    /// Moves the data of chunks from `inbox` to `room`; how much there was.
    fn read_chunks(&mut self, inbox: &mut Inbox, room: &mut [u8]) -> Result<usize, Malformed> {
        let Some(call) = &mut self.call else { return Ok(0) };
        // So that each line with a size can be looked at.
        call.stop_on_chunk_boundary(true);
        let mut moved = 0;
        while !inbox.unread().is_empty() {
            if call.is_on_chunk_boundary() {
                self.is_last_chunk = is_last_chunk(inbox.unread())?;
            }
            let (used, written) = read(call, inbox, room.get_mut(moved..).unwrap_or_default())?;
            moved += written;
            self.framing = if written > 0 { 0 } else { self.framing + used };
            if used == 0 {
                break;
            }
        }
        // There was room for all data, so what is left is framing, and incomplete.
        let may_be_text = self.is_last_chunk || call.is_on_chunk_boundary();
        let is_right = call.can_proceed() || may_become_a_line_end(inbox.unread(), may_be_text);
        let is_short = call.can_proceed() || self.framing + inbox.unread().len() < MAX_FRAMING;
        if is_right && is_short { Ok(moved) } else { Err(Malformed) }
    }
}

/// Has the engine read from `inbox` to `room`: how much it took, and how much of the body that was.
fn read(call: &mut Call<RecvBody>, inbox: &mut Inbox, room: &mut [u8]) -> Result<(usize, usize), Malformed> {
    let (used, written) = call.read(inbox.unread(), room)?;
    inbox.take(used);
    Ok((used, written))
}

/// Whether the chunk that `input` begins with, whose line may be incomplete, is the one of size zero. A size is digits
/// and nothing else, blanks or an extension behind them (RFC 9112, 7.1); the engine takes `+4` and line feeds, too.
fn is_last_chunk(input: &[u8]) -> Result<bool, Malformed> {
    let line = input.get(..memchr(b'\r', input).unwrap_or(input.len())).unwrap_or_default();
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, behind) = line.split_at_checked(digits).ok_or(Malformed)?;
    let blanks = behind.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let is_size = !size.is_empty() && matches!(behind.get(blanks..), Some([] | [b';', ..]));
    if is_size && line.len() <= MAX_CHUNK_LINE && memchr(b'\n', line).is_none() {
        Ok(size.iter().all(|&digit| digit == b'0'))
    } else {
        Err(Malformed)
    }
}

/// Whether a line end may still come of `rest`, with text in front of it or without.
fn may_become_a_line_end(rest: &[u8], may_be_text: bool) -> bool {
    match memchr(b'\r', rest) {
        Some(end) => (may_be_text || end == 0) && end + 1 == rest.len(),
        None => may_be_text || rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;

    fn request(body: Option<&'static [u8]>) -> (Method, Option<&'static [u8]>) {
        (if body.is_some() { Method::POST } else { Method::GET }, body)
    }

    fn begin(origin: &Origin, (method, body): (Method, Option<&[u8]>)) -> (Exchange, String) {
        let mut common = HeaderMap::new();
        common.append("x-vault-request", HeaderValue::from_static("true"));
        let (name, value) = (HeaderName::from_static("x-vault-token"), HeaderValue::from_static("t"));
        let headers = [Some((&name, &value)), None, None, None];
        let request = Request { method, path: "secret/data/a%20b?list=true", common: &common, headers, body };
        let mut out = Outbox::new(16);
        let exchange = Exchange::begin(&request, origin, &mut out).unwrap();
        (exchange, String::from_utf8(out.filled().to_vec()).unwrap())
    }

    fn origin(forwarder: Option<Forwarder>) -> Origin {
        Origin::new("[::1]:8200", "/base/v1/".to_owned(), forwarder).unwrap()
    }

    /// What comes of an answer that arrives in `pieces` and is not followed by the end of the connection: status, body,
    /// whether the body is complete, and whether the connection is good for another.
    fn answered(pieces: &[&str]) -> Result<(u16, String, bool, bool), Malformed> {
        let (mut exchange, _) = begin(&origin(None), request(None));
        let mut inbox = Inbox::new(8);
        let mut pieces = pieces.iter();
        let mut receive = |inbox: &mut Inbox| match pieces.next() {
            Some(piece) => {
                inbox.room(piece.len())[..piece.len()].copy_from_slice(piece.as_bytes());
                inbox.added(piece.len());
                true
            }
            None => false,
        };
        let head = loop {
            match exchange.head(&mut inbox)? {
                Some(head) => break head,
                None if receive(&mut inbox) => {}
                None => return Ok((0, String::new(), false, false)),
            }
        };
        let (mut reader, mut body) = (exchange.body(&head)?, Buffer::default());
        while !reader.read(&mut inbox, &mut body)? && receive(&mut inbox) {}
        let complete = reader.call.is_none();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Ok((head.status().as_u16(), text, complete, reader.is_reusable()))
    }

    fn chunked(body: &str) -> Result<(u16, String, bool, bool), Malformed> {
        answered(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body])
    }

    #[test]
    fn a_request_is_written_as_the_protocol_wants_it() {
        let lines = "host: [::1]:8200\r\nx-vault-request: true\r\nx-vault-token: t\r\n";
        let path = "/base/v1/secret/data/a%20b?list=true";
        let (_, get) = begin(&origin(None), request(None));
        assert_eq!(get, format!("GET {path} HTTP/1.1\r\n{lines}\r\n"));
        for (body, length) in [(&b"{}"[..], 2), (b"", 0)] {
            let (_, post) = begin(&origin(None), (Method::POST, Some(body)));
            assert_eq!(post, format!("POST {path} HTTP/1.1\r\n{lines}content-length: {length}\r\n\r\n"));
        }
        let (_, delete) = begin(&origin(None), (Method::DELETE, None));
        assert_eq!(delete, format!("DELETE {path} HTTP/1.1\r\n{lines}\r\n"));
    }

    #[test]
    fn a_proxy_is_told_scheme_and_authority() {
        let address = Address::Tcp { https: false, host: "proxy".into(), port: 3128, base_path: String::new() };
        let authorization = Some("Basic eA==".to_owned().into());
        let proxy = crate::config::Proxy { address, authorization, variable: "HTTP_PROXY", no_proxy: Vec::new() };
        let origin = origin(Some(Forwarder::new(&proxy, "[::1]:8200")));
        let (_, get) = begin(&origin, request(None));
        assert!(get.starts_with("GET http://[::1]:8200/base/v1/secret/data/a%20b?list=true HTTP/1.1\r\n"), "{get}");
        assert!(get.contains("\r\nproxy-authorization: Basic eA==\r\n"), "{get}");
    }

    #[test]
    fn an_answer_is_read_however_it_arrives() {
        let text = "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
                    4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: t\r\n\r\n";
        let whole = Ok((200, "Wikipedia".to_owned(), true, true));
        assert_eq!(answered(&[text]), whole);
        let bytes: Vec<&str> = (0..text.len()).map(|at| &text[at..=at]).collect();
        assert_eq!(answered(&bytes), whole);
        let counted = "HTTP/1.1 307 Moved\r\nLocation: /\r\nContent-Length: 3\r\n\r\nabc";
        let bytes: Vec<&str> = (0..counted.len()).map(|at| &counted[at..=at]).collect();
        assert_eq!(answered(&bytes), Ok((307, "abc".to_owned(), true, true)));
    }

    #[test]
    fn a_chunk_has_digits_a_line_end_and_as_many_bytes_as_it_says() {
        for body in [
            "zz\r\n",
            "\r\n",
            "+4\r\n",
            "-4\r\n",
            " 4\r\n",
            "4x\r\n",
            "4\n",
            "4 4\r\n",
            "4 \n\r\n",
            "4;\n\r\nabcd\r\n",
            "4\u{a0}\r\n",
            "10000000000000000\r\n",
            "4\rx",
            "4\r\nWikiX",
            "4\r\nWiki\rX",
            "4\r\nWiki\n",
            "4\r\nWiki5\r\npedia\r\n0\r\n\r\n",
            "0\r\na\rb\r\n\r\n",
            "zz",
            "+",
            "<html>",
            "4x",
        ] {
            assert_eq!(chunked(body), Err(Malformed), "{body:?}");
        }
        for line in ["2;a=\"b\"\r\n", "0002 ; x\r\n", "2\t\r\n", "2\r\n"] {
            assert_eq!(chunked(&format!("{line}ab\r\n0\r\n\r\n")), Ok((200, "ab".into(), true, true)), "{line}");
        }
    }

    #[test]
    fn framing_without_progress_is_not_waited_for() {
        assert_eq!(chunked(&"1".repeat(MAX_CHUNK_LINE + 1)), Err(Malformed));
        assert_eq!(chunked(&format!("2;{}", "x".repeat(MAX_CHUNK_LINE))), Err(Malformed));
        assert_eq!(chunked(&format!("0\r\nA: {}", "x".repeat(MAX_FRAMING))), Err(Malformed));
        assert_eq!(chunked(&format!("0\r\n{}", "A: b\r\n".repeat(MAX_FRAMING / 6 + 1))), Err(Malformed));
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_HEAD / 25 + 1);
        assert_eq!(answered(&[&interim]), Err(Malformed));
        assert_eq!(answered(&["HTTP/1.1 200 x\r\nA: ", &"b".repeat(MAX_HEAD)]), Err(Malformed));
        assert_eq!(answered(&["HTTP/1.1 200 x\r\n", &"A: b\r\n".repeat(10_000)]), Err(Malformed));
    }

    #[test]
    fn one_byte_chunks_are_progress() {
        let body = "1\r\nx\r\n".repeat(MAX_FRAMING);
        assert_eq!(chunked(&format!("{body}0\r\n\r\n")), Ok((200, "x".repeat(MAX_FRAMING), true, true)));
    }

    #[test]
    fn what_is_not_http_is_malformed_at_once() {
        for text in [
            "\x15\x03\x01",
            "SSH-2",
            "HTTQ",
            "HTTP/2",
            "HTTP/1.2 200 x\r\n\r\n",
            "\r\n",
            "\nHTTP/1.1 200 x\r\n\r\n",
            "HTTP/1.1 200 x\r\nA: b\x00",
            "HTTP/1.1 200 x\rx",
            "HTTP/1.1 2000 x\r\n\r\n",
            "HTTP/1.1 000 x\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 x\r\nContent-Length : 5\r\n\r\n",
            "HTTP/1.1 200 x\r\n: 5\r\n\r\n",
            "HTTP/1.1 200 x\r\n A: b\r\n\r\n",
            "HTTP/1.1 200 x\r\nA: b\r\n folded\r\n\r\n",
        ] {
            assert_eq!(answered(&[text]), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_in_one_way_is_malformed() {
        for headers in [
            "Content-Length: -1",
            "Content-Length: +1",
            "Content-Length: 0x1",
            "Content-Length: ",
            "Content-Length: 18446744073709551616",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1, 2",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: \u{b}chunked",
        ] {
            assert_eq!(answered(&[&format!("HTTP/1.1 200 x\r\n{headers}\r\n\r\nx")]), Err(Malformed), "{headers}");
        }
        let old = "HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
        assert_eq!(answered(&[old]), Err(Malformed));
    }

    #[test]
    fn a_connection_is_reused_only_where_the_end_of_the_answer_is_beyond_doubt() {
        let reusable =
            |text: &str| answered(&[text]).map(|(_, body, complete, reusable)| (body.len(), complete, reusable));
        for (text, expected) in [
            ("HTTP/1.1 200 x\r\nContent-Length: 1\r\n\r\nx", (1, true, true)),
            ("HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n", (0, true, true)),
            ("HTTP/1.1 204 x\r\n\r\n", (0, true, true)),
            ("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", (0, true, true)),
            ("HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n", (0, true, false)),
            ("HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", (0, true, false)),
            ("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", (0, true, false)),
            ("HTTP/1.1 200 x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", (1, true, false)),
            ("HTTP/1.1 200 x\r\nContent-Length: 1, 1\r\n\r\nx", (1, true, false)),
            (
                "HTTP/1.1 200 x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
                (1, true, false),
            ),
            ("HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", (1, true, false)),
            ("HTTP/1.1 200 x\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\nx", (1, true, false)),
            ("HTTP/1.1 200 x\r\nConnection: \u{fc}, close\r\nContent-Length: 1\r\n\r\nx", (1, true, false)),
            ("HTTP/1.1 200 x\r\nConnection: closed\r\nContent-Length: 1\r\n\r\nx", (1, true, true)),
            ("HTTP/1.0 200 x\r\nContent-Length: 1\r\n\r\nx", (1, true, false)),
            ("HTTP/1.0 200 x\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", (1, true, false)),
            ("HTTP/1.1 200 x\r\n\r\nxyz", (3, false, false)),
            ("HTTP/1.1 200 x\r\nContent-Length: 3\r\n\r\nx", (1, false, false)),
        ] {
            assert_eq!(reusable(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn only_a_body_without_a_length_may_end_with_the_connection() {
        for (headers, may) in [("", true), ("Content-Length: 2\r\n", false), ("Transfer-Encoding: chunked\r\n", false)]
        {
            let (mut exchange, _) = begin(&origin(None), request(None));
            let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
            let mut inbox = Inbox::new(8);
            inbox.room(text.len())[..text.len()].copy_from_slice(text.as_bytes());
            inbox.added(text.len());
            let head = exchange.head(&mut inbox).unwrap().unwrap();
            assert_eq!(exchange.body(&head).unwrap().may_end_here(), may, "{headers}");
        }
    }
}
