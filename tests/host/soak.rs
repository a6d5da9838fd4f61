//! Many calls of every kind and outcome, and with every feature at the same time: memory and descriptors do not grow. `make
//! soak` runs a million of each.

use std::io::Write;

use handsfree_secrets_test_support::{Nginx, cc, free_ports};

use crate::programs::{Target, program, succeeds};

/// Runs a program with the number of calls, and these arguments.
fn soak(name: &str, arguments: &[&str]) {
    let calls = std::env::var("SOAK_CALLS").unwrap_or_else(|_| "20000".to_owned());
    let recorded = Nginx::start("recorded", None);
    let mut command = Target::of_shared().command(&program(name), &[&[&*calls], arguments].concat());
    command.env("RECORDED", recorded.addr()).env("LD_LIBRARY_PATH", cc::release_folder());
    let table = succeeds(&mut command);
    // Written directly to standard output, because the test harness captures output: the figures are the purpose of the
    // run.
    let _ = std::io::stdout().write_all(table.as_bytes());
}

#[test]
fn memory_and_descriptors_do_not_grow() {
    let [unused_port] = free_ports();
    soak("soak", &[&format!("http://127.0.0.1:{unused_port}")]);
}

#[test]
fn memory_and_descriptors_do_not_grow_with_queues_a_cache_watches_leases_and_metrics() {
    soak("soak_features", &[]);
}
