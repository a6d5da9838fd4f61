//! What a watch of a folder costs, and how soon it tells a change.

use std::io::Write;

use handsfree_secrets_test_support::{Server, cc};
use serde_json::json;

use crate::programs::{Target, program, succeeds};

#[test]
fn a_look_at_a_folder_of_1000_secrets_is_one_request() {
    let target = Target::of_shared();
    for number in 0..1000 {
        Server::shared().write_raw(&target.mount, &format!("app/{number}"), json!({"value": "any"}));
    }
    let mut command = target.command(&program("watch_looks"), &["20", "5"]);
    let figures = succeeds(command.env("LD_LIBRARY_PATH", cc::release_folder()));
    let _ = std::io::stdout().write_all(figures.as_bytes());
}
