//! What a get from the cache costs, a get that is pending in a queue, and the text of the metrics.

use std::io::Write;

use handsfree_secrets_test_support::cc;

use crate::programs::{Target, program, succeeds};

#[test]
fn a_get_from_the_cache_makes_no_system_call() {
    let mut command = Target::of_shared().command(&program("costs"), &["100000"]);
    let figures = succeeds(command.env("LD_LIBRARY_PATH", cc::release_folder()));
    let _ = std::io::stdout().write_all(figures.as_bytes());
}

#[test]
fn a_pending_get_occupies_a_kibibyte_at_most() {
    let figure = succeeds(&mut Target::of_shared().command(&program("pending"), &["10000"]));
    let _ = std::io::stdout().write_all(figure.as_bytes());
}
