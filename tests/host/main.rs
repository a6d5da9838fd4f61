//! The library inside other processes: forks, threads, signals, limits, panics, and memory.

#![cfg(test)]

mod closed_streams;
mod costs;
mod held_values;
mod memory_safety;
mod panics;
mod processes;
mod programs;
mod soak;
mod watch_looks;
mod wiped_memory;
