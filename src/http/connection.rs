//! A connection: sends a request, receives the response, and wipes its buffers after each exchange.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq_proto::http;

use super::body::BodyReader;
use super::count::Counted;
use super::exchange::{Exchange, Origin, Request};
use super::message::{Malformed, Unsendable};
use super::response::{Failure, Response};
use crate::call::IoTimeout;
use crate::error::{Error, Result, Status};
use crate::net::buffer::{Inbox, Outbox};
use crate::net::stream::Stream;
use crate::secret::{self, Buffer};

/// The initial size for a request's head and a small body. The buffer grows for a longer head.
const OUTBOX: usize = 4 * 1024;

/// A body up to this size is sent together with the head in one system call. A larger one is sent after it without
/// copying.
const SMALL_BODY: usize = 16 * 1024;

/// A large body is sent in parts of this size, each within the time of one step.
const PART: usize = 256 * 1024;

/// The initial size for received bytes, which holds most responses completely.
const INBOX: usize = 16 * 1024;

/// The largest body of a response.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The most room that is reserved for a body before it arrives, whatever `Content-Length` claims.
const MAX_RESERVED: u64 = 1 << 20;

/// The fork generation and the certificates of a connection. Idle connections of another era are not used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Era {
    /// The fork generation that opened it.
    pub fork: u32,
    /// The number of the certificates that it was made with.
    pub certificates: u32,
}

/// A connection that is out of the pool, and so belongs to one call.
pub struct Connection {
    stream: Stream,
    inbox: Inbox,
    outbox: Outbox,
    origin: Arc<Origin>,
    target: Arc<str>,
    /// The time from which on it is too old.
    ends: Instant,
    /// The time from which on it is too old, or was idle for too long.
    expires: Instant,
    /// Counts it among the open connections.
    _counted: Counted,
    /// The exchange whose response is awaited.
    exchange: Option<Exchange>,
    /// The number of responses received.
    answers: u64,
    era: Era,
    node: usize,
    alive: bool,
    /// The last request was not sent completely.
    cut_short: bool,
}

impl Connection {
    /// A connection over `stream`, which leads to `node`. `origin` is what its requests have in common; `target` names
    /// it in messages.
    pub fn new(
        stream: Stream,
        origin: Arc<Origin>,
        target: Arc<str>,
        (era, node): (Era, usize),
        (max_age, counted): (Duration, Counted),
    ) -> Connection {
        let born = Instant::now();
        let ends = born.checked_add(max_age).unwrap_or(born);
        Connection {
            stream,
            inbox: Inbox::new(INBOX),
            outbox: Outbox::new(OUTBOX),
            origin,
            target,
            ends,
            expires: ends,
            _counted: counted,
            exchange: None,
            answers: 0,
            era,
            node,
            alive: true,
            cut_short: false,
        }
    }

    /// The node that it is connected to.
    pub fn node(&self) -> usize {
        self.node
    }

    /// Its era, which decides whether it may be used.
    pub fn era(&self) -> Era {
        self.era
    }

    /// Whether the server has refused the client certificate, and so every request. With TLS 1.3 the refusal arrives
    /// instead of the first response.
    pub fn is_unwelcome(&self) -> bool {
        self.answers == 0 && self.stream.is_unwelcome()
    }

    /// When it must not be used any more, as set by [`Connection::expire`].
    pub fn expires(&self) -> Instant {
        self.expires
    }

    /// Has it expire `idle_timeout` after its last request, which was sent at `used`: the server may count from then.
    #[inline]
    pub fn expire(&mut self, idle_timeout: Duration, used: Instant) {
        self.expires = self.ends.min(used.checked_add(idle_timeout).unwrap_or(used));
    }

    /// Whether the idle connection can be used: it is open, and nothing unsolicited has arrived.
    pub fn is_ready(&self) -> bool {
        self.stream.is_drained() && self.stream.is_idle()
    }

    /// Whether the connection may be used for another request.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Sends `request`. Its response has to be received before another request is sent.
    pub fn send(&mut self, request: &Request<'_>, pace: IoTimeout<'_>) -> Result<(), Failure> {
        let mut sent = false;
        // If the exchange ends early, the connection is in an undefined state.
        self.alive = false;
        let outcome = self.transmit(request, pace, &mut sent);
        self.outbox.wipe();
        outcome.map_err(|error| self.failure(error, sent))
    }

    /// Receives the response to the request that was sent. If no byte of it arrived in time, this can be called again.
    pub fn receive(&mut self, pace: IoTimeout<'_>) -> Result<Response, Failure> {
        let outcome = self.read_response(pace);
        let silent = self.inbox.is_untouched();
        self.inbox.wipe();
        self.stream.wipe();
        match outcome {
            Ok(response) => self.failure_of(&response).map_or(Ok(response), Err),
            Err(error) if silent => Err(Failure { silent: true, ..self.failure(error, true) }),
            Err(error) => Err(Failure::new(error, true)),
        }
    }

    /// The failure that a response reports if it concerns the connection or the proxy, and not the request.
    fn failure_of(&mut self, response: &Response) -> Option<Failure> {
        let is_used = self.answers > 0;
        self.answers += 1;
        match (response.status, self.origin.forwarder()) {
            (407, Some(forwarder)) => Some(Failure::before_sending(forwarder.unauthorized())),
            // The server had timed out waiting for a request when this one arrived.
            (408, _) if is_used && !self.alive => {
                Some(Failure { stale: true, ..Failure::before_sending(self.cut_off().with_http_status(408)) })
            }
            _ => None,
        }
    }

    /// If a connection that was used before breaks without a byte of a response, the server had most likely closed it
    /// while it was idle.
    #[cold]
    fn failure(&self, error: Error, sent: bool) -> Failure {
        let stale = self.answers > 0 && error.status() == Status::Connection;
        Failure { stale, ..Failure::new(error, sent) }
    }

    fn transmit(&mut self, request: &Request<'_>, pace: IoTimeout<'_>, sent: &mut bool) -> Result<()> {
        Exchange::begin(request, &self.origin, &mut self.outbox, &mut self.exchange)
            .map_err(|Unsendable| self.unsendable())?;
        let body = request.body.unwrap_or_default();
        let (small, large) = if body.len() <= SMALL_BODY { (body, &[][..]) } else { (&[][..], body) };
        self.outbox.push(small);
        let mut outcome = self.stream.send_all(self.outbox.filled(), &pace.first_step(), sent);
        for part in large.chunks(PART) {
            outcome = outcome.and_then(|()| self.stream.send_all(part, &pace.step(), sent));
        }
        match outcome {
            // A server that refuses a large request responds without reading the rest, and mostly closes the
            // connection. Its response is still received.
            Err(error) if error.status() == Status::Connection && *sent => {
                self.cut_short = true;
                Ok(())
            }
            other => other,
        }
    }

    fn read_response(&mut self, pace: IoTimeout<'_>) -> Result<Response> {
        let head = self.head(pace)?;
        // The reader is large and is not moved.
        let mut reader = self.exchange.take().map(|exchange| exchange.body(&head));
        let Some(Ok(reader)) = &mut reader else { return Err(self.malformed()) };
        let body = self.body(reader, pace)?;
        let (head, ()) = head.into_parts();
        Ok(Response { from: self.target.clone(), status: head.status.as_u16(), headers: head.headers, body })
    }

    fn head(&mut self, pace: IoTimeout<'_>) -> Result<http::Response<()>> {
        let mut step = Some(pace.first_step());
        loop {
            let head = self.exchange.as_mut().map_or(Err(Malformed), |exchange| exchange.head(&mut self.inbox));
            if let Some(head) = head.map_err(|_| self.malformed())? {
                return Ok(head);
            }
            let step = step.take().unwrap_or_else(|| pace.step());
            if self.stream.receive(&mut self.inbox, &step)? == 0 {
                return Err(self.cut_off());
            }
        }
    }

    /// Reads the body of a response, and determines whether another response may follow it.
    fn body(&mut self, reader: &mut BodyReader, pace: IoTimeout<'_>) -> Result<Buffer> {
        let announced = reader.announced().unwrap_or(0);
        if announced > MAX_ANSWER as u64 {
            return Err(self.too_large());
        }
        let mut body = Buffer::default();
        self.make_room(&mut body, announced.clamp(1, MAX_RESERVED) as usize)?;
        loop {
            self.make_room(&mut body, self.inbox.unread().len())?;
            if reader.read(&mut self.inbox, &mut body).map_err(|_| self.malformed())? {
                break;
            }
            if body.len() > MAX_ANSWER {
                return Err(self.too_large());
            }
            if self.stream.receive(&mut self.inbox, &pace.step())? == 0 {
                if reader.may_end_here() {
                    break;
                }
                return Err(self.cut_off());
            }
        }
        self.alive = reader.is_reusable() && !self.cut_short && self.inbox.unread().is_empty();
        Ok(body)
    }

    /// Reserves room for `more` bytes of a response.
    fn make_room(&self, body: &mut Buffer, more: usize) -> Result<()> {
        secret::make_room(body, more).map_err(|size| Error::no_memory(&format!("the answer of {}", self.target), size))
    }

    #[cold]
    fn cut_off(&self) -> Error {
        let message = format!(
            "{} closed the connection before its answer was complete; is it, or what stands in front of it, being restarted?",
            self.target
        );
        Error::new(Status::Connection, message)
    }

    #[cold]
    fn unsendable(&self) -> Error {
        Error::config(format!(
            "the request to {} cannot be expressed in HTTP; check the address, the path and the headers",
            self.target
        ))
    }

    #[cold]
    fn malformed(&self) -> Error {
        Error::new(
            Status::Protocol,
            format!("the answer of {} is not valid HTTP/1.1; check that a Vault server listens there", self.target),
        )
    }

    #[cold]
    fn too_large(&self) -> Error {
        let limit = MAX_ANSWER >> 20;
        let message = format!("the answer of {} is larger than {limit} MiB, the most that is taken", self.target);
        Error::new(Status::TooLarge, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::http::Method;
    use crate::http::count::OpenCount;
    use crate::net::socket::Socket;
    use crate::net::stream::Peer;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    /// A connection and its peer.
    fn connected() -> (Connection, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let deadline = Call::default().start(Duration::from_secs(10));
        let socket = Socket::connect_unix(&path, &deadline).unwrap();
        let peer = Peer { target: "peer".into(), place: "peer".into(), identity: None };
        let origin = Arc::new(Origin::new("peer", "/".to_owned(), None).unwrap());
        let counted = Arc::<OpenCount>::default().count();
        let (place, life) = ((Era::default(), 0), (Duration::from_secs(60), counted));
        let connection = Connection::new(Stream::plain(socket, peer), origin, "peer".into(), place, life);
        (connection, listener.accept().unwrap().0)
    }

    /// One exchange, in which the peer sends `answer`.
    fn exchange(connection: &mut Connection, peer: &mut UnixStream, answer: &str) -> Result<Response, Failure> {
        let deadline = Call::default().start(Duration::from_secs(10));
        let pace = IoTimeout { deadline: &deadline, patience: Duration::from_secs(10), began: Instant::now() };
        let request = Request { method: Method::GET, path: "a", common: &[], headers: [None; 6], body: None };
        connection.send(&request, pace)?;
        assert_ne!(peer.read(&mut [0; 1024]).unwrap(), 0);
        peer.write_all(answer.as_bytes()).unwrap();
        connection.receive(pace)
    }

    const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn an_unsolicited_response_is_noticed_before_the_next_request() {
        let (mut connection, mut peer) = connected();
        assert_eq!(exchange(&mut connection, &mut peer, EMPTY).unwrap().status, 200);
        assert!(connection.is_alive() && connection.is_ready());
        peer.write_all(EMPTY.as_bytes()).unwrap();
        assert!(!connection.is_ready());
    }

    #[test]
    fn a_request_that_arrives_after_the_servers_timeout_was_not_executed() {
        let late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let (mut connection, mut peer) = connected();
        let first = exchange(&mut connection, &mut peer, late).unwrap();
        assert_eq!((first.status, connection.is_alive()), (408, false));
        let (mut connection, mut peer) = connected();
        exchange(&mut connection, &mut peer, EMPTY).unwrap();
        let failure = exchange(&mut connection, &mut peer, late).err().unwrap();
        assert!(failure.stale && !failure.sent && failure.is_transient, "{failure:?}");
    }
}
