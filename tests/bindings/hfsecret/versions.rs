//! The commands on versions.

use handsfree_secrets_test_support::Server;
use serde_json::json;

use super::{Run, Shell, done};

/// A mount with three versions of `a`, the first one destroyed and the second one deleted.
fn three_versions(server: &Server) -> String {
    let mount = server.fresh_mount();
    for value in ["canary-1", "canary-2", "canary-3"] {
        server.write_raw(&mount, "a", json!({"value": value, "user": "app"}));
    }
    server.send("PUT", &format!("{mount}/destroy/a"), &json!({"versions": [1]})).success();
    server.send("POST", &format!("{mount}/delete/a"), &json!({"versions": [2]})).success();
    mount
}

/// The columns of each line but the times.
fn states(run: &Run) -> Vec<(&str, &str)> {
    let columns = run.out.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    columns
        .map(|columns| match columns[..] {
            [number, state, created, deletion] => {
                assert!(created.contains('T') && created.ends_with('Z'), "{created}");
                assert_eq!(deletion.contains('T'), state == "deleted", "{deletion}");
                (number, state)
            }
            _ => panic!("{columns:?}"),
        })
        .collect()
}

#[test]
fn versions_are_listed_and_made_readable_again() {
    let server = Server::shared();
    let shell = Shell::on_vault(server, &three_versions(server));
    let run = shell.run(&["versions", "vault://a"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(states(&run), [("1", "destroyed"), ("2", "deleted"), ("3", "live")]);
    assert_eq!(shell.run(&["undelete", "vault://a", "3", "2"]), done(""));
    assert_eq!(states(&shell.run(&["versions", "vault://a"]))[1], ("2", "live"));
    assert_eq!(shell.run(&["get", "vault://a?version=2"]), done("canary-2\n"));
}

#[test]
fn versions_are_deleted_destroyed_and_written_again() {
    let server = Server::shared();
    let shell = Shell::on_vault(server, &three_versions(server));
    assert_eq!(shell.run(&["undelete", "vault://a", "2"]), done(""));
    assert_eq!(shell.run(&["rollback", "vault://a", "2"]), done("4\n"));
    assert_eq!(shell.run(&["get", "vault://a"]), done("canary-2\n"));
    assert_eq!(shell.run(&["delete", "vault://a", "2", "0"]), done(""));
    assert_eq!(shell.run(&["destroy", "vault://a", "3"]), done(""));
    let run = shell.run(&["versions", "vault://a"]);
    assert_eq!(states(&run), [("1", "destroyed"), ("2", "deleted"), ("3", "destroyed"), ("4", "deleted")]);
    for arguments in [["delete", "vault://a", "9"], ["destroy", "vault://a", "9"], ["rollback", "vault://a", "3"]] {
        let run = shell.run(&arguments);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with("hfsecret: vault://a: no such secret"), "{}", run.err);
    }
    assert_eq!(states(&shell.run(&["versions", "vault://a"])).len(), 4, "nothing was written");
}

#[test]
fn a_version_that_cannot_be_made_readable_is_not_found() {
    let server = Server::shared();
    let shell = Shell::on_vault(server, &three_versions(server));
    for arguments in [["undelete", "vault://a", "1"], ["undelete", "vault://a", "9"], ["undelete", "vault://b", "1"]] {
        let run = shell.run(&arguments);
        assert_eq!((run.code, run.out.as_str()), (1, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.contains("no such secret, no such version, or it is destroyed"), "{}", run.err);
    }
    assert_eq!(shell.run(&["undelete", "vault://a", "2", "9"]).code, 1);
    assert_eq!(states(&shell.run(&["versions", "vault://a"]))[1], ("2", "deleted"), "nothing was changed");
    assert_eq!(shell.run(&["undelete", "vault://a", "0"]).code, 3);
    assert_eq!(shell.run(&["versions", "vault://b"]).code, 1);
    assert_eq!(shell.run(&["versions", "vault://a#user"]).code, 3);
}

#[test]
fn rotate_prints_the_version_and_not_the_value() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let shell = Shell::on_vault(server, &mount);
    server.write_raw(&mount, "db", json!({"value": "old", "user": "app", "password": "old-password"}));
    assert_eq!(shell.run(&["rotate", "vault://db"]), done("2\n"));
    let value = shell.run(&["get", "vault://db?version=2"]).out;
    assert!(value.len() == 33 && value.trim_end().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");

    let policy = "length = 20\nrule \"charset\" { charset = \"xyz\" }";
    server.send("PUT", "sys/policies/password/hfsecret", &json!({"policy": policy})).success();
    assert_eq!(shell.run(&["rotate", "--policy", "hfsecret", "vault://db#password"]), done("3\n"));
    let document = server.read_raw(&mount, "db").unwrap()["data"].clone();
    let password = document["password"].as_str().unwrap();
    assert!(password.len() == 20 && password.bytes().all(|byte| b"xyz".contains(&byte)), "{password}");
    assert_eq!((document["user"].as_str(), document["value"].as_str()), (Some("app"), Some(value.trim_end())));
    assert_eq!(shell.run(&["get", "vault://db?version=2#password"]), done("old-password\n"));

    assert_eq!(shell.run(&["rotate", "--policy", "none", "vault://db"]).code, 5);
    assert_eq!(shell.run(&["rotate", "vault://db#none"]).code, 1);
    assert_eq!(shell.run(&["rotate", "vault://db?version=1"]).code, 3);
    assert_eq!(server.read_raw(&mount, "db").unwrap()["metadata"]["version"], 3, "nothing was written");
}

#[test]
fn a_number_that_cannot_be_printed_is_a_failure() {
    let server = Server::shared();
    let shell = Shell::on_vault(server, &three_versions(server));
    for arguments in [["versions", "vault://a"], ["rotate", "vault://a"]] {
        assert_eq!(shell.run_redirected(&arguments, ">&-").code, 120, "{arguments:?}");
    }
    assert_eq!(shell.run_redirected(&["undelete", "vault://a", "2"], "<&- >&- 2>&-").code, 0, "it prints nothing");
}

#[test]
fn without_versions_the_commands_are_unsupported() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    server.api().post(&format!("{mount}/a"), json!({"value": "v"}));
    let kv1 = (Shell::on_vault(server, &mount), "vault://a");
    let env = (Shell::on_env().with("HANDSFREE_SECRET_A", "v"), "env://HANDSFREE_SECRET_A");
    for (shell, reference) in [kv1, env] {
        for arguments in [["versions", reference].as_slice(), &["undelete", reference, "1"], &["rotate", reference]] {
            let run = shell.run(arguments);
            assert_eq!((run.code, run.out.as_str()), (16, ""), "{arguments:?}: {}", run.err);
        }
    }
}
