//! `Call::cancel` from another thread ends a call within 100 ms, whatever the call is waiting for.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handsfree_secrets::call::{Call, WAIT_SLICE};
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Server, Tls, TlsFront, eventually};
use serde_json::json;

use crate::managers::{open_with, options};

const PROMISED: Duration = Duration::from_millis(100);

/// The minimum time before cancelling, so that the call reaches its wait.
const MINIMUM_PAUSE: Duration = Duration::from_millis(150);

/// How often a call has to end in time, and the maximum number of attempts. Attempts in which the machine was late do
/// not count.
const IN_TIME: u32 = 3;
const ATTEMPTS: usize = 30;

/// Repeatedly runs and cancels `operation`. It has to end within the promised time each time, measured on the thread of
/// the call. A longer time is accepted, but does not count, if the machine was late by as much.
fn ends_in_time(what: &str, operation: impl Fn(&Call) -> Result<()>) {
    let mut in_time = 0;
    for _ in 0..ATTEMPTS {
        // At different points of the interval between two checks for cancellation.
        let pause = MINIMUM_PAUSE + WAIT_SLICE * in_time / IN_TIME;
        let (took, late) = time_to_end(what, pause, &operation);
        if took <= PROMISED {
            in_time += 1;
            if in_time == IN_TIME {
                return;
            }
        } else {
            assert!(took <= PROMISED + late, "{what}: {took:?}, of which the machine was {late:?} late");
        }
    }
    panic!("{what}: in time {in_time} times, and the machine was late the others");
}

/// Cancels `operation` `pause` after its start or later. Returns how long it went on after that, and by how much the
/// machine was late meanwhile.
fn time_to_end(what: &str, pause: Duration, operation: &impl Fn(&Call) -> Result<()>) -> (Duration, Duration) {
    let (mut call, canceller) = Call::cancellable();
    call.set_timeout(Duration::from_secs(30));
    let ended = AtomicBool::new(false);
    let this_thread = ThisThread::new();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            std::thread::sleep(pause);
            eventually(what, Duration::from_secs(20), || {
                (this_thread.sleeps() || ended.load(Ordering::Acquire)).then_some(())
            });
            let too_early = ended.load(Ordering::Acquire);
            let run_delay = this_thread.run_delay();
            let cancelled = Instant::now();
            canceller.cancel();
            // As long as the library waits between two checks. If this takes longer, the machine is late by the
            // difference.
            std::thread::sleep(WAIT_SLICE);
            (too_early, cancelled, run_delay, cancelled.elapsed() - WAIT_SLICE)
        });
        let outcome = operation(&call);
        let at = Instant::now();
        ended.store(true, Ordering::Release);
        let waited = this_thread.run_delay();
        let (too_early, cancelled, run_delay, overslept) = other.join().unwrap();
        assert!(!too_early, "{what}: the call did not wait for anything");
        assert_eq!(outcome.unwrap_err().status(), Status::Cancelled, "{what}");
        (at - cancelled, waited - run_delay + overslept)
    })
}

/// Scheduling data of the thread that created this, readable from other threads.
struct ThisThread {
    stat: File,
    /// Not available in every kernel.
    schedstat: Option<File>,
}

impl ThisThread {
    fn new() -> ThisThread {
        let stat = File::open("/proc/thread-self/stat").unwrap();
        ThisThread { stat, schedstat: File::open("/proc/thread-self/schedstat").ok() }
    }

    /// Whether the thread waits for something other than a processor.
    fn sleeps(&self) -> bool {
        // The state follows the name, which is in parentheses.
        text_of(&self.stat).rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
    }

    /// How long the thread was runnable so far without running.
    fn run_delay(&self) -> Duration {
        let text = self.schedstat.as_ref().map(text_of).unwrap_or_default();
        let nanoseconds = text.split(' ').nth(1).and_then(|number| number.parse().ok());
        Duration::from_nanos(nanoseconds.unwrap_or(0))
    }
}

/// These settings with the vault backend.
fn vault<'s>(settings: &[(&'s str, &'s str)]) -> Vec<(&'s str, &'s str)> {
    [&[("SECRET_MANAGER_TYPE", "vault")], settings].concat()
}

/// Opens a manager within `call`.
fn open(settings: &[(&str, &str)], call: &Call) -> Result<()> {
    open::open(Some(&options(&vault(settings))?), call).map(drop)
}

fn text_of(file: &File) -> String {
    let mut text = [0; 512];
    let length = file.read_at(&mut text, 0).unwrap();
    String::from_utf8_lossy(&text[..length]).into_owned()
}

/// Accepts every connection, reads its request and sends `answer`. After that it neither writes nor reads.
fn answer_once(connections: impl Iterator<Item = impl Read + Write>, answer: &str) {
    let mut open = Vec::new();
    for mut connection in connections {
        let _ = connection.read(&mut [0; 4096]);
        let _ = connection.write_all(answer.as_bytes());
        open.push(connection);
    }
}

fn peer(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || answer_once(listener.incoming().flatten(), answer));
    address
}

const MOUNT: &str = r#"{"data":{"type":"kv","options":{"version":"2"}}}"#;

#[test]
fn cancelling_ends_connecting() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    // The queue holds one more than its size; a further connection gets no answer.
    let _queued = TcpStream::connect(address).unwrap();
    ends_in_time("connecting", |call| {
        open(&[("VAULT_ADDR", &format!("http://{address}")), ("VAULT_TOKEN", "t")], call)
    });
}

#[test]
fn cancelling_ends_a_tls_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    ends_in_time("the handshake", |call| open(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")], call));
}

const HALF_A_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Le";
const HALF_A_BODY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":";
const HALF_A_CHUNK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n{\"data\":";

#[test]
fn cancelling_ends_the_wait_for_an_answer_and_for_its_rest() {
    for (what, answer) in
        [("no answer", ""), ("half a head", HALF_A_HEAD), ("half a body", HALF_A_BODY), ("half a chunk", HALF_A_CHUNK)]
    {
        let address = peer(answer);
        ends_in_time(what, |call| open(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")], call));
    }
}

#[test]
fn cancelling_ends_the_wait_for_the_rest_of_an_answer_over_tls() {
    let authority = Tls::new();
    let ca = authority.ca_file();
    for (what, answer) in [("half a head", HALF_A_HEAD), ("half a body", HALF_A_BODY), ("half a chunk", HALF_A_CHUNK)] {
        let address = peer(answer);
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        let front = TlsFront::to(port, &authority.server(), true, None);
        let address = front.addr();
        let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "t"), ("VAULT_CACERT", ca.to_str().unwrap())];
        ends_in_time(&format!("{what} over TLS"), |call| open(&settings, call));
        assert!(front.handshakes().len() >= IN_TIME as usize, "the calls came past their handshakes");
    }
}

#[test]
fn cancelling_ends_the_wait_for_a_proxy_tunnel() {
    for (what, answer) in [("no tunnel", ""), ("half a tunnel", "HTTP/1.1 200 Connection est")] {
        let proxy = peer(answer);
        let settings =
            [("VAULT_ADDR", "http://vault.invalid:8200"), ("VAULT_TOKEN", "t"), ("VAULT_PROXY_ADDR", &proxy)];
        ends_in_time(what, |call| open(&settings, call));
    }
}

#[test]
fn cancelling_ends_the_sending_of_a_large_body_to_a_peer_that_does_not_read() {
    // The buffers of a Unix socket are small; filling those of TCP takes megabytes, which an unoptimised library writes
    // and wipes slowly.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deaf.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{MOUNT}", MOUNT.len());
    std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let _ = first.read(&mut [0; 4096]);
        let _ = first.write_all(answer.as_bytes());
        // Later requests are not read, on this or any other connection; all connections stay open.
        loop {
            std::thread::park();
        }
    });

    let address = format!("unix://{}", path.display());
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "t")];
    let manager = open_with(&vault(&settings)).unwrap();
    let value = "v".repeat(1 << 19);
    ends_in_time("a large body", |call| manager.store("large", &value, None, call).map(drop));
}

/// A server that describes its mount, answers the requests for which `known` has an answer, and does not answer others.
/// Also returns their number.
fn silent_except(known: fn(&str) -> Option<(&str, &str)>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let unanswered = Arc::new(AtomicUsize::new(0));
    let count = unanswered.clone();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let count = count.clone();
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while let Ok(length @ 1..) = connection.read(&mut request) {
                    let request = String::from_utf8_lossy(&request[..length]);
                    let path = request.split(' ').nth(1).unwrap_or_default();
                    let answer = if path.contains("/mounts/") { Some(("200 OK", MOUNT)) } else { known(path) };
                    let Some((status, body)) = answer else {
                        count.fetch_add(1, Ordering::AcqRel);
                        continue;
                    };
                    let length = body.len();
                    let _ = write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                }
            });
        }
    });
    (address, unanswered)
}

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Checks cancellation while several requests are in flight and not answered.
fn ends_in_time_with_requests_in_flight(
    what: &str,
    known: fn(&str) -> Option<(&str, &str)>,
    operation: impl Fn(&dyn SecretManager, &Call) -> Result<()>,
) {
    let (address, unanswered) = silent_except(known);
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "t")];
    let manager = open_with(&vault(&settings)).unwrap();
    ends_in_time(what, |call| operation(&*manager, call));
    let on_their_way = unanswered.load(Ordering::Acquire);
    assert!(on_their_way >= IN_TIME as usize * KEYS.len(), "{what}: {on_their_way} requests");
}

/// The outcome of a batch. Checks that each part was cancelled.
fn all_of<T>(outcomes: Vec<Result<T>>) -> Result<()> {
    let failures: Vec<Error> = outcomes.into_iter().filter_map(Result::err).collect();
    let cancelled = failures.iter().filter(|error| error.status() == Status::Cancelled).count();
    assert_eq!(cancelled, KEYS.len());
    failures.into_iter().next().map_or(Ok(()), Err)
}

#[test]
fn cancelling_ends_a_list() {
    let (address, _) = silent_except(|_| None);
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "t")];
    let manager = open_with(&vault(&settings)).unwrap();
    ends_in_time("a list", |call| manager.list(None, call).map(drop));

    let folders: fn(&str) -> Option<(&str, &str)> = |path| match path {
        _ if path.ends_with("?scan=true") => Some(("404 Not Found", r#"{"errors":[]}"#)),
        "/v1/secret/metadata/?list=true" => Some(("200 OK", r#"{"data":{"keys":["a/","b/","c/","d/","e/"]}}"#)),
        _ => None,
    };
    ends_in_time_with_requests_in_flight("a list of folders", folders, |manager, call| {
        manager.list(None, call).map(drop)
    });
}

#[test]
fn cancelling_ends_batches() {
    let references = KEYS.map(|key| format!("vault://{key}"));
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    ends_in_time_with_requests_in_flight(
        "a get of many",
        |_| None,
        |manager, call| all_of(manager.get_many(&references, call)),
    );
    let secrets = KEYS.map(|key| (key, "v"));
    ends_in_time_with_requests_in_flight(
        "a store of many",
        |_| None,
        |manager, call| all_of(manager.store_many(&secrets, call)),
    );
}

#[test]
fn cancelling_ends_the_pause_before_a_retry() {
    let address = peer("HTTP/1.1 429 Slow\r\nRetry-After: 20\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    ends_in_time("the pause", |call| open(&[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")], call));
}

#[test]
fn cancelling_ends_the_wait_for_the_rate_limit() {
    let server = Server::shared();
    let address = server.addr();
    let settings =
        [("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", server.root_token()), ("VAULT_RATE_LIMIT", "0.05:1")];
    let manager = open_with(&vault(&settings)).unwrap();
    ends_in_time("the rate limit", |call| manager.get("vault://a", call).map(drop));
}

/// A manager whose token has expired, on a server that no longer answers.
fn with_a_dead_token(server: &Server) -> Arc<dyn SecretManager> {
    let api = server.api();
    api.post("sys/auth/approle", json!({"type": "approle"}));
    api.post("auth/approle/role/short", json!({"token_ttl": "1s", "token_max_ttl": "1s"}));
    let text = |answer: serde_json::Value, name: &str| answer["data"][name].as_str().unwrap().to_owned();
    let role = text(api.get("auth/approle/role/short/role-id"), "role_id");
    let secret = text(api.post("auth/approle/role/short/secret-id", json!({})), "secret_id");
    let address = server.addr();
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_ROLE_ID", &role), ("VAULT_SECRET_ID", &secret)];
    let manager = open_with(&vault(&settings)).unwrap();
    std::thread::sleep(Duration::from_millis(1100));
    server.freeze();
    manager
}

#[test]
fn cancelling_ends_a_login_and_the_wait_for_the_login_of_another_thread() {
    let server = Server::builder().start();
    let manager = with_a_dead_token(&server);
    ends_in_time("a login", |call| manager.get("vault://a", call).map(drop));

    let (other, canceller) = Call::cancellable();
    std::thread::scope(|scope| {
        scope.spawn(|| manager.get("vault://a", &other).map(drop));
        std::thread::sleep(MINIMUM_PAUSE);
        ends_in_time("the wait for another's login", |call| manager.get("vault://a", call).map(drop));
        canceller.cancel();
    });
    server.thaw();
}
