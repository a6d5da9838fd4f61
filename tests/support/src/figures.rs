//! Measured figures, printed so that they can stand in a table.

use std::fmt::Display;

/// Prints one row: what was measured, and what came out. `cargo test -- --nocapture` shows it.
pub fn figure(what: &str, value: impl Display) {
    println!("| {what:<64} | {value:>20} |");
}
