//! Many calls of every kind and outcome: memory and descriptors do not grow. `make soak` runs a million of them.

use std::io::Write;

use handsfree_secrets_test_support::{Nginx, cc, free_ports};

use crate::programs::{Target, program, succeeds};

#[test]
fn memory_and_descriptors_do_not_grow() {
    let calls = std::env::var("SOAK_CALLS").unwrap_or_else(|_| "40000".to_owned());
    let recorded = Nginx::start("recorded", None);
    let [unused_port] = free_ports();
    let target = Target::of_shared();
    let mut command = target.command(&program("soak"), &[&calls, &format!("http://127.0.0.1:{unused_port}")]);
    command.env("RECORDED", recorded.addr()).env("LD_LIBRARY_PATH", cc::release_folder());
    let table = succeeds(&mut command);
    // Written directly to standard error, because the test harness captures output: the figures are the purpose of the
    // run.
    let _ = std::io::stdout().write_all(table.as_bytes());
}
