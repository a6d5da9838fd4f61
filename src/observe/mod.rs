//! What the library tells of itself: log lines, and the redaction of what may stand in them.

pub mod log;
pub(crate) mod redact;
mod stderr;
