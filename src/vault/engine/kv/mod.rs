//! Key-value engines.

pub mod document;
mod endpoint;
mod envelope;
pub mod hint;
pub mod latest;
pub mod list;
pub mod look;
pub mod path;
pub mod read;
mod refusal;
mod told;
pub mod v1;
pub mod v2;
pub mod versions;
