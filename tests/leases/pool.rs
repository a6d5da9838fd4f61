//! The pools of the examples, whose users change under them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use handsfree_secrets_test_support::{cc, eventually, free_ports, output_within, repository_root};
use serde_json::json;

use crate::database::{Engine, engine};
use crate::pkg_config;

/// Runs a pool for the lives of more than one user.
fn users_change_without_a_failed_query(mut command: Command) {
    let engine = engine();
    let role = engine.role("8s", "16s");
    command.args([&role.path, &engine.database.connection(), "25"]);
    let output = output_within(Duration::from_secs(120), with_server(&mut command, &engine));
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success() && err.is_empty(), "{out}{err}");
    let summary = out.lines().last().unwrap();
    assert!(summary.contains(" 0 failed, "), "{out}");
    let users: usize = summary.rsplit(' ').nth(1).unwrap().parse().unwrap();
    assert!((2..=3).contains(&users), "{out}");
    assert_eq!(role.users(), 0, "they are revoked at the end");
}

/// Runs a pool with a role whose users have another password than the server says.
fn refused_users_are_replaced_once(mut command: Command) {
    let engine = engine();
    let role = engine.role("60s", "60s");
    let make = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD 'another';";
    let path = format!("{}/roles/{}", engine.mount, role.name);
    engine.server.api().post(&path, json!({"db_name": "pg", "creation_statements": [make], "default_ttl": "60s"}));
    command.args([&role.path, &engine.database.connection(), "1"]);
    let output = output_within(Duration::from_secs(60), with_server(&mut command, &engine));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && err.contains("password authentication failed"), "{err}");
    assert_eq!(engine.server.audited(&role.path, "read"), 2, "{err}");
}

/// Runs a pool with a database that is down.
fn a_login_that_comes_to_nothing_replaces_nobody(mut command: Command) {
    let engine = engine();
    let role = engine.role("60s", "60s");
    let [port] = free_ports();
    command.args([&role.path, &format!("host=127.0.0.1 port={port} dbname=postgres sslmode=disable"), "1"]);
    let output = output_within(Duration::from_secs(60), with_server(&mut command, &engine));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && err.to_lowercase().contains("connection refused"), "{err}");
    assert_eq!(engine.server.audited(&role.path, "read"), 1, "{err}");
}

/// Runs a pool whose connections are all broken once.
fn broken_connections_are_replaced(mut command: Command) {
    let engine = engine();
    let role = engine.role("60s", "60s");
    command.args([&role.path, &engine.database.connection(), "8"]);
    with_server(&mut command, &engine);
    let condition = format!("usename LIKE '%-{}-%' AND state = 'idle'", role.name);
    let output = std::thread::scope(|scope| {
        let pool = scope.spawn(|| output_within(Duration::from_secs(60), &mut command));
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}");
        eventually("the connections", Duration::from_secs(20), || {
            (engine.database.query(&count).unwrap() == "4").then_some(())
        });
        let end = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {condition}");
        engine.database.query(&end).unwrap();
        pool.join().unwrap()
    });
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = out.split(" failed").next().and_then(|out| out.rsplit(' ').next()?.parse::<u32>().ok());
    assert!(failed.is_some_and(|failed| failed <= 4), "one query of each connection: {out}");
    assert_eq!(engine.server.audited(&role.path, "read"), 1, "the user is good");
}

fn with_server<'c>(command: &'c mut Command, engine: &Engine) -> &'c mut Command {
    command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", engine.server.addr());
    command.env("VAULT_TOKEN", engine.server.root_token())
}

fn in_c() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let source = repository_root().join("examples/c/pool.c");
    let extra = ["-I/usr/include/postgresql", "-lpq"];
    cc::clean_command(PROGRAM.get_or_init(|| cc::compile("gcc", "c99", &source, "pool", &extra)))
}

fn in_cpp() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let source = repository_root().join("examples/cpp/pool.cpp");
    let extra = ["-I/usr/include/postgresql", "-lpq"];
    cc::clean_command(PROGRAM.get_or_init(|| cc::compile("g++", "c++17", &source, "pool-cpp", &extra)))
}

/// The driver is downloaded by `scripts/bootstrap`.
fn in_go() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let folder = pkg_config::folder_for("go-database");
        let program = folder.join("database");
        let mut build = cc::clean_command(Path::new("go"));
        pkg_config::for_go(build.current_dir(repository_root().join("examples/go/database")), &folder);
        let built = build.args(["build", "-o"]).arg(&program).arg(".").output().expect("go");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        program
    });
    let mut command = cc::clean_command(program);
    command.env("LD_LIBRARY_PATH", cc::library_folder());
    command
}

/// With the Python of `scripts/bootstrap`, which has the driver.
fn in_python() -> Command {
    let python = repository_root().join("target/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/bootstrap check", python.display());
    let mut command = cc::clean_command(&python);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", repository_root().join("bindings/python"));
    command.env("LD_LIBRARY_PATH", cc::library_folder()).arg(repository_root().join("examples/python/pool.py"));
    command
}

#[test]
fn the_users_of_a_pool_change_without_a_failed_query() {
    users_change_without_a_failed_query(in_c());
}

#[test]
fn the_users_of_a_cpp_pool_change_without_a_failed_query() {
    users_change_without_a_failed_query(in_cpp());
}

#[test]
fn the_users_of_a_go_pool_change_without_a_failed_query() {
    users_change_without_a_failed_query(in_go());
}

#[test]
fn the_users_of_a_python_pool_change_without_a_failed_query() {
    users_change_without_a_failed_query(in_python());
}

#[test]
fn a_database_that_refuses_users_does_not_fill_with_them() {
    [in_c(), in_cpp(), in_go(), in_python()].into_iter().for_each(refused_users_are_replaced_once);
}

#[test]
fn a_database_that_is_down_makes_no_other_users() {
    [in_c(), in_cpp(), in_go(), in_python()].into_iter().for_each(a_login_that_comes_to_nothing_replaces_nobody);
}

#[test]
fn connections_that_break_are_opened_again() {
    [in_c(), in_cpp()].into_iter().for_each(broken_connections_are_replaced);
}
