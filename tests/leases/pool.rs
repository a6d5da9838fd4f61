//! The pool of `examples/c`, whose users change under it.

use std::time::Duration;

use handsfree_secrets_test_support::{cc, output_within, repository_root};

use crate::database::engine;

#[test]
fn the_users_of_a_pool_change_without_a_failed_query() {
    let engine = engine();
    let role = engine.role("8s", "16s");
    let source = repository_root().join("examples/c/pool.c");
    let program = cc::compile("gcc", "c99", &source, "pool", &["-I/usr/include/postgresql", "-lpq"]);
    let mut command = cc::clean_command(&program);
    command.args([&role.path, &engine.database.connection(), "25"]);
    command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", engine.server.addr());
    command.env("VAULT_TOKEN", engine.server.root_token());
    let output = output_within(Duration::from_secs(120), &mut command);
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success() && err.is_empty(), "{out}{err}");
    let summary = out.lines().last().unwrap();
    assert!(summary.contains(" 0 failed, "), "{out}");
    let users: usize = summary.rsplit(' ').nth(1).unwrap().parse().unwrap();
    assert!((2..=3).contains(&users), "{out}");
    assert_eq!(role.users(), 0, "they are revoked at the end");
}
