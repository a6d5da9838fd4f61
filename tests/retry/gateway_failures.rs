//! Gateways that lose, delay or replace answers.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{
    Counter, Fault, FaultProxy, Gateway, Server, Verdict, answer, answer_text, eventually,
};
use serde_json::json;

use crate::managers::{open_at, open_with};

pub fn call() -> Call {
    Call::default()
}

/// A mount with the secret `a` = `old`, which has another field `beside`.
pub fn mount_with_secret(server: &Server) -> String {
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "old", "beside": 1}));
    mount
}

/// Answers of a gateway whose server has executed the request but not answered in time.
fn late_answers() -> [String; 4] {
    [
        answer_text("502 Bad Gateway", "", "<html>"),
        answer_text("503 Service Unavailable", "", ""),
        answer_text("504 Gateway Timeout", "", "<html>"),
        answer_text("200 OK", "", r#"{"request_id":"1","da"#),
    ]
}

/// A gateway that forwards the first write, but replaces its answer by `text`; and a counter of the writes.
fn gateway_that_fails_the_first_write(server: &Server, text: String) -> (Gateway, Counter) {
    let writes = Counter::default();
    let counter = writes.clone();
    let gateway = Gateway::to(server.port(), move |asked| match asked.method.as_str() {
        "POST" if counter.next() == 0 => Verdict::PassButAnswer(text.clone()),
        _ => Verdict::Pass,
    });
    (gateway, writes)
}

#[test]
fn an_update_reported_as_failed_by_a_gateway_is_verified() {
    let server = Server::shared();
    for late in late_answers() {
        let mount = mount_with_secret(server);
        let (gateway, writes) = gateway_that_fails_the_first_write(server, late.clone());
        let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
        assert!(manager.update("vault://a", "new", None, &call()).unwrap_or_else(|e| panic!("{late}: {e}")));
        let found = server.read_raw(&mount, "a").unwrap();
        assert_eq!((&found["data"]["value"], &found["metadata"]["version"]), (&json!("new"), &json!(2)), "{late}");
        assert_eq!(writes.get(), 1, "{late}");
    }
}

#[test]
fn a_store_reported_as_failed_by_a_gateway_is_not_repeated() {
    let server = Server::shared();
    for late in &late_answers()[..3] {
        let mount = mount_with_secret(server);
        let (gateway, writes) = gateway_that_fails_the_first_write(server, late.clone());
        let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
        let error = manager.store("a", "new", None, &call()).unwrap_err();
        assert_eq!((error.status(), writes.get()), (Status::Unavailable, 1), "{late}: {error}");
    }
}

/// The outcome of an update. The gateway loses the answer to the first write, then `meanwhile` runs.
fn update_with_a_lost_answer(server: &Server, mount: &str, meanwhile: impl Fn() + Send + Sync + 'static) -> Status {
    let writes = Counter::default();
    let (port, counter, turn) = (server.port(), writes.clone(), Mutex::new(()));
    let gateway = Gateway::to(port, move |asked| {
        let _one_at_a_time = turn.lock();
        match (asked.method.as_str(), counter.get()) {
            ("POST", _) if counter.next() == 0 => Verdict::PassButAnswer(String::new()),
            ("GET", 1) if asked.path.contains("/data/") => {
                counter.next();
                meanwhile();
                Verdict::Pass
            }
            _ => Verdict::Pass,
        }
    });
    let manager = open_at(server, &gateway.addr(), mount, &[]).unwrap();
    let outcome = manager.update("vault://a", "ours", None, &call());
    assert_eq!(writes.get(), 2, "it was written once, and looked up");
    outcome.map_or_else(|error| error.status(), |found| if found { Status::Ok } else { Status::NotFound })
}

fn others_write(server: &'static Server, mount: &str) -> impl Fn() + Send + Sync + use<> {
    let (api, path) = (server.api(), format!("{mount}/data/a"));
    move || {
        api.post(&path, json!({"data": {"value": "theirs"}}));
    }
}

#[test]
fn an_update_whose_version_is_gone_does_not_undo_later_writes() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.api().post(&format!("{mount}/config"), json!({"max_versions": 1}));
    assert_eq!(update_with_a_lost_answer(server, &mount, others_write(server, &mount)), Status::Connection);
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"]["value"], "theirs");
}

#[test]
fn an_update_that_was_overwritten_is_found_among_the_versions() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    assert_eq!(update_with_a_lost_answer(server, &mount, others_write(server, &mount)), Status::Ok);
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"]["value"], "theirs");
}

#[test]
fn an_update_of_a_secret_deleted_meanwhile_is_not_reported_as_not_written() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (api, path) = (server.api(), format!("{mount}/data/a"));
    let others = move || {
        api.delete(&path);
    };
    assert_eq!(update_with_a_lost_answer(server, &mount, others), Status::Connection);
}

#[test]
fn a_slow_node_that_is_alive_is_waited_for() {
    const SLOW: Duration = Duration::from_millis(4500);
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let gateway = Gateway::to(server.port(), |asked| {
        if asked.path.contains("/data/") {
            std::thread::sleep(SLOW);
        }
        Verdict::Pass
    });
    let two_names = format!("http://127.0.0.1:{0},http://localhost:{0}", gateway.port());
    let alone = gateway.addr();
    std::thread::scope(|scope| {
        for address in [&two_names, &alone] {
            for extra in [&[][..], &[("VAULT_CLIENT_TIMEOUT", "7s")]] {
                let manager = open_at(server, address, &mount, extra).unwrap();
                let (read, written) = (manager.clone(), format!("slow-{}", address.len() + extra.len()));
                scope.spawn(move || {
                    let got = read.get("vault://a", &call()).unwrap_or_else(|e| panic!("{address} {extra:?}: {e}"));
                    assert_eq!(got.unwrap().as_str(), "old");
                });
                scope.spawn(move || {
                    manager.store(&written, "v", None, &call()).unwrap_or_else(|e| panic!("{address} {extra:?}: {e}"));
                });
            }
        }
    });
}

#[test]
fn a_broken_connection_does_not_fail_a_batch() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let writes = Counter::default();
    let counter = writes.clone();
    let gateway = Gateway::to(server.port(), move |asked| match asked.method.as_str() {
        "POST" if counter.next() == 20 => Verdict::Close,
        _ => Verdict::Pass,
    });
    let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
    let keys: Vec<String> = (0..100).map(|number| format!("batch/{number}")).collect();
    let secrets: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    let failed: Vec<_> = manager.store_many(&secrets, &call()).into_iter().filter_map(Result::err).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].status(), Status::Connection);
    assert_eq!(writes.get(), keys.len());
}

#[test]
fn a_quota_in_a_cluster_is_retried_as_often_as_configured() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let asked_for = Counter::default();
    let counter = asked_for.clone();
    let gateway = Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
        true => {
            counter.next();
            answer("429 Too Many Requests", "", r#"{"errors":["rate limit quota exceeded"]}"#)
        }
        false => Verdict::Pass,
    });
    let nodes = format!("http://127.0.0.1:{0},http://localhost:{0}", gateway.port());
    let manager = open_at(server, &nodes, &mount, &[("VAULT_MAX_RETRIES", "1")]).unwrap();
    let error = manager.get("vault://a", &call()).err().unwrap();
    assert_eq!((error.status(), asked_for.get()), (Status::RateLimited, 2), "{error}");
}

#[test]
fn a_temporarily_unknown_leader_is_retried() {
    let server = Server::builder().arg("-dev-ha").start();
    server.write_raw("secret", "a", json!({"value": "old"}));
    let troubles = [
        answer_text("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#),
        answer_text("200 OK", "", r#"{"ha_enabled":true,"leader_address":""}"#),
        String::new(),
    ];
    for trouble in troubles {
        let (asked_for, target, text) = (Counter::default(), server.addr(), trouble.clone());
        let gateway = Gateway::to(server.port(), move |asked| match asked.path.as_str() {
            path if path.contains("/data/") => {
                answer("307 Temporary Redirect", &format!("Location: {target}{path}\r\n"), "")
            }
            path if path.ends_with("sys/leader") && asked_for.next() == 0 => Verdict::Answer(text.clone()),
            _ => Verdict::Pass,
        });
        let manager = open_at(&server, &gateway.addr(), "secret", &[]).unwrap();
        let got = manager.get("vault://a", &call()).unwrap_or_else(|e| panic!("{trouble}: {e}"));
        assert_eq!(got.unwrap().as_str(), "old", "{trouble}");
    }
}

#[test]
fn messages_do_not_repeat_the_request() {
    const TOKEN: &str = "hvs.CANARY-token";
    for status in ["400 Bad Request", "401 No", "403 No", "404 No", "413 No", "429 No", "500 Oops", "503 Oops"] {
        for as_json in [false, true] {
            let gateway = Gateway::to(0, move |asked| {
                if asked.path.contains("ui/mounts") {
                    let body = r#"{"data":{"type":"kv","path":"secret/","options":{"version":"2"}}}"#;
                    return answer("200 OK", "", body);
                }
                let body = String::from_utf8_lossy(&asked.body).into_owned();
                let said = format!("{} of {TOKEN}: {body}", asked.path);
                let text = if as_json { json!({"errors": [said]}).to_string() } else { said };
                answer(status, "", &text)
            });
            let settings = [
                ("SECRET_MANAGER_TYPE", "vault"),
                ("VAULT_ADDR", &gateway.addr()),
                ("VAULT_TOKEN", TOKEN),
                ("VAULT_MAX_RETRIES", "0"),
            ];
            let manager = open_with(&settings).unwrap();
            let metadata = [("owner".to_owned(), "CANARY-owner".to_owned())].into();
            let outcomes = [
                manager.store("k", "CANARY\"value\n", Some(&metadata), &call()).err(),
                manager.get("vault://k", &call()).err(),
                manager.delete("vault://k", &call()).err(),
                manager.list(None, &call()).err(),
            ];
            for error in outcomes {
                let error = error.unwrap();
                assert!(!error.message().contains("CANARY"), "{status}: {error}");
            }
        }
    }
}

#[test]
fn a_repeated_answer_is_not_taken_for_that_of_another_request() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.write_raw(&mount, "b", json!({"value": "other"}));
    let proxy = FaultProxy::to(server.port());
    let manager = open_at(server, &proxy.addr(), &mount, &[]).unwrap();
    proxy.set(Fault::Twice(Duration::from_millis(30)));
    for round in 0..5 {
        for (number, (reference, value)) in [("vault://a", "old"), ("vault://b", "other")].into_iter().enumerate() {
            let got = manager.get(reference, &call()).unwrap().unwrap();
            assert_eq!(got.as_str(), value);
            let repeated = || (proxy.passed().repeats == round * 2 + number + 1).then_some(());
            eventually("the repeated answer", Duration::from_secs(10), repeated);
        }
    }
}

#[test]
fn an_answer_before_the_request_has_been_read_is_used() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = [0; 64];
            std::io::Read::read_exact(&mut connection, &mut head).unwrap();
            let text = match head.starts_with(b"POST") {
                true => answer_text("413 Payload Too Large", "", r#"{"errors":["request body too large"]}"#),
                false => {
                    answer_text("200 OK", "", r#"{"data":{"type":"kv","path":"secret/","options":{"version":"2"}}}"#)
                }
            };
            // It stays open, and reads no further.
            std::io::Write::write_all(&mut connection, text.as_bytes()).unwrap();
            kept.push(connection);
        }
    });
    let settings = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "t")];
    let manager = open_with(&settings).unwrap();
    let started = Instant::now();
    let error = manager.store("a", &"x".repeat(20 << 20), None, &call()).unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::TooLarge, 413), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
