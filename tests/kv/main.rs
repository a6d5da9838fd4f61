//! Operations on secrets of a KV version 2 mount: what they do, what they refuse, and the status of each failure.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod batches;
mod concurrent_updates;
mod keys;
mod mistakes;
mod operations;
mod python_interop;
mod statuses;
