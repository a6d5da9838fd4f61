//! The secrets engines, which use the authenticated client.

pub mod kv;
pub mod mount;
