//! Sequences of answers to logins, unwrapping, renewals, redirects and leader lookups, on reused connections.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;

use super::server::{CANARY, MOUNT, check, head};

/// The only configured server. Its name is never resolved, because the proxy answers for it.
const HOME: &str = "vault.invalid:8200";

/// The maximum number of answers of one script. A mount that is being upgraded is polled five times a second.
const MAX_ANSWERS: usize = 12;

/// The next answers, and the requests so far.
#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// Whether the leader was looked up: only then may a request go to another server.
    leader_asked: bool,
    flaw: Option<&'static str>,
}

/// One answer, and whether the connection ends with it.
struct Answer {
    bytes: Vec<u8>,
    closes: bool,
}

impl Answer {
    /// `200 body`, or `307 location`. `200! body` closes the connection and says so, `200? body` does not say so.
    fn read(line: &[u8]) -> Answer {
        let (status, rest) = match line.split_at_checked(3) {
            Some((status, rest)) if status.iter().all(u8::is_ascii_digit) => (status, rest),
            _ => (b"200".as_slice(), line),
        };
        let (mark, rest) = match rest.split_first() {
            Some((mark @ (b'!' | b'?'), rest)) => (Some(*mark), rest),
            _ => (None, rest),
        };
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let redirects = status.starts_with(b"3");
        let body = if redirects { b"".as_slice() } else { rest };
        let mut bytes = [b"HTTP/1.1 ", status, b" x\r\n"].concat();
        if redirects {
            bytes.extend([b"Location: ", rest, b"\r\n"].concat());
        }
        if mark == Some(b'!') {
            bytes.extend(b"Connection: close\r\n");
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend(body);
        // Bytes after the head of an interim answer, or of one without a body, belong to the next answer.
        Answer { bytes, closes: mark.is_some() || status.starts_with(b"1") || matches!(status, b"204" | b"304") }
    }
}

/// A proxy that answers for every server: it opens any tunnel, and answers requests with the next answer of the script.
struct Stage {
    address: String,
    script: Arc<Mutex<Script>>,
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    fn start() -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = script.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let script = shared.clone();
                std::thread::spawn(move || speak(connection, &script));
            }
        });
        Stage { address, script }
    }

    /// Sets the answers, one per line. Further requests are answered with 404.
    fn play(&self, lines: &[u8]) {
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        *lock(&self.script) =
            Script { answers: lines.take(MAX_ANSWERS).map(Answer::read).collect(), ..Script::default() };
    }

    fn open(&self, secret_id: &str) -> handsfree_secrets::error::Result<Arc<dyn SecretManager>> {
        let mut options = Options::new_isolated();
        for (name, value) in [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", &format!("http://{HOME}")),
            ("VAULT_PROXY_ADDR", &format!("http://{}", self.address)),
            ("VAULT_ROLE_ID", CANARY),
            (secret_id, CANARY),
            ("VAULT_MAX_RETRIES", "0"),
            ("VAULT_CLIENT_TIMEOUT", "10"),
        ] {
            options.set(name, value).expect("a known option");
        }
        open::open(Some(&options), &Call::default()).map(|manager| manager.secrets().clone())
    }

    /// Two gets, the second with the token and the connection of the first one.
    fn get_twice(&self, manager: &dyn SecretManager) {
        for _ in 0..2 {
            if let Err(error) = manager.get("vault://a", &Call::default()) {
                check(&error);
            }
        }
    }

    fn check(&self) {
        let flaw = lock(&self.script).flaw;
        assert!(flaw.is_none(), "{flaw:?}");
    }
}

/// Answers the requests of one connection.
fn speak(mut connection: TcpStream, script: &Mutex<Script>) {
    while let Some(mut request) = head(&mut connection) {
        let mut script = lock(script);
        if request.starts_with(b"CONNECT ") {
            if !request.starts_with(format!("CONNECT {HOME} ").as_bytes()) && !script.leader_asked {
                script.flaw = Some("a request was sent to an unknown server");
            }
            drop(script);
            if connection.write_all(b"HTTP/1.1 200 x\r\n\r\n").is_err() {
                return;
            }
            continue;
        }
        if request.starts_with(b"GET /v1/sys/leader ") {
            script.leader_asked = true;
            request.make_ascii_lowercase();
            if request.windows(13).any(|name| name == b"x-vault-token") {
                script.flaw = Some("the token went to a server that did not need it");
            }
        }
        let answer = script.answers.pop_front().unwrap_or_else(|| Answer::read(br#"404 {"errors":[]}"#));
        drop(script);
        if connection.write_all(&answer.bytes).is_err() || answer.closes {
            return;
        }
    }
}

/// A manager that logs in and gets secrets. If the first line is `wrapped`, it unwraps its secret_id; every other line
/// is an answer.
pub fn session_answer(input: &[u8]) {
    static STAGE: OnceLock<Mutex<Stage>> = OnceLock::new();
    let stage = lock(STAGE.get_or_init(|| Mutex::new(Stage::start())));
    let (secret_id, lines) = match input.strip_prefix(b"wrapped\n") {
        Some(lines) => ("VAULT_SECRET_ID_WRAPPED", lines),
        None => ("VAULT_SECRET_ID", input),
    };
    stage.play(lines);
    match stage.open(secret_id) {
        Ok(manager) => stage.get_twice(&*manager),
        Err(error) => check(&error),
    }
    stage.check();
}

/// The lifetime of the tokens of aged managers. The server counts in seconds.
const LIFE: Duration = Duration::from_secs(3);

/// Managers whose token is past two thirds of its lifetime, so that the next call renews it. They age together, so that
/// one wait is enough for many inputs.
struct Cellar {
    stage: Stage,
    aged: Vec<Arc<dyn SecretManager>>,
    good_until: Instant,
}

impl Cellar {
    fn take(&mut self) -> Option<Arc<dyn SecretManager>> {
        if Instant::now() >= self.good_until {
            self.aged.clear();
        }
        if self.aged.is_empty() {
            self.fill();
        }
        self.aged.pop()
    }

    fn fill(&mut self) {
        let began = Instant::now();
        let auth = br#"{"auth":{"client_token":"t","lease_duration":3,"renewable":true}}"#;
        let answers = [b"200 ", auth.as_slice(), b"\n200! ", MOUNT].concat();
        while self.aged.len() < 500 && began.elapsed() < LIFE / 8 {
            self.stage.play(&answers);
            self.aged.push(self.stage.open("VAULT_SECRET_ID").expect("a manager"));
        }
        std::thread::sleep(LIFE * 2 / 3);
        self.good_until = began + LIFE * 9 / 10;
    }
}

/// A manager that has to renew its token. Every line is an answer, the first one to the renewal.
pub fn renewal(input: &[u8]) {
    static CELLAR: OnceLock<Mutex<Cellar>> = OnceLock::new();
    let start = || Cellar { stage: Stage::start(), aged: Vec::new(), good_until: Instant::now() };
    let mut cellar = lock(CELLAR.get_or_init(|| Mutex::new(start())));
    let Some(manager) = cellar.take() else { return };
    cellar.stage.play(input);
    cellar.stage.get_twice(&*manager);
    cellar.stage.check();
}
