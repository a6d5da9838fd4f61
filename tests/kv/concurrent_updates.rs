//! Programs that update one secret at the same time: no update is lost, and none fails.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handsfree_secrets::call::Call;
use handsfree_secrets_test_support::{
    Gateway, Server, Verdict, answer, answer_of, cc, eventually, python_manager, repository_root,
};
use serde_json::{Value, json};

use crate::managers::open_at;

const UPDATES: u64 = 200;
/// How many fields the third program adds. If every second write were lost, all of them would survive once in a million
/// runs.
const NOTES: u64 = 20;

/// Starts a program and waits until it reports that it is ready.
fn start(mut command: Command) -> Child {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    // The program prints nothing else before it is told to begin, so the buffered reader consumes nothing more.
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    if line != "ready\n" {
        panic!("it did not start: {}", String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr));
    }
    child
}

fn contender(program: &Path, server: &Server, mount: &str, name: &str) -> Child {
    let mut command = cc::clean_command(program);
    command.args(["vault://shared", name, &UPDATES.to_string()]);
    command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr()).env("VAULT_MOUNT", mount);
    command.env("VAULT_TOKEN", server.root_token());
    start(command)
}

fn begin(child: &mut Child) {
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
}

#[test]
fn concurrent_updates_of_one_secret_by_three_programs_are_all_kept() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let source = repository_root().join("tests/c/update_contender.c");
    let program = cc::compile("gcc", "c99", &source, "update_contender", &[]);
    server.api().post(&format!("{mount}/config"), json!({"max_versions": 1000}));
    assert_eq!(server.write_raw(&mount, "shared", json!({"value": "start", "metadata": {"owner": "ann"}})), 1);

    let mut contenders = ["left", "right"].map(|name| contender(&program, server, &mount, name));
    let mut third = start(python_manager(server, &mount, &["add-fields", "vault://shared", &NOTES.to_string()]));
    let version = || server.api().get(&format!("{mount}/metadata/shared"))["data"]["current_version"].as_u64().unwrap();
    contenders.iter_mut().for_each(begin);
    eventually("the first updates", Duration::from_secs(60), || (version() > 20).then_some(()));
    begin(&mut third);
    assert_eq!(answer_of(third.wait_with_output().unwrap()), true);

    for child in contenders {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // The first version, 400 updates, and the writes of the third program.
    assert_eq!(version(), 1 + 2 * UPDATES + NOTES);
    let document_at =
        |version: u64| server.read_raw(&mount, &format!("shared?version={version}")).unwrap()["data"].clone();
    let first_noted = (1..=version()).find(|&version| document_at(version)["note-0"] == "kept").unwrap();
    assert!(first_noted + NOTES < version(), "the third program came too late to meet the others");
    let document = document_at(version());
    for number in 0..NOTES {
        assert_eq!(document[format!("note-{number}")], "kept", "an update dropped the field note-{number}");
    }
    assert_eq!(document["metadata"], json!({"owner": "ann"}));
    let value = document["value"].as_str().unwrap();
    assert!(value == "left 199" || value == "right 199", "{value}");
}

/// A standby that has not got the last write yet. As OpenBao's, it answers reads with the state of its storage, and
/// forwards writes, and reads that ask for more than it has.
fn standby_behind(server: &'static Server, old: String, stale_reads: &Arc<AtomicUsize>) -> Gateway {
    const APPLIED: u64 = 40;
    let index = STANDARD.encode(json!({"cluster": "c", "value": APPLIED.to_string()}).to_string());
    let headers = format!("Content-Type: application/json\r\nX-Vault-Index: {index}\r\n");
    let stale_reads = stale_reads.clone();
    Gateway::to(server.port(), move |asked| {
        let required = asked.header("x-vault-index").map(|index| STANDARD.decode(index).unwrap());
        let required = required.map(|index| serde_json::from_slice::<Value>(&index).unwrap());
        let required = required.map_or(0, |index| index["value"].as_str().unwrap().parse::<u64>().unwrap());
        let forwards = asked.header("x-vault-inconsistent") == Some("forward-active-node") && required > APPLIED;
        if asked.method == "GET" && asked.path.contains("/data/") && !forwards {
            stale_reads.fetch_add(1, Ordering::AcqRel);
            return answer("200 OK", &headers, &old);
        }
        Verdict::Pass
    })
}

#[test]
fn a_write_that_a_stale_read_has_led_to_is_made_again_with_what_the_leader_has() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let path = format!("{mount}/data/a");
    server.write_raw(&mount, "a", json!({"value": "first"}));
    let old = server.api().send("GET", &path, &Value::Null).success().to_string();
    server.write_raw(&mount, "a", json!({"value": "second", "kept": "yes"}));

    let stale_reads = Arc::new(AtomicUsize::new(0));
    let standby = standby_behind(server, old, &stale_reads);
    let manager = open_at(server, &standby.addr(), &mount, &[]).unwrap();
    assert!(manager.update("vault://a", "third", None, &Call::default()).unwrap());
    assert_eq!(stale_reads.load(Ordering::Acquire), 1, "the leader answers after the refusal");
    let now = server.api().get(&path);
    assert_eq!(now["data"]["data"]["value"], "third");
    assert_eq!(now["data"]["data"]["kept"], "yes");
    assert_eq!(now["data"]["metadata"]["version"], 3);

    // So does a store in a mount that requires check-and-set.
    server.api().post(&format!("{mount}/config"), json!({"cas_required": true}));
    manager.store("a", "fourth", None, &Call::default()).unwrap();
    assert_eq!(stale_reads.load(Ordering::Acquire), 2);
    assert_eq!(server.api().get(&path)["data"]["data"]["value"], "fourth");
}
