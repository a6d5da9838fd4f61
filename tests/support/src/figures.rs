//! Prints measured figures as rows of a table.

use std::fmt::Display;

/// Prints one row: a description and a value. `cargo test -- --nocapture` shows it.
pub fn figure(what: &str, value: impl Display) {
    println!("| {what:<64} | {value:>20} |");
}
