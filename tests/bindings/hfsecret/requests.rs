//! `request` and `check`.

use std::time::Duration;

use handsfree_secrets_test_support::{Server, cc, output_within};
use serde_json::{Value, json};

use super::{Shell, done, program};

#[test]
fn a_request_sends_standard_input_and_prints_the_answer() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let path = format!("{mount}/data/a");
    let run = shell.run_with_input(&["request", "POST", &path], b"{\"data\": {\"value\": \"canary\"}}\n");
    let answer: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!((run.code, &answer["data"]["version"], run.err.as_str()), (0, &json!(1), ""));
    assert!(run.out.ends_with('\n') && !run.out.ends_with("\n\n"), "{}", run.out);
    shell.run_with_input(&["request", "PATCH", &path], b"{\"data\": {\"more\": \"x\"}}");
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], json!({"value": "canary", "more": "x"}));

    // GET, LIST and DELETE leave standard input alone.
    let run = shell.run_with_input(&["request", "GET", &format!("{path}?version=1")], b"not JSON");
    assert!(run.code == 0 && run.out.contains("\"value\":\"canary\""), "{}", run.err);
    let run = shell.run_redirected(&["request", "LIST", &format!("{mount}/metadata/")], "<&-");
    assert!(run.code == 0 && run.out.contains("\"keys\":[\"a\"]"), "{}", run.err);
    assert_eq!(shell.run(&["request", "DELETE", &format!("{mount}/metadata/a")]), done(""), "204 has no body");
    let run = shell.run(&["request", "GET", &path]);
    assert_eq!((run.code, run.err), (1, format!("hfsecret: {path}: not found\n")));
}

#[test]
fn a_request_without_input_has_no_body() {
    let server = Server::shared();
    let shell = Shell::on_vault(server, "secret");
    let run = shell.run(&["request", "POST", "auth/token/create"]);
    let answer: Value = serde_json::from_str(&run.out).expect("JSON");
    assert!(answer["auth"]["client_token"].is_string(), "{}", run.err);
    // A terminal is not read: that would wait for somebody to type.
    const SPAWN: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = cc::clean_command("python3".as_ref());
    command.args(["-c", SPAWN]).arg(program()).args(["request", "POST", "auth/token/create"]);
    let output = output_within(Duration::from_secs(60), command.envs(shell.environment));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("client_token"), "{printed}");
}

#[test]
fn a_refused_request_has_the_code_of_its_status_and_repeats_no_value() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let path = format!("{mount}/data/a");
    let deny = server.policy_token("path \"secret/*\" { capabilities = [\"read\"] }");
    let root = || Shell::on_vault(server, &mount);
    let cases = [
        (3, root(), ["request", "post", &path]),
        (3, root(), ["request", "POST", "a/../b"]),
        (3, root(), ["request", "POST", &path]), // the server wants `data`
        (5, root(), ["request", "POST", "no-such-mount/a"]),
        (7, root().with("VAULT_TOKEN", &deny), ["request", "POST", &path]),
        (16, root(), ["request", "PATCH", "sys/health"]),
        (16, Shell::on_env(), ["request", "GET", "sys/health"]),
    ];
    for (code, shell, arguments) in cases {
        let run = shell.run_with_input(&arguments, b"{\"canary\": \"canary\"}");
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with("hfsecret: request: ") && !run.err.contains("canary"), "{}", run.err);
    }
    for input in [b"{\"data\": canary}".as_slice(), b"{\"data\": \"canary\0\"}"] {
        let run = root().run_with_input(&["request", "POST", &path], input);
        assert_eq!((run.code, run.err.contains("canary")), (3, false), "{}", run.err);
    }
    assert_eq!(root().run_redirected(&["request", "POST", &path], "<&-").code, 120, "a closed standard input");
    assert_eq!(root().run_redirected(&["request", "GET", "sys/health"], ">&-").code, 120, "a closed standard output");
    assert_eq!(server.read_raw(&mount, "a"), None);
}

#[test]
fn check_prints_nothing_where_all_is_well_and_has_the_code_of_the_failure() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = || Shell::on_vault(server, &mount);
    assert_eq!(shell().run(&["check"]), done(""));
    assert_eq!(shell().run_redirected(&["check"], "<&- >&- 2>&-"), done(""));
    assert_eq!(Shell::on_env().run(&["check"]), done(""));
    assert_eq!(shell().with("VAULT_TOKEN", "refused").run(&["check"]).code, 6);
    assert_eq!(shell().with("VAULT_ADDR", "http://127.0.0.1:1").run(&["--timeout", "20", "check"]).code, 8);
    let sealed = Server::builder().start();
    let mount = sealed.fresh_mount();
    sealed.seal();
    assert_eq!(Shell::on_vault(&sealed, &mount).run(&["--timeout", "2", "check"]).code, 11);
}

#[test]
fn a_wrapped_answer_is_unwrapped_once() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "canary"}));
    let shell = Shell::on_vault(server, &mount);
    let wrapped = shell.run(&["request", "--wrap-ttl", "60", "GET", &format!("{mount}/data/a")]);
    assert_eq!((wrapped.code, wrapped.out.contains("canary")), (0, false), "{wrapped:?}");
    let answer: serde_json::Value = serde_json::from_str(&wrapped.out).unwrap();
    let token = answer["wrap_info"]["token"].as_str().unwrap();
    let unwrapped = shell.run_with_input(&["unwrap"], format!("{token}\n").as_bytes());
    assert_eq!((unwrapped.code, unwrapped.err.as_str()), (0, ""));
    assert!(unwrapped.out.contains("canary") && unwrapped.out.ends_with('\n'), "{}", unwrapped.out);
    let again = shell.run_with_input(&["unwrap"], token.as_bytes());
    assert_eq!((again.code, again.out.as_str(), again.err.contains(token)), (6, "", false), "{}", again.err);
}
