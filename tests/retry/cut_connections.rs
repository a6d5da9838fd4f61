//! Connections that are cut at any byte of a request or of an answer.

use handsfree_secrets::error::{Result, Status};
use handsfree_secrets_test_support::{End, FaultProxy, Server, Tls, figure};

use crate::faulty_server::{Bench, OPERATIONS, Operation};

/// Checks that a cut connection is reported as a connection error.
fn is_connection_error(outcome: Result<()>, case: &str) {
    if let Err(error) = outcome {
        assert_eq!(error.status(), Status::Connection, "{case}: {error}");
    }
}

/// Checks that the operation succeeds in spite of the cut. Only a store, which cannot be repeated safely, may fail.
fn survives(operation: Operation) -> impl Fn(Result<()>, &str) {
    move |outcome, case| match outcome {
        Ok(()) => {}
        Err(error) if operation == Operation::Store => {
            assert_eq!(error.status(), Status::Connection, "{case}: {error}");
        }
        Err(error) => panic!("{case}: {error}"),
    }
}

/// The answer with the large value is as long as all the others together.
fn stride_for(operation: Operation, stride: usize, large: usize) -> usize {
    if operation == Operation::GetLarge { large } else { stride }
}

fn sweep_without_retries(stride: usize, large: usize) -> usize {
    let bench = Bench::without_retries(Server::shared());
    let sweep = |operation: Operation| {
        let stride = stride_for(operation, stride, large);
        bench.sweep(operation, stride, End::Close, is_connection_error)
            + bench.sweep(operation, stride * 3, End::Reset, is_connection_error)
    };
    OPERATIONS.into_iter().map(sweep).sum()
}

fn sweep_with_retries(stride: usize, large: usize) -> usize {
    let bench = Bench::with_two_nodes(Server::shared());
    let sweep = |operation: Operation| {
        let stride = stride_for(operation, stride, large);
        bench.sweep(operation, stride, End::Close, survives(operation))
            + bench.sweep(operation, stride * 3, End::Reset, survives(operation))
    };
    OPERATIONS.into_iter().map(sweep).sum()
}

fn sweep_tls(stride: usize) -> usize {
    let tls = Tls::new();
    let identity = tls.server();
    let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
    let ca = tls.ca_file();
    let address = |proxy: &FaultProxy| format!("https://localhost:{}", proxy.port());
    let settings = [
        ("VAULT_CACERT", ca.to_str().unwrap()),
        ("VAULT_MAX_RETRIES", "0"),
        // Each operation performs a new handshake.
        ("VAULT_MAX_CONNECTION_AGE", "0"),
    ];
    let bench = Bench::new(&server, server.https_port(0), address, &settings);
    let judge = |outcome: Result<()>, case: &str| {
        if let Err(error) = outcome {
            assert!(matches!(error.status(), Status::Connection | Status::Tls), "{case}: {error}");
        }
    };
    OPERATIONS
        .into_iter()
        .map(|operation| {
            bench.sweep(operation, stride, End::Close, judge) + bench.sweep(operation, stride * 3, End::Reset, judge)
        })
        .sum()
}

fn sweep_tls_with_retries(stride: usize) -> usize {
    let tls = Tls::new();
    let identity = tls.server();
    let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
    let ca = tls.ca_file();
    let address = |proxy: &FaultProxy| format!("https://127.0.0.1:{0},https://localhost:{0}", proxy.port());
    let settings = [("VAULT_CACERT", ca.to_str().unwrap()), ("VAULT_MAX_CONNECTION_AGE", "0")];
    let bench = Bench::new(&server, server.https_port(0), address, &settings);
    OPERATIONS.into_iter().map(|operation| bench.sweep(operation, stride, End::Close, survives(operation))).sum()
}

#[test]
fn a_cut_at_any_byte_is_a_connection_error_and_never_a_wrong_value() {
    sweep_without_retries(1, 29);
}

#[test]
fn a_cut_at_any_byte_is_retried() {
    sweep_with_retries(3, 31);
}

#[test]
fn a_cut_at_any_byte_of_tls_is_an_error_and_never_a_wrong_value() {
    sweep_tls(41);
}

#[test]
fn a_cut_at_any_byte_of_tls_is_retried() {
    sweep_tls_with_retries(97);
}

#[test]
#[ignore = "minutes; make chaos"]
fn a_cut_at_every_single_byte_is_an_error_or_retried() {
    figure("cuts at every byte, plain, one try", sweep_without_retries(1, 1));
    figure("cuts at every byte, plain, with retries", sweep_with_retries(1, 1));
    figure("cuts at every 3rd byte, TLS, one try", sweep_tls(3));
    figure("cuts at every 3rd byte, TLS, with retries", sweep_tls_with_retries(3));
    figure("wrong values, lost updates, doubled writes, late calls", 0);
}
