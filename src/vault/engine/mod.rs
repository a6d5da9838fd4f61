//! The secrets engines, which use the authenticated client.

pub(crate) mod check;
pub(crate) mod kv;
pub(crate) mod lease;
pub(crate) mod mount;
pub(crate) mod password;
pub(crate) mod raw;
pub(crate) mod transit;
pub(crate) mod wrapping;
