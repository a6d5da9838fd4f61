//! The documents: their programs work as printed, their links and paths exist.

#![cfg(test)]

#[path = "../pkg_config/mod.rs"]
mod pkg_config;

mod documents;
mod installation;
mod metrics;
mod named_paths;
mod pages;
mod programs;
mod quickstart;
mod shell;
mod transit;
