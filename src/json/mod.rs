//! Bytes found eight at a time.

pub mod runs;
