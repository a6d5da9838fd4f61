//! Operations on secrets of a KV mount: what they do, what they refuse, and the status of each failure.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod batches;
mod cache;
mod concurrent_updates;
mod documents;
mod keys;
mod lost_answers;
mod mistakes;
mod operations;
mod policies;
mod python_interop;
mod statuses;
mod told;
mod version_1;
mod versions;
mod watch;
