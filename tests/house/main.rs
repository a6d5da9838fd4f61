//! Rules for the sources themselves: what no compiler and no lint checks.

#![cfg(test)]

mod circles;
mod graph;
mod imports;
