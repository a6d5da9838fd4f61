//! Credentials with an end: leases of dynamic secrets, passwords that the server rotates, certificates, and secrets of a
//! KV engine. They are obtained from any path, kept valid by whoever uses them, and replaced before they end.
//!
//! A lease ends with the token that it was made with, whatever the server says about the lease itself.

mod answer;
pub mod credentials;
mod effort;
mod endpoint;
mod generation;
mod refusal;
pub mod registry;
mod schedule;
mod source;
mod term;
mod trouble;

pub use self::credentials::Credentials;
pub use self::generation::Lease;
pub use self::registry::Registry;
pub use self::source::{Look, Source};
