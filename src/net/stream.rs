//! A byte stream to a peer, plain or over TLS, whose failures are errors for the user.

use std::sync::Arc;

use super::buffer::Inbox;
use super::socket::{IoFailure, Socket};
use super::tls::explain;
use super::tls::stream::{TlsFailure, TlsStream};
use crate::call::Deadline;
use crate::error::{Error, Result, Status};

/// The names of a peer in messages.
#[derive(Clone)]
pub struct Peer {
    /// Its address, and the variable that holds it.
    pub target: Arc<str>,
    /// `host:port`, for messages about its certificate.
    pub place: Arc<str>,
    /// The variable that names the client certificate, if there is one.
    pub identity: Option<&'static str>,
}

/// A connected stream, with the names of its peer.
pub struct Stream {
    kind: Kind,
    peer: Peer,
}

enum Kind {
    Plain(Socket),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// A stream without TLS.
    pub fn plain(socket: Socket, peer: Peer) -> Stream {
        Stream { kind: Kind::Plain(socket), peer }
    }

    /// A stream over TLS.
    pub fn tls(stream: TlsStream, peer: Peer) -> Stream {
        Stream { kind: Kind::Tls(Box::new(stream)), peer }
    }

    /// Sends all of `bytes` by a deadline that was just set. `started` becomes true as soon as the first of them may
    /// have been sent.
    pub fn send_all(&mut self, bytes: &[u8], step: &Deadline, started: &mut bool) -> Result<()> {
        let outcome = match &mut self.kind {
            Kind::Plain(socket) => socket.send_unless_answered(bytes, step, started).map_err(TlsFailure::Io),
            Kind::Tls(tls) => tls.send_all(bytes, step, started),
        };
        outcome.map_err(|e| failed(e, &self.peer))
    }

    /// Receives into `inbox` by a deadline that was just set. Returns the number of bytes, 0 if the peer has closed.
    pub fn receive(&mut self, inbox: &mut Inbox, step: &Deadline) -> Result<usize> {
        let outcome = match &mut self.kind {
            Kind::Plain(socket) => {
                let left = step.remaining_when_set();
                let received = left.map_err(IoFailure::Call).and_then(|left| socket.receive(inbox.room(1), left, step));
                received.inspect(|&count| inbox.added(count)).map_err(TlsFailure::Io)
            }
            Kind::Tls(tls) => tls.receive(inbox, step),
        };
        outcome.map_err(|e| failed(e, &self.peer))
    }

    /// Whether no received bytes are left unread.
    pub fn is_drained(&self) -> bool {
        match &self.kind {
            Kind::Plain(_) => true,
            Kind::Tls(tls) => tls.is_drained(),
        }
    }

    /// Whether the connection is open and nothing has arrived.
    pub fn is_idle(&self) -> bool {
        match &self.kind {
            Kind::Plain(socket) => socket.is_idle(),
            Kind::Tls(tls) => tls.is_idle(),
        }
    }

    /// Whether the peer has refused our certificate.
    pub fn is_unwelcome(&self) -> bool {
        match &self.kind {
            Kind::Plain(_) => false,
            Kind::Tls(tls) => tls.is_unwelcome(),
        }
    }

    /// Overwrites what it keeps of the last answer.
    pub fn wipe(&mut self) {
        if let Kind::Tls(tls) = &mut self.kind {
            tls.wipe();
        }
    }
}

/// The error for a failed connection to `peer`.
#[cold]
pub fn failed(failure: TlsFailure, peer: &Peer) -> Error {
    match failure {
        TlsFailure::Io(IoFailure::Call(error)) => error,
        TlsFailure::Io(IoFailure::Broken(cause)) => {
            let message = format!(
                "the connection to {} broke: {cause}; is it, or what stands in front of it, being restarted?",
                peer.target
            );
            Error::new(Status::Connection, message)
        }
        TlsFailure::Tls(error, known) => explain::explain(&error, known, &peer.place, peer.identity),
    }
}
