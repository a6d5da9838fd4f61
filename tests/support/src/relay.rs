//! A relay between a client and a server that counts and records the traffic.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::acceptor::Acceptor;

/// Listens on a free port and forwards everything unchanged to a server.
pub struct Relay {
    acceptor: Acceptor,
    counts: Arc<Counts>,
    server: Arc<AtomicU16>,
}

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    open: AtomicUsize,
    bytes: AtomicUsize,
    /// The bytes that the client of each connection has sent, in the order of the connections.
    sent: Mutex<Vec<Vec<u8>>>,
}

impl Relay {
    /// A relay to a port of 127.0.0.1.
    pub fn to(port: u16) -> Self {
        let counts = Arc::new(Counts::default());
        let server = Arc::new(AtomicU16::new(port));
        let (shared, port) = (counts.clone(), server.clone());
        let acceptor = Acceptor::start(move |client| {
            let number = shared.connections.fetch_add(1, Ordering::AcqRel);
            shared.sent.lock().expect("the record's lock").push(Vec::new());
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port.load(Ordering::Acquire))) {
                pass_both_ways(client, server, number, &shared);
            }
        });
        Relay { acceptor, counts, server }
    }

    /// Leads the connections from now on to another port.
    pub fn lead_to(&self, port: u16) {
        self.server.store(port, Ordering::Release);
    }

    /// `http://127.0.0.1:port`
    pub fn addr(&self) -> String {
        format!("http://{}", self.acceptor.address())
    }

    /// The port it listens on, for a client that speaks TLS with the server behind it.
    pub fn port(&self) -> u16 {
        self.acceptor.port()
    }

    /// How many connections clients have made.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Acquire)
    }

    /// How many connections the clients have not closed yet.
    pub fn open_connections(&self) -> usize {
        self.counts.open.load(Ordering::Acquire)
    }

    /// How many bytes clients have sent. A byte is counted before it is forwarded, so a request has been counted when
    /// its answer arrives.
    pub fn bytes_sent(&self) -> usize {
        self.counts.bytes.load(Ordering::Acquire)
    }

    /// The bytes that the client of each connection has sent so far, in the order of the connections. They are recorded
    /// before they are forwarded.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.counts.sent.lock().expect("the record's lock").clone()
    }
}

/// Forwards both ways in two threads, which end when either side closes.
fn pass_both_ways(client: TcpStream, server: TcpStream, number: usize, counts: &Arc<Counts>) {
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
    let counts = counts.clone();
    counts.open.fetch_add(1, Ordering::AcqRel);
    std::thread::spawn(move || {
        pass(from_client, to_server, |bytes| {
            counts.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
            counts.sent.lock().expect("the record's lock")[number].extend_from_slice(bytes);
        });
        counts.open.fetch_sub(1, Ordering::AcqRel);
    });
    std::thread::spawn(move || pass(server, client, |_| ()));
}

fn pass(mut from: TcpStream, mut to: TcpStream, seen: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        seen(&buffer[..read]);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
