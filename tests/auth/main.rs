//! Logins and sessions: every method, renewal, expiry, and faulty servers.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod app_role;
mod login_methods;
mod session_faults;
mod sessions;
