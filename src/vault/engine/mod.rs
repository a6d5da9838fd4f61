//! The secrets engines, which use the authenticated client.

pub(crate) mod kv;
pub(crate) mod mount;
