//! Tests of TLS listeners and nginx with another client, `openssl`.

use std::path::Path;
use std::process::{Command, Stdio};

use handsfree_secrets_test_support::{Api, Identity, Nginx, Server, Tls};
use serde_json::Value;

/// Whether `openssl` accepts the server at this port as `localhost`, and the server accepts `openssl`.
fn openssl_accepts(port: u16, ca: &Path, client: Option<&Identity>) -> bool {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "localhost"]);
    command.args(["-verify_hostname", "localhost", "-verify_return_error", "-ign_eof", "-CAfile"]).arg(ca);
    if let Some(client) = client {
        command.arg("-cert").arg(&client.certificate).arg("-key").arg(&client.key);
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl");
    let request = "GET /v1/sys/seal-status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // The write fails if openssl has already refused the server.
    let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), request.as_bytes());
    let output = child.wait_with_output().expect("openssl's end");
    output.status.success() && String::from_utf8_lossy(&output.stdout).contains("HTTP/1.1 200")
}

#[test]
fn listeners_use_their_certificates() {
    let tls = Tls::new();
    let (good, expired, other) = (tls.server(), tls.expired_server(), tls.server_named("other.example"));
    let server = Server::builder()
        .tls(&good.certificate, &good.key, None)
        .tls(&expired.certificate, &expired.key, None)
        .tls(&other.certificate, &other.key, None)
        .tls(&good.certificate, &good.key, Some(&tls.ca_file()))
        .start();
    assert!(openssl_accepts(server.https_port(0), &tls.ca_file(), None));
    assert!(!openssl_accepts(server.https_port(0), &Tls::new().ca_file(), None), "an unknown authority");
    assert!(!openssl_accepts(server.https_port(1), &tls.ca_file(), None), "an expired certificate");
    assert!(!openssl_accepts(server.https_port(2), &tls.ca_file(), None), "another name");
    assert!(!openssl_accepts(server.https_port(3), &tls.ca_file(), None), "no client certificate");
    assert!(openssl_accepts(server.https_port(3), &tls.ca_file(), Some(&tls.client("ann"))));
}

#[test]
fn nginx_answers_like_a_kv_mount() {
    let nginx = Nginx::start("recorded", None);
    let api = Api::new(&nginx.addr(), "any");
    assert_eq!(api.get("secret/data/any/path")["data"]["data"]["value"], "recorded");
    assert_eq!(api.send("GET", "sys/internal/ui/mounts/secret", &Value::Null).body["data"]["options"]["version"], "2");
    let tls = Tls::new();
    let nginx = Nginx::start("recorded", Some(&tls.server()));
    assert!(openssl_accepts(nginx.port(), &tls.ca_file(), None));
}
