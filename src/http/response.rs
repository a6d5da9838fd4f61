//! What comes of an exchange: an answer, or why there is none.

use std::sync::Arc;

use super::{HeaderMap, HeaderName};
use crate::call::IoTimeout;
use crate::error::{Error, Status};
use crate::observe::redact::RequestSecrets;
use crate::secret::Buffer;

/// One HTTP answer, whole.
pub struct Response {
    /// Whose answer it is, for messages.
    pub from: Arc<str>,
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The body, wiped when dropped.
    pub body: Buffer,
    /// Where it is an error: what no message may repeat, since it stood in the request.
    pub secrets: RequestSecrets,
}

impl Response {
    /// A header, the last where there are several; `None` where it is no UTF-8.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let value = self.headers.get_all(name).iter().next_back()?;
        std::str::from_utf8(value.as_bytes()).ok()
    }
}

#[cfg(test)]
impl Response {
    /// An answer for the unit tests of what reads it.
    pub fn for_tests(status: u16, body: &str) -> Response {
        let (headers, secrets) = (HeaderMap::new(), RequestSecrets::default());
        Response { from: Arc::from("http://vault"), status, headers, body: body.as_bytes().to_vec().into(), secrets }
    }
}

/// Why there is no answer, and how far the request came.
#[derive(Debug)]
pub struct Failure {
    /// What to tell the caller.
    pub error: Error,
    /// At least one byte of the request may have reached the server: it may have acted.
    pub sent: bool,
    /// It was an idle connection that was no longer open.
    pub stale: bool,
    /// Not a byte of an answer had come.
    pub silent: bool,
    /// It was the connection, or time: another try, or another node, may do better.
    pub may_pass: bool,
}

impl Failure {
    pub fn new(error: Error, sent: bool) -> Failure {
        let may_pass = matches!(error.status(), Status::Connection | Status::Timeout);
        Failure { error, sent, stale: false, silent: false, may_pass }
    }

    /// Nothing was sent.
    pub fn before_sending(error: Error) -> Failure {
        Failure::new(error, false)
    }

    /// The peer was silent, and the call has time left.
    pub fn is_out_of_patience(&self, pace: IoTimeout<'_>) -> bool {
        self.silent && self.error.status() == Status::Timeout && pace.deadline.remaining().is_ok()
    }
}
