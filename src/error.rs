//! Errors: a status of the table in `status.rs`, and a message.
//!
//! A message says what failed, with which path or variable, and what to do next. It never holds a value, a token
//! or a secret_id: messages are built from names, paths, addresses and the server's own error texts only.

use std::fmt;

pub use crate::status::Status;

/// A failed call: a [`Status`], a message, and the HTTP status if a response caused it.
///
/// The size of a pointer, so that a `Result` stays small on the success path.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    status: Status,
    message: String,
    http_status: u16,
}

/// The result type of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without an HTTP response. Cold, so that the compiler moves it off the success path.
    #[cold]
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error(Box::new(Content { status, message: message.into(), http_status: 0 }))
    }

    /// The same error with the HTTP status of the response that caused it.
    pub fn with_http_status(mut self, http_status: u16) -> Self {
        self.0.http_status = http_status;
        self
    }

    /// The same error with `prefix: ` in front of its message, in the wording of the Python manager, such as `Failed to
    /// store secret`.
    pub fn in_context(mut self, prefix: &str) -> Self {
        self.0.message.insert_str(0, ": ");
        self.0.message.insert_str(0, prefix);
        self
    }

    /// The status, never [`Status::Ok`] or [`Status::NotFound`].
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The message. It holds no secret.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The HTTP status of the response that caused this error, 0 if there was none.
    pub fn http_status(&self) -> u16 {
        self.0.http_status
    }

    /// `HF_ERR_TOO_LARGE`: out of memory for `what`, whose size is controlled by the caller or the server.
    pub fn no_memory(what: &str, bytes: usize) -> Self {
        Error::new(Status::TooLarge, format!("no memory for {what}: {bytes} bytes"))
    }

    /// `HF_ERR_INVALID_ARGUMENT`.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Error::new(Status::InvalidArgument, message)
    }

    /// `HF_ERR_INVALID_REFERENCE`.
    pub fn invalid_reference(message: impl Into<String>) -> Self {
        Error::new(Status::InvalidReference, message)
    }

    /// `HF_ERR_CONFIG`.
    pub fn config(message: impl Into<String>) -> Self {
        Error::new(Status::Config, message)
    }

    /// `HF_ERR_UNSUPPORTED`.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Error::new(Status::Unsupported, message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("status", &self.status())
            .field("http_status", &self.http_status())
            .field("message", &self.message())
            .finish()
    }
}
