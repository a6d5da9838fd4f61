//! C programs, compiled against the header and the shared library as a user would.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use handsfree_secrets_test_support::{Server, cc, output_within, repository_root};

/// Longer than any of these programs takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(5 * 60);

fn source(name: &str) -> PathBuf {
    repository_root().join("tests/c").join(name).with_extension("c")
}

/// Compiles `tests/c/<name>.c` with each compiler, without warnings, and runs it in an environment that has no settings
/// of the library but those that `prepare` adds. `place` tells its programs from those of another test.
fn passes_with(name: &str, place: &str, prepare: impl Fn(&mut Command)) {
    for compiler in ["gcc", "clang"] {
        let program = cc::compile(compiler, "c99", &source(name), &format!("{name}-{compiler}-{place}"), &[]);
        let mut command = cc::clean_command(&program);
        prepare(&mut command);
        let output = output_within(LIMIT, &mut command);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}, {compiler}: {}\n{text}", output.status);
    }
}

fn passes(name: &str) {
    passes_with(name, "alone", |_| ());
}

/// Runs the program on a real server, each time with an empty mount.
fn passes_on_server(name: &str) {
    let server = Server::shared();
    passes_with(name, "on-server", |command| {
        command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr());
        command.env("VAULT_TOKEN", server.root_token()).env("VAULT_MOUNT", server.fresh_mount());
    });
}

#[test]
fn every_pointer_may_be_null_and_every_string_invalid() {
    passes("arguments");
    passes("arguments_documents");
    passes("arguments_transit");
    passes("arguments_envelope");
    passes("arguments_leases");
    passes("arguments_watch");
}

#[test]
fn every_pointer_of_a_function_on_a_key_may_be_null_and_every_string_invalid() {
    passes_on_server("arguments_transit");
    passes_on_server("arguments_envelope");
    passes_on_server("arguments_leases");
    passes_on_server("arguments_watch");
}

#[test]
fn the_programs_for_arguments_call_every_function_of_the_header() {
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    let tests = [
        "arguments",
        "arguments_documents",
        "arguments_transit",
        "arguments_envelope",
        "arguments_leases",
        "arguments_watch",
    ]
    .map(|name| read(source(name)))
    .join("\n")
        + &read(repository_root().join("tests/c/arguments.h"));
    let symbols = read(repository_root().join("tests/packaging/symbols.txt"));
    let functions: Vec<&str> = symbols.lines().filter(|line| line.starts_with("hf_")).collect();
    assert!(functions.len() > 80, "{functions:?}");
    for function in functions {
        assert!(tests.contains(&format!("{function}(")), "{function}");
    }
}

#[test]
fn envelopes_are_whole_or_refused_and_descriptors_are_waited_for() {
    passes_on_server("envelope");
}

#[test]
fn documents_keep_values_of_every_kind_and_objects_are_freed_in_any_order() {
    passes_on_server("documents");
}

#[test]
fn versions_are_listed_changed_and_rotated_and_conditions_hold() {
    passes_on_server("versions");
}

#[test]
fn requests_reach_any_endpoint_and_wrapped_answers_are_unwrapped_once() {
    passes_on_server("requests");
}

#[test]
fn keys_encrypt_sign_and_make_data_keys_and_are_freed_in_any_order() {
    passes_on_server("transit");
}

#[test]
fn each_item_of_a_batch_for_a_key_has_its_status_and_its_bytes() {
    passes_on_server("transit_many");
}

#[test]
fn a_queue_keeps_its_promises() {
    passes_on_server("queue");
    passes_on_server("queue_endings");
}

#[test]
fn a_watch_waits_in_a_queue_without_waking_up() {
    passes_on_server("queue_watch");
}

#[test]
fn every_function_that_takes_a_call_works_with_a_queue() {
    let read = |path: &str| std::fs::read_to_string(repository_root().join(path)).unwrap();
    let (header, tested) = (read("include/handsfree_secrets.h"), read("tests/c/queue_functions.c"));
    let declarations = header.split(';').filter(|text| text.contains("const hf_call *call") && text.contains("error"));
    let names = declarations.filter_map(|text| Some(text.split('(').next()?.split_whitespace().last()?.to_owned()));
    let names: Vec<String> = names.filter(|name| name.starts_with("hf_")).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        assert!(tested.contains(&format!("ROW({name},")), "{name}");
    }
    passes_on_server("queue_functions");
}

#[test]
fn the_env_backend_does_all_five_operations() {
    passes("env_backend");
}

#[test]
fn a_call_ends_at_its_deadline_and_can_be_cancelled() {
    passes("calls");
}

#[test]
fn a_signal_handler_cancels_the_calls_of_many_threads() {
    passes("shutdown");
}

#[test]
fn log_callbacks_are_called_and_destroyed_once() {
    passes("log_callbacks");
}

#[test]
fn the_default_manager_is_opened_by_one_thread_and_by_a_child_forked_meanwhile() {
    passes("default_manager");
}

#[test]
fn log_callbacks_can_be_replaced_while_threads_run_them() {
    passes("log_threads");
}

#[test]
fn standard_error_gets_complete_lines_and_only_if_configured() {
    passes("stderr_lines");
}

#[test]
fn each_secret_of_a_batch_has_its_status() {
    passes("batch");
}

#[test]
fn a_line_that_would_block_on_standard_error_is_dropped_and_counted() {
    passes("stderr_full");
}
