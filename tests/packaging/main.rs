//! Build and installation: the header, the exported symbols, and the ways to link.

#![cfg(test)]

mod abi;
mod cargo_c;
mod cross;
mod exports;
mod header;
mod install;
mod other_systems;
mod recipes;
mod statuses;
