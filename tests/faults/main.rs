//! Connections that break, at any byte and in any way: the right status in time, and no wrong value, ever.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod bench;
mod cuts;
mod deadlines;
mod passing;
mod retries;
