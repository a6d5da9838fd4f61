//! `Call::cancel` from another thread ends a call within 100 ms, whatever the call is waiting for.

#![cfg(test)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::manager::{self, SecretManager};
use handsfree_secrets::options::Options;
use handsfree_secrets_test_support::Server;
use serde_json::json;

const PROMISED: Duration = Duration::from_millis(100);

/// How long a call is given to get to where it waits.
const UNDER_WAY: Duration = Duration::from_millis(150);

fn options(settings: &[(&str, &str)]) -> Options {
    let mut options = Options::new_isolated();
    options.set("SECRET_MANAGER_TYPE", "vault").unwrap();
    for (name, value) in settings {
        options.set(name, value).unwrap();
    }
    options
}

/// Runs `operation` until it is cancelled, three times, and takes the middle one: the promise is about the library, and
/// on a busy machine a thread may be woken late.
fn ends_in_time(what: &str, operation: impl Fn(&Call) -> Result<()> + Sync) {
    let mut took: Vec<Duration> = (0..3).map(|_| time_to_end(what, &operation)).collect();
    took.sort();
    assert!(took[1] <= PROMISED, "{what}: {took:?}");
}

fn time_to_end(what: &str, operation: &(impl Fn(&Call) -> Result<()> + Sync)) -> Duration {
    let mut call = Call::default();
    call.set_timeout(Duration::from_secs(30));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let outcome = operation(&call);
            let at = Instant::now();
            ended.store(true, Ordering::Release);
            (outcome, at)
        });
        std::thread::sleep(UNDER_WAY);
        assert!(!ended.load(Ordering::Acquire), "{what}: the call did not wait for anything");
        let cancelled = Instant::now();
        call.cancel();
        let (outcome, at) = waiting.join().unwrap();
        assert_eq!(outcome.unwrap_err().status(), Status::Cancelled, "{what}");
        at - cancelled
    })
}

fn open(settings: &[(&str, &str)], call: &Call) -> Result<()> {
    manager::open(Some(&options(settings)), call).map(drop)
}

/// Accepts every connection, reads its request and says `answer`, then nothing more.
fn peer(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut connection in listener.incoming().flatten() {
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
            open.push(connection);
        }
    });
    address
}

#[test]
fn while_connecting() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // The queue holds one more than its size; who comes then gets no answer at all.
    let _queued = TcpStream::connect(address).unwrap();
    ends_in_time("connecting", |call| {
        open(&[("VAULT_ADDR", &format!("http://{address}")), ("VAULT_TOKEN", "t")], call)
    });
}

#[test]
fn during_the_tls_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    ends_in_time("the handshake", |call| open(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")], call));
}

#[test]
fn while_waiting_for_an_answer_and_in_the_middle_of_one() {
    for (what, answer) in [
        ("no answer", ""),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
        ("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":"),
        ("half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n{\"data\":"),
    ] {
        let address = peer(answer);
        ends_in_time(what, |call| open(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")], call));
    }
}

#[test]
fn during_the_pause_before_another_try() {
    let address = peer("HTTP/1.1 429 Slow\r\nRetry-After: 20\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    ends_in_time("the pause", |call| open(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")], call));
}

#[test]
fn while_held_back_by_the_rate_limit() {
    let server = Server::shared();
    let address = server.addr();
    let settings =
        [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", server.root_token()), ("VAULT_RATE_LIMIT", "0.05:1")];
    let manager = manager::open(Some(&options(&settings)), &Call::default()).unwrap();
    ends_in_time("the rate limit", |call| manager.get("vault://a", call).map(drop));
}

/// A manager whose token is over, on a server that does not answer any more.
fn with_a_dead_token(server: &Server) -> Arc<dyn SecretManager> {
    let api = server.api();
    api.post("sys/auth/approle", json!({"type": "approle"}));
    api.post("auth/approle/role/short", json!({"token_ttl": "1s", "token_max_ttl": "1s"}));
    let text = |answer: serde_json::Value, name: &str| answer["data"][name].as_str().unwrap().to_owned();
    let role = text(api.get("auth/approle/role/short/role-id"), "role_id");
    let secret = text(api.post("auth/approle/role/short/secret-id", json!({})), "secret_id");
    let address = server.addr();
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_ROLE_ID", &role), ("VAULT_SECRET_ID", &secret)];
    let manager = manager::open(Some(&options(&settings)), &Call::default()).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    server.freeze();
    manager
}

#[test]
fn in_a_login_and_while_another_thread_logs_in() {
    let server = Server::builder().start();
    let manager = with_a_dead_token(&server);
    ends_in_time("a login", |call| manager.get("vault://a", call).map(drop));

    let other = Call::default();
    std::thread::scope(|scope| {
        scope.spawn(|| manager.get("vault://a", &other).map(drop));
        std::thread::sleep(UNDER_WAY);
        ends_in_time("the wait for another's login", |call| manager.get("vault://a", call).map(drop));
        other.cancel();
    });
    server.thaw();
}
