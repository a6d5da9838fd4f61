//! The other side of interoperation: the Python client, run from the environment that `scripts/bootstrap` makes.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::binary::repository_root;
use crate::server::Server;

/// A run of `tests/python/manager.py` against a mount of this server, ready to be started.
pub fn python_manager(server: &Server, mount: &str, arguments: &[&str]) -> Command {
    let python = repository_root().join("target/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/bootstrap check", python.display());
    let mut command = crate::cc::clean_command(&python);
    command.arg(repository_root().join("tests/python/manager.py")).args(arguments);
    command.env("VAULT_ADDR", server.addr()).env("VAULT_TOKEN", server.root_token()).env("VAULT_MOUNT", mount);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// One operation of the Python manager, and its answer. Panics with Python's own message where it fails.
pub fn python(server: &Server, mount: &str, arguments: &[&str]) -> Value {
    answer_of(python_manager(server, mount, arguments).output().expect("Python"))
}

/// What a run of the Python manager answered.
pub fn answer_of(output: Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a line of JSON")
}
