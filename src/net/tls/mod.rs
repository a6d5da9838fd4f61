//! TLS over a socket: whom to trust, who we are, and records in memory of our own.

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
