//! Rules for the sources that no compiler and no lint checks.

#![cfg(test)]

mod cycles;
mod graph;
mod imports;
