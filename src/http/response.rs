//! The result of an exchange: a response or a failure.

use std::sync::Arc;

use super::{HeaderMap, HeaderName};
use crate::call::IoTimeout;
use crate::error::{Error, Status};
use crate::secret::Buffer;

/// A complete HTTP response.
pub struct Response {
    /// The server that sent it, for messages.
    pub from: Arc<str>,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, wiped when dropped.
    pub body: Buffer,
}

impl Response {
    /// The value of a header, the last one if there are several; `None` if it is not UTF-8.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let value = self.headers.get_all(name).iter().next_back()?;
        std::str::from_utf8(value.as_bytes()).ok()
    }
}

/// Why there is no response, and how far the request got.
#[derive(Debug)]
pub struct Failure {
    /// The error for the caller.
    pub error: Error,
    /// At least one byte of the request may have reached the server, which may have executed it.
    pub sent: bool,
    /// The server had closed the idle connection that was used.
    pub stale: bool,
    /// No byte of a response was received.
    pub silent: bool,
    /// The connection failed or timed out: a retry, or another node, may succeed.
    pub is_transient: bool,
}

impl Failure {
    /// A failure that may be transient, as the status of `error` tells.
    pub fn new(error: Error, sent: bool) -> Failure {
        let is_transient = matches!(error.status(), Status::Connection | Status::Timeout);
        Failure { error, sent, stale: false, silent: false, is_transient }
    }

    /// A failure before anything was sent.
    pub fn before_sending(error: Error) -> Failure {
        Failure::new(error, false)
    }

    /// Whether the peer was silent for the time of one step, and the call has time left.
    pub fn is_step_timeout(&self, timeout: IoTimeout<'_>) -> bool {
        self.silent && self.error.status() == Status::Timeout && timeout.deadline.remaining().is_ok()
    }
}
