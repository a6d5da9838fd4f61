//! Tests of the server support.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use handsfree_secrets_test_support::{Server, eventually};
use serde_json::{Value, json};

#[test]
fn tests_share_one_server_and_use_different_mounts() {
    let server = Server::shared();
    let (first, second) = (server.fresh_mount(), server.fresh_mount());
    assert_ne!(first, second);
    assert_eq!(server.write_raw(&first, "a/b", json!({"value": "x"})), 1);
    assert_eq!(server.read_raw(&first, "a/b").expect("a document")["data"]["value"], "x");
    assert!(server.read_raw(&second, "a/b").is_none());
}

#[test]
fn the_audit_file_counts_requests() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "counted", json!({"value": "x"}));
    server.read_raw(&mount, "counted");
    server.read_raw(&mount, "counted");
    assert_eq!(server.audited(&format!("{mount}/data/counted"), "read"), 2);
    assert_eq!(server.audited(&format!("{mount}/data/"), ""), 3);
}

#[test]
fn a_policy_token_has_only_its_policy() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let api = server.api().with_token(&server.policy_token(&Server::printed_policy(&mount)));
    assert_eq!(api.send("GET", &format!("{mount}/data/none"), &Value::Null).status, 404);
    assert_eq!(api.send("GET", "auth/token/lookup-self", &Value::Null).status, 403);
    let api = server.api().with_token(&server.policy_token_with_default(&Server::printed_policy(&mount)));
    assert_eq!(api.send("GET", "auth/token/lookup-self", &Value::Null).status, 200);
}

#[test]
fn namespaces_keep_their_mounts_apart() {
    let server = Server::shared();
    let namespace = server.fresh_namespace();
    let inside = server.api().in_namespace(&namespace);
    inside.enable_kv2("own");
    assert_eq!(inside.send("POST", "own/data/k", &json!({"data": {"value": "v"}})).status, 200);
    assert_eq!(server.send("GET", "own/data/k", &Value::Null).status, 404);
}

#[test]
fn a_sealed_server_answers_503_and_ends_with_its_owner() {
    let server = Server::builder().unix_socket().start();
    let (pid, socket) = (server.pid(), server.socket_path());
    assert!(socket.exists());
    server.seal();
    assert_eq!(server.send("GET", "secret/config", &Value::Null).status, 503);
    drop(server);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!socket.exists());
}

/// The next test starts this one in a new process and kills it. The server has to end with it.
const PRINT_PID: &str = "PRINT_PID_AND_HANG";

#[test]
fn hang_with_a_server_if_requested() {
    if std::env::var_os(PRINT_PID).is_some() {
        // The thread that starts the server ends before the process.
        let server = std::thread::spawn(Server::shared).join().expect("a server");
        println!("\npid {}", server.pid());
        std::thread::sleep(Duration::from_secs(60));
    }
}

#[test]
fn a_server_ends_when_the_test_program_is_killed() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut program = Command::new(std::env::current_exe().expect("this program"));
    program.args(["--exact", "hang_with_a_server_if_requested", "--nocapture"]).env(PRINT_PID, "1");
    program.env("TMPDIR", temporary.path()).stdout(Stdio::piped());
    let mut child = program.spawn().expect("this program");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let pid = lines.map_while(Result::ok).find_map(|l| l.strip_prefix("pid ").map(str::to_string)).expect("a pid");
    assert!(runs(&pid));
    child.kill().expect("a running program");
    child.wait().expect("its end");
    eventually("the end of the server", Duration::from_secs(10), || (!runs(&pid)).then_some(()));
}

/// Whether the process exists and is not a zombie.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with('Z'))
}
