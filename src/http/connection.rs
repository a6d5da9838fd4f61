//! One connection, from the pool to one call and back: a request out, an answer in, and every buffer wiped after it.

use std::sync::Arc;
use std::time::Instant;

use ureq_proto::http;

use super::body::BodyReader;
use super::exchange::{Exchange, Origin, Request};
use super::message::{Malformed, Unsendable};
use super::response::{Failure, Response};
use crate::call::IoTimeout;
use crate::error::{Error, Result, Status};
use crate::net::buffer::{Inbox, Outbox};
use crate::net::stream::Stream;
use crate::observe::redact::RequestSecrets;
use crate::secret::{self, Buffer};

/// Holds a request's head and a small body. It grows for a longer head.
const OUTBOX: usize = 4 * 1024;

/// A body up to this size leaves together with the head, in one system call; a larger one follows uncopied.
const SMALL_BODY: usize = 16 * 1024;

/// A large body is sent in parts of this size, each of which has to leave within a pace's patience.
const PART: usize = 256 * 1024;

/// Holds most answers whole.
const INBOX: usize = 16 * 1024;

/// An answer's body may be this large.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Room that is set aside for a body before it arrives, at the most: a length is only a claim.
const MAX_RESERVED: u64 = 1 << 20;

/// A connection that is out of the pool, and so belongs to one call.
pub struct Connection {
    stream: Stream,
    inbox: Inbox,
    outbox: Outbox,
    origin: Arc<Origin>,
    target: Arc<str>,
    born: Instant,
    /// What the answer that is to come belongs to.
    exchange: Option<Exchange>,
    /// Answers that came by it.
    answers: u64,
    generation: u32,
    node: usize,
    alive: bool,
    /// A request was not sent to its end.
    cut_short: bool,
}

impl Connection {
    /// A connection over `stream`, which leads to `node`. `origin` is what its requests have in common; `target` names
    /// it in messages.
    pub fn new(stream: Stream, origin: Arc<Origin>, target: Arc<str>, generation: u32, node: usize) -> Connection {
        Connection {
            stream,
            inbox: Inbox::new(INBOX),
            outbox: Outbox::new(OUTBOX),
            origin,
            target,
            born: Instant::now(),
            exchange: None,
            answers: 0,
            generation,
            node,
            alive: true,
            cut_short: false,
        }
    }

    /// Which node it leads to.
    pub fn node(&self) -> usize {
        self.node
    }

    /// The fork generation that opened it.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// When it was opened.
    pub fn born(&self) -> Instant {
        self.born
    }

    /// Whether a request may follow: nothing unasked has arrived, and the connection is open.
    pub fn is_ready(&self) -> bool {
        self.stream.is_even() && self.stream.is_quiet()
    }

    /// Whether another request may follow.
    pub fn is_alive(&self) -> bool {
        self.alive
    }

    /// Sends `request`. Its answer is to be received before another one is sent.
    pub fn send(&mut self, request: &Request<'_>, pace: IoTimeout<'_>) -> Result<(), Failure> {
        let mut sent = false;
        // Whatever ends the exchange early leaves the connection in the middle of something.
        self.alive = false;
        let outcome = self.transmit(request, pace, &mut sent);
        self.outbox.wipe();
        outcome.map_err(|error| self.failure(error, sent))
    }

    /// Receives the whole answer to what was sent. Where not a byte of it came in time, the wait may be gone on with.
    pub fn receive(&mut self, pace: IoTimeout<'_>) -> Result<Response, Failure> {
        let outcome = self.reply(pace);
        let silent = self.inbox.is_untouched();
        self.inbox.wipe();
        self.stream.wipe();
        match outcome {
            Ok(reply) => self.judge(reply),
            Err(error) if silent => Err(Failure { silent: true, ..self.failure(error, true) }),
            Err(error) => Err(Failure::new(error, true)),
        }
    }

    /// Sorts out the answers that are about the connection, or the way to the node, and not about the request.
    fn judge(&mut self, reply: Response) -> Result<Response, Failure> {
        let is_used = self.answers > 0;
        self.answers += 1;
        match (reply.status, self.origin.forwarder()) {
            (407, Some(forwarder)) => Err(Failure::before_sending(forwarder.unauthorized())),
            // The server has waited for a request for too long, and this one came too late for it.
            (408, _) if is_used && !self.alive => {
                Err(Failure { stale: true, ..Failure::before_sending(self.cut_off().with_http_status(408)) })
            }
            _ => Ok(reply),
        }
    }

    /// A connection that breaks without a byte of an answer, but answered before, was most likely closed while it was
    /// idle: that says nothing about the server.
    #[cold]
    fn failure(&self, error: Error, sent: bool) -> Failure {
        let stale = self.answers > 0 && error.status() == Status::Connection;
        Failure { stale, ..Failure::new(error, sent) }
    }

    fn transmit(&mut self, request: &Request<'_>, pace: IoTimeout<'_>, sent: &mut bool) -> Result<()> {
        match Exchange::begin(request, &self.origin, &mut self.outbox) {
            Ok(exchange) => self.exchange = Some(exchange),
            Err(Unsendable) => return Err(self.unsendable()),
        }
        let body = request.body.unwrap_or_default();
        let (small, large) = if body.len() <= SMALL_BODY { (body, &[][..]) } else { (&[][..], body) };
        self.outbox.push(small);
        let mut outcome = self.stream.send_all(self.outbox.filled(), &pace.first_step(), sent);
        for part in large.chunks(PART) {
            outcome = outcome.and_then(|()| self.stream.send_all(part, &pace.step(), sent));
        }
        match outcome {
            // A server that refuses a large request answers without reading the rest, and mostly closes: hear it out.
            Err(error) if error.status() == Status::Connection && *sent => {
                self.cut_short = true;
                Ok(())
            }
            other => other,
        }
    }

    fn reply(&mut self, pace: IoTimeout<'_>) -> Result<Response> {
        let head = self.head(pace)?;
        // The reader is large: it stays where it is.
        let mut reader = self.exchange.take().map(|exchange| exchange.body(&head));
        let Some(Ok(reader)) = &mut reader else { return Err(self.malformed()) };
        let body = self.body(reader, pace)?;
        let (head, ()) = head.into_parts();
        Ok(Response {
            from: self.target.clone(),
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            secrets: RequestSecrets::default(),
        })
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

    /// Reads the rest of an answer, and whether another may follow it.
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

    /// Room for `more` bytes of an answer.
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
            "HTTP has no form for this request to {}; check the address and what it asks for",
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
    use crate::http::{HeaderMap, Method};
    use crate::net::socket::Socket;
    use crate::net::stream::Peer;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::time::Duration;

    /// A connection, and the other end of it.
    fn connected() -> (Connection, UnixStream) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let deadline = Call::default().start(Duration::from_secs(10));
        let socket = Socket::connect_unix(&path, &deadline).unwrap();
        let peer = Peer { target: "peer".into(), place: "peer".into(), identity: None };
        let origin = Arc::new(Origin::new("peer", "/".to_owned(), None).unwrap());
        let connection = Connection::new(Stream::plain(socket, peer), origin, "peer".into(), 0, 0);
        (connection, listener.accept().unwrap().0)
    }

    /// One exchange, in which the peer says `answer`.
    fn exchange(connection: &mut Connection, peer: &mut UnixStream, answer: &str) -> Result<Response, Failure> {
        let deadline = Call::default().start(Duration::from_secs(10));
        let pace = IoTimeout { deadline: &deadline, patience: Duration::from_secs(10), began: Instant::now() };
        let (common, headers) = (HeaderMap::new(), [None; 4]);
        let request = Request { method: Method::GET, path: "a", common: &common, headers, body: None };
        connection.send(&request, pace)?;
        assert_ne!(peer.read(&mut [0; 1024]).unwrap(), 0);
        peer.write_all(answer.as_bytes()).unwrap();
        connection.receive(pace)
    }

    const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn an_unasked_answer_is_seen_however_soon_the_next_request_follows() {
        let (mut connection, mut peer) = connected();
        assert_eq!(exchange(&mut connection, &mut peer, EMPTY).unwrap().status, 200);
        assert!(connection.is_alive() && connection.is_ready());
        peer.write_all(EMPTY.as_bytes()).unwrap();
        assert!(!connection.is_ready());
    }

    #[test]
    fn a_server_that_was_asked_too_late_did_not_act() {
        let late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let (mut connection, mut peer) = connected();
        let first = exchange(&mut connection, &mut peer, late).unwrap();
        assert_eq!((first.status, connection.is_alive()), (408, false));
        let (mut connection, mut peer) = connected();
        exchange(&mut connection, &mut peer, EMPTY).unwrap();
        let failure = exchange(&mut connection, &mut peer, late).err().unwrap();
        assert!(failure.stale && !failure.sent && failure.may_pass, "{failure:?}");
    }
}
