//! TCP and Unix sockets that obey a deadline and can be cancelled, with one system call for each send and receive.
//!
//! A socket is blocking, with a kernel timeout of [`WAIT_SLICE`] that is set once: a waiting call wakes up that often
//! to check its deadline and the cancel flag. This needs neither `poll` nor `setsockopt` for each request.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, TcpKeepalive, Type};

use crate::call::{Deadline, WAIT_SLICE};
use crate::error::{Error, Result, Status};
use crate::host::descriptors;

/// The delay before a connection to the next address is attempted in parallel (RFC 8305 recommends 250 ms).
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The pause before the next attempt if the backlog of a Unix socket is full.
const BACKLOG_PAUSE: Duration = Duration::from_millis(2);

/// Why an operation on a socket failed.
#[derive(Debug)]
pub enum IoFailure {
    /// The call has reached its deadline or was cancelled.
    Call(Error),
    /// The connection failed.
    Broken(io::Error),
}

impl From<Error> for IoFailure {
    fn from(error: Error) -> Self {
        IoFailure::Call(error)
    }
}

/// A connected stream socket.
#[derive(Debug)]
pub struct Socket(RawSocket);

impl Socket {
    /// Connects to the first of `addresses` that accepts. If one takes long, the next one is attempted in parallel.
    pub fn connect_tcp(addresses: &[SocketAddr], deadline: &Deadline) -> Result<Socket, IoFailure> {
        let mut race = Race::default();
        let mut waiting = addresses.iter();
        let mut next_start = Instant::now();
        loop {
            let left = deadline.remaining()?;
            if race.running.is_empty() || Instant::now() >= next_start {
                if let Some(address) = waiting.next() {
                    race.start(*address);
                    next_start = Instant::now() + CONNECTION_ATTEMPT_DELAY;
                } else if race.running.is_empty() {
                    return Err(IoFailure::Broken(race.last_failure()));
                }
            }
            let until_next = match waiting.as_slice().is_empty() {
                true => WAIT_SLICE,
                false => next_start.saturating_duration_since(Instant::now()),
            };
            if let Some(socket) = race.wait(left.min(WAIT_SLICE).min(until_next)) {
                return Socket::prepare_tcp(socket).map_err(IoFailure::Broken);
            }
        }
    }

    fn prepare_tcp(socket: RawSocket) -> io::Result<Socket> {
        socket.set_tcp_nodelay(true)?;
        // Detects a peer that has vanished while the connection is idle.
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_secs(30)))?;
        Socket::prepare(socket)
    }

    fn prepare(socket: RawSocket) -> io::Result<Socket> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(WAIT_SLICE))?;
        socket.set_write_timeout(Some(WAIT_SLICE))?;
        Ok(Socket(socket))
    }

    /// The address of the peer, unless it is a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()?.as_socket()
    }

    /// Connects to the Unix socket at `path`.
    pub fn connect_unix(path: &Path, deadline: &Deadline) -> Result<Socket, IoFailure> {
        let address = SockAddr::unix(path).map_err(IoFailure::Broken)?;
        let socket = descriptors::socket(Domain::UNIX, Type::STREAM, None).map_err(IoFailure::Broken)?;
        socket.set_nonblocking(true).map_err(IoFailure::Broken)?;
        loop {
            match socket.connect(&address) {
                Ok(()) => return Socket::prepare(socket).map_err(IoFailure::Broken),
                Err(e) if e.kind() == ErrorKind::WouldBlock => deadline.sleep(BACKLOG_PAUSE)?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(IoFailure::Broken(e)),
            }
        }
    }

    /// Sends all of `bytes`. `started` becomes true as soon as the kernel has taken the first of them.
    pub fn send_all(&self, bytes: &[u8], deadline: &Deadline, started: &mut bool) -> Result<(), IoFailure> {
        self.send(bytes, deadline.remaining()?, deadline, started, || false)
    }

    /// The same, by a deadline that was just set, to a peer that is not expected to send before it has read everything.
    /// If it has sent a response and stopped reading, the rest is not sent: it would not be read.
    pub fn send_unless_answered(&self, bytes: &[u8], step: &Deadline, started: &mut bool) -> Result<(), IoFailure> {
        self.send(bytes, step.remaining_when_set()?, step, started, || !self.is_idle())
    }

    fn send(
        &self,
        mut bytes: &[u8],
        mut left: Duration,
        deadline: &Deadline,
        started: &mut bool,
        should_stop: impl Fn() -> bool,
    ) -> Result<(), IoFailure> {
        while !bytes.is_empty() {
            self.wait_last_slice(left, deadline, libc::POLLOUT)?;
            match self.0.send_with_flags(bytes, libc::MSG_NOSIGNAL) {
                Ok(sent) => {
                    *started |= sent > 0;
                    bytes = bytes.get(sent..).unwrap_or_default();
                    if !bytes.is_empty() {
                        left = deadline.remaining()?;
                    }
                }
                Err(e) if is_interruption(&e) && !should_stop() => left = deadline.remaining()?,
                Err(e) => return Err(IoFailure::Broken(e)),
            }
        }
        Ok(())
    }

    /// Receives into `buffer`. Returns the number of bytes, 0 if the peer has closed. `left` is the time that was left
    /// a moment ago.
    pub fn receive(&self, buffer: &mut [u8], mut left: Duration, deadline: &Deadline) -> Result<usize, IoFailure> {
        loop {
            self.wait_last_slice(left, deadline, libc::POLLIN)?;
            match io::Read::read(&mut &self.0, buffer) {
                Ok(count) => return Ok(count),
                Err(e) if is_interruption(&e) => left = deadline.remaining()?,
                Err(e) => return Err(IoFailure::Broken(e)),
            }
        }
    }

    /// Whether the connection is open and nothing has arrived.
    pub fn is_idle(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let peeked = self.0.recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT);
        matches!(peeked, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }

    /// If less than a slice is `left` of the deadline, waits for the socket with `poll`, to the millisecond, because
    /// the kernel timeout of the following system call would be too long.
    fn wait_last_slice(&self, mut left: Duration, deadline: &Deadline, events: libc::c_short) -> Result<(), IoFailure> {
        while left < WAIT_SLICE && !poll(&mut [poll_entry(&self.0, events)], left) {
            left = deadline.remaining()?;
        }
        Ok(())
    }
}

/// A kernel timeout or a signal: the caller checks its deadline and tries again.
fn is_interruption(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

fn poll_entry(socket: &RawSocket, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd: socket.as_raw_fd(), events, revents: 0 }
}

/// Whether one of `entries` became ready within `limit`.
fn poll(entries: &mut [libc::pollfd], limit: Duration) -> bool {
    let milliseconds = limit.as_millis().clamp(1, i32::MAX as u128) as libc::c_int;
    // SAFETY: the pointer and the count describe one live, exclusive slice of `pollfd`s.
    unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, milliseconds) > 0 }
}

/// Connection attempts that run in parallel.
#[derive(Default)]
struct Race {
    running: Vec<RawSocket>,
    failure: Option<io::Error>,
}

impl Race {
    fn start(&mut self, address: SocketAddr) {
        match Race::begin(address) {
            Ok(socket) => self.running.push(socket),
            Err(e) => self.failure = Some(e),
        }
    }

    fn begin(address: SocketAddr) -> io::Result<RawSocket> {
        let socket = descriptors::socket(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) && e.kind() != ErrorKind::Interrupted => Err(e),
            _ => Ok(socket),
        }
    }

    /// Waits up to `limit` and returns the first socket that is connected, if any. Drops those that failed.
    fn wait(&mut self, limit: Duration) -> Option<RawSocket> {
        let mut entries: Vec<_> = self.running.iter().map(|s| poll_entry(s, libc::POLLOUT)).collect();
        if entries.is_empty() || !poll(&mut entries, limit) {
            return None;
        }
        let mut winner = None;
        for (socket, entry) in std::mem::take(&mut self.running).into_iter().zip(&entries) {
            match entry.revents {
                0 => self.running.push(socket),
                _ => match socket.take_error() {
                    Ok(None) if winner.is_none() => winner = Some(socket),
                    Ok(None) => {}
                    Ok(Some(e)) | Err(e) => self.failure = Some(e),
                },
            }
        }
        winner
    }

    fn last_failure(&mut self) -> io::Error {
        self.failure.take().unwrap_or_else(|| io::Error::new(ErrorKind::AddrNotAvailable, "the name has no address"))
    }
}

/// The error for a failed connection, with advice.
pub fn no_connection(target: &str, variable: &str, cause: &io::Error) -> Error {
    let advice = match cause.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => "the process or the system is out of file descriptors".to_owned(),
        _ => format!("check {variable} and that the server listens there"),
    };
    Error::new(Status::Connection, format!("cannot connect to {target}: {cause}; {advice}"))
}
