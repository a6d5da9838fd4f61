//! What can go wrong, and the one place that gives it a number.
//!
//! A message says what failed, with which path or variable, and what to do next. It never holds a value, a token
//! or a secret_id: messages are built from names, paths, addresses and the server's own error texts only.

use std::fmt;

/// The outcome of a call as the C surface reports it. The numbers are part of the ABI: never reused, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// No such secret. Not an error.
    NotFound = 1,
    /// NULL where a value is needed, invalid UTF-8, a bad key, an unknown option.
    InvalidArgument = -1,
    /// The text is no reference of this manager.
    InvalidReference = -2,
    /// Configuration missing or contradictory; the mount or the namespace does not exist.
    Config = -3,
    /// Vault refuses the credentials, or the token is dead and no login can replace it.
    Auth = -4,
    /// The token is alive, its policy says no.
    PermissionDenied = -5,
    /// No connection, or it broke.
    Connection = -6,
    /// Certificate or handshake.
    Tls = -7,
    /// The call's deadline passed.
    Timeout = -8,
    /// Sealed, uninitialised, no active node, a retryable 5xx after the retries.
    Unavailable = -9,
    /// 429 after the retries.
    RateLimited = -10,
    /// A check-and-set mismatch that could not be resolved.
    Conflict = -11,
    /// Value or answer over a limit, the server's or ours, or no memory for it.
    TooLarge = -12,
    /// The peer does not speak Vault, or not as documented.
    Protocol = -13,
    /// This backend, mount or server cannot do it; a value that this function cannot return.
    Unsupported = -14,
    /// The call was cancelled.
    Cancelled = -15,
    /// A bug in the library, a caught panic included.
    Internal = -16,
}

impl Status {
    /// Every status, in the order of the contract's table.
    pub const ALL: [Status; 18] = [
        Status::Ok,
        Status::NotFound,
        Status::InvalidArgument,
        Status::InvalidReference,
        Status::Config,
        Status::Auth,
        Status::PermissionDenied,
        Status::Connection,
        Status::Tls,
        Status::Timeout,
        Status::Unavailable,
        Status::RateLimited,
        Status::Conflict,
        Status::TooLarge,
        Status::Protocol,
        Status::Unsupported,
        Status::Cancelled,
        Status::Internal,
    ];

    /// The number that C sees.
    pub const fn code(self) -> i32 {
        self as i32
    }
}

/// A failed call: a [`Status`], a message for people, and the HTTP status where an answer was involved.
///
/// One pointer, because whatever can fail hands it on: what a call that goes well has to step over stays small.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Content>);

#[derive(Clone, PartialEq, Eq)]
struct Content {
    status: Status,
    message: String,
    http_status: u16,
}

/// The result of everything in this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without an HTTP answer behind it. Cold: what leads here is kept out of the way of calls that go well.
    #[cold]
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Error(Box::new(Content { status, message: message.into(), http_status: 0 }))
    }

    /// The same error, caused by an HTTP answer with this status.
    pub fn with_http_status(mut self, http_status: u16) -> Self {
        self.0.http_status = http_status;
        self
    }

    /// The same error with `prefix: ` in front of its message: the words that the Python manager's users know,
    /// such as `Failed to store secret`.
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

    /// The HTTP status of the answer behind this error, 0 where there was none.
    pub fn http_status(&self) -> u16 {
        self.0.http_status
    }

    /// `HF_ERR_TOO_LARGE`, for want of memory: how large `what` is others decide, so that it may be too much.
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
