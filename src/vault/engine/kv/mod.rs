//! Key-value engines.

pub mod document;
mod endpoint;
mod envelope;
mod hint;
pub mod list;
mod path;
pub mod v2;
