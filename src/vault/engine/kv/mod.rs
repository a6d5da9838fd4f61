//! Key-value engines.

pub mod document;
mod endpoint;
mod envelope;
mod hint;
pub mod list;
mod path;
mod refusal;
pub mod v2;
