//! `hf_request` on a real server, and with stand-ins for failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::open::Manager;
use handsfree_secrets::secret::Secret;
use handsfree_secrets::vault::{RawAnswer, RawRequest};
use handsfree_secrets_test_support::{Gateway, Relay, Server, Verdict, answer};
use serde_json::{Value, json};

use crate::managers::{fails, open_whole};

fn manager() -> (&'static Server, String, Manager) {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open_whole(server, &mount, &[]).unwrap();
    (server, mount, manager)
}

fn send(manager: &Manager, method: &str, path: &str, body: Option<&str>) -> Result<Option<RawAnswer>> {
    let request = RawRequest::new(method, path, body.map(Secret::copy_of), None)?;
    request.send(manager.client()?, &Call::default())
}

fn json_of(answer: Option<RawAnswer>) -> Value {
    serde_json::from_slice(answer.unwrap().body.as_slice()).unwrap()
}

#[test]
fn each_method_does_what_it_does_in_the_official_client() {
    let (server, mount, manager) = manager();
    let path = format!("{mount}/data/a");
    let written = send(&manager, "POST", &path, Some(r#"{"data": {"v": "ü", "n": 1}}"#)).unwrap();
    assert_eq!(written.as_ref().unwrap().http_status, 200);
    assert_eq!(json_of(written)["data"]["version"], 1);
    let read = send(&manager, "GET", &path, None).unwrap();
    assert_eq!(json_of(read)["data"]["data"], json!({"v": "ü", "n": 1}));
    send(&manager, "PATCH", &path, Some(r#"{"data": {"n": 2}}"#)).unwrap();
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], json!({"v": "ü", "n": 2}));
    send(&manager, "PUT", &path, Some(r#"{"data": {"v": "put"}}"#)).unwrap();
    assert_eq!(json_of(send(&manager, "GET", &format!("{path}?version=1"), None).unwrap())["data"]["data"]["n"], 1);
    let list = send(&manager, "LIST", &format!("{mount}/metadata/"), None).unwrap();
    assert_eq!(json_of(list)["data"]["keys"], json!(["a"]));
    let deleted = send(&manager, "DELETE", &path, None).unwrap().unwrap();
    assert_eq!((deleted.http_status, deleted.body.as_slice()), (204, &b""[..]));
    assert!(send(&manager, "GET", &path, None).unwrap().is_none(), "a deleted version is not there");
    assert!(send(&manager, "GET", &format!("{mount}/data/none"), None).unwrap().is_none());
    assert!(send(&manager, "LIST", &format!("{mount}/metadata/none/"), None).unwrap().is_none());
    let token = send(&manager, "POST", "auth/token/create", None).unwrap();
    assert!(json_of(token)["auth"]["client_token"].is_string(), "without a body it is {{}}");
}

#[test]
fn a_refusal_has_the_words_of_the_server_and_no_secret() {
    let (server, mount, manager) = manager();
    let error = fails(send(&manager, "POST", &format!("{mount}/data/a"), Some("{}")), Status::InvalidArgument);
    assert_eq!(error.http_status(), 400);
    assert!(error.message().contains("no data provided"), "{error}");
    let error = fails(send(&manager, "GET", "nowhere/at/all", None), Status::Config);
    assert!(error.message().contains("no handler for route"), "{error}");
    let body = r#"{"policy": "path \"x\" { capabilities = [\"CANARY-word\"] }"}"#;
    let error = fails(send(&manager, "PUT", "sys/policies/acl/bad", Some(body)), Status::InvalidArgument);
    assert!(!error.message().contains("CANARY"), "{error}");
    let token = server.policy_token("path \"cubbyhole/*\" { capabilities = [\"read\"] }");
    let other = open_whole(server, &mount, &[("VAULT_TOKEN", &token)]).unwrap();
    for (method, capability) in [("GET", "read"), ("LIST", "list"), ("POST", "update"), ("DELETE", "delete")] {
        let error = fails(send(&other, method, "sys/mounts", None), Status::PermissionDenied);
        assert!(error.message().contains(&format!("{capability:?}")), "{method}: {error}");
    }
}

#[test]
fn health_answers_with_every_status_and_is_not_repeated() {
    let (_, _, manager) = manager();
    let health = json_of(send(&manager, "GET", "sys/health", None).unwrap());
    assert_eq!((&health["initialized"], &health["sealed"]), (&json!(true), &json!(false)));
    let sealed = send(&manager, "GET", "sys/health?activecode=299", None).unwrap().unwrap();
    assert_eq!(sealed.http_status, 299);
    for code in [429, 472, 473, 501, 503] {
        let answer = send(&manager, "GET", &format!("sys/health?activecode={code}"), None).unwrap().unwrap();
        assert_eq!(answer.http_status, code);
    }
}

#[test]
fn health_of_a_sealed_server_is_an_answer() {
    let server = Server::builder().audit().start();
    let mount = server.fresh_mount();
    let manager = open_whole(&server, &mount, &[]).unwrap();
    server.seal();
    let answer = send(&manager, "GET", "sys/health", None).unwrap().unwrap();
    assert_eq!(answer.http_status, 503);
    let body: Value = serde_json::from_slice(answer.body.as_slice()).unwrap();
    assert_eq!(body["sealed"], true);
}

/// A server that answers the first requests below `sys/tools` with 503, and counts them.
fn busy(server: &Server, failures: usize) -> (Gateway, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        if !request.path.starts_with("/v1/sys/tools") && !request.path.starts_with("/v1/sys/health") {
            return Verdict::Pass;
        }
        match count.fetch_add(1, Ordering::AcqRel) < failures {
            true => answer("502 Bad Gateway", "", "<html>busy</html>"),
            false => Verdict::Pass,
        }
    });
    (gateway, asked)
}

#[test]
fn only_reads_are_repeated_after_a_failure_that_may_have_acted() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    for (method, outcome, requests) in [("GET", None, 2), ("POST", Some(Status::Unavailable), 1)] {
        let (gateway, asked) = busy(server, 1);
        let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
        let sent = send(&manager, method, "sys/tools/random/8", None);
        // The endpoint itself takes no GET.
        let status = sent.err().map(|error| error.status());
        assert_eq!(status, outcome.or(Some(Status::Unsupported)), "{method}");
        assert_eq!(asked.load(Ordering::Acquire), requests, "{method}");
    }
}

#[test]
fn a_page_for_browsers_is_not_an_answer() {
    let server = Server::shared();
    let gateway = Gateway::to(server.port(), |request| match request.path.starts_with("/v1/sys/tools") {
        true => answer("200 OK", "Content-Type: text/html\r\n", "<html>CANARY log in</html>"),
        false => Verdict::Pass,
    });
    let mount = server.fresh_mount();
    let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
    let error = fails(send(&manager, "GET", "sys/tools/random", None), Status::Protocol);
    assert!(!error.message().contains("CANARY"), "{error}");
}

#[test]
fn a_patch_of_nothing_is_not_found_and_a_conflict_is_told() {
    let (_, mount, manager) = manager();
    let path = format!("{mount}/data/none");
    assert!(send(&manager, "PATCH", &path, Some(r#"{"data": {"a": 1}}"#)).unwrap().is_none());
    let once = Some(r#"{"options": {"cas": 0}, "data": {"a": 1}}"#);
    assert!(send(&manager, "POST", &path, once).unwrap().is_some());
    let error = fails(send(&manager, "POST", &path, once), Status::Conflict);
    assert!(error.message().contains("the check-and-set condition of the request does not hold"), "{error}");
    let error = fails(send(&manager, "GET", &format!("{mount}/none"), None), Status::InvalidArgument);
    assert!(error.message().contains("MOUNT/data/"), "{error}");
}

#[test]
fn a_query_is_in_no_message() {
    let (_, _, manager) = manager();
    for path in ["nowhere/x?token=CANARY-token", "sys/policies/acl/none?x=CANARY-token"] {
        let error = send(&manager, "POST", path, None).err().unwrap();
        assert!(!error.message().contains("CANARY"), "{error}");
    }
}

#[test]
fn a_request_that_cannot_be_sent_makes_no_traffic() {
    let server = Server::shared();
    let relay = Relay::to(server.port());
    let manager = open_whole(server, &server.fresh_mount(), &[("VAULT_ADDR", &relay.addr())]).unwrap();
    let before = relay.bytes_sent();
    for (method, path, body) in [
        ("GET", "", None),
        ("FETCH", "a", None),
        ("GET", "a/../b", None),
        ("GET", "a//b", None),
        ("POST", "a", Some("{\"CANARY")),
        ("DELETE", "a", Some("{}")),
        ("LIST", "a?list=false", None),
        ("GET", "v1/sys/health", None),
    ] {
        let error = fails(send(&manager, method, path, body), Status::InvalidArgument);
        assert!(error.http_status() == 0 && !error.message().contains("CANARY"), "{error}");
    }
    assert_eq!(relay.bytes_sent(), before);
}
