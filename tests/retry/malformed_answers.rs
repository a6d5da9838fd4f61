//! Answers that Vault never sends: each is an error with the right status, in time, and none becomes a value.

use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{End, Fault, Server};

use crate::faulty_server::{Bench, OLD, OPERATIONS, Operation, Short};

/// An answer with a body and its length.
fn answer(status_line: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status_line}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

fn endless(beginning: &str, flood: impl Into<Vec<u8>>) -> Fault {
    Fault::Instead { requests: 0..usize::MAX, answer: beginning.into(), flood: flood.into(), end: End::Close }
}

const HTML: &str = "<!DOCTYPE html><html><body>Please log in</body></html>";

/// The beginning of a real answer.
const HALF: &str = r#"{"request_id":"1","data":{"data":{"value":"old-val"#;

/// The faults, and the acceptable statuses of each.
fn malformed_answers() -> Vec<(Fault, &'static [Status])> {
    const PROTOCOL: &[Status] = &[Status::Protocol];
    const CONNECTION: &[Status] = &[Status::Connection];
    const UNAVAILABLE: &[Status] = &[Status::Unavailable];
    const TOO_LARGE: &[Status] = &[Status::TooLarge];
    let mut cases = Vec::new();
    let mut case = |answer: Vec<u8>, expected| cases.push((Fault::instead(answer), expected));

    case(b"\x16\x03\x01\x02\x00garbage\x00\xff\r\n\r\n".to_vec(), PROTOCOL);
    case(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), PROTOCOL);
    case(b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(), PROTOCOL);
    case(b"HTTP/2 200 OK\r\n\r\n".to_vec(), PROTOCOL);
    for status_line in ["101 Switching Protocols", "099 Odd", "000 Nothing"] {
        case(format!("HTTP/1.1 {status_line}\r\n\r\n").into_bytes(), PROTOCOL);
    }
    case(b"\r\nHTTP/1.1 200 OK\r\n\r\n".to_vec(), PROTOCOL);
    case(b"".to_vec(), CONNECTION);
    for status_line in ["200 OK", "201 Created", "206 Partial Content", "400 Bad Request", "403 No", "404 Not Found"] {
        case(answer(status_line, HTML), PROTOCOL);
    }
    for status_line in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "500 Oops"] {
        case(answer(status_line, HTML), UNAVAILABLE);
    }
    for body in ["", "null", "[]", "\"value\"", "{}", r#"{"data":null}"#, r#"{"data":[]}"#, r#"{"errors":[]}"#, HALF] {
        case(answer("200 OK", body), PROTOCOL);
        case(chunked(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())), PROTOCOL);
    }
    case(answer("200 OK", &"[".repeat(200_000)), PROTOCOL);
    case(answer("200 OK", &r#"{"data":"#.repeat(200_000)), PROTOCOL);
    case(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{HALF}").into_bytes(), CONNECTION);
    case(format!("HTTP/1.1 200 OK\r\n\r\n{HALF}").into_bytes(), PROTOCOL);
    case(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3_u64 << 30).into_bytes(), TOO_LARGE);
    case(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", u64::MAX).into_bytes(), TOO_LARGE);
    for length in ["-1", "abc", "18446744073709551616", "5\r\nContent-Length: 6", "0x10"] {
        case(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{HALF}").into_bytes(), PROTOCOL);
    }
    case(format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Header: x\r\n".repeat(10_000)).into_bytes(), PROTOCOL);
    case(format!("HTTP/1.1 200 OK\r\nX-Header: {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes(), PROTOCOL);
    for body in
        ["zz\r\n{}\r\n0\r\n\r\n", "-5\r\n{}\r\n", "ffffffffffffffffff\r\n{}", "2\r\n{}garbage\r\n0\r\n\r\n", "\r\n\r\n"]
    {
        case(chunked(body), PROTOCOL);
    }
    case(chunked("ffffffffffffffff\r\n{}"), CONNECTION);
    cases.push((endless("HTTP/1.1 200 OK\r\n", "X-Header: x\r\n".repeat(1000)), PROTOCOL));
    cases.push((endless("HTTP/1.1 200 ", "O".repeat(10_000)), PROTOCOL));
    cases.push((endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0".repeat(10_000)), PROTOCOL));
    cases.push((endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", "x".repeat(10_000)), PROTOCOL));
    cases.push((endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "x".repeat(10_000)), PROTOCOL));
    cases
}

fn expect(bench: &Bench<'_>, operation: Operation, fault: Fault, expected: &[Status]) {
    let case = format!("{operation:?} with {:?}", Short(&fault));
    let error = bench.run(operation, fault).expect_err(&case);
    assert!(expected.contains(&error.status()), "{case}: {error}");
}

#[test]
fn a_malformed_answer_is_an_error_and_never_a_value() {
    let bench = Bench::without_retries(Server::shared());
    for (fault, expected) in malformed_answers() {
        for operation in OPERATIONS {
            expect(&bench, operation, fault.clone(), expected);
        }
    }
}

#[test]
fn a_malformed_second_answer_is_never_taken_for_success() {
    let bench = Bench::without_retries(Server::shared());
    for (fault, expected) in malformed_answers() {
        let Fault::Instead { answer, flood, end, .. } = fault else { unreachable!("only answers") };
        for operation in [Operation::Update, Operation::Delete] {
            let fault = Fault::Instead { requests: 1..usize::MAX, answer: answer.clone(), flood: flood.clone(), end };
            expect(&bench, operation, fault, expected);
        }
    }
}

#[test]
fn an_endless_body_is_stopped_at_the_size_limit() {
    let bench = Bench::without_retries(Server::shared());
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunks = endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk);
    expect(&bench, Operation::Get, chunks, &[Status::TooLarge]);
    let until_close = endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(0x10000));
    expect(&bench, Operation::Get, until_close, &[Status::TooLarge]);
}

#[test]
fn endless_heads_and_trailers_are_stopped_at_the_deadline_at_the_latest() {
    let settings = [("VAULT_MAX_RETRIES", "0"), ("VAULT_CLIENT_TIMEOUT", "1500ms")];
    let bench = Bench::plain(Server::shared(), &settings);
    let heads = endless("", "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000));
    let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let trailers = endless(chunks, "X-Trailer: x\r\n".repeat(1000));
    for flood in [heads, trailers] {
        let started = Instant::now();
        expect(&bench, Operation::Get, flood, &[Status::Timeout, Status::Protocol]);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[test]
fn an_additional_answer_is_not_taken_for_that_of_the_next_request() {
    let bench = Bench::without_retries(Server::shared());
    let envelope = |value: &str| {
        let body = format!(r#"{{"data":{{"data":{{"value":"{value}"}},"metadata":{{"version":1}}}}}}"#);
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let answer = format!("{}{}", envelope("first"), envelope("second")).into_bytes();
    bench.proxy.set(Fault::Instead { requests: 0..1, answer, flood: Vec::new(), end: End::Hang });
    let first = bench.manager.get("vault://got", &Call::default()).unwrap();
    assert_eq!(first.unwrap().as_str(), "first");
    let next = bench.manager.get("vault://got", &Call::default()).unwrap();
    assert_eq!(next.unwrap().as_str(), OLD);
}
