//! Log lines, metrics, and the redaction of secrets in messages.

pub mod log;
pub mod metrics;
pub(crate) mod redact;
mod stderr;
