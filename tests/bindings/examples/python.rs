//! The Python package, and the programs in `examples/python`.

use std::path::Path;
use std::process::Command;

use handsfree_secrets_test_support::{Server, repository_root};
use serde_json::{Value, json};

use super::{example, on_mount, quiet, transit_mount, works};

/// Adds the package to the Python path, as docs/python.md says.
fn with_python_package(command: &mut Command) -> &mut Command {
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONPATH", repository_root().join("bindings/python"))
}

#[test]
fn the_python_program_does_the_five_operations() {
    works("python", || {
        let mut command = quiet(Path::new("python3"));
        with_python_package(&mut command).arg(example("python/quickstart.py"));
        command
    });
}

/// Runs `tests/python/<name>.py` on a mount of its own.
fn python_tests_pass(name: &str) {
    tests_pass_in(Path::new("python3"), name);
}

fn tests_pass_in(python: &Path, name: &str) {
    let server = Server::shared();
    let mut command = quiet(python);
    with_python_package(&mut command).arg(repository_root().join("tests/python").join(name).with_extension("py"));
    let (code, _, report) = on_mount(server, &server.fresh_mount(), &mut command);
    assert_eq!(code, Some(0), "{report}");
}

#[test]
fn the_python_prototypes_are_those_of_the_header() {
    python_tests_pass("prototypes");
}

#[test]
fn asyncio_tasks_get_results_and_can_be_cancelled() {
    python_tests_pass("aio");
}

#[test]
fn signals_interrupt_calls_of_the_main_thread_in_python() {
    python_tests_pass("interrupts");
}

#[test]
fn envelopes_in_python_are_whole_or_a_value_error() {
    python_tests_pass("envelopes");
}

#[test]
fn documents_in_python_are_mappings_that_are_read_and_written_as_one() {
    python_tests_pass("documents");
}

#[test]
fn metrics_traces_and_connections_work_in_python() {
    python_tests_pass("metrics");
}

#[test]
fn leases_and_credentials_work_in_python() {
    python_tests_pass("leases");
}

#[test]
fn versions_rotation_and_requests_work_in_python() {
    python_tests_pass("versions");
}

/// With the Python of `scripts/bootstrap`, because hvac is the witness.
#[test]
fn transit_works_in_python_and_with_hvac() {
    let python = repository_root().join("target/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/bootstrap check", python.display());
    tests_pass_in(&python, "transit");
}

#[test]
fn the_python_program_encrypts_and_signs() {
    let server = Server::shared();
    let mut command = quiet(Path::new("python3"));
    with_python_package(&mut command).arg(example("python/transit.py"));
    command.env("VAULT_TRANSIT_MOUNT", transit_mount(server, "python"));
    let wanted = concat!(
        "  encrypt  vault:v1:\n  decrypt  4111 1111 1111 1111\n  many     first\n  many     second\n",
        "  many     ValueError\n  verify   True False\n  data key 32 True\n",
    );
    let got = on_mount(server, &server.fresh_mount(), &mut command);
    assert_eq!(got, (Some(0), wanted.to_owned(), String::new()));
}

#[test]
fn the_python_program_stores_reads_and_rotates_a_document() {
    let server = Server::shared();
    let mut command = quiet(Path::new("python3"));
    with_python_package(&mut command).arg(example("python/documents.py"));
    let wanted = concat!(
        "  store    vault://python_database version 1\n  read     app 5432 billing\n",
        "  rotate   32 characters, version 3\n  version  1 live\n  version  2 live\n  version  3 live\n",
        "  gone     it is not found any more\n",
    );
    let got = on_mount(server, &server.fresh_mount(), &mut command);
    assert_eq!(got, (Some(0), wanted.to_owned(), String::new()));
}

/// Runs Python code that imports all of the binding and prints JSON, and returns the JSON.
fn python(server: &Server, mount: &str, code: &str) -> Value {
    let mut command = quiet(Path::new("python3"));
    with_python_package(&mut command);
    command.env("VAULT_ADDR", server.addr()).env("VAULT_TOKEN", server.root_token()).env("VAULT_MOUNT", mount);
    command.arg("-c").arg(format!("import json\nfrom handsfree_secrets import *\n{code}"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{code}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_python_manager_has_the_documented_interface() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let answers = python(
        server,
        &mount,
        r#"
vault = VaultSecretManager()
reference = vault.store_secret("github_token_user_123", "ghp_ü😀", metadata={"scopes": "repo,user"})
answers = [vault.type, isinstance(vault, SecretManager), reference, vault.get_secret(reference)]
answers += [vault.update_secret(reference, "second"), vault.get_secret(reference), vault.list_secrets("github_token")]
answers += [vault.get_secret("vault://no_such"), vault.update_secret("vault://no_such", "x")]
answers += [vault.get_secret("invalid://format"), vault.delete_secret("invalid://format")]
answers += [vault.delete_secret(reference), vault.delete_secret(reference), vault.list_secrets()]
print(json.dumps(answers))
"#,
    );
    let wanted = json!([
        "vault",
        true,
        "vault://github_token_user_123",
        "ghp_ü😀",
        true,
        "second",
        ["vault://github/token/user/123"],
        null,
        false,
        null,
        false,
        true,
        false,
        []
    ]);
    assert_eq!(answers, wanted);
}

#[test]
fn update_in_python_keeps_metadata_unless_metadata_is_given() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let store = r#"
vault = VaultSecretManager()
reference = vault.store_secret("key", "value", metadata={"scopes": "repo"})
vault.update_secret(reference, "second")
print(json.dumps(reference))
"#;
    let reference = python(server, &mount, store);
    let metadata = || server.read_raw(&mount, "key").unwrap()["data"]["metadata"].clone();
    assert_eq!(metadata(), json!({"scopes": "repo"}));
    python(
        server,
        &mount,
        &format!("print(json.dumps(VaultSecretManager().update_secret({reference}, 'third', {{}})))"),
    );
    assert!(metadata().as_object().is_none_or(|entries| entries.is_empty()), "{}", metadata());
}

#[test]
fn errors_in_python_are_value_errors_for_caller_mistakes_and_vault_errors_otherwise() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let answers = python(
        server,
        &mount,
        r#"
import os
def raised(action):
    try:
        action()
    except Exception as error:
        return [type(error).__name__, str(error).split(":")[0], getattr(error, "status", "")]
answers = [raised(lambda: VaultSecretManager(vault_token="refused"))]
answers += [raised(lambda: VaultSecretManager(vault_addr="http://127.0.0.1:1"))]
answers += [raised(lambda: VaultSecretManager().store_secret("a\0b", "value"))]
answers += [raised(lambda: EnvSecretManager().store_secret("", "value"))[0]]
first = get_default_secret_manager()
answers += [first is get_default_secret_manager(), first.type]
del os.environ["VAULT_ADDR"]
answers += [raised(VaultSecretManager)]
os.environ["SECRET_MANAGER_TYPE"] = "vault"
reset_default_secret_manager()
answers += [raised(get_default_secret_manager)[0], first.get_secret("env://HANDSFREE_SECRET_NOTHING")]
print(json.dumps(answers))
"#,
    );
    let wanted = json!([
        ["VaultError", "Failed to authenticate with Vault", "HF_ERR_AUTH"],
        ["VaultError", "Failed to initialize Vault client", "HF_ERR_CONNECTION"],
        ["ValueError", "key holds U+0000, which this library cannot carry", ""],
        "ValueError",
        true,
        "env",
        [
            "ValueError",
            "VAULT_ADDR environment variable or vault_addr parameter is required; set the option VAULT_ADDR, or the variable",
            ""
        ],
        "ValueError",
        null
    ]);
    assert_eq!(answers, wanted);
}
