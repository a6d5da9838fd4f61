//! C programs under valgrind and sanitizers: no invalid access, no use of undefined memory, and no lost block
//! (directly, indirectly or possibly).
//!
//! Valgrind sees the arena of values as one block in use. held_values.rs tests that its slots are freed.

use std::path::Path;
use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

use crate::programs::{Target, TlsServer, program, succeeds, text_of};

/// The same command under valgrind.
fn under_valgrind(command: &Command) -> Command {
    let mut under_valgrind = Command::new("valgrind");
    under_valgrind.args(["--quiet", "--leak-check=full", "--error-exitcode=9", "--num-callers=60"]);
    under_valgrind
        .args(["--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible"]);
    under_valgrind.arg(format!("--suppressions={}", repository_root().join("tests/host/valgrind.supp").display()));
    under_valgrind.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => under_valgrind.env(name, value),
            None => under_valgrind.env_remove(name),
        };
    }
    under_valgrind
}

fn plain_program(name: &str) -> Command {
    let source = repository_root().join("tests/c").join(name).with_extension("c");
    cc::clean_command(&cc::compile("gcc", "c99", &source, &format!("{name}-under_valgrind"), &[]))
}

#[test]
fn valgrind_finds_nothing_with_arguments_of_every_kind() {
    for name in ["arguments", "arguments_documents"] {
        succeeds(&mut under_valgrind(&plain_program(name)));
    }
}

#[test]
fn valgrind_finds_nothing_in_the_env_backend() {
    succeeds(&mut under_valgrind(&plain_program("env_backend")));
}

#[test]
fn valgrind_finds_nothing_with_log_callbacks() {
    succeeds(&mut under_valgrind(&plain_program("log_callbacks")));
}

#[test]
fn valgrind_finds_nothing_when_calls_time_out_or_are_cancelled() {
    succeeds(&mut under_valgrind(&plain_program("calls")));
}

#[test]
fn valgrind_finds_nothing_with_threads_on_a_server_with_tls() {
    let host = TlsServer::start();
    let target = host.target(host.server.https_port(0));
    succeeds(&mut under_valgrind(&target.command(&program("threads"), &["4", "2"])));
}

/// Runs programs that need a server.
fn valgrind_finds_nothing_on_a_server(names: &[&str]) {
    for name in names {
        let program = plain_program(name);
        let command = Target::of_shared().command(Path::new(program.get_program()), &["checked"]);
        succeeds(&mut under_valgrind(&command));
    }
}

#[test]
fn valgrind_finds_nothing_with_documents_versions_and_requests() {
    valgrind_finds_nothing_on_a_server(&["documents", "versions", "requests"]);
}

#[test]
fn valgrind_finds_nothing_with_transit_and_leases() {
    let all = ["arguments_transit", "arguments_envelope", "transit", "transit_many", "arguments_leases"];
    valgrind_finds_nothing_on_a_server(&all);
}

#[test]
fn valgrind_finds_nothing_with_queues() {
    valgrind_finds_nothing_on_a_server(&["queue"]);
}

#[test]
fn valgrind_finds_nothing_with_the_functions_and_endings_of_queues() {
    valgrind_finds_nothing_on_a_server(&["queue_functions", "queue_endings", "queue_watch"]);
}

#[test]
fn valgrind_reports_a_leak() {
    let text = "#include <handsfree_secrets.h>\nint main(void) { return hf_metadata_new() == 0; }\n";
    let program = cc::compile_text("gcc", "c99", text, "loses", &[]);
    let output = under_valgrind(&cc::clean_command(&program)).output().unwrap();
    assert_eq!(output.status.code(), Some(9), "{}", text_of(&output));
}

/// The same programs with the C code built with the compiler's sanitizers.
mod sanitizers {
    use super::*;

    const FLAGS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

    fn compiled(source: &Path, name: &str) -> Command {
        let mut command = cc::clean_command(&cc::compile("gcc", "c11", source, &format!("{name}-sanitized"), &FLAGS));
        command
            .env("ASAN_OPTIONS", "detect_leaks=1:detect_stack_use_after_return=1")
            .env("UBSAN_OPTIONS", "print_stacktrace=1");
        command
    }

    #[test]
    fn the_sanitizers_find_nothing_in_the_programs() {
        for name in [
            "arguments",
            "arguments_documents",
            "arguments_transit",
            "arguments_envelope",
            "arguments_leases",
            "env_backend",
            "log_callbacks",
            "calls",
        ] {
            succeeds(&mut compiled(&repository_root().join("tests/c").join(name).with_extension("c"), name));
        }
        let target = Target::of_shared();
        for name in ["queue", "queue_endings", "queue_functions", "queue_watch"] {
            let command = compiled(&repository_root().join("tests/c").join(name).with_extension("c"), name);
            let mut on_server = target.command(Path::new(command.get_program()), &["checked"]);
            succeeds(on_server.env("ASAN_OPTIONS", "detect_leaks=1"));
        }
        let source = repository_root().join("tests/c/host/threads.c");
        let command = compiled(&source, "threads");
        let mut on_server = target.command(Path::new(command.get_program()), &["16", "3"]);
        succeeds(on_server.env("ASAN_OPTIONS", "detect_leaks=1"));
    }

    /// Each of these faults has to be reported; otherwise the sanitizers are not active.
    #[test]
    fn the_sanitizers_report_each_kind_of_fault() {
        let faults = [
            (
                "use_after_free",
                "hf_metadata *m = hf_metadata_new(); hf_metadata_free(m); hf_metadata_free(m); (void)v;",
                "",
            ),
            ("overflow", "volatile char *p = malloc((size_t)v); p[v] = 1; free((void *)p);", "heap-buffer-overflow"),
            ("undefined", "int most = 2147483647; most += v; return most == 0;", "signed integer overflow"),
            // Several, since an address that is left on the stack counts as a reference.
            ("leak", "for (v = 0; v < 10; v++) (void)hf_metadata_new();", "LeakSanitizer"),
        ];
        for (name, body, report) in faults {
            let text = format!(
                "#include <handsfree_secrets.h>\n#include <stdlib.h>\n\
                 int main(int argc, char **argv) {{ volatile int v = argc + 7; (void)argv; {body} return 0; }}\n"
            );
            let program = cc::compile_text("gcc", "c99", &text, name, &FLAGS);
            let output = cc::clean_command(&program).output().unwrap();
            let said = text_of(&output);
            assert!(!output.status.success() && said.contains(report), "{name}: {}\n{said}", output.status);
        }
    }
}
