//! Log lines, and the redaction of secrets in messages.

pub mod log;
pub(crate) mod redact;
mod stderr;
