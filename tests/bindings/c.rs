//! C programs, compiled as a C user would, against the header and the shared library.

use std::time::Duration;

use handsfree_secrets_test_support::{cc, output_within, repository_root};

/// More than any of these programs takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Compiles `tests/c/<name>.c` with each compiler, without a warning, and runs it in an environment that says nothing
/// about secrets.
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
fn a_call_ends_in_time_and_can_be_cancelled() {
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
fn the_default_manager_is_opened_by_one_of_many_and_by_a_child_forked_meanwhile() {
    passes("default_manager");
}

#[test]
fn log_callbacks_are_replaced_while_threads_are_inside_of_them() {
    passes("log_threads");
}

#[test]
fn standard_error_gets_whole_lines_and_only_if_asked() {
    passes("stderr_lines");
}

#[test]
fn many_secrets_in_one_call_have_a_status_each() {
    passes("batch");
}

#[test]
fn a_line_that_standard_error_does_not_take_at_once_is_dropped_and_counted() {
    passes("stderr_full");
}
