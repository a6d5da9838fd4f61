//! The values that labels can have. Every set is closed: no path, key, namespace or address is a label.

use crate::error::Status;

/// Defines a label: an enumeration of its values, and their names.
macro_rules! label {
    ($(#[$about:meta])* $label:ident { $($(#[$doc:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $label { $($(#[$doc])* $value,)+ }

        impl $label {
            /// The names of all values, in their order.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];
        }
    };
}

label! {
    /// What a request does.
    Operation {
        /// Reads something.
        Read = "read",
        /// Lists a folder.
        List = "list",
        /// Writes something.
        Write = "write",
        /// Deletes something.
        Delete = "delete",
        /// Logs in, or gets what a login needs.
        Login = "login",
        /// Renews the token.
        Token = "token",
        /// Uses a key of the transit engine.
        Transit = "transit",
        /// Asks for a state: of the server, the mount, or the token.
        Probe = "probe",
        /// Is one of the program's own (`hf_request`).
        Request = "request",
    }
}

label! {
    /// Why a request is sent again.
    Reason {
        /// The server had closed the idle connection.
        StaleConnection = "stale_connection",
        /// The connection failed or broke.
        Connection = "connection",
        /// The TLS handshake failed.
        Tls = "tls",
        /// The server was silent.
        Timeout = "timeout",
        /// The server is sealed, has no leader, or reports another failure that may pass.
        Unavailable = "unavailable",
        /// The server limits the rate.
        RateLimited = "rate_limited",
        /// The server names another one.
        Redirect = "redirect",
        /// The server does not take the index of an earlier write.
        Index = "index",
        /// The mount is being prepared.
        Upgrading = "upgrading",
        /// The token is not valid any more.
        Token = "token",
        /// Anything else.
        Other = "other",
    }
}

label! {
    /// How a login ended.
    Login {
        /// With a token.
        Success = "success",
        /// The server does not take the credentials.
        Refused = "refused",
        /// There was no answer, or another one.
        Failed = "failed",
    }
}

label! {
    /// Where the answer to a read came from, with a cache.
    CacheResult {
        /// From the cache.
        Hit = "hit",
        /// From the server.
        Miss = "miss",
        /// From the cache, because the server could not be asked.
        Stale = "stale",
    }
}

label! {
    /// The state of a lease of credentials that programs take.
    LeaseState {
        /// The credentials are good.
        Valid = "valid",
        /// They are good until their end, and the last attempt to renew or replace them has failed.
        Failing = "failing",
        /// Others have replaced them; connections that are open go on with them.
        Replaced = "replaced",
        /// There are none that could be used.
        Expired = "expired",
    }
}

/// The values of the label `status` of requests: the statuses of HTTP that servers send, and why there was no answer.
pub const STATUSES: &[&str] = &[
    "200",
    "204",
    "400",
    "403",
    "404",
    "405",
    "412",
    "413",
    "429",
    "472",
    "473",
    "500",
    "502",
    "503",
    "504",
    "307",
    "other",
    "connection",
    "tls",
    "timeout",
    "cancelled",
    "error",
];

/// The position in [`STATUSES`] of a status of HTTP.
pub fn of_http(status: u16) -> usize {
    match status {
        200 => 0,
        204 => 1,
        400 => 2,
        403 => 3,
        404 => 4,
        405 => 5,
        412 => 6,
        413 => 7,
        429 => 8,
        472 => 9,
        473 => 10,
        500 => 11,
        502 => 12,
        503 => 13,
        504 => 14,
        307 => 15,
        _ => 16,
    }
}

/// The position in [`STATUSES`] of a request without an answer.
pub fn of_failure(status: Status) -> usize {
    match status {
        Status::Connection => 17,
        Status::Tls => 18,
        Status::Timeout => 19,
        Status::Cancelled => 20,
        _ => 21,
    }
}

impl Reason {
    /// The reason of a retry after an error.
    pub fn of(status: Status) -> Reason {
        match status {
            Status::Connection => Reason::Connection,
            Status::Tls => Reason::Tls,
            Status::Timeout => Reason::Timeout,
            Status::Unavailable => Reason::Unavailable,
            Status::RateLimited => Reason::RateLimited,
            _ => Reason::Other,
        }
    }
}

impl Login {
    /// How a login ended that failed.
    pub fn of(status: Status) -> Login {
        match status {
            Status::Auth | Status::PermissionDenied => Login::Refused,
            _ => Login::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_http_has_its_own_name_or_other() {
        for status in 100..=599 {
            let name = STATUSES[of_http(status)];
            assert!(name == status.to_string() || (name == "other" && !STATUSES.contains(&&*status.to_string())));
        }
    }

    #[test]
    fn failures_have_names_that_no_answer_has() {
        for (status, name) in [
            (Status::Connection, "connection"),
            (Status::Tls, "tls"),
            (Status::Timeout, "timeout"),
            (Status::Cancelled, "cancelled"),
            (Status::Protocol, "error"),
        ] {
            assert_eq!(STATUSES[of_failure(status)], name);
        }
    }
}
