//! The table of statuses: number, C name and meaning of each, written once.
//!
//! [`Status`], the constants of `ffi`, `hf_status_name` and the static errors come from this table; so do the macros of
//! the C header, because `build.rs` includes this file. Therefore it uses nothing else of the crate.
//! `tests/packaging/statuses.rs` compares the lists of the other languages.
//!
//! To add a status, add an entry. The numbers are part of the ABI: they are never changed and never reused.

use std::ffi::CStr;

/// Expands each entry to a variant of [`Status`], a constant in [`numbers`], and an arm of `name` and `meaning`.
macro_rules! statuses {
    ($( $(#[doc = $line:literal])+ $variant:ident = $name:ident = $number:literal, )+) => {
        /// The outcome of a call, an `hf_status` in C.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Status {
            $( $(#[doc = $line])+ $variant = $number, )+
        }

        impl Status {
            /// Every status, in the order of the table.
            pub const ALL: &'static [Status] = &[$(Status::$variant),+];

            /// The name of the C macro, such as `HF_NOT_FOUND`.
            pub const fn name(self) -> &'static CStr {
                match self {
                    $( Status::$variant => c_name(concat!(stringify!($name), "\0")), )+
                }
            }

            /// The lines of its comment in the header.
            pub const fn meaning(self) -> &'static [&'static str] {
                match self {
                    $( Status::$variant => &[$($line),+], )+
                }
            }
        }

        /// The numbers by their C names.
        #[allow(dead_code, reason = "build.rs does not use them")]
        pub mod numbers {
            $( $(#[doc = $line])+ pub const $name: i32 = $number; )+
        }
    };
}

statuses! {
    /// Done.
    Ok = HF_OK = 0,

    /// The secret, the version or the field does not exist. Not an error: no `hf_error` is created, and the out-parameter
    /// is NULL.
    NotFound = HF_NOT_FOUND = 1,

    /// The call was submitted to a queue, or none has ended in time. Not an error: no `hf_error` is created.
    Pending = HF_PENDING = 2,

    /// A signature or an HMAC is not that of the data. Not an error: no `hf_error` is created.
    Mismatch = HF_MISMATCH = 3,

    /// NULL where a value is required, invalid UTF-8, an invalid key, or an unknown option. The message names the
    /// parameter.
    InvalidArgument = HF_ERR_INVALID_ARGUMENT = -1,

    /// The text is not a reference of this manager. Also logged as a warning.
    InvalidReference = HF_ERR_INVALID_REFERENCE = -2,

    /// The configuration is incomplete or contradictory, or the mount or the namespace does not exist.
    Config = HF_ERR_CONFIG = -3,

    /// Vault rejects the credentials, or the token is no longer valid and no login can replace it.
    Auth = HF_ERR_AUTH = -4,

    /// The token is valid, but its policy denies the request. The message names the path and the capability.
    PermissionDenied = HF_ERR_PERMISSION_DENIED = -5,

    /// No TCP or Unix-socket connection could be made, or it broke.
    Connection = HF_ERR_CONNECTION = -6,

    /// The library or the server rejected a certificate, or the TLS handshake failed.
    Tls = HF_ERR_TLS = -7,

    /// The call's deadline passed.
    Timeout = HF_ERR_TIMEOUT = -8,

    /// Vault is sealed, not initialised or without an active node, or it still returned a temporary server error after
    /// the retries.
    Unavailable = HF_ERR_UNAVAILABLE = -9,

    /// Vault still limited the rate of requests after the retries.
    RateLimited = HF_ERR_RATE_LIMITED = -10,

    /// A check-and-set condition does not hold, or other writers changed the secret on every attempt.
    Conflict = HF_ERR_CONFLICT = -11,

    /// A value or a response exceeds a limit (the server's, the library's, or the capacity of the caller's buffer), or
    /// there is not enough memory for it.
    TooLarge = HF_ERR_TOO_LARGE = -12,

    /// The peer is not Vault, or its response is not as documented.
    Protocol = HF_ERR_PROTOCOL = -13,

    /// The backend, mount or server does not support the operation, or the function cannot return this value.
    Unsupported = HF_ERR_UNSUPPORTED = -14,

    /// `hf_call_cancel` ended the call, its queue was closed, or the process is exiting.
    Cancelled = HF_ERR_CANCELLED = -15,

    /// A bug in the library.
    Internal = HF_ERR_INTERNAL = -16,

    /// A file descriptor of the program could not be read or written. The message has the system's reason.
    Io = HF_ERR_IO = -17,
}

impl Status {
    /// The value of the C macro.
    pub const fn code(self) -> i32 {
        self as i32
    }
}

/// `text`, which ends in a NUL, as a C string.
const fn c_name(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => c"HF_UNKNOWN",
    }
}
