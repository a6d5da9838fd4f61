//! One connection, from the pool to one call and back: a request out, an answer in, and every buffer wiped after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::{BodyReader, Frame, Request};
use super::head::{Framing, Head};
use super::response::{Failure, Response};
use crate::call::IoTimeout;
use crate::error::{Error, Result, Status};
use crate::net::buffer::{Inbox, Outbox};
use crate::net::stream::Stream;
use crate::secret::{self, Buffer};

/// Holds a request's head and a small body. It grows for a longer head.
const OUTBOX: usize = 4 * 1024;

/// A body up to this size leaves together with the head, in one system call; a larger one follows uncopied.
const SMALL_BODY: usize = 16 * 1024;

/// A large body is sent in parts of this size, each of which has to leave within a pace's patience.
const PART: usize = 256 * 1024;

/// A connection is warm for so long after an answer. What arrives meanwhile may as well arrive while the next request
/// is under way, which takes longer, and where nobody can tell an unasked answer from the one that was asked for. A
/// write is another matter: sent on a connection that was just closed it may or may not have been taken.
const MOMENT: Duration = Duration::from_micros(10);

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
    frame: Arc<Frame>,
    target: Arc<str>,
    born: Instant,
    /// When its last answer was complete.
    answered: Option<Instant>,
    /// Answers that came by it.
    answers: u64,
    generation: u32,
    node: usize,
    alive: bool,
    /// A request was not sent to its end.
    cut_short: bool,
}

impl Connection {
    /// A lane over `stream`, which leads to `node`. `frame` is what its requests look like; `target` names it in
    /// messages.
    pub fn new(stream: Stream, frame: Arc<Frame>, target: Arc<str>, generation: u32, node: usize) -> Connection {
        let now = Instant::now();
        Connection {
            stream,
            inbox: Inbox::new(INBOX),
            outbox: Outbox::new(OUTBOX),
            frame,
            target,
            born: now,
            answered: None,
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

    /// Whether a request may follow: nothing unasked has arrived, and the connection is open. That takes a look at the
    /// socket, a system call, of which a get has two others: a read that follows an answer within a moment goes
    /// without.
    pub fn is_ready(&self, is_read: bool, now: Instant) -> bool {
        self.stream.is_even() && ((is_read && self.is_warm(now)) || self.stream.is_quiet())
    }

    /// An answer that came after the call has looked at the clock may be older than it seems.
    fn is_warm(&self, now: Instant) -> bool {
        self.answered.and_then(|answered| now.checked_duration_since(answered)).is_some_and(|idle| idle < MOMENT)
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
            Ok(reply) => {
                self.answers += 1;
                self.answered = Some(Instant::now());
                Ok(reply)
            }
            Err(error) if silent => Err(Failure { silent: true, ..self.failure(error, true) }),
            Err(error) => Err(Failure::new(error, true)),
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
        request.write_head(&self.frame, &mut self.outbox);
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
        let body = self.body(head.framing, pace)?;
        self.alive = head.keep_alive && !self.cut_short && self.inbox.unread().is_empty();
        Ok(Response {
            from: self.target.clone(),
            status: head.status,
            hints: head.hints,
            content_type: head.content_type,
            body,
            secrets: Box::default(),
        })
    }

    fn head(&mut self, pace: IoTimeout<'_>) -> Result<Head> {
        let mut step = Some(pace.first_step());
        loop {
            match Head::parse(self.inbox.unread()) {
                Ok(Some((head, length))) => {
                    self.inbox.take(length);
                    if head.status >= 200 {
                        return Ok(head);
                    }
                }
                Ok(None) => {
                    let step = step.take().unwrap_or_else(|| pace.step());
                    if self.stream.receive(&mut self.inbox, &step)? == 0 {
                        return Err(self.cut_off());
                    }
                }
                Err(_) => return Err(self.malformed()),
            }
        }
    }

    fn body(&mut self, framing: Framing, pace: IoTimeout<'_>) -> Result<Buffer> {
        let announced = if let Framing::Length(length) = framing { length } else { 0 };
        if announced > MAX_ANSWER as u64 {
            return Err(self.too_large());
        }
        let mut body = Buffer::default();
        self.make_room(&mut body, announced.clamp(1, MAX_RESERVED) as usize)?;
        let mut reader = BodyReader::new(framing);
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
