use super::*;
use crate::config::Address;
use crate::http::body::{MAX_CHUNK_LINE, MAX_FRAMING};
use crate::secret::Buffer;

fn request(body: Option<&'static [u8]>) -> (Method, Option<&'static [u8]>) {
    (if body.is_some() { Method::POST } else { Method::GET }, body)
}

fn begin(origin: &Origin, (method, body): (Method, Option<&[u8]>)) -> (Exchange, String) {
    let common = [(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"))];
    let (name, value) = (HeaderName::from_static("x-vault-token"), HeaderValue::from_static("t"));
    let headers = [Some((&name, &value)), None, None, None, None, None];
    let request = Request { method, path: "secret/data/a%20b?list=true", common: &common, headers, body };
    let mut out = Outbox::new(16);
    let mut exchange = None;
    Exchange::begin(&request, origin, &mut out, &mut exchange).unwrap();
    (exchange.unwrap(), String::from_utf8(out.filled().to_vec()).unwrap())
}

fn origin(forwarder: Option<Forwarder>) -> Origin {
    Origin::new("[::1]:8200", "/base/v1/".to_owned(), forwarder).unwrap()
}

/// Parses a response that arrives in `pieces`, after which the connection stays open. Returns status, body, whether the
/// body is complete, and whether the connection may be used again.
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
    let complete = reader.is_complete();
    let text = String::from_utf8(body.to_vec()).unwrap();
    Ok((head.status().as_u16(), text, complete, reader.is_reusable()))
}

fn chunked(body: &str) -> Result<(u16, String, bool, bool), Malformed> {
    answered(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body])
}

#[test]
fn a_request_is_written_as_the_protocol_requires() {
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
fn a_forwarding_proxy_gets_the_absolute_form() {
    let address = Address::Tcp { https: false, host: "proxy".into(), port: 3128, base_path: String::new() };
    let authorization = Some("Basic eA==".to_owned().into());
    let proxy = crate::config::Proxy { address, authorization, variable: "HTTP_PROXY", no_proxy: Vec::new() };
    let origin = origin(Some(Forwarder::new(&proxy, "[::1]:8200")));
    let (_, get) = begin(&origin, request(None));
    assert!(get.starts_with("GET http://[::1]:8200/base/v1/secret/data/a%20b?list=true HTTP/1.1\r\n"), "{get}");
    assert!(get.contains("\r\nproxy-authorization: Basic eA==\r\n"), "{get}");
}

#[test]
fn a_response_is_read_in_any_fragmentation() {
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
fn a_chunk_has_digits_a_line_end_and_the_stated_number_of_bytes() {
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
fn framing_without_data_is_limited() {
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
fn one_byte_chunks_count_as_data() {
    let body = "1\r\nx\r\n".repeat(MAX_FRAMING);
    assert_eq!(chunked(&format!("{body}0\r\n\r\n")), Ok((200, "x".repeat(MAX_FRAMING), true, true)));
}

#[test]
fn a_response_that_is_not_http_is_malformed_at_once() {
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
fn an_ambiguous_body_is_malformed() {
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
fn a_connection_is_reused_only_if_the_end_of_the_response_is_unambiguous() {
    let reusable = |text: &str| answered(&[text]).map(|(_, body, complete, reusable)| (body.len(), complete, reusable));
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
    for (headers, may) in [("", true), ("Content-Length: 2\r\n", false), ("Transfer-Encoding: chunked\r\n", false)] {
        let (mut exchange, _) = begin(&origin(None), request(None));
        let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let mut inbox = Inbox::new(8);
        inbox.room(text.len())[..text.len()].copy_from_slice(text.as_bytes());
        inbox.added(text.len());
        let head = exchange.head(&mut inbox).unwrap().unwrap();
        assert_eq!(exchange.body(&head).unwrap().may_end_here(), may, "{headers}");
    }
}
