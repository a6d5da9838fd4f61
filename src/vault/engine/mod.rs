//! The engines of a server, each in terms of the authenticated client.

pub(crate) mod kv;
pub(crate) mod mount;
