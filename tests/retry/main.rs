//! Connections that break, servers that fail and calls that end early: the right status in time, and no wrong value.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod cancellation;
mod cut_connections;
mod deadlines;
mod delayed_calls;
mod faulty_server;
mod framing;
mod gateway_failures;
mod lost_deletions;
mod malformed_answers;
mod passing_failures;
mod retries;
mod unavailable_servers;
