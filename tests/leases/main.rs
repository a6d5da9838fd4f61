//! Leases and credentials on a real server with a real database, and on stand-ins for what these do not do.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;
#[path = "../pkg_config/mod.rs"]
mod pkg_config;

mod credentials;
mod database;
mod lease;
mod pool;
mod processes;
mod slow;
mod soak;
mod stand_ins;
mod tokens;
