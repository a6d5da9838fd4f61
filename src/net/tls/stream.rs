//! TLS over a socket, with its own buffers.
//!
//! rustls' buffered connection keeps decrypted records until later ones overwrite them. Its unbuffered one works in the
//! caller's memory, so every record can be wiped as soon as it has been taken.

use std::io;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus};
use rustls::{ClientConfig, Error as TlsError};

use super::config;
use super::explain::{self, Circumstances};
use crate::call::Deadline;
use crate::error::Error;
use crate::host::crypto::with_random_numbers;
use crate::net::buffer::Inbox;
use crate::net::socket::{IoFailure, Socket};

/// The largest record that TLS allows, with its overhead.
const RECORD: usize = 16_384 + 2_048;

/// The largest plaintext of one record.
const FRAGMENT: usize = 16_384;

/// Why an operation on a TLS stream failed.
#[derive(Debug)]
pub enum TlsFailure {
    /// The deadline, a cancellation, or the socket failed.
    Io(IoFailure),
    /// The TLS protocol failed: the handshake, a certificate, or an alert.
    Tls(TlsError, Circumstances),
}

impl From<IoFailure> for TlsFailure {
    fn from(failure: IoFailure) -> Self {
        TlsFailure::Io(failure)
    }
}

impl From<Error> for TlsFailure {
    fn from(error: Error) -> Self {
        TlsFailure::Io(error.into())
    }
}

impl From<TlsError> for TlsFailure {
    fn from(error: TlsError) -> Self {
        TlsFailure::Tls(error, Circumstances::default())
    }
}

/// A TLS client connection.
pub struct TlsStream {
    session: UnbufferedClientConnection,
    config: Arc<ClientConfig>,
    socket: Socket,
    incoming: Inbox,
    outgoing: Vec<u8>,
    outgoing_filled: usize,
    closed: bool,
    unwelcome: bool,
}

/// What the state machine needs before it can continue.
enum Step {
    /// Nothing: it can continue at once.
    Continue,
    /// More bytes from the peer.
    Receive,
    /// The handshake is complete and there is nothing to read.
    Ready,
    /// The peer has announced that it sends nothing more.
    Closed,
}

impl TlsStream {
    /// Performs the handshake over `socket`.
    pub fn connect(
        socket: Socket,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        deadline: &Deadline,
    ) -> Result<TlsStream, TlsFailure> {
        let mut stream = TlsStream {
            session: with_random_numbers(|| UnbufferedClientConnection::new(config.clone(), name))??,
            config,
            socket,
            incoming: Inbox::new(RECORD),
            outgoing: vec![0; RECORD],
            outgoing_filled: 0,
            closed: false,
            unwelcome: false,
        };
        loop {
            match stream.advance(None, deadline)? {
                Step::Continue => {}
                Step::Receive => {
                    if stream.fill(deadline)? == 0 {
                        return Err(cut_off().into());
                    }
                }
                Step::Ready => return Ok(stream),
                Step::Closed => return Err(cut_off().into()),
            }
        }
    }

    /// Sends all of `bytes`. `started` becomes true as soon as the first of them may have been sent.
    pub fn send_all(&mut self, bytes: &[u8], deadline: &Deadline, started: &mut bool) -> Result<(), TlsFailure> {
        for fragment in bytes.chunks(FRAGMENT) {
            self.encrypt(fragment, deadline)?;
            let filled = std::mem::take(&mut self.outgoing_filled);
            let record = self.outgoing.get(..filled).unwrap_or_default();
            self.socket.send_all(record, deadline, started)?;
        }
        Ok(())
    }

    /// Receives into `inbox`. Returns the number of bytes, 0 if the peer has closed.
    pub fn receive(&mut self, inbox: &mut Inbox, deadline: &Deadline) -> Result<usize, TlsFailure> {
        loop {
            let before = inbox.unread().len();
            let step = self.advance(Some(inbox), deadline)?;
            let received = inbox.unread().len() - before;
            if received > 0 {
                return Ok(received);
            }
            match step {
                Step::Continue => {}
                Step::Closed => return Ok(0),
                Step::Receive | Step::Ready => {
                    if self.closed || self.fill(deadline)? == 0 {
                        return Ok(0);
                    }
                }
            }
        }
    }

    /// Whether no received records are left unread. They would be in this buffer and not in the socket.
    pub fn is_drained(&self) -> bool {
        !self.closed && self.incoming.unread().is_empty()
    }

    /// Whether the socket is open and nothing has arrived.
    pub fn is_idle(&self) -> bool {
        self.socket.is_idle()
    }

    /// Whether the peer has refused our certificate.
    pub fn is_unwelcome(&self) -> bool {
        self.unwelcome
    }

    /// Overwrites the records that have been taken.
    pub fn wipe(&mut self) {
        self.incoming.wipe();
    }

    fn fill(&mut self, deadline: &Deadline) -> Result<usize, TlsFailure> {
        let room = self.incoming.room(RECORD.saturating_sub(self.incoming.unread().len()).max(1));
        let count = self.socket.receive(room, deadline.remaining()?, deadline)?;
        self.incoming.added(count);
        Ok(count)
    }

    /// One step of the state machine. Appends decrypted data to `inbox`. Adds the circumstances to a failure.
    fn advance(&mut self, inbox: Option<&mut Inbox>, deadline: &Deadline) -> Result<Step, TlsFailure> {
        self.step(inbox, deadline).map_err(|failure| match failure {
            TlsFailure::Tls(error, _) => {
                self.unwelcome = matches!(error, TlsError::AlertReceived(alert) if explain::is_about_the_client(alert));
                TlsFailure::Tls(error, self.circumstances())
            }
            other => other,
        })
    }

    #[cold]
    fn circumstances(&self) -> Circumstances {
        let flaw = config::identity_flaw(&self.config);
        Circumstances { agreed: self.session.negotiated_cipher_suite().is_some(), flaw }
    }

    fn step(&mut self, inbox: Option<&mut Inbox>, deadline: &Deadline) -> Result<Step, TlsFailure> {
        let TlsStream { session, socket, incoming, outgoing, outgoing_filled, closed, .. } = self;
        let UnbufferedStatus { mut discard, state } = match session.is_handshaking() {
            true => with_random_numbers(|| session.process_tls_records(incoming.unread_mut()))?,
            false => session.process_tls_records(incoming.unread_mut()),
        };
        let step = match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                let inbox = inbox.ok_or_else(|| TlsError::General("data before the handshake's end".into()))?;
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    let room = inbox.room(record.payload.len());
                    if let Some(room) = room.get_mut(..record.payload.len()) {
                        room.copy_from_slice(record.payload);
                    }
                    inbox.added(record.payload.len());
                }
                Step::Continue
            }
            ConnectionState::EncodeTlsData(mut data) => {
                let encoded = data.encode(outgoing.get_mut(*outgoing_filled..).unwrap_or_default());
                match encoded {
                    Ok(count) => *outgoing_filled += count,
                    Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                        outgoing.resize(*outgoing_filled + required_size, 0);
                        *outgoing_filled +=
                            data.encode(outgoing.get_mut(*outgoing_filled..).unwrap_or_default()).map_err(encoding)?;
                    }
                    Err(e) => return Err(encoding(e).into()),
                }
                Step::Continue
            }
            ConnectionState::TransmitTlsData(data) => {
                let filled = std::mem::take(outgoing_filled);
                socket.send_all(outgoing.get(..filled).unwrap_or_default(), deadline, &mut false)?;
                data.done();
                Step::Continue
            }
            ConnectionState::BlockedHandshake => Step::Receive,
            ConnectionState::WriteTraffic(_) => Step::Ready,
            ConnectionState::PeerClosed | ConnectionState::Closed => {
                *closed = true;
                Step::Closed
            }
            _ => return Err(TlsError::General("a state that this client does not know".into()).into()),
        };
        incoming.take(discard);
        Ok(step)
    }

    /// Encrypts one record into the outgoing buffer.
    fn encrypt(&mut self, fragment: &[u8], deadline: &Deadline) -> Result<(), TlsFailure> {
        // The response to a key update is sent first.
        while let Step::Continue = self.advance(None, deadline)? {}
        let UnbufferedStatus { state, .. } = self.session.process_tls_records(&mut []);
        let ConnectionState::WriteTraffic(mut traffic) = state? else {
            let closed = io::Error::new(io::ErrorKind::BrokenPipe, "the peer has closed its side");
            return Err(IoFailure::Broken(closed).into());
        };
        let encrypted = match traffic.encrypt(fragment, &mut self.outgoing) {
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                self.outgoing.resize(required_size, 0);
                traffic.encrypt(fragment, &mut self.outgoing)
            }
            other => other,
        };
        self.outgoing_filled = encrypted.map_err(|e| TlsError::General(e.to_string()))?;
        Ok(())
    }
}

fn encoding(error: EncodeError) -> TlsError {
    TlsError::General(error.to_string())
}

fn cut_off() -> IoFailure {
    IoFailure::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed during the TLS handshake"))
}
