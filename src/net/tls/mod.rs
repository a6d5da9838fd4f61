//! TLS over a socket: trusted certificates, the client certificate, and records in buffers that are wiped.

mod certificate;
pub mod config;
pub mod explain;
mod pem;
mod refusal;
pub mod reload;
mod roots;
mod session_cache;
pub mod stream;
mod verifier;
mod watched;
