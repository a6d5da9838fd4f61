//! `VAULT_HEADERS`, and the headers that every request has.

use super::*;

#[test]
fn extra_headers_reach_the_server_with_every_request() {
    let server = Server::builder().audit().start();
    for name in ["X-Tests-Colour", "X-Vault-Request"] {
        server.api().post(&format!("sys/config/auditing/request-headers/{name}"), json!({"hmac": false}));
    }
    let mount = mount_with_secret(&server);
    let extra = [("VAULT_HEADERS", r#"{"X-Tests-Colour": "blue"}"#)];
    assert_eq!(read(&server, &server.addr(), &mount, &extra).unwrap(), "v");
    for path in [format!("{mount}/data/a"), format!("sys/internal/ui/mounts/{mount}")] {
        let with_header = server.audit_lines(|entry| {
            let request = &entry["request"];
            entry["type"] == "request"
                && request["path"] == path.as_str()
                && request["headers"]["x-tests-colour"] == json!(["blue"])
                && request["headers"]["x-vault-request"] == json!(["true"])
        });
        assert_eq!(with_header, 1, "{path}");
    }
}

#[test]
fn a_header_is_sent_once_for_each_value_and_user_agent_can_be_replaced() {
    let server = Server::builder().audit().start();
    for name in ["X-Tests-Colour", "User-Agent"] {
        server.api().post(&format!("sys/config/auditing/request-headers/{name}"), json!({"hmac": false}));
    }
    let mount = mount_with_secret(&server);
    let reads_with = |headers: serde_json::Value| {
        let path = format!("{mount}/data/a");
        server.audit_lines(|entry| {
            let request = &entry["request"];
            let read = entry["type"] == "request" && request["operation"] == "read" && request["path"] == path;
            read && request["headers"] == headers
        })
    };
    let ours = format!("handsfree_secrets/{}", env!("CARGO_PKG_VERSION"));
    let extra = [("VAULT_HEADERS", r#"{"X-Tests-Colour": ["blue", "a\tb"]}"#)];
    assert_eq!(read(&server, &server.addr(), &mount, &extra).unwrap(), "v");
    assert_eq!(reads_with(json!({"x-tests-colour": ["blue", "a\tb"], "user-agent": [ours]})), 1);
    let extra = [("VAULT_HEADERS", r#"{"user-agent": "payments/1"}"#)];
    assert_eq!(read(&server, &server.addr(), &mount, &extra).unwrap(), "v");
    assert_eq!(reads_with(json!({"user-agent": ["payments/1"]})), 1);
}

#[test]
fn more_headers_than_servers_accept_are_refused() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let headers: serde_json::Map<String, serde_json::Value> =
        (0..40_000).map(|number| (format!("X-Tests-{number}"), json!("x"))).collect();
    let headers = serde_json::to_string(&headers).unwrap();
    let error = read(server, &server.addr(), &mount, &[("VAULT_HEADERS", &headers)]).unwrap_err();
    assert_eq!(error.status(), Status::Config, "{error}");
    assert!(error.message().contains("VAULT_HEADERS"), "{error}");
}
