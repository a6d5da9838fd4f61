//! Batches and lists: requests sent at the same time have the same results as single ones.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::Server;
use serde_json::{Value, json};

use crate::managers::{open, open_with};

#[test]
fn a_batch_is_stored_and_got_in_order() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    let call = Call::default();
    let secrets: Vec<(String, String)> = (0..500).map(|n| (format!("many/{}/{n}", n % 7), format!("v{n}"))).collect();
    let wanted: Vec<(&str, &str)> = secrets.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();

    let references: Vec<String> = manager.store_many(&wanted, &call).into_iter().map(Result::unwrap).collect();
    assert_eq!(references[9], "vault://many/2/9");

    let wanted: Vec<&str> = references.iter().map(String::as_str).collect();
    let values = manager.get_many(&wanted, &call);
    for ((_, value), got) in secrets.iter().zip(values) {
        assert_eq!(got.unwrap().unwrap().as_str(), value);
    }
}

#[test]
fn each_secret_of_a_batch_has_its_own_outcome() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let policy = format!("path \"{mount}/data/mine/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}");
    let manager = open(server, &mount, &server.policy_token(&policy));
    let call = Call::default();

    let stored = manager.store_many(&[("mine/a", "1"), ("a__b", "2"), ("theirs/b", "3"), ("mine/c", "")], &call);
    let statuses: Vec<Option<Status>> = stored.iter().map(|r| r.as_ref().err().map(|e| e.status())).collect();
    assert_eq!(statuses, [None, Some(Status::InvalidArgument), Some(Status::PermissionDenied), None]);
    let denial = stored[2].as_ref().unwrap_err().message();
    assert!(denial.starts_with("Failed to store secret: ") && denial.contains("theirs/b"), "{denial}");

    let got = manager.get_many(&["vault://mine/a", "nonsense", "vault://theirs/b", "vault://mine/none"], &call);
    assert_eq!(got[0].as_ref().unwrap().as_ref().unwrap().as_str(), "1");
    assert_eq!(got[1].as_ref().unwrap_err().status(), Status::InvalidReference);
    assert_eq!(got[2].as_ref().unwrap_err().status(), Status::PermissionDenied);
    assert!(got[3].as_ref().unwrap().is_none());
}

#[test]
fn a_batch_is_stored_on_a_mount_that_requires_check_and_set() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.api().post(&format!("{mount}/config"), json!({"cas_required": true}));
    let manager = open(server, &mount, server.root_token());
    for value in ["1", "2"] {
        for outcome in manager.store_many(&[("a", value), ("b", value), ("c", value)], &Call::default()) {
            outcome.unwrap();
        }
    }
    assert_eq!(manager.get("vault://b", &Call::default()).unwrap().unwrap().as_str(), "2");
}

#[test]
fn a_dead_token_fails_a_batch_after_one_lookup() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let token = server.policy_token(&format!("path \"{mount}/data/*\" {{ capabilities = [\"read\"] }}"));
    let manager = open(server, &mount, &token);
    server.api().post("auth/token/revoke", json!({"token": token}));
    let references = vec!["vault://a"; 100];
    for outcome in manager.get_many(&references, &Call::default()) {
        assert_eq!(outcome.unwrap_err().status(), Status::Auth);
    }
}

/// The same list by one scan, as root, and folder by folder, with the printed policy, which lacks `scan`.
#[test]
fn a_scan_and_a_walk_find_the_same_secrets() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let root = open(server, &mount, server.root_token());
    let call = Call::default();
    let keys: Vec<String> = (0..300).map(|n| format!("l{}/m{}/n{n}", n % 3, n % 10)).collect();
    let wanted: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
    assert!(root.store_many(&wanted, &call).iter().all(Result::is_ok));
    root.store("l1", "beside the folder of its name", None, &call).unwrap();

    let walker = open(server, &mount, &server.policy_token(&Server::printed_policy(&mount)));
    for prefix in [None, Some("l1"), Some("l1/m1"), Some("l2/"), Some("none"), Some("l0/m9/n9")] {
        let scanned = root.list(prefix, &call).unwrap();
        assert_eq!(walker.list(prefix, &call).unwrap(), scanned, "{prefix:?}");
        let all = keys.iter().map(String::as_str).chain(["l1"]);
        let mut expected: Vec<String> =
            all.filter(|key| key.starts_with(prefix.unwrap_or(""))).map(|key| format!("vault://{key}")).collect();
        expected.sort();
        assert_eq!(scanned, expected, "{prefix:?}");
    }
}

/// Answers that a list is too large, unless one page of it is requested: the first page is full, the second is the
/// last.
fn answer_in_pages(connection: TcpStream) {
    let full = |body: Value| {
        let body = body.to_string();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let page = |names: std::ops::Range<u32>| {
        let names: Vec<String> = names.map(|n| format!("n {n:06}")).collect();
        full(json!({"data": {"keys": names}}))
    };
    let mut lines = BufReader::new(&connection).lines().map_while(Result::ok);
    while let Some(request) = lines.next() {
        assert!(lines.any(|line| line.is_empty()), "a whole head");
        let path = request.split(' ').nth(1).unwrap();
        let answer = match path.split_once('?').map(|(_, query)| query) {
            None => full(json!({"data": {"type": "kv", "options": {"version": "2"}}})),
            Some("scan=true" | "list=true") => "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n".to_owned(),
            Some("list=true&limit=100000") => page(0..100_000),
            Some("list=true&limit=100000&after=n%20099999") => page(100_000..100_002),
            Some(query) => panic!("{query}"),
        };
        let _ = (&connection).write_all(answer.as_bytes());
    }
}

#[test]
fn a_folder_too_large_for_one_answer_is_listed_in_pages() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || answer_in_pages(connection));
        }
    });
    let settings = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", &*address), ("VAULT_TOKEN", "t")];
    let manager = open_with(&settings).unwrap();
    let listed = manager.list(None, &Call::default()).unwrap();
    assert_eq!(listed.len(), 100_002);
    assert_eq!((&*listed[0], &*listed[100_001]), ("vault://n 000000", "vault://n 100001"));
}
