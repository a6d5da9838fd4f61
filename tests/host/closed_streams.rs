//! Programs whose standard streams are closed: the library's descriptors do not get their numbers, so that output of
//! the program or of the library is not written into a connection.

use std::process::Command;

use handsfree_secrets_test_support::{Relay, Server, cc, repository_root};
use serde_json::json;

use crate::programs::{Target, TlsServer, program, succeeds, text_of};

/// Checks that no connection has carried a log line.
fn carries_no_line(relay: &Relay) {
    for sent in relay.sent() {
        let text = String::from_utf8_lossy(&sent);
        assert!(!text.contains("handsfree_secrets: "), "{text}");
    }
}

#[test]
fn no_connection_and_no_file_is_a_standard_stream() {
    let relay = Relay::to(Server::shared().port());
    let mut target = Target::plain(Server::shared(), relay.addr());
    succeeds(&mut target.command(&program("closed"), &[]));
    succeeds(&mut target.command(&program("closed"), &["stderr"]));
    carries_no_line(&relay);
    // With the server addressed by name, and the token in a file.
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, &target.token).unwrap();
    target.address = format!("http://localhost:{}", relay.port());
    let mut command = target.command(&program("closed"), &[]);
    succeeds(command.env_remove("VAULT_TOKEN").env("VAULT_TOKEN_FILE", &token));
}

#[test]
fn no_tls_connection_is_a_standard_stream() {
    let host = TlsServer::start();
    let relay = Relay::to(host.server.https_port(0));
    let target = host.target(relay.port());
    succeeds(&mut target.command(&program("closed"), &[]));
    succeeds(&mut target.command(&program("closed"), &["stderr"]));
    carries_no_line(&relay);
}

#[test]
fn hfsecret_writes_no_secret_into_a_connection() {
    const VALUE: &str = "canary-7c1f";
    let hfsecret = cc::compile_folder("gcc", "c99", &repository_root().join("tools/hfsecret"), "hfsecret-closed");
    let host = TlsServer::start();
    let mount = host.server.fresh_mount();
    host.server.api().post(&format!("{mount}/data/a"), json!({"data": {"value": VALUE}}));
    for (port, scheme) in [(host.server.port(), "http"), (host.server.https_port(0), "https")] {
        let relay = Relay::to(port);
        let plain = host.target(relay.port());
        let target =
            Target { address: format!("{scheme}://localhost:{}", relay.port()), mount: mount.clone(), ..plain };
        for (closed, prints) in
            [("", true), (">&-", false), ("<&- >&-", false), ("<&- >&- 2>&-", false), ("2>&-", true)]
        {
            let script = format!("exec \"$0\" \"$@\" {closed}");
            let mut command: Command = target.command("/bin/sh".as_ref(), &["-c", &script]);
            command.arg(&hfsecret).args(["get", "vault://a"]).env("VAULT_LOG_LEVEL", "trace");
            let output = command.output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout).contains(VALUE);
            assert_eq!((printed, output.status.success()), (prints, prints), "{closed}: {}", text_of(&output));
        }
        carries_no_line(&relay);
        for sent in relay.sent() {
            assert!(!String::from_utf8_lossy(&sent).contains(VALUE), "{scheme}");
        }
    }
}
