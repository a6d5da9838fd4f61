//! A proxy between a client and a real server that injects faults.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::acceptor::Acceptor;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Orderly: FIN.
    Close,
    /// RST; data in flight is lost.
    Reset,
    /// FIN, then RST, as when a process ends with unread data. A later write fails with EPIPE and raises SIGPIPE.
    Abort,
    /// Not at all: the connection stays open and silent.
    Hang,
}

/// A fault.
#[derive(Clone, Debug)]
pub enum Fault {
    /// No fault.
    None,
    /// Ends both sides after this many bytes of requests, once. The server gets the beginning of the request.
    CutRequest(usize, End),
    /// Ends both sides after this many bytes of answers, once. The server has executed the request.
    CutAnswer(usize, End),
    /// Ends both sides of one connection at once.
    CutNow(End),
    /// Delays every answer.
    Delay(Duration),
    /// Repeats every answer after this time.
    Twice(Duration),
    /// Sends every byte of an answer separately, after this pause.
    Drip(Duration),
    /// Answers some requests with these bytes without forwarding them.
    Instead {
        /// Which requests, counted from 0.
        requests: Range<usize>,
        /// The bytes.
        answer: Vec<u8>,
        /// Bytes that are sent repeatedly after that, as fast as the client reads; may be empty.
        flood: Vec<u8>,
        /// How the connection ends.
        end: End,
    },
    /// Reads nothing of a request: its bytes stay in the kernel's buffers.
    Deaf,
}

impl Fault {
    /// Replaces every answer by `answer` and closes the connection.
    pub fn instead(answer: impl Into<Vec<u8>>) -> Fault {
        Fault::Instead { requests: 0..usize::MAX, answer: answer.into(), flood: Vec::new(), end: End::Close }
    }

    /// Replaces the first `count` answers by `answer` and closes their connections.
    pub fn instead_of_first(count: usize, answer: impl Into<Vec<u8>>) -> Fault {
        Fault::Instead { requests: 0..count, answer: answer.into(), flood: Vec::new(), end: End::Close }
    }
}

/// Counts since the fault was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Bytes from clients.
    pub request_bytes: usize,
    /// Bytes from the server.
    pub answer_bytes: usize,
    /// Requests, assuming that each arrives in one piece.
    pub requests: usize,
    /// New connections.
    pub connections: usize,
    /// Cuts.
    pub cuts: usize,
    /// Repeated answers.
    pub repeats: usize,
}

struct State {
    target: u16,
    fault: Fault,
    passed: Passed,
    /// Ends the open connections, too.
    stopped: bool,
}

/// Listens on a free port. Its threads end when it has been dropped and the clients have closed.
pub struct FaultProxy {
    acceptor: Acceptor,
    state: Arc<Mutex<State>>,
}

impl FaultProxy {
    /// A proxy to a port of 127.0.0.1 without a fault.
    pub fn to(port: u16) -> Self {
        let state = State { target: port, fault: Fault::None, passed: Passed::default(), stopped: false };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let acceptor = Acceptor::start(move |client| {
            let target = {
                let mut state = lock(&shared);
                state.passed.connections += 1;
                state.target
            };
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let state = shared.clone();
            std::thread::spawn(move || Passage { client, server, state }.run());
        });
        FaultProxy { acceptor, state }
    }

    /// `127.0.0.1:port`
    pub fn authority(&self) -> String {
        self.acceptor.address().to_string()
    }

    /// `http://127.0.0.1:port`
    pub fn addr(&self) -> String {
        format!("http://{}", self.acceptor.address())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.acceptor.port()
    }

    /// Sets the fault, for open connections, too, and resets the counts.
    pub fn set(&self, fault: Fault) {
        let mut state = lock(&self.state);
        state.fault = fault;
        state.passed = Passed::default();
    }

    /// The counts since the last `set`.
    pub fn passed(&self) -> Passed {
        lock(&self.state).passed
    }

    /// Connects new connections to this port of 127.0.0.1.
    pub fn lead_to(&self, port: u16) {
        lock(&self.state).target = port;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        lock(&self.state).stopped = true;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("the proxy's state")
}

/// A connection of a client and the one to the server. One thread handles both directions, so that a reset closes the
/// last descriptor of the socket at once.
struct Passage {
    client: TcpStream,
    server: TcpStream,
    state: Arc<Mutex<State>>,
}

/// What to do with received bytes.
enum Order {
    Pass,
    /// Forward this many, then end.
    Cut(usize, End),
    Wait(Duration),
    /// Forward them, and once more after a pause.
    Again(Duration),
    Drip(Duration),
    Replace {
        answer: Vec<u8>,
        flood: Vec<u8>,
        end: End,
    },
}

impl Passage {
    fn run(mut self) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (deaf, stopped, cut) = {
                let mut state = lock(&self.state);
                let cut = match state.fault {
                    Fault::CutNow(end) => Some(end),
                    _ => None,
                };
                if cut.is_some() {
                    state.fault = Fault::None;
                }
                (matches!(state.fault, Fault::Deaf), state.stopped, cut)
            };
            if stopped {
                return;
            }
            if let Some(end) = cut {
                self.end(end);
                let Passage { client, state, .. } = self;
                // Counted after it has happened.
                drop(client);
                lock(&state).passed.cuts += 1;
                return;
            }
            if deaf {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            let (from_client, from_server) = self.readable();
            if from_client {
                let Ok(count @ 1..) = self.client.read(&mut buffer) else { return };
                if !self.pass_request(&buffer[..count]) {
                    return;
                }
            }
            if from_server {
                let Ok(count @ 1..) = self.server.read(&mut buffer) else { return };
                if !self.pass_answer(&buffer[..count]) {
                    return;
                }
            }
        }
    }

    fn readable(&self) -> (bool, bool) {
        let entry = |stream: &TcpStream| libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut entries = [entry(&self.client), entry(&self.server)];
        // SAFETY: the pointer and the count describe one live, exclusive array.
        unsafe { libc::poll(entries.as_mut_ptr(), 2, 100) };
        (entries[0].revents != 0, entries[1].revents != 0)
    }

    /// Returns false if the connection has ended.
    fn pass_request(&mut self, bytes: &[u8]) -> bool {
        let order = {
            let mut state = lock(&self.state);
            let before = state.passed.request_bytes;
            state.passed.request_bytes += bytes.len();
            let number = state.passed.requests;
            state.passed.requests += 1;
            match state.fault.clone() {
                Fault::CutRequest(at, end) if at < before + bytes.len() => {
                    state.fault = Fault::None;
                    state.passed.cuts += 1;
                    Order::Cut(at - before, end)
                }
                Fault::Instead { requests, answer, flood, end } if requests.contains(&number) => {
                    Order::Replace { answer, flood, end }
                }
                _ => Order::Pass,
            }
        };
        match order {
            Order::Cut(count, end) => {
                let _ = self.server.write_all(&bytes[..count]);
                self.end(end)
            }
            Order::Replace { answer, flood, end } => {
                let mut alive = self.client.write_all(&answer).is_ok();
                while alive && !flood.is_empty() {
                    alive = self.client.write_all(&flood).is_ok();
                }
                self.end(end)
            }
            _ => self.server.write_all(bytes).is_ok(),
        }
    }

    /// Returns false if the connection has ended.
    fn pass_answer(&mut self, bytes: &[u8]) -> bool {
        let order = {
            let mut state = lock(&self.state);
            let before = state.passed.answer_bytes;
            state.passed.answer_bytes += bytes.len();
            match state.fault {
                Fault::CutAnswer(at, end) if at < before + bytes.len() => {
                    state.fault = Fault::None;
                    state.passed.cuts += 1;
                    Order::Cut(at - before, end)
                }
                Fault::Delay(pause) => Order::Wait(pause),
                Fault::Twice(pause) => Order::Again(pause),
                Fault::Drip(pause) => Order::Drip(pause),
                _ => Order::Pass,
            }
        };
        match order {
            Order::Cut(count, end) => {
                let _ = self.client.write_all(&bytes[..count]);
                self.end(end)
            }
            Order::Drip(pause) => bytes.iter().all(|byte| {
                std::thread::sleep(pause);
                self.client.write_all(&[*byte]).is_ok()
            }),
            Order::Wait(pause) => {
                std::thread::sleep(pause);
                self.client.write_all(bytes).is_ok()
            }
            Order::Again(pause) => {
                let first = self.client.write_all(bytes).is_ok();
                std::thread::sleep(pause);
                let second = first && self.client.write_all(bytes).is_ok();
                lock(&self.state).passed.repeats += usize::from(second);
                second
            }
            _ => self.client.write_all(bytes).is_ok(),
        }
    }

    /// Ends both sides. Reads the rest from the client, so that closing does not become a reset.
    fn end(&mut self, end: End) -> bool {
        let _ = self.server.shutdown(Shutdown::Both);
        match end {
            End::Reset => reset_on_close(&self.client),
            End::Abort => {
                let _ = self.client.shutdown(Shutdown::Write);
                reset_on_close(&self.client);
            }
            End::Close => {
                let _ = self.client.shutdown(Shutdown::Write);
                self.drain();
            }
            End::Hang => self.drain(),
        }
        false
    }

    /// Reads until the client has closed or the proxy has been dropped.
    fn drain(&mut self) {
        let _ = self.client.set_read_timeout(Some(Duration::from_millis(100)));
        let mut buffer = [0; 4096];
        loop {
            match self.client.read(&mut buffer) {
                Ok(1..) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && !lock(&self.state).stopped => {}
                _ => return,
            }
        }
    }
}

/// Makes closing the socket send RST and drop unsent data.
fn reset_on_close(stream: &TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: the option value is a live `linger` of the given length.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const at_once).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "SO_LINGER: {}", std::io::Error::last_os_error());
}
