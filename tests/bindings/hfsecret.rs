//! The command-line program `hfsecret`: its output and its exit codes.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use handsfree_secrets_test_support::{Server, cc, repository_root};
use serde_json::json;

mod documents;
mod envelopes;
mod leases;
mod manual;
mod migrate;
mod render;
mod requests;
mod run;
mod run_watch;
mod transit;
mod versions;
mod watch;

fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compiled("gcc"))
}

fn compiled(compiler: &str) -> PathBuf {
    cc::compile_folder(compiler, "c99", &repository_root().join("tools/hfsecret"), &format!("hfsecret-{compiler}"))
}

/// The result of a run: the exit code, standard output and standard error.
#[derive(Debug, PartialEq)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// hfsecret in an environment that the test sets up.
struct Shell {
    environment: Vec<(String, String)>,
}

impl Shell {
    fn on_env() -> Shell {
        Shell { environment: Vec::new() }
    }

    fn on_vault(server: &Server, mount: &str) -> Shell {
        Shell::on_env()
            .with("SECRET_MANAGER_TYPE", "vault")
            .with("VAULT_ADDR", &server.addr())
            .with("VAULT_TOKEN", server.root_token())
            .with("VAULT_MOUNT", mount)
    }

    /// Sets a variable. A later value replaces an earlier one.
    fn with(mut self, name: &str, value: &str) -> Shell {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cc::clean_command(program());
        command.args(arguments).envs(self.environment.iter().cloned());
        command
    }

    fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Run {
        let (code, out, err) = self.bytes_of(arguments, input);
        Run { code, out: String::from_utf8(out).expect("UTF-8"), err }
    }

    /// The exit code, the bytes of standard output, and standard error.
    fn bytes_of(&self, arguments: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hfsecret");
        let mut stdin = child.stdin.take().expect("a pipe");
        let output = std::thread::scope(|scope| {
            // A program that refuses its arguments does not read its input, so a broken pipe is expected. One that prints
            // before it has read everything waits for a reader of its output.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().expect("its end")
        });
        let err = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.code().expect("a code"), output.stdout, err)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, b"")
    }

    /// Runs a command with redirections of the shell, such as `>&-`.
    fn run_redirected(&self, arguments: &[&str], redirections: &str) -> Run {
        let mut command = cc::clean_command("/bin/sh".as_ref());
        command.args(["-c", &format!("exec \"$0\" \"$@\" {redirections}")]).arg(program()).args(arguments);
        let output = command.envs(self.environment.iter().cloned()).output().expect("a shell");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Run { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn done(out: &str) -> Run {
    Run { code: 0, out: out.into(), err: String::new() }
}

#[test]
fn help_and_version_need_no_configuration() {
    let shell = Shell::on_env().with("SECRET_MANAGER_TYPE", "nonsense");
    assert_eq!(shell.run(&["--version"]), done(concat!("hfsecret ", env!("CARGO_PKG_VERSION"), "\n")));
    let help = shell.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for options in [["-h"].as_slice(), &["--help", "get"], &["get", "--help"]] {
        let help = shell.run(options);
        assert_eq!((help.code, help.err.as_str()), (0, ""), "{options:?}");
        assert!(help.out.starts_with("usage: hfsecret "), "{}", help.out);
    }
    assert!(!shell.run(&["get", "--help"]).out.contains("--metadata"), "only the options of the command");
    let commands = ["store", "get", "update", "delete", "list", "versions", "undelete", "rotate", "request", "check"];
    let on_keys = ["encrypt KEY", "decrypt KEY", "rewrap KEY", "sign KEY", "verify KEY SIGNATURE"];
    let others = [
        "--context-file FILE",
        "--associated-data-file FILE",
        "--envelope",
        "migrate",
        "--all",
        "--json",
        "--policy NAME",
        "--exact",
        "exit: 0 done, 1 not found",
    ];
    for word in commands.iter().chain(&on_keys).chain(&others) {
        assert!(help.out.contains(&format!("  {word}")) || help.out.contains(&format!("\n{word}")), "{word}");
    }
}

#[test]
fn the_five_operations_work_on_a_server() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let reference = "vault://batch_job_password";
    assert_eq!(shell.run_with_input(&["store", "batch_job_password"], b"first\n"), done(&format!("{reference}\n")));
    assert_eq!(shell.run(&["get", reference]), done("first\n"));
    assert_eq!(shell.run_with_input(&["update", reference], b"second\n"), done(""));
    assert_eq!(shell.run(&["get", reference]), done("second\n"));
    shell.run_with_input(&["store", "other"], b"x");
    assert_eq!(shell.run(&["list"]), done("vault://batch/job/password\nvault://other\n"));
    assert_eq!(shell.run(&["list", "batch_"]), done("vault://batch/job/password\n"));
    assert_eq!(shell.run(&["delete", reference]), done(""));
    for arguments in [["get", reference], ["delete", reference], ["update", reference]] {
        let run = shell.run(&arguments);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{arguments:?}");
        assert_eq!(run.err, format!("hfsecret: {reference}: no such secret, version or field\n"));
    }
}

#[test]
fn one_final_newline_is_removed_unless_exact() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let stored = |arguments: &[&str], input: &[u8]| {
        assert_eq!(shell.run_with_input(arguments, input).code, 0);
        server.read_raw(&mount, "key").unwrap()["data"]["value"].as_str().unwrap().to_string()
    };
    assert_eq!(stored(&["store", "key"], b"value\n"), "value");
    assert_eq!(stored(&["store", "key"], b"value"), "value");
    assert_eq!(stored(&["store", "key"], b"value\n\n"), "value\n");
    assert_eq!(shell.run(&["get", "vault://key"]), done("value\n\n"));
    assert_eq!(shell.run(&["get", "--exact", "vault://key"]), done("value\n"));
    assert_eq!(stored(&["--exact", "store", "key"], b"value\n"), "value\n");
    assert_eq!(stored(&["update", "vault://key", "--exact"], b"\n"), "\n");
    assert_eq!(stored(&["store", "key"], b""), "");
    assert_eq!(shell.run(&["get", "vault://key"]), done("\n"));
}

#[test]
fn a_value_of_a_megabyte_is_kept_and_one_with_a_nul_refused() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let large = "0123456789abcdeü".repeat(60_000);
    assert_eq!(shell.run_with_input(&["store", "large"], large.as_bytes()), done("vault://large\n"));
    assert!(shell.run(&["get", "--exact", "vault://large"]) == done(&large), "a large value comes back as it was");
    let run = shell.run_with_input(&["store", "nul"], b"front\0tail");
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    assert!(run.err.contains("NUL") && !run.err.contains("front"), "{}", run.err);
    assert_eq!(server.read_raw(&mount, "nul"), None);
}

#[test]
fn metadata_are_stored_kept_replaced_and_removed() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let metadata_after = |arguments: &[&str]| {
        assert_eq!(shell.run_with_input(arguments, b"value").code, 0, "{arguments:?}");
        server.read_raw(&mount, "key").unwrap()["data"]["metadata"].clone()
    };
    let both = json!({"scopes": "repo,user", "note": "a=b"});
    assert_eq!(metadata_after(&["store", "key", "--metadata", "scopes=repo,user", "--metadata", "note=a=b"]), both);
    assert_eq!(metadata_after(&["update", "vault://key"]), both);
    assert_eq!(metadata_after(&["update", "vault://key", "--metadata", "a=1"]), json!({"a": "1"}));
    let removed = metadata_after(&["update", "vault://key", "--no-metadata"]);
    assert!(removed.as_object().is_none_or(|entries| entries.is_empty()), "{removed}");
}

#[test]
fn every_kind_of_failure_has_its_exit_code() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let read_only = server.policy_token(&format!("path \"{mount}/data/*\" {{ capabilities = [\"read\"] }}"));
    let vault = || Shell::on_vault(server, &mount);
    let cases = [
        (3, vault(), vec!["store", "a__b"]),
        (4, vault(), vec!["get", "env://HANDSFREE_SECRET_A"]),
        (5, Shell::on_env().with("SECRET_MANAGER_TYPE", "vault"), vec!["list"]),
        (5, vault().with("VAULT_MOUNT", "no-such-mount"), vec!["get", "vault://a"]),
        (6, vault().with("VAULT_TOKEN", "refused"), vec!["list"]),
        (7, vault().with("VAULT_TOKEN", &read_only), vec!["store", "a"]),
        (8, vault().with("VAULT_ADDR", "http://127.0.0.1:1"), vec!["--timeout", "20", "list"]),
        (16, Shell::on_env(), vec!["store", "a"]),
    ];
    for (code, shell, arguments) in cases {
        let run = shell.run_with_input(&arguments, b"the-value");
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with("hfsecret: ") && run.err.ends_with('\n'), "{}", run.err);
        assert!(!run.err.contains("the-value") && !run.err.contains("refused\n"), "{}", run.err);
    }
}

#[test]
fn a_failed_open_shows_its_message_with_every_compiler() {
    let clang = compiled("clang");
    for program in [program(), &clang] {
        for arguments in [["list"].as_slice(), &["migrate"], &["get", "vault://a"]] {
            let mut command = cc::clean_command(program);
            let output = command.args(arguments).env("SECRET_MANAGER_TYPE", "vault").output().unwrap();
            let message = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(5), "{}: {message}", program.display());
            assert!(message.contains(": VAULT_ADDR environment variable"), "{}: {message}", program.display());
        }
    }
}

#[test]
fn wrong_usage_is_an_error_before_anything_is_read_or_sent() {
    let wrong: [&[&str]; 66] = [
        &[],
        &["stor"],
        &["store"],
        &["store", "key", "value"],
        &["get", "a", "b", "c"],
        &["migrate", "prefix"],
        &["list", "--exact"],
        &["get", "--dry-run", "vault://a"],
        &["store", "--no-metadata", "key"],
        &["store", "key", "--metadata"],
        &["store", "key", "--metadata", "no-equals-sign"],
        &["--timeout", "soon", "list"],
        &["--verbose", "list"],
        &["get", "--all", "--json", "vault://a"],
        &["get", "--all", "--exact", "vault://a"],
        &["list", "--all"],
        &["versions"],
        &["undelete", "vault://a"],
        &["undelete", "vault://a", "1", "two"],
        &["undelete", "vault://a", "-1"],
        &["undelete", "vault://a", "99999999999999999999"],
        &["undelete", "vault://a", ""],
        &["rotate", "vault://a", "new-value"],
        &["get", "--policy", "p", "vault://a"],
        &["request", "GET"],
        &["request", "POST", "a", "{}"],
        &["check", "vault://a"],
        &["encrypt"],
        &["verify", "key"],
        &["sign", "--associated-data-file", "file", "key"],
        &["get", "--context-file", "file", "vault://a"],
        &["-x", "list"],
        &["list", "-x"],
        &["list", "--timeout"],
        &["list", "--timeout", "1e10"],
        &["get", "--all=yes", "vault://a"],
        &["get", "--", "vault://a", "--all"],
        &["get", "--mode", "644", "vault://a"],
        &["get", "--output", "a", "--mode", "888", "vault://a"],
        &["get", "--owner", "0", "vault://a"],
        &["get", "--mode", "600", "vault://a"],
        &["get", "--output", "", "vault://a"],
        &["get", "--output", "a", "--owner", "", "vault://a"],
        &["get", "--output", "a", "--owner", ":", "vault://a"],
        &["list", "--output", "a"],
        &["store", "--json", "--exact", "key"],
        &["store", "--cas", "new", "key"],
        &["delete", "vault://a", "-1"],
        &["destroy", "vault://a"],
        &["rollback", "vault://a", "1", "2"],
        &["unwrap", "token"],
        &["request", "--wrap-ttl", "0", "GET", "a"],
        &["hmac", "--context-file", "file", "key"],
        &["run"],
        &["run", "--file", "NAME", "true"],
        &["run", "--kill-after", "1", "true"],
        &["run", "--watch", "--kill-after", "0", "true"],
        &["run", "--watch", "--kill-after", "soon", "true"],
        &["watch", "--kill-after", "1", "vault://a", "--", "true"],
        &["render"],
        &["lease"],
        &["lease", "a", "b"],
        &["lease", "--json", "--field", "a", "b"],
        &["lease", "--revoke", "--field", "a", "b"],
        &["lease", "--revoke", "--output", "a", "b"],
        &["get", "--revoke", "vault://a"],
    ];
    for arguments in wrong {
        let run = Shell::on_env().run(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.contains("hfsecret --help"), "{arguments:?}: {}", run.err);
    }
    // Arguments after "--" are not options.
    assert_eq!(Shell::on_env().run(&["get", "--", "--exact"]).code, 4);
}

/// A name that an attacker has chosen neither begins a line of a log nor moves the cursor of a terminal.
#[test]
fn a_message_is_one_line_of_visible_text_whatever_the_arguments_hold() {
    const NAME: &str = "a\nhfsecret: done\u{1b}[2J\r\u{7f}\u{9b}2Jü€😀";
    const VISIBLE: &str = "a\\nhfsecret: done\\x1b[2J\\x0d\\x7f\\xc2\\x9b2Jü€😀";
    let option = format!("--{NAME}");
    let shell = Shell::on_env().with("A", &format!("env://{NAME}"));
    for (code, arguments) in [
        (2, [NAME].as_slice()),
        (2, &["get", &option, "env://A"]),
        (2, &["list", "--timeout", NAME]),
        (2, &["run", "--file", NAME, "true"]),
        (4, &["run", "true"]),
        (4, &["get", NAME]),
        (120, &["run", "--env-file", NAME, "true"]),
        (120, &["render", NAME]),
    ] {
        let run = shell.run(arguments);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments:?}: {}", run.err);
        let line = run.err.strip_suffix('\n').unwrap_or_default();
        assert!(line.starts_with("hfsecret: ") && line.contains(VISIBLE), "{arguments:?}: {}", run.err);
        assert!(!line.contains(char::is_control), "{arguments:?}: {}", run.err);
    }
    let run = Shell::on_env().run(&["run", NAME]);
    assert_eq!((run.code, run.err), (127, format!("hfsecret: {VISIBLE}: No such file or directory\n")));
    let mut command = Shell::on_env().command(&["get", "-ü"]);
    let run = command.arg(OsStr::from_bytes(b"\x80\xe2\x82")).output().unwrap();
    assert_eq!(String::from_utf8(run.stderr).unwrap(), "hfsecret: no option -\\xc3; hfsecret --help tells more\n");
    let mut command = Shell::on_env().command(&[]);
    let run = command.arg(OsStr::from_bytes(b"\x80\xe2\x82\xff")).output().unwrap();
    let wanted = "hfsecret: no command \\x80\\xe2\\x82\\xff; hfsecret --help tells more\n";
    assert_eq!(String::from_utf8(run.stderr).unwrap(), wanted);
}

#[test]
fn a_full_disk_is_a_failure() {
    let shell = Shell::on_env().with("HANDSFREE_SECRET_A", "value");
    let get: &[&str] = &["get", "env://HANDSFREE_SECRET_A"];
    for arguments in [get, &[get, &["--all"]].concat(), &[get, &["--json"]].concat(), &["list"], &["--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = shell.command(arguments).stdin(Stdio::null()).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(120), "{arguments:?}");
    }
}

#[test]
fn the_env_backend_can_be_read() {
    let shell = Shell::on_env().with("HANDSFREE_SECRET_DB_PASSWORD", "value");
    assert_eq!(shell.run(&["get", "env://HANDSFREE_SECRET_DB_PASSWORD"]), done("value\n"));
    assert_eq!(shell.run(&["list"]), done("env://HANDSFREE_SECRET_DB_PASSWORD\n"));
}
