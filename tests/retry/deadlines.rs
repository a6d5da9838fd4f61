//! Deadlines in every phase of a call, with peers that send nothing, or one byte at a time.

use std::net::{TcpListener, TcpStream};
use std::os::fd::FromRawFd;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets_test_support::{End, Fault, FaultProxy, Server, Tls};

use crate::faulty_server::{Bench, OPERATIONS};
use crate::managers::open_with;

const LIMIT: Duration = Duration::from_millis(700);
const SLACK: Duration = Duration::from_millis(300);

/// Runs `operation` with a timeout. It has to fail with HF_ERR_TIMEOUT at that time and not earlier.
fn times_out<T>(phase: &str, operation: impl FnOnce(&Call) -> Result<T>) {
    let mut call = Call::default();
    call.set_timeout(LIMIT);
    let started = Instant::now();
    let outcome = operation(&call);
    let took = started.elapsed();
    let error = outcome.err().unwrap_or_else(|| panic!("{phase}: no error"));
    assert_eq!(error.status(), Status::Timeout, "{phase}: {error}");
    assert!(took > LIMIT - Duration::from_millis(20) && took < LIMIT + SLACK, "{phase}: took {took:?}: {error}");
}

/// Checks that opening a manager, which needs an answer, times out.
fn open_times_out(phase: &str, settings: &[(&str, &str)]) {
    times_out(phase, |call| {
        let mut all = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_TOKEN", "token")];
        all.extend_from_slice(settings);
        let limit = format!("{}ms", call.timeout().unwrap().as_millis());
        all.push(("VAULT_CLIENT_TIMEOUT", &limit));
        open_with(&all)
    });
}

/// A server that speaks TLS, and a proxy in front of it.
fn over_tls() -> (Tls, Server, FaultProxy) {
    let tls = Tls::new();
    let identity = tls.server();
    let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
    let proxy = FaultProxy::to(server.https_port(0));
    (tls, server, proxy)
}

/// A listener that accepts nothing and whose queue is full: the kernel drops further connections.
fn full_listener() -> (TcpListener, Vec<TcpStream>) {
    // SAFETY: a new socket, which nothing else owns; the listener owns it from here on.
    let listener = unsafe {
        let descriptor = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(descriptor >= 0, "{}", std::io::Error::last_os_error());
        // `listen` without `bind` takes a free port on all addresses.
        assert_eq!(libc::listen(descriptor, 0), 0, "{}", std::io::Error::last_os_error());
        TcpListener::from_raw_fd(descriptor)
    };
    let address = ([127, 0, 0, 1], listener.local_addr().unwrap().port()).into();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queued.push(stream);
        assert!(queued.len() < 100, "the queue never fills");
    }
    (listener, queued)
}

#[test]
fn connecting_to_a_full_listener_ends_at_the_deadline() {
    let (listener, _queued) = full_listener();
    let port = listener.local_addr().unwrap().port();
    open_times_out("connect", &[("VAULT_ADDR", &format!("http://127.0.0.1:{port}"))]);
    open_times_out("connect, TLS", &[("VAULT_ADDR", &format!("https://127.0.0.1:{port}"))]);
    let proxy = format!("http://127.0.0.1:{port}");
    open_times_out("connect, proxy", &[("VAULT_ADDR", "http://vault.test"), ("VAULT_HTTP_PROXY", &proxy)]);
}

#[test]
fn waiting_for_a_silent_peer_ends_at_the_deadline() {
    // The kernel accepts the connections; nothing reads from them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    open_times_out("the TLS handshake", &[("VAULT_ADDR", &format!("https://{address}"))]);
    open_times_out("the answer's head", &[("VAULT_ADDR", &format!("http://{address}"))]);
    let proxy = format!("http://{address}");
    open_times_out("CONNECT", &[("VAULT_ADDR", "http://vault.test"), ("VAULT_HTTP_PROXY", &proxy)]);
}

#[test]
fn a_handshake_that_stops_or_drips_ends_at_the_deadline() {
    let (tls, _server, proxy) = over_tls();
    let address = format!("https://localhost:{}", proxy.port());
    let ca = tls.ca_file();
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_CACERT", ca.to_str().unwrap())];
    for fault in [
        Fault::CutRequest(100, End::Hang),
        Fault::CutAnswer(0, End::Hang),
        Fault::CutAnswer(700, End::Hang),
        Fault::Drip(Duration::from_millis(5)),
    ] {
        let phase = format!("the TLS handshake with {fault:?}");
        proxy.set(fault);
        open_times_out(&phase, &settings);
    }
}

#[test]
fn a_slow_handshake_does_not_shorten_the_wait_for_the_answer() {
    // In a cluster a node may be silent for a third of the timeout. Here the handshake and the answer together take
    // longer.
    const EACH: Duration = Duration::from_millis(1200);
    const CALL: Duration = Duration::from_secs(6);
    let (tls, server, proxy) = over_tls();
    let addresses = format!("https://localhost:{0},https://127.0.0.1:{0}", proxy.port());
    let ca = tls.ca_file();
    let manager = open_with(&[
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &addresses),
        ("VAULT_CACERT", ca.to_str().unwrap()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MAX_CONNECTION_AGE", "0"),
    ])
    .unwrap();
    proxy.set(Fault::Delay(EACH));
    let mut call = Call::default();
    call.set_timeout(CALL);
    assert!(manager.get("vault://nothing/here", &call).unwrap().is_none());
    assert_eq!(proxy.passed().connections, 1, "the node was not probed");
}

#[test]
fn every_operation_ends_at_its_deadline_when_answers_stop_or_drip() {
    let bench = Bench::plain(Server::shared(), &[]);
    let faults = [
        Fault::CutRequest(10, End::Hang),
        Fault::CutAnswer(0, End::Hang),
        Fault::CutAnswer(20, End::Hang),
        Fault::CutAnswer(250, End::Hang),
        Fault::Delay(LIMIT * 2),
        Fault::Drip(Duration::from_millis(20)),
        Fault::instead("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"),
    ];
    for fault in faults {
        let fault = match fault {
            Fault::Instead { requests, answer, flood, .. } => {
                Fault::Instead { requests, answer, flood, end: End::Hang }
            }
            other => other,
        };
        for operation in OPERATIONS {
            bench.proxy.set(fault.clone());
            times_out(&format!("{operation:?} with {fault:?}"), |call| bench.operate(operation, call, "late"));
        }
    }
}

#[test]
fn sending_to_a_peer_that_does_not_read_ends_at_the_deadline() {
    let bench = Bench::plain(Server::shared(), &[]);
    bench.proxy.set(Fault::Deaf);
    let value = "x".repeat(8 << 20);
    times_out("sending", |call| bench.manager.store("large", &value, None, call));
    bench.proxy.set(Fault::None);
}

#[test]
fn slow_answers_before_the_deadline_are_accepted() {
    let bench = Bench::plain(Server::shared(), &[]);
    for fault in [Fault::Delay(Duration::from_millis(150)), Fault::Drip(Duration::from_micros(100))] {
        for operation in OPERATIONS {
            bench.run(operation, fault.clone()).unwrap_or_else(|e| panic!("{operation:?} with {fault:?}: {e}"));
        }
    }
}

#[test]
fn a_call_to_a_frozen_server_ends_at_the_deadline() {
    let server = Server::builder().start();
    let bench = Bench::plain(&server, &[]);
    server.freeze();
    for operation in OPERATIONS {
        times_out(&format!("{operation:?}"), |call| bench.operate(operation, call, "frozen"));
    }
    server.thaw();
    bench.run(OPERATIONS[0], Fault::None).unwrap();
}
