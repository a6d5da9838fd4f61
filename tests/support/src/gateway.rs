//! A gateway in front of a real server that a test can make add headers, redirect, answer itself, or be slow, as
//! gateways, proxies and standbys do. It forwards everything else unchanged.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use crate::acceptor::Acceptor;

/// A complete request.
pub struct Asked {
    /// GET, POST, CONNECT, …
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The head as received.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What to do with a request.
pub enum Verdict {
    /// Forward it.
    Pass,
    /// Forward it with these additional headers (`Name: value\r\n`).
    PassWith(String),
    /// Forward it with this path.
    PassAs(String),
    /// Answer with this text without forwarding it.
    Answer(String),
    /// Forward it, and replace the answer by this text.
    PassButAnswer(String),
    /// Close the connection without an answer.
    Close,
}

/// An answer with this status, these additional headers (`Name: value\r\n`), and this body.
pub fn answer(status: &str, headers: &str, body: &str) -> Verdict {
    Verdict::Answer(answer_text(status, headers, body))
}

/// The text of such an answer.
pub fn answer_text(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

/// Listens on a free port, until it is dropped.
pub struct Gateway {
    acceptor: Acceptor,
}

impl Gateway {
    /// A gateway to a port of 127.0.0.1. `judge` decides on each request, on several threads at the same time.
    pub fn to(port: u16, judge: impl Fn(&Asked) -> Verdict + Send + Sync + 'static) -> Self {
        Gateway::at("127.0.0.1:0", port, judge)
    }

    /// The same, listening on `address`.
    pub fn at(address: &str, port: u16, judge: impl Fn(&Asked) -> Verdict + Send + Sync + 'static) -> Self {
        let judge = Arc::new(judge);
        let acceptor = Acceptor::at(address, move |client| {
            let judge = judge.clone();
            std::thread::spawn(move || serve(client, port, &*judge));
        });
        Gateway { acceptor }
    }

    /// `http://127.0.0.1:port`
    pub fn addr(&self) -> String {
        format!("http://{}", self.acceptor.address())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.acceptor.port()
    }
}

/// Handles one request and closes the connection. Errors of the peers are ignored.
fn serve(mut client: TcpStream, port: u16, judge: &dyn Fn(&Asked) -> Verdict) {
    let Some(mut asked) = read_request(&mut client) else { return };
    let (extra, instead) = match judge(&asked) {
        Verdict::Pass => (String::new(), None),
        Verdict::PassWith(extra) => (extra, None),
        Verdict::PassAs(path) => {
            asked.head = asked.head.replacen(&asked.path, &path, 1);
            (String::new(), None)
        }
        Verdict::PassButAnswer(text) => (String::new(), Some(text)),
        Verdict::Answer(text) => {
            let _ = client.write_all(text.as_bytes());
            return;
        }
        Verdict::Close => return,
    };
    if asked.method == "CONNECT" {
        tunnel(client, &asked.path);
        return;
    }
    let (port, head) = passed_on(&asked).unwrap_or_else(|| (port, asked.head.clone()));
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let head = head.trim_end_matches("\r\n");
    let sent =
        write!(server, "{head}\r\n{extra}Connection: close\r\n\r\n").and_then(|()| server.write_all(&asked.body));
    let _ = match (sent, instead) {
        (Ok(()), None) => std::io::copy(&mut server, &mut client).map(drop),
        (Ok(()), Some(text)) => server.read_to_end(&mut Vec::new()).and_then(|_| client.write_all(text.as_bytes())),
        (Err(error), _) => Err(error),
    };
}

/// Converts a request in absolute form, as a proxy does: the port, on this host whatever its name is, and the head in
/// origin form.
fn passed_on(asked: &Asked) -> Option<(u16, String)> {
    let (authority, path) = asked.path.strip_prefix("http://")?.split_once('/')?;
    let port = authority.rsplit(':').next()?.parse().ok()?;
    Some((port, asked.head.replacen(&asked.path, &format!("/{path}"), 1)))
}

fn read_request(client: &mut TcpStream) -> Option<Asked> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head).ok()?;
    let mut line = head.lines().next()?.split(' ');
    let (method, path) = (line.next()?.to_owned(), line.next()?.to_owned());
    let mut asked = Asked { method, path, head, body: Vec::new() };
    let length = asked.header("Content-Length").and_then(|text| text.parse().ok()).unwrap_or(0);
    asked.body.resize(length, 0);
    client.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

/// Handles CONNECT, as a proxy does: forwards bytes both ways until either side closes. Always connects to this host,
/// whatever name is requested.
fn tunnel(mut client: TcpStream, authority: &str) {
    let port = authority.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let Some(server) = port.and_then(|port| TcpStream::connect(("127.0.0.1", port)).ok()) else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
        return;
    };
    let (Ok(mut back), Ok(mut forth)) = (client.try_clone(), server.try_clone()) else { return };
    if client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_err() {
        return;
    }
    let mut server = server;
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut server, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut client, &mut forth);
    let _ = forth.shutdown(Shutdown::Both);
}
