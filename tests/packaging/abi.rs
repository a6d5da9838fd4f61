//! Compares the ABI with the recorded one: symbols, parameters, results, types.

use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

#[test]
fn the_abi_is_the_recorded_one() {
    let mut command = Command::new(repository_root().join("scripts/abi"));
    let output = command.arg("check").arg(cc::shared_library()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
