//! `lease`, with a real database.

use std::sync::OnceLock;

use handsfree_secrets_test_support::{Postgres, Server};
use serde_json::{Value, json};

use super::{Run, Shell, done};

/// A database engine whose mount is of this test only, and its role `app`.
struct Engine {
    database: &'static Postgres,
    mount: String,
    path: String,
}

fn engine(server: &Server) -> Engine {
    static DATABASE: OnceLock<Postgres> = OnceLock::new();
    let database = DATABASE.get_or_init(Postgres::start);
    let mount = format!("db-{}", server.fresh_mount());
    database.mount(server.api(), &mount);
    database.role(server.api(), &mount, "app", "60s", "120s");
    let path = format!("{mount}/creds/app");
    Engine { database, mount, path }
}

fn parsed(run: &Run) -> Value {
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    serde_json::from_str(&run.out).expect("JSON")
}

fn log_in(engine: &Engine, fields: &Value) -> Result<String, String> {
    let text = |name: &str| fields[name].as_str().expect("a text");
    engine.database.query_as(text("username"), text("password"), "SELECT 1")
}

#[test]
fn a_lease_logs_in_until_it_is_revoked() {
    let server = Server::shared();
    let engine = engine(server);
    let shell = Shell::on_vault(server, "secret");
    for by_argument in [true, false] {
        let lease = parsed(&shell.run(&["lease", "--json", &engine.path]));
        assert_eq!(log_in(&engine, &lease["fields"]), Ok("1".into()));
        let left = lease["remaining_ms"].as_i64().expect("a time");
        assert!((1..=60_000).contains(&left), "{left}");
        let id = lease["lease_id"].as_str().expect("an id");
        assert!(id.starts_with(&format!("{}/", engine.path)), "{id}");
        let revoked = if by_argument {
            shell.run(&["lease", "--revoke", id])
        } else {
            shell.run_with_input(&["lease", "--revoke"], format!("{id}\n").as_bytes())
        };
        assert_eq!(revoked, done(""));
        assert!(log_in(&engine, &lease["fields"]).is_err(), "the user is gone when the command ends");
    }
}

#[test]
fn a_lease_is_printed_in_lines_or_one_field_of_it() {
    let server = Server::shared();
    let engine = engine(server);
    let shell = Shell::on_vault(server, "secret");
    let lines = shell.run(&["lease", &engine.path]);
    let pairs = lines.out.lines().map(|line| line.split_once('=').expect("NAME=VALUE"));
    let fields: serde_json::Map<String, Value> = pairs.map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!(log_in(&engine, &fields.into()), Ok("1".into()), "{}", lines.err);
    let user = shell.run(&["lease", "--field", "username", &engine.path]);
    assert!(user.out.contains("-app-") && user.out.lines().count() == 1, "{user:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    let password = shell.run(&["lease", &engine.path, "--field", "password", "--output", file.to_str().unwrap()]);
    assert_eq!(password, done(""));
    assert!(std::fs::read_to_string(&file).expect("the file").len() > 10);
}

#[test]
fn credentials_that_cannot_be_printed_are_revoked_or_reported() {
    let server = Server::shared();
    let engine = engine(server);
    engine.database.role(server.api(), &engine.mount, "unread", "60s", "120s");
    let path = format!("{}/creds/unread", engine.mount);
    let may_create = format!("path \"{path}\" {{ capabilities = [\"read\"] }}");
    let arguments = ["lease", &path, "--field", "usernme"];

    let run = Shell::on_vault(server, "secret").run(&arguments);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert_eq!(run.err, "hfsecret: usernme: the credentials have no such field\n");
    assert_eq!(engine.database.users_of("unread"), 0, "nobody has the user");
    let run = Shell::on_vault(server, "secret").run(&["lease", &path, "--output", "/dev/full"]);
    assert_eq!((run.code, engine.database.users_of("unread")), (120, 0), "{}", run.err);

    let run = Shell::on_vault(server, "secret").with("VAULT_TOKEN", &server.policy_token(&may_create)).run(&arguments);
    let (absent, alive) = run.err.split_once('\n').expect("two lines");
    assert_eq!((run.code, absent), (1, "hfsecret: usernme: the credentials have no such field"));
    assert!(alive.starts_with(&format!("hfsecret: {path}/")) && alive.contains("until their end"), "{alive}");
    assert_eq!(engine.database.users_of("unread"), 1);
}

#[test]
fn parameters_come_from_a_file_and_are_sent_with_a_post() {
    let server = Server::shared();
    let mount = format!("pki-{}", server.fresh_mount());
    server.api().post(&format!("sys/mounts/{mount}"), json!({"type": "pki"}));
    let root = json!({"common_name": "root.test", "key_type": "ec"});
    server.api().post(&format!("{mount}/root/generate/internal"), root);
    let role = json!({"allow_any_name": true, "key_type": "ec", "key_bits": 256, "ttl": "60s", "no_store": true});
    server.api().post(&format!("{mount}/roles/web"), role);
    let (shell, path) = (Shell::on_vault(server, "secret"), format!("{mount}/issue/web"));
    let input = br#"{"common_name": "web.test", "ttl": "30s"}"#;
    let issued = parsed(&shell.run_with_input(&["lease", "--json", &path, "--parameters-file", "/dev/stdin"], input));
    let left = issued["remaining_ms"].as_i64().expect("a time");
    assert!((1..=30_000).contains(&left), "{left}");
    assert!(issued["fields"]["private_key"].as_str().is_some_and(|key| key.contains("PRIVATE KEY")));
    assert_eq!(issued["lease_id"], "");
    let cases: [(i32, &str); 3] = [(3, "not an object"), (3, "{}"), (120, "")];
    for (code, input) in cases {
        let file = if code == 120 { "/nonexistent/file" } else { "/dev/stdin" };
        let run = shell.run_with_input(&["lease", &path, "--parameters-file", file], input.as_bytes());
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{input}: {}", run.err);
    }
}

#[test]
fn a_secret_without_a_lease_has_no_end() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "db", json!({"user": "app"}));
    let run = Shell::on_vault(server, &mount).run(&["lease", "--json", "vault://db"]);
    assert_eq!(run, done("{\"lease_id\":\"\",\"remaining_ms\":-1,\"fields\":{\"user\":\"app\"}}\n"));
}

#[test]
fn failures_of_leases_have_their_codes() {
    let server = Server::shared();
    let engine = engine(server);
    let may_create = format!("path \"{}\" {{ capabilities = [\"read\"] }}", engine.path);
    let other_role = format!("{}/creds/other", engine.mount);
    let default = || Shell::on_vault(server, "secret").with("VAULT_TOKEN", &server.policy_token(&may_create));
    let root = || Shell::on_vault(server, "secret");
    let cases: [(i32, Shell, &[&str]); 6] = [
        (1, root(), &["lease", &engine.path, "--field", "no-such-field"]),
        (1, root(), &["lease", "vault://no-such-secret"]),
        (5, root(), &["lease", &other_role]),
        (7, default(), &["lease", "--revoke", "database/creds/app/x"]),
        (16, Shell::on_env(), &["lease", &engine.path]),
        (120, root(), &["lease", &engine.path, "--output", "/nonexistent/file"]),
    ];
    for (code, shell, arguments) in cases {
        let run = shell.run(arguments);
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.starts_with("hfsecret: "), "{}", run.err);
    }
    assert_eq!(root().run_with_input(&["lease", "--revoke"], b"\n").code, 2);
}
