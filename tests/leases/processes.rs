//! Forks, and many threads.

use std::time::Duration;

use handsfree_secrets_test_support::{Server, cc, output_within, repository_root};
use serde_json::json;

use crate::database::engine;

/// Compiles a program of `tests/c`, and runs it with this argument on the server; it has to succeed.
fn succeeds(name: &str, arguments: &[&str], server: &Server) {
    let source = repository_root().join("tests/c").join(name).with_extension("c");
    let program = cc::compile("gcc", "c11", &source, name.rsplit('/').next().unwrap(), &[]);
    let mut command = cc::clean_command(&program);
    command.args(arguments).env("SECRET_MANAGER_TYPE", "vault");
    command.env("VAULT_ADDR", server.addr()).env("VAULT_TOKEN", server.root_token());
    let output = output_within(Duration::from_secs(180), &mut command);
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{name}: {}\n{out}{err}", output.status);
}

#[test]
fn a_child_goes_on_with_what_it_inherited_and_then_makes_its_own() {
    let engine = engine();
    succeeds("fork_leases", &[&engine.role("3s", "1h").path], engine.server);
}

#[test]
fn a_child_replaces_what_was_refused_and_reads_secrets_again() {
    let engine = engine();
    let secret = format!("{}/db", engine.server.kv1_mount());
    engine.server.api().post(&secret, json!({"user": "a", "ttl": "1s"}));
    succeeds("fork_credentials", &[&engine.role("60s", "10m").path, &secret], engine.server);
}

#[test]
fn many_threads_use_credentials_that_are_replaced_all_the_time() {
    succeeds("host/lease_threads", &["16", "12", "6"], &Server::builder().start());
}
