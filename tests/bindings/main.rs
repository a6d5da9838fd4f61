//! The library from other languages: C, C++, Go, the examples, and the command-line program.

#![cfg(test)]

#[path = "../pkg_config/mod.rs"]
mod pkg_config;

mod c;
mod cpp;
mod examples;
mod go;
mod hfsecret;
