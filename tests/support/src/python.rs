//! Runs the Python client of Vault, for interoperation tests, from the environment that `scripts/bootstrap` creates.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::binary::repository_root;
use crate::server::Server;

/// A command that runs `tests/python/manager.py` on a mount of this server.
pub fn python_manager(server: &Server, mount: &str, arguments: &[&str]) -> Command {
    script("manager.py", server, mount, arguments)
}

/// Calls a function of hvac's KV engine of this version, and returns its answer. Panics with Python's message if it fails.
pub fn hvac(server: &Server, mount: &str, version: u32, function: &str, arguments: &Value) -> Value {
    let (version, arguments) = (version.to_string(), arguments.to_string());
    answer_of(script("hvac_calls.py", server, mount, &[&version, function, &arguments]).output().expect("Python"))
}

/// A command that runs a script of `tests/python`.
pub fn python_script(name: &str, arguments: &[&str]) -> Command {
    let python = repository_root().join("target/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/bootstrap check", python.display());
    let mut command = crate::cc::clean_command(&python);
    command.arg(repository_root().join("tests/python").join(name)).args(arguments);
    command
}

fn script(name: &str, server: &Server, mount: &str, arguments: &[&str]) -> Command {
    let mut command = python_script(name, arguments);
    command.env("VAULT_ADDR", server.addr()).env("VAULT_TOKEN", server.root_token()).env("VAULT_MOUNT", mount);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs one operation of the Python manager and returns its answer. Panics with Python's message if it fails.
pub fn python(server: &Server, mount: &str, arguments: &[&str]) -> Value {
    answer_of(python_manager(server, mount, arguments).output().expect("Python"))
}

/// The answer in the output of the Python manager.
pub fn answer_of(output: Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a line of JSON")
}
