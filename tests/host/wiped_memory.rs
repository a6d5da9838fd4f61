//! No copy of a secret stays in the memory of a process that has used it.
//!
//! The program `scan.c` holds the secret in plain text only in buffers that it wipes itself, so every copy that it
//! finds was made by the library.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use handsfree_secrets_test_support::{Relay, Server};
use serde_json::json;

use crate::programs::{Target, TlsServer, program, succeeds, text_of};

/// The text in the encoding that `scan.c` expects.
fn masked(text: &str) -> String {
    text.bytes().map(|byte| format!("{:02x}", byte ^ 0x5A)).collect()
}

const VALUE: &str = "Kq8Zr3-trace-of-a-value-w7";

/// Runs the program and, once it has freed its manager, passes it the texts of `late` to search for, too.
fn scan(command: &mut Command, late: impl FnOnce() -> Vec<String>) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    while !lines.ends_with("done\n") && output.read_line(&mut lines).unwrap() > 0 {}
    let mut input = child.stdin.take().unwrap();
    for text in late() {
        let _ = writeln!(input, "{}", masked(&text));
    }
    drop(input);
    while output.read_line(&mut lines).unwrap() > 0 {}
    let end = child.wait_with_output().unwrap();
    assert!(end.status.success(), "{lines}{}", text_of(&end));
}

/// The tokens that a client has sent.
fn tokens(relay: &Relay) -> Vec<String> {
    let sent = String::from_utf8_lossy(&relay.sent().concat()).into_owned();
    let headers = sent.lines().filter_map(|line| line.split_once(": "));
    let tokens = headers.filter(|(name, _)| name.eq_ignore_ascii_case("x-vault-token"));
    let mut tokens: Vec<String> = tokens.map(|(_, token)| token.trim().to_owned()).collect();
    tokens.sort();
    tokens.dedup();
    tokens
}

/// An AppRole with a policy for everything: its role_id and a secret_id.
fn app_role(server: &Server) -> (String, String) {
    let api = server.api();
    api.send("POST", "sys/auth/approle", &json!({"type": "approle"}));
    api.post(
        "sys/policies/acl/all",
        json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }"}),
    );
    api.post("auth/approle/role/scanned", json!({"token_policies": "all"}));
    let role = api.get("auth/approle/role/scanned/role-id")["data"]["role_id"].as_str().unwrap().to_owned();
    let secret = api.post("auth/approle/role/scanned/secret-id", json!({}));
    (role, secret["data"]["secret_id"].as_str().unwrap().to_owned())
}

#[test]
fn no_value_stays_in_memory() {
    let target = Target::of_shared();
    succeeds(&mut target.command(&program("scan"), &["value", "scanned", &masked(VALUE)]));
}

#[test]
fn no_value_stays_in_memory_over_tls() {
    let host = TlsServer::start();
    let target = host.target(host.server.https_port(0));
    succeeds(&mut target.command(&program("scan"), &["value", "scanned", &masked(VALUE)]));
}

#[test]
fn nothing_of_documents_requests_and_rotations_stays_in_memory() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        succeeds(&mut target.command(&program("scan_documents"), &["documents", &masked(VALUE)]));
    }
}

#[test]
fn nothing_of_encrypted_data_and_data_keys_stays_in_memory() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        // A multiple of three bytes, for the base64 form.
        succeeds(&mut target.command(&program("scan_transit"), &[&masked(&VALUE[..24])]));
    }
}

#[test]
fn nothing_of_envelopes_and_their_data_keys_stays_in_memory() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        succeeds(&mut target.command(&program("scan_envelope"), &[&masked(VALUE)]));
    }
}

#[test]
fn nothing_of_answers_that_a_cache_has_dropped_stays_in_memory() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        succeeds(&mut target.command(&program("scan_cache"), &["cached", &masked(VALUE)]));
    }
}

#[test]
fn nothing_of_credentials_stays_in_memory() {
    let host = TlsServer::start();
    let api = host.server.api();
    api.post("sys/mounts/pki", json!({"type": "pki"}));
    api.post("pki/root/generate/internal", json!({"common_name": "ca", "key_type": "ec"}));
    let role = json!({"allow_any_name": true, "key_type": "ec", "generate_lease": true, "ttl": "1h"});
    api.post("pki/roles/web", role);
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        let mut command = target.command(&program("scan_leases"), &["leases", &masked(VALUE), "pki/issue/web"]);
        succeeds(command.env("VAULT_WATCH_INTERVAL", "500ms"));
    }
}

#[test]
fn nothing_of_calls_that_were_not_taken_from_a_queue_stays_in_memory() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        succeeds(&mut target.command(&program("scan_queue"), &["queued", &masked(VALUE)]));
    }
}

#[test]
fn no_token_stays_in_memory_after_the_manager() {
    let host = TlsServer::start();
    for target in [Target::plain(&host.server, host.server.addr()), host.target(host.server.https_port(0))] {
        let mut command = target.command(&program("scan"), &["token", &masked(host.server.root_token())]);
        scan(command.env_remove("VAULT_TOKEN"), Vec::new);
    }
}

#[test]
fn no_secret_id_and_no_token_of_a_login_stays_in_memory_after_the_manager() {
    let host = TlsServer::start();
    let (role, secret) = app_role(&host.server);
    let relay = Relay::to(host.server.port());
    let plain = Target::plain(&host.server, relay.addr());
    let tls = host.target(host.server.https_port(0));
    for (target, over_relay) in [(plain, true), (tls, false)] {
        let mut command = target.command(&program("scan"), &["approle", &masked(&secret)]);
        scan(command.env_remove("VAULT_TOKEN").env("ROLE_ID", &role), || {
            let tokens = tokens(&relay);
            assert_eq!(tokens.len(), 1, "one login, one token");
            if over_relay { tokens } else { Vec::new() }
        });
    }
}
