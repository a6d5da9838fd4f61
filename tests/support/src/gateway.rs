//! A gateway in front of a real server, which a test can have do what gateways, proxies and standbys do: add a header,
//! redirect, answer by itself, be slow. What it passes on it passes unchanged.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use crate::acceptor::Acceptor;

/// A request that has arrived whole.
pub struct Asked {
    /// GET, POST, CONNECT, …
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The head, as it came.
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

/// What becomes of a request.
pub enum Verdict {
    /// The server gets it.
    Pass,
    /// The server gets it with these headers on top (`Name: value\r\n`).
    PassWith(String),
    /// The server gets it with this path in place of its own.
    PassAs(String),
    /// The server does not; this is the whole answer.
    Answer(String),
    /// The server gets it and does what it says; its answer is thrown away, and this one sent.
    PassButAnswer(String),
    /// The connection is closed without an answer.
    Close,
}

/// An answer with this status and body, and these headers (`Name: value\r\n`) on top.
pub fn answer(status: &str, headers: &str, body: &str) -> Verdict {
    Verdict::Answer(answer_text(status, headers, body))
}

/// The text of that answer.
pub fn answer_text(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

/// Listens on a port of its own, until it is dropped.
pub struct Gateway {
    acceptor: Acceptor,
}

impl Gateway {
    /// In front of a port of 127.0.0.1. `judge` sees each request; several threads call it at once.
    pub fn to(port: u16, judge: impl Fn(&Asked) -> Verdict + Send + Sync + 'static) -> Self {
        Gateway::at("127.0.0.1:0", port, judge)
    }

    /// The same, listening at `address`.
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

/// One request, then the connection is over. Errors are the peers' business: a client that goes away ends it.
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

/// What a proxy does with a request in absolute form: the port to go to, on this host whatever name was asked for, and
/// the head in origin form.
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

/// What a proxy does with CONNECT: bytes both ways, until either side is done. Only this host is connected to, whatever
/// name was asked for.
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
