//! Which requests are repeated, how often, and when.

use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{End, Fault, Server, eventually};
use serde_json::json;

use crate::faulty_server::{Bench, OPERATIONS, Operation};
use crate::managers::open;

fn answer(status_line: &str, header: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status_line}\r\n{header}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Answers of Vault that mean that the request was not executed.
fn refusals() -> [Vec<u8>; 5] {
    [
        answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#),
        answer("429 Too Many Requests", "", r#"{"errors":["request path \"x\": rate limit quota exceeded"]}"#),
        answer("412 Precondition Failed", "", r#"{"errors":["required index state not present"]}"#),
        answer(
            "500 Internal Server Error",
            "",
            r#"{"errors":["local node not active but active cluster node not found"]}"#,
        ),
        answer("400 Bad Request", "", r#"{"errors":["Upgrading from non-versioned to versioned data. Wait."]}"#),
    ]
}

#[test]
fn every_operation_is_repeated_if_it_was_not_executed() {
    let bench = Bench::plain(Server::shared(), &[]);
    for refusal in refusals() {
        for operation in OPERATIONS {
            bench.run(operation, Fault::instead_of_first(1, refusal.clone())).unwrap();
        }
    }
}

#[test]
fn only_idempotent_requests_are_repeated_after_a_gateway_error() {
    let bench = Bench::plain(Server::shared(), &[]);
    for status_line in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let page = answer(status_line, "", "<html>busy</html>");
        for operation in [Operation::Get, Operation::List, Operation::Delete] {
            bench.run(operation, Fault::instead_of_first(1, page.clone())).unwrap();
        }
        let error = bench.run(Operation::Store, Fault::instead_of_first(1, page)).unwrap_err();
        assert_eq!(error.status(), Status::Unavailable, "{error}");
    }
}

#[test]
fn a_read_is_retried_as_often_as_configured() {
    for retries in ["0", "1", "2"] {
        let bench = Bench::plain(Server::shared(), &[("VAULT_MAX_RETRIES", retries)]);
        bench.proxy.set(Fault::instead(answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#)));
        let error = bench.manager.get("vault://got", &Call::default()).err().unwrap();
        assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 503), "{error}");
        assert_eq!(bench.proxy.passed().requests, retries.parse::<usize>().unwrap() + 1);
    }
}

#[test]
fn retry_after_delays_the_retry() {
    let bench = Bench::plain(Server::shared(), &[]);
    let refusal = answer("429 Too Many Requests", "Retry-After: 1\r\n", r#"{"errors":["rate limit"]}"#);
    let started = Instant::now();
    bench.run(Operation::Store, Fault::instead_of_first(1, refusal)).unwrap();
    assert!((1900..3000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}

#[test]
fn a_retry_after_beyond_the_deadline_ends_the_call_at_once() {
    let bench = Bench::plain(Server::shared(), &[]);
    for seconds in ["3600", "18446744073709551615"] {
        let header = format!("Retry-After: {seconds}\r\n");
        let started = Instant::now();
        let error = bench
            .run(Operation::Get, Fault::instead(answer("429 Too Many Requests", &header, r#"{"errors":["limit"]}"#)))
            .unwrap_err();
        assert_eq!(error.status(), Status::RateLimited, "{error}");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
}

#[test]
fn a_quota_of_the_server_delays_a_store_and_does_not_fail_it() {
    let server = Server::builder().start();
    let mount = server.fresh_mount();
    let manager = open(&server, &mount, server.root_token());
    server.api().post("sys/quotas/config", json!({"enable_rate_limit_response_headers": true}));
    let quota = json!({"path": format!("{mount}/"), "rate": 2, "interval": "2s"});
    server.api().post("sys/quotas/rate-limit/lim", quota);
    for number in 0..5 {
        manager.store("a", &number.to_string(), None, &Call::default()).unwrap();
    }
}

#[test]
fn an_update_whose_answer_was_lost_is_verified_even_without_retries() {
    let bench = Bench::without_retries(Server::shared());
    // The first answer is that of the read; the second is lost completely.
    bench.proxy.set(Fault::None);
    bench.manager.get("vault://got", &Call::default()).unwrap();
    let read = bench.proxy.passed().answer_bytes;
    bench.run(Operation::Update, Fault::CutAnswer(read + 60, End::Close)).unwrap();
}

#[test]
fn an_update_whose_write_never_arrives_ends_with_an_error() {
    let bench = Bench::without_retries(Server::shared());
    let fault = Fault::Instead { requests: 1..2, answer: Vec::new(), flood: Vec::new(), end: End::Close };
    let error = bench.run(Operation::Update, fault).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{error}");
}

#[test]
fn a_connection_is_not_used_longer_than_configured() {
    let bench = Bench::plain(Server::shared(), &[("VAULT_MAX_CONNECTION_AGE", "300ms")]);
    let get = || bench.manager.get("vault://got", &Call::default()).unwrap();
    let started = Instant::now();
    get();
    bench.proxy.set(Fault::None);
    eventually("a new connection", Duration::from_secs(5), || {
        get();
        (bench.proxy.passed().connections > 0).then_some(())
    });
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(bench.proxy.passed().connections, 1);
}
