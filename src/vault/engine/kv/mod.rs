//! Key-value engines.

pub mod document;
pub mod list;
pub mod v2;
