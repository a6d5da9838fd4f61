//! Answers with ambiguous framing, and closed connections: the next request uses a new connection.

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{End, Fault, Server};

use crate::faulty_server::{Bench, OLD, OPERATIONS, Operation};

const ENVELOPE: &str = r#"{"data":{"data":{"value":"first"},"metadata":{"version":1}}}"#;

/// Replaces one answer and keeps the connection open.
fn once(answer: String) -> Fault {
    Fault::Instead { requests: 0..1, answer: answer.into_bytes(), flood: Vec::new(), end: End::Hang }
}

#[test]
fn a_connection_with_an_ambiguously_framed_answer_is_not_reused() {
    let bench = Bench::without_retries(Server::shared());
    let length = ENVELOPE.len();
    let chunks = format!("{length:x}\r\n{ENVELOPE}\r\n0\r\n\r\n");
    for (answer, is_value) in [
        ("HTTP/1.1 204 No Content\r\nContent-Length: 20\r\n\r\n".to_owned(), false),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n".to_owned(), false),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 20\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), true),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n{ENVELOPE}"), true),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {length}, {length}\r\n\r\n{ENVELOPE}"), true),
        (format!("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n\r\n{ENVELOPE}"), true),
        (format!("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), false),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n{chunks}"), false),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+{chunks}"), false),
    ] {
        bench.manager.get("vault://got", &Call::default()).unwrap();
        bench.proxy.set(once(answer.clone()));
        match bench.manager.get("vault://got", &Call::default()) {
            Ok(value) => assert!(is_value && value.unwrap().as_str() == "first", "{answer}"),
            Err(error) => assert_eq!((is_value, error.status()), (false, Status::Protocol), "{answer}: {error}"),
        }
        assert_eq!(bench.proxy.passed().connections, 0, "{answer}: it was idle");
        let next = bench.manager.get("vault://got", &Call::default()).unwrap();
        assert_eq!(next.unwrap().as_str(), OLD, "{answer}");
        assert_eq!(bench.proxy.passed().connections, 1, "{answer}");
    }
}

#[test]
fn a_request_on_an_idle_connection_that_was_closed_is_repeated_on_a_new_one() {
    let bench = Bench::without_retries(Server::shared());
    let late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for operation in OPERATIONS {
        bench.manager.get("vault://got", &Call::default()).unwrap();
        bench.run(operation, Fault::instead_of_first(1, late)).unwrap();
    }
    // On a connection that was not idle it is the answer.
    let fresh = Bench::plain(Server::shared(), &[("VAULT_MAX_RETRIES", "0"), ("VAULT_MAX_CONNECTION_AGE", "0")]);
    let error = fresh.run(Operation::Get, Fault::instead(late)).unwrap_err();
    assert_eq!(error.http_status(), 408, "{error}");
}

#[test]
fn the_error_for_a_compressed_answer_says_so() {
    let bench = Bench::without_retries(Server::shared());
    let answer = |coding: &str, status: &str| {
        let length = ENVELOPE.len();
        format!("HTTP/1.1 {status}\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n{ENVELOPE}")
    };
    for status in ["200 OK", "404 Not Found", "503 Busy"] {
        for operation in OPERATIONS {
            let error = bench.run(operation, Fault::instead(answer("gzip", status))).unwrap_err();
            assert_eq!(error.status(), Status::Protocol, "{operation:?}: {error}");
            assert!(error.message().contains("Content-Encoding: gzip"), "{operation:?}: {error}");
        }
    }
    bench.proxy.set(once(answer("Identity", "200 OK")));
    assert_eq!(bench.manager.get("vault://got", &Call::default()).unwrap().unwrap().as_str(), "first");
}

#[test]
fn an_update_with_a_compressed_answer_is_verified() {
    let bench = Bench::without_retries(Server::shared());
    let packed = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc".to_owned();
    let gateway = handsfree_secrets_test_support::Gateway::to(bench.server.port(), move |asked| {
        use handsfree_secrets_test_support::Verdict;
        assert_eq!(asked.header("Accept-Encoding"), Some("identity"));
        if asked.method == "POST" { Verdict::PassButAnswer(packed.clone()) } else { Verdict::Pass }
    });
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &gateway.addr()),
        ("VAULT_TOKEN", bench.server.root_token()),
        ("VAULT_MOUNT", &bench.mount),
    ];
    let manager = crate::managers::open_with(&settings).unwrap();
    assert!(manager.update("vault://got", "new", None, &Call::default()).unwrap());
    assert_eq!(bench.server.read_raw(&bench.mount, "got").unwrap()["metadata"]["version"], 2);
    let error = manager.store("got", "newer", None, &Call::default()).unwrap_err();
    assert_eq!(error.status(), Status::Protocol, "{error}");
}
