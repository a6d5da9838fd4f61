//! Transport below HTTP: sockets, DNS, TLS, and the buffers of a connection.

pub mod buffer;
mod dns;
pub mod socket;
pub mod srv;
pub mod stream;
pub mod tls;
