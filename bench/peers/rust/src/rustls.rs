//! A socket with rustls and nothing else: the minimum cost of a get over TLS.

mod harness;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use harness::{answer, nanoseconds, next_command, number, only_gets, setting};

struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    fn open() -> Connection {
        let address = setting("VAULT_ADDR");
        let authority = address.strip_prefix("https://").expect("only https://");
        let (host, _) = authority.split_once(':').expect("a port");
        let pem = fs::read(setting("VAULT_CACERT")).expect("the CA");
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.expect("a certificate")).expect("a root");
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        let socket = TcpStream::connect(authority).expect("a connection");
        socket.set_nodelay(true).expect("TCP_NODELAY");
        let token = setting("VAULT_TOKEN");
        let request = format!(
            "GET /v1/secret/data/{} HTTP/1.1\r\nHost: {authority}\r\nX-Vault-Token: {token}\r\nX-Vault-Request: true\r\n\r\n",
            harness::PATH
        );
        Connection { stream: StreamOwned::new(session, socket), request: request.into(), answer: vec![0; 64 * 1024] }
    }

    /// Performs one exchange and returns the value.
    fn get(&mut self) -> &str {
        self.stream.write_all(&self.request).expect("a request");
        let mut length = 0;
        loop {
            length += self.stream.read(&mut self.answer[length..]).expect("an answer");
            if is_complete(&self.answer[..length]) {
                break;
            }
        }
        let text = std::str::from_utf8(&self.answer[..length]).expect("text");
        let (_, rest) = text.split_once("\"value\":\"").expect("a value");
        rest.split_once('"').expect("a value").0
    }
}

fn is_complete(answer: &[u8]) -> bool {
    let text = std::str::from_utf8(answer).expect("text");
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let (_, rest) = head.split_once("Content-Length: ").expect("a length");
    body.len() >= rest.split("\r\n").next().and_then(|length| length.parse().ok()).expect("a length")
}

fn main() {
    let mut connection = Connection::open();
    if let Some(count) = only_gets() {
        for _ in 0..count {
            connection.get();
        }
        return;
    }
    println!("ready {}", connection.get());
    while let Some(words) = next_command() {
        assert_eq!(words[0], "get", "this peer does nothing else");
        answer((0..number(&words, 1)).map(|_| {
            let start = Instant::now();
            connection.get();
            nanoseconds(start.elapsed())
        }));
    }
}
