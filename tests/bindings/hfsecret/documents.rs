//! `get --all`, and `get`, `store` and `update` with `--json`: all fields of one version of a secret.

use handsfree_secrets_test_support::Server;
use serde_json::{Value, json};

use super::{Shell, done};

#[test]
fn all_fields_are_lines_sorted_by_name() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let fields = json!({"user": "app", "password": "p=w d\\\"'$(x)", "port": 5432, "tls": true, "none": null,
        "empty": "", "hosts": ["a", {"b": "c\nd"}], "é": "ü", "metadata": {"owner": "b"}});
    server.write_raw(&mount, "db", fields);
    let lines = [
        "empty=",
        r#"hosts=["a",{"b":"c\nd"}]"#,
        r#"metadata={"owner":"b"}"#,
        "none=null",
        r#"password=p=w d\"'$(x)"#,
        "port=5432",
        "tls=true",
        "user=app",
        "é=ü",
    ];
    assert_eq!(shell.run(&["get", "--all", "vault://db"]), done(&(lines.join("\n") + "\n")));
    server.write_raw(&mount, "db", json!({"user": "other"}));
    assert_eq!(shell.run(&["get", "vault://db", "--all"]), done("user=other\n"));
    assert_eq!(shell.run(&["get", "--all", "vault://db?version=1"]).out.lines().count(), lines.len());
    server.write_raw(&mount, "nothing", json!({}));
    assert_eq!(shell.run(&["get", "--all", "vault://nothing"]), done(""));
}

/// Whatever the fields are: each is one line, the first '=' of which ends the name, and JSON is told by its first
/// character.
#[test]
fn a_value_or_name_can_neither_forge_a_line_nor_be_taken_for_json() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let fields = json!({"a": "x\nforged=1", "b=c": "d", "e\nforged": "f", "g": "\"quoted\"", "h": "\u{0}\t\r\u{1b}",
        "\"i\"": "\"", "": "no name"});
    server.write_raw(&mount, "odd", fields.clone());
    let run = Shell::on_vault(server, &mount).run(&["get", "--all", "vault://odd"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let read = |text: &str| if text.starts_with('"') { serde_json::from_str(text).unwrap() } else { text.to_string() };
    let pairs = run.out.split_terminator('\n').map(|line| line.split_once('=').expect("NAME=VALUE"));
    let found: serde_json::Map<String, Value> = pairs.map(|(name, value)| (read(name), read(value).into())).collect();
    assert_eq!(Value::Object(found), fields);
    assert!(run.out.bytes().all(|byte| byte >= b' ' || byte == b'\n'), "{:?}", run.out);
}

#[test]
fn json_is_the_document_as_the_server_sends_it() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    server.write_raw(&mount, "db", json!({"value": "a\n<b>", "n": 1.50, "o": {"z": [], "a": null}}));
    let json = r#"{"n":1.5,"o":{"a":null,"z":[]},"value":"a\n\u003cb\u003e"}"#;
    assert_eq!(shell.run(&["get", "--json", "vault://db"]), done(&format!("{json}\n")));
    assert_eq!(shell.run(&["get", "--json", "--exact", "vault://db"]), done(json));
}

#[test]
fn a_document_has_the_exit_codes_of_a_value() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    server.write_raw(&mount, "db", json!({"value": "the-value"}));
    for option in ["--all", "--json"] {
        let absent = shell.run(&["get", option, "vault://absent"]);
        assert_eq!((absent.code, absent.out.as_str()), (1, ""));
        assert_eq!(absent.err, "hfsecret: vault://absent: no such secret, version or field\n");
        assert_eq!(shell.run(&["get", option, "vault://db#value"]).code, 3);
        assert_eq!(shell.run(&["get", option, "env://A"]).code, 4);
        let closed = shell.run_redirected(&["get", option, "vault://db"], ">&-");
        assert_eq!((closed.code, closed.err.contains("the-value")), (120, false), "{}", closed.err);
        let env = Shell::on_env().with("HANDSFREE_SECRET_A", "x").run(&["get", option, "env://HANDSFREE_SECRET_A"]);
        assert_eq!(env, done(if option == "--all" { "value=x\n" } else { "{\"value\":\"x\"}\n" }));
    }
}

#[test]
fn a_document_is_stored_and_changed_as_json() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    let document = br#"{"username": "app", "port": 5432, "tags": ["a"]}"#;
    assert_eq!(shell.run_with_input(&["store", "--json", "--cas", "0", "db"], document), done("vault://db\n"));
    let change = br#"{"password": "p", "port": 5433}"#;
    assert_eq!(shell.run_with_input(&["update", "--json", "--cas", "1", "vault://db"], change), done(""));
    let stored = &server.read_raw(&mount, "db").unwrap()["data"];
    assert_eq!(*stored, json!({"username": "app", "port": 5433, "tags": ["a"], "password": "p"}));
    for command in [["store", "--json", "--cas", "1", "db"], ["update", "--json", "--cas", "1", "vault://db"]] {
        assert_eq!(shell.run_with_input(&command, change).code, 13, "somebody else has written it");
    }
    let wrong = shell.run_with_input(&["store", "--json", "db"], b"{\"canary\": ");
    assert_eq!((wrong.code, wrong.out.as_str(), wrong.err.contains("canary")), (3, "", false), "{}", wrong.err);
    assert_eq!(shell.run_with_input(&["update", "--json", "vault://none"], b"{}").code, 1);
}
