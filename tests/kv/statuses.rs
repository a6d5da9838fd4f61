//! Provokes every status of calls to Vault, mostly on a real server. Each message names the address, path or variable,
//! says what to do next, and holds no secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Gateway, Server, Tls, Verdict, answer, eventually, free_ports};
use serde_json::json;

use crate::managers::{open, open_at, open_with};

/// A manager without retries, with the `extra` settings.
fn open_without_retries(server: &Server, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    open_at(server, &server.addr(), "secret", &[&[("VAULT_MAX_RETRIES", "0")], extra].concat())
}

/// A mount of the shared server with the secret `a`, and a manager for it.
fn vault() -> (&'static Server, String, Arc<dyn SecretManager>) {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    manager.store("a", "CANARY", None, &call()).unwrap();
    (server, mount, manager)
}

fn call() -> Call {
    Call::default()
}

/// The error of an outcome. Checks its status and that its message contains all these words.
fn expect<T>(outcome: Result<T>, status: Status, http_status: u16, words: &[&str]) -> Error {
    let error = outcome.err().unwrap();
    assert_eq!((error.status(), error.http_status()), (status, http_status), "{error}");
    for word in words {
        assert!(error.message().contains(word), "{error}\nhas no {word:?}");
    }
    assert!(!error.message().contains("CANARY"), "{error}");
    error
}

#[test]
fn a_missing_secret_is_not_an_error() {
    let (_, _, manager) = vault();
    assert!(manager.get("vault://none", &call()).unwrap().is_none());
    assert!(!manager.update("vault://none", "v", None, &call()).unwrap());
    assert!(!manager.delete("vault://none", &call()).unwrap());
}

#[test]
fn invalid_argument_names_the_parameter() {
    let (_, _, manager) = vault();
    expect(manager.store("a__b", "v", None, &call()), Status::InvalidArgument, 0, &["key"]);
    expect(manager.delete("vault://a#f", &call()), Status::InvalidArgument, 0, &["reference", "leave out #field"]);
    expect(open_with(&[("VAULT_ADR", "x")]), Status::InvalidArgument, 0, &["did you mean VAULT_ADDR?"]);
}

#[test]
fn invalid_reference_says_what_is_wrong_with_it() {
    let (_, _, manager) = vault();
    for reference in ["a", "env://A", "vault://", "vault://a?version=0", "vault://%zz"] {
        expect(manager.get(reference, &call()), Status::InvalidReference, 0, &[]);
    }
}

#[test]
fn config_names_the_variable() {
    let (server, _, _) = vault();
    expect(open_with(&[("SECRET_MANAGER_TYPE", "vault")]), Status::Config, 0, &["VAULT_ADDR environment variable or"]);
    expect(
        open_without_retries(server, &[("VAULT_TOKEN", "")]),
        Status::Config,
        0,
        &["Either VAULT_TOKEN or both VAULT_ROLE_ID"],
    );
    let nowhere = open_without_retries(server, &[("VAULT_MOUNT", "nowhere")]);
    let outcome = nowhere.and_then(|manager| manager.store("a", "v", None, &call()));
    expect(outcome, Status::Config, 404, &["nowhere/data/a", "check VAULT_MOUNT"]);
    let nowhere = open_without_retries(server, &[("VAULT_NAMESPACE", "nowhere")]);
    expect(nowhere, Status::Config, 404, &["check VAULT_NAMESPACE"]);
}

#[test]
fn auth_says_which_credentials_are_refused() {
    let (server, mount, _) = vault();
    let error = expect(
        open_without_retries(server, &[("VAULT_TOKEN", "CANARY-dead")]),
        Status::Auth,
        403,
        &["set VAULT_TOKEN"],
    );
    assert!(error.message().starts_with("Failed to authenticate with Vault"), "{error}");
    let token = server.policy_token(&Server::printed_policy(&mount));
    let manager = open_without_retries(server, &[("VAULT_TOKEN", &token), ("VAULT_MOUNT", &mount)]).unwrap();
    server.api().post("auth/token/revoke", json!({"token": token}));
    expect(manager.get("vault://a", &call()), Status::Auth, 403, &["set VAULT_TOKEN"]);
}

#[test]
fn permission_denied_names_path_and_capability() {
    let (server, mount, _) = vault();
    let token = server.policy_token(&format!(r#"path "{mount}/data/b" {{ capabilities = ["read"] }}"#));
    let manager = open_without_retries(server, &[("VAULT_TOKEN", &token), ("VAULT_MOUNT", &mount)]).unwrap();
    let denied = Status::PermissionDenied;
    let data = format!("{mount}/data/a");
    expect(manager.get("vault://a", &call()), denied, 403, &["\"read\" on", &data]);
    expect(manager.store("a", "v", None, &call()), denied, 403, &["\"create\" and \"update\" on", &data]);
    expect(manager.delete("vault://a", &call()), denied, 403, &["\"read\" on", &format!("{mount}/metadata/a")]);
    expect(manager.list(None, &call()), denied, 403, &["\"list\" on", &format!("{mount}/metadata")]);
}

#[test]
fn connection_names_the_address_and_its_variable() {
    let (server, _, _) = vault();
    let [port] = free_ports();
    let address = format!("http://127.0.0.1:{port}");
    let refused = open_without_retries(server, &[("VAULT_ADDR", &address)]);
    expect(refused, Status::Connection, 0, &[&address, "check VAULT_ADDR", "Failed to initialize Vault client: "]);
    let gateway = Gateway::to(server.port(), |_| Verdict::Close);
    expect(open_without_retries(server, &[("VAULT_ADDR", &gateway.addr())]), Status::Connection, 0, &[&gateway.addr()]);
}

#[test]
fn tls_names_the_server_and_the_variable() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let identity = tls.server();
    let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
    let place = format!("localhost:{}", server.https_port(0));
    let (address, ca) = (server.https_addr(0), stranger.ca_file());
    let outcome = open_without_retries(&server, &[("VAULT_ADDR", &address), ("VAULT_CACERT", ca.to_str().unwrap())]);
    expect(outcome, Status::Tls, 0, &[&place, "set VAULT_CACERT"]);
}

#[test]
fn timeout_names_the_limit_and_the_variable() {
    let server = Server::builder().start();
    let manager = open_without_retries(&server, &[("VAULT_CLIENT_TIMEOUT", "300ms")]).unwrap();
    server.freeze();
    let outcome = manager.get("vault://a", &call());
    let written = manager.store("a", "CANARY", None, &call());
    server.thaw();
    expect(outcome, Status::Timeout, 0, &["0.300 s", "VAULT_CLIENT_TIMEOUT"]);
    expect(written, Status::Timeout, 0, &["0.300 s", "Failed to store secret"]);
}

#[test]
fn unavailable_says_that_the_server_is_sealed() {
    let server = Server::builder().start();
    let manager = open_without_retries(&server, &[]).unwrap();
    server.seal();
    expect(manager.get("vault://a", &call()), Status::Unavailable, 503, &["sealed", "unseal it"]);
}

#[test]
fn rate_limited_after_the_retries() {
    let server = Server::builder().start();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "CANARY"}));
    let manager = open_without_retries(&server, &[("VAULT_MOUNT", &mount)]).unwrap();
    let quota = json!({"path": format!("{mount}/"), "rate": 1, "interval": "30s"});
    server.api().post("sys/quotas/rate-limit/tests", quota);
    let error = eventually("the quota", Duration::from_secs(20), || manager.get("vault://a", &call()).err());
    expect::<()>(Err(error), Status::RateLimited, 429, &[&format!("{mount}/data/a")]);
}

#[test]
fn conflict_if_the_secret_changes_before_every_write() {
    let (server, mount, _) = vault();
    let rivals = server.api().clone();
    let (path, wins) = (format!("{mount}/data/a"), Arc::new(AtomicU64::new(0)));
    let counter = wins.clone();
    let target = format!("/v1/{path}");
    // The secret is changed between each read and the following write.
    let gateway = Gateway::to(server.port(), move |asked| {
        if asked.method == "POST" && asked.path == target {
            let win = counter.fetch_add(1, Ordering::AcqRel);
            rivals.post(&path, json!({"data": {"value": win.to_string()}}));
        }
        Verdict::Pass
    });
    let manager = open_without_retries(server, &[("VAULT_ADDR", &gateway.addr()), ("VAULT_MOUNT", &mount)]).unwrap();
    let outcome = manager.update("vault://a", "mine", None, &call());
    expect(outcome, Status::Conflict, 400, &[&format!("{mount}/data/a"), "64 times", "try again later"]);
    assert_eq!(wins.load(Ordering::Acquire), 64);
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"]["value"], "63");
}

#[test]
fn a_mount_inside_another_mount_is_a_configuration_error() {
    let (server, mount, _) = vault();
    for inside in ["data", "metadata", "sub", "data/a"] {
        let inside = format!("{mount}/{inside}");
        expect(
            open_without_retries(server, &[("VAULT_MOUNT", &inside)]),
            Status::Config,
            0,
            &["VAULT_MOUNT", &inside, &mount],
        );
    }
}

#[test]
fn more_metadata_than_the_server_accepts_is_too_large() {
    let (_, mount, manager) = vault();
    let metadata = (0..600).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    let outcome = manager.store("many", "v", Some(&metadata), &call());
    expect(outcome, Status::TooLarge, 400, &[&format!("{mount}/data/many"), "entries"]);
}

#[test]
fn an_update_names_the_metadata_once() {
    let (_, _, manager) = vault();
    let metadata = [("owner".to_owned(), "billing".to_owned())].into();
    let outcome = manager.update("vault://a#metadata", "v", Some(&metadata), &call());
    expect(outcome, Status::InvalidArgument, 0, &["metadata"]);
}

#[test]
fn too_large_by_our_limit_and_by_the_limit_of_the_server() {
    let (_, _, manager) = vault();
    let value = "x".repeat(32 << 20);
    expect(manager.store("large", &value, None, &call()), Status::TooLarge, 0, &["32 MiB"]);
    // A server with a smaller limit than the default.
    let tls = Tls::new();
    let (identity, ca) = (tls.server(), tls.ca_file());
    let builder = Server::builder();
    let small = builder.tls_with(&identity.certificate, &identity.key, None, "max_request_size = 65536").start();
    let ca = ("VAULT_CACERT", ca.to_str().unwrap());
    let manager = open_without_retries(&small, &[("VAULT_ADDR", &small.https_addr(0)), ca]).unwrap();
    manager.store("fits", "v", None, &call()).unwrap();
    for length in [100_000, 8 << 20] {
        let outcome = manager.store("large", &"x".repeat(length), None, &call());
        expect(outcome, Status::TooLarge, 413, &["secret/data/large", "of this size"]);
    }
}

#[test]
fn protocol_if_the_peer_is_not_vault() {
    let (server, _, _) = vault();
    for (status, code) in [("200 OK", 200), ("404 Not Found", 404), ("401 Unauthorized", 401)] {
        let gateway = Gateway::to(0, move |_| answer(status, "", "<html>CANARY</html>"));
        let outcome = open_without_retries(server, &[("VAULT_ADDR", &gateway.addr())]);
        expect(outcome, Status::Protocol, code, &[&gateway.addr()]);
    }
    let gateway = Gateway::to(0, |_| Verdict::Answer("SSH-2.0-CANARY\r\n".to_owned()));
    expect(open_without_retries(server, &[("VAULT_ADDR", &gateway.addr())]), Status::Protocol, 0, &[&gateway.addr()]);
}

#[test]
fn unsupported_for_other_mounts_and_values() {
    let (server, mount, manager) = vault();
    let other = [("VAULT_MOUNT", "cubbyhole")];
    expect(open_without_retries(server, &other), Status::Unsupported, 200, &["\"cubbyhole\"", "VAULT_MOUNT"]);
    server.write_raw(&mount, "object", json!({"value": {"secret": "CANARY"}}));
    expect(manager.get("vault://object", &call()), Status::Unsupported, 0, &["object"]);
    expect(open_with(&[("SECRET_MANAGER_TYPE", "aws")]), Status::Unsupported, 0, &["SECRET_MANAGER_TYPE"]);
}

#[test]
fn cancelled_ends_a_waiting_call() {
    let server = Server::builder().start();
    let manager = open_without_retries(&server, &[]).unwrap();
    server.freeze();
    let (call, canceller) = Call::cancellable();
    let outcome = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let outcome = manager.get("vault://a", &call);
            (outcome, Instant::now())
        });
        std::thread::sleep(Duration::from_millis(30));
        canceller.cancel();
        let cancelled = Instant::now();
        let (outcome, end) = waiting.join().unwrap();
        let late = end.saturating_duration_since(cancelled);
        assert!(late < Duration::from_millis(400), "{late:?}");
        outcome
    });
    server.thaw();
    expect(outcome, Status::Cancelled, 0, &["cancelled"]);
}
