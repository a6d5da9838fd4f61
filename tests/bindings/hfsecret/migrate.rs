//! Migrations from the environment into Vault.

use handsfree_secrets_test_support::Server;
use serde_json::{Value, json};

use super::{Shell, done};

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
    server.send("DELETE", &format!("{mount}/data/deleted"), &Value::Null).success();
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

/// KV version 1 keeps no versions, so what is deleted there is gone.
#[test]
fn migrate_works_with_kv_version_1() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let write = |path: &str, document: Value| server.api().post(&format!("{mount}/{path}"), document);
    let read = |path: &str| server.send("GET", &format!("{mount}/{path}"), &Value::Null).body["data"].clone();
    write("differs", json!({"value": "theirs", "metadata": {"owner": "b"}, "other": 1}));
    write("foreign", json!({"user": "u", "password": "p"}));
    write("deleted", json!({"value": "was here"}));
    server.send("DELETE", &format!("{mount}/deleted"), &Value::Null).success();
    let shell = Shell::on_vault(server, &mount)
        .with("HANDSFREE_SECRET_DELETED", "ours")
        .with("HANDSFREE_SECRET_DIFFERS", "ours")
        .with("HANDSFREE_SECRET_FOREIGN", "ours");
    let line =
        |name: &str, done: &str| format!("env://HANDSFREE_SECRET_{}\tvault://{name}\t{done}\n", name.to_uppercase());

    assert_eq!(shell.run(&["migrate", "--dry-run"]).out, line("deleted", "would be stored"));
    assert_eq!(read("deleted"), Value::Null, "a dry run writes nothing");
    let run = shell.run(&["migrate"]);
    assert_eq!((run.code, run.out), (13, line("deleted", "stored")));
    for name in ["DIFFERS", "FOREIGN"] {
        assert!(run.err.contains(&format!("hfsecret: env://HANDSFREE_SECRET_{name}: ")), "{}", run.err);
    }
    assert_eq!(read("deleted"), json!({"value": "ours"}));
    assert_eq!(read("differs")["value"], "theirs");
    let run = shell.run(&["migrate", "--overwrite"]);
    assert_eq!((run.code, run.out), (13, line("deleted", "unchanged") + &line("differs", "replaced")));
    assert_eq!(read("differs"), json!({"value": "ours", "metadata": {"owner": "b"}, "other": 1}));
    assert_eq!(read("foreign"), json!({"user": "u", "password": "p"}), "no data is lost");
}
