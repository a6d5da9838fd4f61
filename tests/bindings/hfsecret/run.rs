//! `run`: a command gets the values of the references in its environment, or is not executed.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use handsfree_secrets_test_support::{Relay, Server, cc};
use serde_json::json;

use super::{Run, Shell, done};

/// A shell on a mount with the document `db`.
fn shell_with_db() -> Shell {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.api().post(
        &format!("{mount}/data/db"),
        json!({"data": {"user name": "app", "password": "p w\n'd", "port": 5432, "tags": ["a"]}}),
    );
    server.api().post(&format!("{mount}/data/other"), json!({"data": {"value": "42"}}));
    Shell::on_vault(server, &mount)
}

/// The failure of a run, of which standard error has to hold all of these.
fn failure(run: &Run, code: i32, named: &[&str]) {
    assert_eq!((run.code, run.out.as_str()), (code, ""), "{}", run.err);
    assert_eq!(run.err.lines().count(), named.len(), "{}", run.err);
    for (line, words) in run.err.lines().zip(named) {
        assert!(line.starts_with("hfsecret: ") && line.contains(words), "{line:?} and {words:?}");
    }
}

#[test]
fn a_command_gets_values_in_place_of_references() {
    let shell = shell_with_db()
        .with("DB_USER", "vault://db#user name")
        .with("DB_PASSWORD", "vault://db#password")
        .with("DB_PORT", "vault:///db#port")
        .with("OTHER", "vault://other")
        .with("PLAIN", "not vault://other");
    let print = "printf '%s|' \"$DB_USER\" \"$DB_PASSWORD\" \"$DB_PORT\" \"$OTHER\" \"$PLAIN\"";
    assert_eq!(shell.run(&["run", "sh", "-c", print]), done("app|p w\n'd|5432|42|not vault://other|"));
    assert_eq!(shell.run(&["run", "--", "sh", "-c", "exit 7"]).code, 7);
}

#[test]
fn the_command_takes_the_place_of_hfsecret_with_its_arguments_and_input() {
    let shell = shell_with_db().with("SECRET", "vault://other");
    let mut command =
        shell.command(&["run", "--timeout", "20", "sh", "-c", "echo $$ \"$@\"; cat", "sh", "--timeout", "-x"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{id} --timeout -x\n"), "no process is between");
    let mut killed = shell.command(&["run", "sh", "-c", "kill -9 $$"]);
    assert_eq!(killed.status().unwrap().signal(), Some(9));
}

#[test]
fn all_references_are_resolved_in_one_batch_and_each_secret_is_read_once() {
    let shell = shell_with_db();
    let relay = Relay::to(Server::shared().port());
    let shell = shell
        .with("VAULT_ADDR", &relay.addr())
        .with("A", "vault://db#password")
        .with("B", "vault://db#port")
        .with("C", "vault:///db#user%20name")
        .with("D", "vault://other");
    assert_eq!(shell.run(&["run", "sh", "-c", "echo $A $B $C $D"]), done("p w 'd 5432 app 42\n"));
    let reads = |sent: Vec<u8>| String::from_utf8_lossy(&sent).matches("/data/").count();
    assert_eq!(relay.sent().into_iter().map(reads).sum::<usize>(), 2);
}

#[test]
fn an_environment_may_have_thousands_of_references_and_a_command_several_files() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    for number in 0..50 {
        server.write_raw(&mount, &format!("many/{number}"), json!({"value": format!("of {number}")}));
    }
    let mut shell = Shell::on_vault(server, &mount);
    for number in 0..3000 {
        shell = shell.with(&format!("V{number}"), &format!("vault://many/{}", number % 50));
    }
    let correct = "sh -c 'for n in 0 1 49 50 2999; do eval echo \\$V$n; done'; env | grep -c '^V.*=of '; \
                   env | grep -c vault:; cat \"$ONE\" \"$TWO\" \"$V7\"";
    let files = ["--file", "ONE=vault://many/1", "--file", "TWO=vault://many/2", "--file", "V7=vault://many/3"];
    let run = shell.run(&[&["run"], &files as &[&str], &["sh", "-c", correct]].concat());
    assert_eq!(run, done("of 0\nof 1\nof 49\nof 0\nof 49\n2999\n0\nof 1of 2of 3"));
}

#[test]
fn nothing_is_executed_and_every_failure_is_named_if_one_reference_cannot_be_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("executed");
    let touch = ["run", "touch", trace.to_str().unwrap()];
    let shell = shell_with_db()
        .with("A_GOOD", "vault://other")
        .with("B_MISSING", "vault://no-such")
        .with("C_FIELD", "vault://db#no-such")
        .with("D_ARRAY", "vault://db#tags")
        .with("E_WRONG", "vault://a__b")
        .with("F_KIND", "env://HANDSFREE_SECRET_A");
    let run = shell.run(&touch);
    let mut named: Vec<&str> = run.err.lines().collect();
    named.sort_unstable();
    let wanted = [
        "B_MISSING: vault://no-such: ",
        "C_FIELD: vault://db#no-such: ",
        "D_ARRAY: vault://db#tags: ",
        "E_WRONG: vault://a__b: ",
        "F_KIND: env://HANDSFREE_SECRET_A: ",
    ];
    assert_eq!(named.len(), wanted.len(), "{}", run.err);
    for (line, words) in named.iter().zip(wanted) {
        assert!(line.starts_with(&format!("hfsecret: {words}")), "{line:?} and {words:?}");
    }
    assert!([1, 4, 16].contains(&run.code), "the code of a failure: {}", run.code);
    assert!(!run.err.contains("42") && !trace.exists());
    let missing = shell_with_db().with("A", "vault://no-such").run(&touch);
    failure(&missing, 1, &["A: vault://no-such: no such secret, version or field"]);
    let denied = shell_with_db().with("VAULT_TOKEN", "refused").with("A", "vault://db").run(&touch);
    assert_eq!(denied.code, 6, "{}", denied.err);
    assert!(!trace.exists());
}

#[test]
fn a_command_that_cannot_be_executed_has_the_codes_of_a_shell() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "").unwrap();
    failure(&Shell::on_env().run(&["run", "/no/such/command"]), 127, &["/no/such/command: No such file"]);
    failure(&Shell::on_env().run(&["run", text.to_str().unwrap()]), 126, &["text: Permission denied"]);
    for redirections in ["2>&-", "2>/dev/full"] {
        let run = Shell::on_env().run_redirected(&["run", "/no/such/command"], redirections);
        assert_eq!(run.code, 127, "{redirections}: a message that cannot be written changes nothing");
    }
    let long = Shell::on_env().with("A", "env://HANDSFREE_SECRET_A").with("HANDSFREE_SECRET_A", &"x".repeat(131_050));
    assert_eq!(long.run(&["run", "true"]), done("")); // as long as a variable of Linux can be, but for a few bytes
    let long = Shell::on_env().with("LONG_NAME_OF_A_VARIABLE", "env://HANDSFREE_SECRET_A");
    let long = long.with("HANDSFREE_SECRET_A", &"x".repeat(131_052));
    failure(
        &long.run(&["run", "true"]),
        126,
        &["true: Argument list too long; --file takes secrets that are too long"],
    );
    let file = long.run(&[
        "run",
        "--file",
        "LONG_NAME_OF_A_VARIABLE=env://HANDSFREE_SECRET_A",
        "sh",
        "-c",
        "wc -c < \"$LONG_NAME_OF_A_VARIABLE\"",
    ]);
    assert_eq!(file, done("131052\n"));
}

/// A file in memory counts for the limit, too. The command gets the signal that hfsecret ignores.
#[test]
fn a_file_over_the_limit_of_the_process_is_a_failure_of_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let limited = |arguments: &[&str], rest: &str| {
        let mut command = cc::clean_command("/bin/sh".as_ref());
        command.current_dir(folder.path()).args(["-c", &format!("ulimit -f 0; \"$0\" \"$@\" {rest}; exit $?")]);
        let shell = Shell::on_env().with("HANDSFREE_SECRET_A", "value");
        let output = command.arg(super::program()).args(arguments).envs(shell.environment).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
    };
    let file = ["run", "--file", "A=env://HANDSFREE_SECRET_A", "sh", "-c", "cat \"$A\""];
    failure(&limited(&file, ""), 120, &["A: File too large"]);
    failure(&limited(&["get", "env://HANDSFREE_SECRET_A"], "> out"), 120, &["standard output: File too large"]);
    failure(&limited(&["get", "env://HANDSFREE_SECRET_A", "--output", "new"], ""), 120, &["new: File too large"]);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["out"]);
    assert_eq!(
        limited(&["run", "sh", "-c", "exec sh -c 'kill -XFSZ $$'"], "").code,
        128 + 25,
        "the signal of the command"
    );
}

#[test]
fn without_a_reference_no_server_is_asked() {
    let shell = Shell::on_env().with("SECRET_MANAGER_TYPE", "nonsense");
    assert_eq!(shell.run(&["run", "echo", "executed"]), done("executed\n"));
}

#[test]
fn an_environment_file_adds_variables_and_configures_the_manager() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env");
    fs::write(&file, "# a comment\n\nSECRET_MANAGER_TYPE=env\nA=env://HANDSFREE_SECRET_A\nB=b = 'c'\nLAST=no newline")
        .unwrap();
    let path = file.to_str().unwrap();
    let shell = Shell::on_env().with("HANDSFREE_SECRET_A", "value").with("B", "replaced");
    let shown = shell.run(&["run", "--env-file", path, "sh", "-c", "echo $A; echo \"$B\"; echo $LAST"]);
    assert_eq!(shown, done("value\nb = 'c'\nno newline\n"));
    fs::write(&file, "A=1\nno equals sign\n").unwrap();
    failure(&shell.run(&["run", "--env-file", path, "true"]), 3, &["env:2: a line is NAME=VALUE"]);
    fs::write(&file, "=1\n").unwrap();
    failure(&shell.run(&["run", "--env-file", path, "true"]), 3, &["env:1: a line is NAME=VALUE"]);
    fs::write(&file, "A=1\0\n").unwrap();
    failure(&shell.run(&["run", "--env-file", path, "true"]), 3, &["a NUL byte"]);
    failure(&shell.run(&["run", "--env-file", "/no/such/file", "true"]), 120, &["/no/such/file: No such file"]);
}

#[test]
fn a_line_of_an_environment_file_that_a_shell_would_read_in_another_way_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env");
    let shell = Shell::on_env().with("SECRET_MANAGER_TYPE", "env").with("HANDSFREE_SECRET_A", "value");
    let run = |text: &str, script: &str| {
        fs::write(&file, text).unwrap();
        shell.run(&["run", "--env-file", file.to_str().unwrap(), "sh", "-c", script])
    };
    let windows = "\u{feff}A=env://HANDSFREE_SECRET_A\r\n\r\n# a comment\r\nB=b\r\nC=c\r";
    assert_eq!(run(windows, "printf '%s|' \"$A\" \"$B\" \"$C\""), done("value|b|c|"));
    for line in ["export A=1", " A=1", "A =1", "\tA=1", "'A'=1", "\"A\"=1", "  # A=1"] {
        failure(&run(&format!("B=1\n{line}\n"), "true"), 3, &["env:2: a line is NAME=VALUE, with neither export nor"]);
    }
    for mark in ["'", "\"", " ", "\t", " '"] {
        let line = format!("A={mark}env://HANDSFREE_SECRET_A{mark}");
        failure(&run(&line, "true"), 3, &["env:1: a reference stands without quotation marks and blanks"]);
        assert_eq!(run(&format!("A={mark}text{mark}"), "echo \"$A\""), done(&format!("{mark}text{mark}\n")));
    }
}

/// An environment that holds variables of the same name. `execve` takes it, and programs differ in which one they read.
#[test]
fn no_reference_is_left_where_a_variable_stands_twice() {
    let text = "#include <unistd.h>\n\
                int main(int count, char **words) { (void)count; return execve(words[3], words + 3, (char *[]){\n\
                words[1], words[2], \"HANDSFREE_SECRET_A=1\", \"HANDSFREE_SECRET_B=2\", \"=env://A\", NULL}); }\n";
    let twice = cc::compile_text("gcc", "c99", text, "environment_with_doubles", &[]);
    let (a, b) = ("A=env://HANDSFREE_SECRET_A", "A=env://HANDSFREE_SECRET_B");
    for (first, second, wanted) in [(a, b, "A=1"), (b, a, "A=2"), (a, "A=text", "A=1"), ("A=text", a, "A=1")] {
        let mut command = cc::clean_command(&twice);
        command.args([first, second]).arg(super::program()).args(["run", "/usr/bin/env"]);
        let output = command.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let found: Vec<&str> = printed.lines().filter(|line| line.starts_with("A=")).collect();
        assert_eq!(found, [wanted], "{first} {second}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_file_in_memory_holds_the_secret_and_can_only_be_read() {
    let shell = shell_with_db();
    let script = "cat \"$KEY\"; cat \"$KEY\"; echo; stat -L -c %a \"$KEY\"; \
                  (echo x > \"$KEY\") 2>/dev/null || echo refused";
    let run = shell.run(&["run", "--file", "KEY=vault://db#password", "sh", "-c", script]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(run.out.starts_with("p w\n'dp w\n'd\n400\n") && run.out.ends_with("refused\n"), "{}", run.out);
    let wrong = shell.run(&["run", "--file", "KEY=db", "true"]);
    failure(&wrong, 2, &["--file takes NAME=REFERENCE, not KEY=db"]);
}

/// Kernels before 3.17 have no such call; filters of old container runtimes forbid those that they do not know.
#[test]
fn a_file_in_memory_works_without_memfd() {
    let shell = shell_with_db();
    for error in ["ENOSYS", "EPERM"] {
        let mut command = cc::clean_command("strace".as_ref());
        let inject = format!("inject=memfd_create:error={error}");
        command.args(["--quiet=all", "-o", "/dev/null", "-e", &inject]).arg(super::program());
        command.args(["run", "--file", "KEY=vault://other", "sh", "-c", "cat \"$KEY\"; readlink \"$KEY\""]);
        let output = command.envs(shell.environment.iter().cloned()).output().expect("strace");
        let printed = String::from_utf8_lossy(&output.stdout);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(printed.starts_with("42/dev/shm/hfsecret-"), "{error}: {printed}{message}");
        assert!(printed.ends_with(" (deleted)\n"), "{error}: {printed}");
    }
}

#[test]
fn the_credentials_are_inherited_only_if_the_command_needs_them() {
    let shell = shell_with_db().with("VAULT_SECRET_ID_WRAPPED", "").with("A", "vault://other");
    let shell = shell.with("VAULT_HEADERS", r#"{"Authorization": "Bearer of-a-gateway"}"#).with("BAO_HEADERS", "");
    let names = "env | grep -c -e ^VAULT_TOKEN= -e ^VAULT_SECRET_ID_WRAPPED= -e _HEADERS=; test -n \"$VAULT_ADDR\"";
    assert_eq!(shell.run(&["run", "sh", "-c", names]), done("0\n"));
    assert_eq!(shell.run(&["run", "--keep-credentials", "sh", "-c", names]), done("4\n"));
}

/// What a shell prints that is executed with the descriptors of this test and these redirections, by hfsecret or not.
fn printed_by_shell(shell: &Shell, by_hfsecret: bool, script: &str, redirections: &str) -> String {
    let mut command = cc::clean_command("/bin/sh".as_ref());
    command.args(["-c", &format!("exec \"$@\" {redirections}"), "sh"]);
    if by_hfsecret {
        command.arg(super::program()).arg("run");
    }
    command.args(["sh", "-c", script]).envs(shell.environment.iter().cloned());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn the_command_inherits_no_connection_and_the_limits_and_streams_of_the_caller() {
    let shell = shell_with_db().with("A", "vault://other");
    for redirections in ["", "<&-", ">&-", "<&- >&-"] {
        let script = "{ ulimit -c; ls /proc/$$/fd; } >&2";
        let wanted = printed_by_shell(&shell, false, script, redirections);
        assert_eq!(printed_by_shell(&shell, true, script, redirections), wanted, "{redirections}");
    }
}

/// A test cannot look into the process while it is at work; strace sees what it has asked for before it does any work.
#[test]
fn no_core_can_be_written_while_hfsecret_holds_a_secret() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let mut command = cc::clean_command("strace".as_ref());
    command.args(["-e", "trace=prctl,setrlimit,prlimit64,socket", "-o"]).arg(trace.path()).arg(super::program());
    let shell = shell_with_db();
    assert!(command.args(["get", "vault://other"]).envs(shell.environment).output().unwrap().status.success());
    let calls = fs::read_to_string(trace.path()).unwrap();
    let (before, _) = calls.split_once("socket(").expect("a connection");
    assert!(before.contains("PR_SET_DUMPABLE, SUID_DUMP_DISABLE"), "{calls}");
    assert!(before.contains("RLIMIT_CORE, {rlim_cur=0"), "{calls}");
}
