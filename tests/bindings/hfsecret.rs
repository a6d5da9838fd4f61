//! The command-line program `hfsecret`: its output, its exit codes, and migrations.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use handsfree_secrets_test_support::{Server, cc, repository_root};
use serde_json::json;

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
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hfsecret");
        // A program that refuses its arguments does not read its input, so a broken pipe is expected.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        let output = child.wait_with_output().expect("its end");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Run { code: output.status.code().expect("a code"), out: text(output.stdout), err: text(output.stderr) }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, b"")
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
    for word in ["store", "get", "update", "delete", "list", "migrate", "--exact", "exit: 0 done, 1 no such secret"] {
        assert!(help.out.contains(word), "{word}");
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
        assert_eq!(run.err, format!("hfsecret: {reference}: no such secret\n"));
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
    let wrong: [&[&str]; 13] = [
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
    ];
    for arguments in wrong {
        let run = Shell::on_env().run(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.contains("hfsecret --help"), "{arguments:?}: {}", run.err);
    }
    // Arguments after "--" are not options.
    assert_eq!(Shell::on_env().run(&["get", "--", "--exact"]).code, 4);
}

#[test]
fn a_full_disk_is_a_failure() {
    let shell = Shell::on_env().with("HANDSFREE_SECRET_A", "value");
    for arguments in [["get", "env://HANDSFREE_SECRET_A"].as_slice(), &["list"], &["--help"]] {
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

#[test]
fn migrate_copies_every_secret_of_the_environment_and_is_repeatable() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    // SECRET_MANAGER_TYPE still has its value from before the migration.
    let shell = Shell::on_vault(server, &mount)
        .with("SECRET_MANAGER_TYPE", "env")
        .with("HANDSFREE_SECRET_GITHUB_TOKEN_USER_123", "ghp_1")
        .with("HANDSFREE_SECRET_EMPTY", "")
        .with("NOT_A_SECRET", "x");
    let line = |name: &str, key: &str, done: &str| format!("env://HANDSFREE_SECRET_{name}\tvault://{key}\t{done}\n");
    let both = |outcome: &str| {
        line("EMPTY", "empty", outcome) + &line("GITHUB_TOKEN_USER_123", "github_token_user_123", outcome)
    };

    assert_eq!(shell.run(&["migrate", "--dry-run"]), done(&both("would be stored")));
    assert_eq!(server.read_raw(&mount, "empty"), None, "a dry run writes nothing");
    assert_eq!(shell.run(&["migrate"]), done(&both("stored")));
    assert_eq!(server.read_raw(&mount, "github/token/user/123").unwrap()["data"], json!({"value": "ghp_1"}));
    assert_eq!(server.read_raw(&mount, "empty").unwrap()["data"], json!({"value": ""}));
    assert_eq!(shell.run(&["migrate"]), done(&both("unchanged")));
    assert_eq!(server.read_raw(&mount, "empty").unwrap()["metadata"]["version"], 1, "nothing was written again");
}

#[test]
fn migrate_removes_a_configured_prefix() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount).with("SECRET_MANAGER_ENV_PREFIX", "APP_").with("APP_KEY", "value");
    assert_eq!(shell.run(&["migrate"]), done("env://APP_KEY\tvault://key\tstored\n"));
}

#[test]
fn migrate_does_not_overwrite_secrets_in_vault() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "differs", json!({"value": "theirs", "metadata": {"owner": "b"}, "other": 1}));
    server.write_raw(&mount, "foreign", json!({"user": "u", "password": "p"}));
    server.write_raw(&mount, "deleted", json!({"value": "was here"}));
    server.send("DELETE", &format!("{mount}/data/deleted"), &serde_json::Value::Null).success();
    let shell = Shell::on_vault(server, &mount)
        .with("HANDSFREE_SECRET_A__B", "no key comes of this name")
        .with("HANDSFREE_SECRET_DELETED", "ours")
        .with("HANDSFREE_SECRET_DIFFERS", "ours")
        .with("HANDSFREE_SECRET_FOREIGN", "ours")
        .with("HANDSFREE_SECRET_LAST", "last");

    for arguments in [["migrate", "--dry-run"].as_slice(), &["migrate"]] {
        let run = shell.run(arguments);
        let outcome = if arguments.len() > 1 { "would be stored" } else { "stored" };
        assert_eq!(run.out, format!("env://HANDSFREE_SECRET_LAST\tvault://last\t{outcome}\n"), "the others go on");
        assert_eq!(run.code, 4, "the code of the first failure: {}", run.err);
        for name in ["A__B", "DELETED", "DIFFERS", "FOREIGN"] {
            assert!(run.err.contains(&format!("hfsecret: env://HANDSFREE_SECRET_{name}: ")), "{}", run.err);
        }
        assert!(!run.err.contains("ours") && !run.err.contains("theirs"), "{}", run.err);
    }
    assert_eq!(server.read_raw(&mount, "differs").unwrap()["data"]["value"], "theirs");
    assert_eq!(server.read_raw(&mount, "foreign").unwrap()["data"], json!({"user": "u", "password": "p"}));
    assert_eq!(server.read_raw(&mount, "deleted"), None);

    let run = shell.run(&["migrate", "--overwrite"]);
    assert!(run.out.contains("env://HANDSFREE_SECRET_DIFFERS\tvault://differs\treplaced\n"), "{}", run.out);
    let kept = json!({"value": "ours", "metadata": {"owner": "b"}, "other": 1});
    assert_eq!(server.read_raw(&mount, "differs").unwrap()["data"], kept, "only the value is replaced");
    assert_eq!(server.read_raw(&mount, "foreign").unwrap()["data"], json!({"user": "u", "password": "p"}));
    assert_eq!(server.read_raw(&mount, "deleted"), None);
}

#[test]
fn migrate_stops_at_a_failure_that_affects_all_secrets() {
    let server = Server::shared();
    let shell =
        Shell::on_vault(server, "no-such-mount").with("HANDSFREE_SECRET_A", "a").with("HANDSFREE_SECRET_B", "b");
    let run = shell.run(&["migrate"]);
    assert_eq!((run.code, run.out.as_str()), (5, ""), "{}", run.err);
    assert_eq!(run.err.matches("env://").count(), 1, "{}", run.err);
    assert!(run.err.contains("1 of 2 secrets not tried"), "{}", run.err);
}
