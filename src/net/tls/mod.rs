//! TLS over a socket: whom to trust, who we are, and records in memory of our own.

pub mod config;
mod roots;
mod session_cache;
pub mod stream;
mod verifier;
