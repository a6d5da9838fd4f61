//! A listener on a port of 127.0.0.1 that stops when it is dropped.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Accepts connections in a thread, until it is dropped. Accepted connections stay open.
pub(crate) struct Acceptor {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Listens on a free port, and calls `serve` with each connection.
    pub(crate) fn start(serve: impl FnMut(TcpStream) + Send + 'static) -> Self {
        Acceptor::at("127.0.0.1:0", serve)
    }

    /// The same, listening on `address`.
    pub(crate) fn at(address: &str, mut serve: impl FnMut(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        let address = listener.local_addr().expect("the address of a bound socket");
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        let thread = std::thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(client) = client {
                    serve(client);
                }
            }
        });
        Acceptor { address, stopped, thread: Some(thread) }
    }

    /// The address it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of that address.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // A connection wakes the thread, which then sees that it has to end.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
