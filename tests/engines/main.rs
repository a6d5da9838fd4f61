//! What the client does with the rest of Vault: requests that a program names itself, wrapping, and the check of a server.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod checks;
mod envelope;
mod envelope_transfer;
mod requests;
mod transit;
mod transit_hashicorp;
mod transit_local;
mod transit_many;
mod transit_policies;
mod wrapping;
