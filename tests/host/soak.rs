//! Many calls of every kind and outcome: the process does not grow. `make soak` makes a million of them.

use std::io::Write;

use handsfree_secrets_test_support::{Nginx, cc, free_ports};

use crate::programs::{Target, program, succeeds};

#[test]
fn memory_and_descriptors_stay_as_they_are() {
    let calls = std::env::var("SOAK_CALLS").unwrap_or_else(|_| "40000".to_owned());
    let recorded = Nginx::start("recorded", None);
    let [nobody] = free_ports();
    let target = Target::of_shared();
    let mut command = target.command(&program("soak"), &[&calls, &format!("http://127.0.0.1:{nobody}")]);
    command.env("RECORDED", recorded.addr()).env("LD_LIBRARY_PATH", cc::release_folder());
    let table = succeeds(&mut command);
    // Not captured: these are the figures that the run is for.
    let _ = std::io::stdout().write_all(table.as_bytes());
}
