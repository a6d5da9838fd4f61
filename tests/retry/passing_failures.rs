//! Temporary and permanent failures of the server.

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{Fault, Server};

use crate::faulty_server::{Bench, Operation};

fn failure(status_line: &str, cause: &str) -> Vec<u8> {
    let body = format!(r#"{{"errors":["{cause}"]}}"#);
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    format!("HTTP/1.1 {status_line}\r\n{headers}\r\n\r\n{body}").into_bytes()
}

#[test]
fn a_read_is_repeated_after_a_temporary_failure_and_a_store_is_not() {
    let bench = Bench::plain(Server::shared(), &[]);
    for (status_line, cause) in [
        ("500 Internal Server Error", "context deadline exceeded"),
        ("500 Internal Server Error", "rpc error: code = Canceled desc = grpc: the client connection is closing"),
        ("500 Internal Server Error", "internal error"),
        ("500 Internal Server Error", "1 error occurred:\\n\\t* something nobody has heard of\\n\\n"),
        ("502 Bad Gateway", "context deadline exceeded"),
        ("520 Web Server Returned an Unknown Error", ""),
    ] {
        let failure = failure(status_line, cause);
        for operation in [Operation::Get, Operation::List] {
            bench.run(operation, Fault::instead_of_first(1, failure.clone())).unwrap();
        }
        let error = bench.run(Operation::Store, Fault::instead_of_first(1, failure)).unwrap_err();
        assert_eq!(error.status(), Status::Unavailable, "{cause}: {error}");
    }
}

#[test]
fn a_read_is_not_repeated_after_a_permanent_failure() {
    let bench = Bench::plain(Server::shared(), &[]);
    for cause in [
        "put failed due to value being too large; got 1048604 bytes, max: 1048576 bytes",
        "key being too large",
        "failed to renew entry: role \\\"app\\\" does not exist",
        "missing role_id",
        "path contains invalid UTF-8",
    ] {
        bench.proxy.set(Fault::instead(failure("500 Internal Server Error", cause)));
        let error = bench.manager.get("vault://got", &Call::default()).err().unwrap();
        assert_eq!(error.http_status(), 500, "{error}");
        assert_eq!(bench.proxy.passed().requests, 1, "{cause}");
    }
}

#[test]
fn a_lasting_failure_in_a_cluster_is_retried_as_often_as_configured() {
    let bench = Bench::with_two_nodes(Server::shared());
    bench.proxy.set(Fault::instead(failure("500 Internal Server Error", "internal error")));
    let error = bench.manager.get("vault://got", &Call::default()).err().unwrap();
    assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 500), "{error}");
    assert_eq!(bench.proxy.passed().requests, 3);
}
