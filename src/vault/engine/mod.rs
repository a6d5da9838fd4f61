//! The engines of a server, each in terms of the authenticated client.

pub mod kv;
pub mod mount;
