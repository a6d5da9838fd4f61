//! What comes of an exchange: an answer, or why there is none.

use std::sync::Arc;

use secrecy::SecretString;

use super::head::Hints;
use crate::call::IoTimeout;
use crate::error::{Error, Status};
use crate::secret::Buffer;

/// One HTTP answer, whole.
pub struct Response {
    /// Whose answer it is, for messages.
    pub from: Arc<str>,
    /// The status code.
    pub status: u16,
    /// What only some answers tell.
    pub hints: Option<Box<Hints>>,
    /// The media type of the body, where it is a usual one: others, which could hold anything, are not repeated.
    pub content_type: Option<&'static str>,
    /// The body, wiped when dropped.
    pub body: Buffer,
    /// Where it is an error: what no message may repeat, since it stood in the request.
    pub secrets: Box<[SecretString]>,
}

/// The media type that a `Content-Type` begins with.
pub fn media_type(content_type: &[u8]) -> &'static str {
    const USUAL: [&str; 12] = [
        "application/json",
        "text/html",
        "text/plain",
        "application/xml",
        "text/xml",
        "application/xhtml+xml",
        "application/problem+json",
        "application/octet-stream",
        "application/grpc",
        "application/javascript",
        "text/javascript",
        "text/event-stream",
    ];
    let name = content_type.split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
    USUAL.into_iter().find(|usual| usual.as_bytes().eq_ignore_ascii_case(name)).unwrap_or("an unusual content type")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_known_with_parameters_and_in_capitals_and_no_other_is_repeated() {
        assert_eq!(media_type(b" text/HTML ; charset=utf-8"), "text/html");
        assert_eq!(media_type(b"application/json"), "application/json");
        for other in [&b"text/hvs.CANARY"[..], b"", b"\xff"] {
            assert_eq!(media_type(other), "an unusual content type");
        }
    }
}
