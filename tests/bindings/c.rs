//! C programs, compiled against the header and the shared library as a user would.

use std::time::Duration;

use handsfree_secrets_test_support::{cc, output_within, repository_root};

/// Longer than any of these programs takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Compiles `tests/c/<name>.c` with each compiler, without warnings, and runs it in an environment without settings of
/// the library.
fn passes(name: &str) {
    let source = repository_root().join("tests/c").join(name).with_extension("c");
    for compiler in ["gcc", "clang"] {
        let program = cc::compile(compiler, "c99", &source, &format!("{name}-{compiler}"), &[]);
        let output = output_within(LIMIT, &mut cc::clean_command(&program));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}, {compiler}: {}\n{text}", output.status);
    }
}

#[test]
fn every_pointer_may_be_null_and_every_string_invalid() {
    passes("arguments");
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
