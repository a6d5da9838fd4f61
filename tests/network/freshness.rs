//! `X-Vault-Index`: reads after writes, and indices that another server does not understand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use handsfree_secrets_test_support::answer_text;

/// A gateway that adds this index to answers to writes, and records the indices of reads.
fn with_index(server: &Server, index: String) -> (Gateway, Arc<Mutex<Vec<Option<String>>>>) {
    let seen: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let reads = seen.clone();
    let gateway = Gateway::to(server.port(), move |asked| {
        if asked.method == "POST" {
            let headers = format!("X-Vault-Index: {index}\r\nContent-Type: application/json\r\n");
            return Verdict::PassButAnswer(answer_text("200 OK", &headers, r#"{"data":{"version":2}}"#));
        }
        if asked.path.contains("/data/") {
            reads.lock().unwrap().push(asked.header("X-Vault-Index").map(str::to_owned));
        }
        Verdict::Pass
    });
    (gateway, seen)
}

#[test]
fn an_index_that_the_server_cannot_decode_is_dropped_and_the_read_repeated() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    // The format of HashiCorp's Vault, which OpenBao refuses with 400.
    let foreign = STANDARD.encode("v1:cluster:10:5:mac");
    let (gateway, reads) = with_index(server, foreign.clone());
    for retries in ["0", "2"] {
        let manager = open_at(server, &gateway.addr(), &mount, &[("VAULT_MAX_RETRIES", retries)]).unwrap();
        manager.store("a", "w", None, &Call::default()).unwrap();
        for _ in 0..2 {
            assert_eq!(get(&*manager).unwrap(), "w");
        }
        let seen = std::mem::take(&mut *reads.lock().unwrap());
        assert_eq!(seen, [Some(foreign.clone()), None, None], "{retries}");
    }
}

#[test]
fn a_malformed_index_is_never_sent() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for garbage in ["garbage", "!!!", "AAAA"] {
        let (gateway, reads) = with_index(server, garbage.to_owned());
        let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
        manager.store("a", "w", None, &Call::default()).unwrap();
        assert_eq!(get(&*manager).unwrap(), "w");
        assert_eq!(*reads.lock().unwrap(), [None], "{garbage}");
    }
}

#[test]
fn an_answer_older_than_the_last_write_is_not_accepted() {
    // Such an answer comes from a leader that was frozen and does not know yet that another one was elected.
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let index = |value: &str| {
        let header = STANDARD.encode(json!({"cluster": "c", "value": value}).to_string());
        format!("X-Vault-Index: {header}\r\nContent-Type: application/json\r\n")
    };
    let (thawed, written) = (Arc::new(AtomicUsize::new(0)), index("10"));
    let (asked, old) = (thawed.clone(), index("9"));
    let former = Gateway::to(server.port(), move |asked_for| {
        if asked_for.method == "POST" {
            return Verdict::PassButAnswer(answer_text("200 OK", &written, r#"{"data":{"version":2}}"#));
        }
        if !asked_for.path.contains("/data/") {
            return Verdict::Pass;
        }
        if asked_for.path.ends_with("/data/made") {
            return answer("404 Not Found", &old, r#"{"errors":[]}"#);
        }
        asked.fetch_add(1, Ordering::AcqRel);
        answer("200 OK", &old, r#"{"data":{"data":{"value":"old"},"metadata":{"version":1}}}"#)
    });
    let list = format!("{},{}", former.addr(), server.addr());
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    manager.store("a", "new", None, &Call::default()).unwrap();
    assert_eq!(get(&*manager).unwrap(), "new");
    assert_eq!(get(&*manager).unwrap(), "new");
    assert_eq!(thawed.load(Ordering::Acquire), 1, "the next call begins at the node that knew more");
    let alone = open_at(server, &former.addr(), &mount, &[("VAULT_MAX_RETRIES", "0")]).unwrap();
    alone.store("a", "new", None, &Call::default()).unwrap();
    let error = get(&*alone).unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 200), "{error}");
    // What it does not have yet is not missing.
    for _ in 0..2 {
        let error = alone.get("vault://made", &Call::default()).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 404), "{error}");
    }
}
