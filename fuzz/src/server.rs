//! Malformed answers, read by the real client over a real socket.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::document::Document;
use handsfree_secrets::error::{Error, Status};
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use serde_json::value::RawValue;

/// The first request of every open of a manager.
pub(super) const MOUNT: &[u8] = br#"{"data":{"type":"kv","options":{"version":"2"}}}"#;

/// Used as token and as written value: neither may appear in a message.
pub(super) const CANARY: &str = "CANARY-9b07c4";

/// A manager and its scripted server.
struct Peer {
    manager: Arc<dyn SecretManager>,
    /// The next answer, used once; every other request is answered with 404.
    answers: SyncSender<Vec<u8>>,
    /// Signals that a connection has been answered and closed.
    closed: Receiver<()>,
}

impl Peer {
    fn start() -> Peer {
        let folder = std::env::temp_dir().join(format!("handsfree-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the socket");
        let path = folder.join("peer.sock");
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("a socket");
        let (answers, next) = sync_channel::<Vec<u8>>(1);
        let (tell, closed) = sync_channel(64);
        std::thread::spawn(move || {
            let nothing = framed(404, br#"{"errors":[]}"#);
            for connection in listener.incoming().flatten() {
                speak(connection, next.try_recv().as_ref().unwrap_or(&nothing));
                let _ = tell.try_send(());
            }
        });
        let mut options = Options::new_isolated();
        let address = format!("unix://{}", path.display());
        for (name, value) in [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_TOKEN", CANARY),
            ("VAULT_MAX_RETRIES", "0"),
            ("VAULT_CLIENT_TIMEOUT", "10"),
            // The peer closes the connection after every answer.
            ("VAULT_MAX_CONNECTION_AGE", "0"),
        ] {
            options.set(name, value).expect("a known option");
        }
        answers.send(framed(200, MOUNT)).expect("the peer");
        let manager = open::open(Some(&options), &Call::default()).expect("a manager").secrets().clone();
        closed.recv().expect("the first connection");
        Peer { manager, answers, closed }
    }

    /// Runs one operation that is answered with `answer`. The connection is closed when this returns, so that the next
    /// operation opens a new one.
    fn ask<T>(&self, answer: Vec<u8>, operation: impl FnOnce(&dyn SecretManager) -> T) -> T {
        while self.closed.try_recv().is_ok() {}
        self.answers.send(answer).expect("the peer");
        let outcome = operation(&*self.manager);
        self.closed.recv().expect("the peer");
        outcome
    }
}

/// Reads the head of a request, and the part of its body that arrived with it; `None` if the connection has ended.
pub(super) fn head(connection: &mut impl Read) -> Option<Vec<u8>> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read(&mut buffer) {
            Ok(count) if count > 0 => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            _ => return None,
        }
    }
    Some(head)
}

/// Reads a request's head, answers, and closes.
fn speak(mut connection: UnixStream, answer: &[u8]) {
    if head(&mut connection).is_none() {
        return;
    }
    let _ = connection.write_all(answer);
    let _ = connection.shutdown(std::net::Shutdown::Both);
}

fn framed(status: u16, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn with_peer<T>(body: impl FnOnce(&Peer) -> T) -> T {
    static PEER: OnceLock<Mutex<Peer>> = OnceLock::new();
    let peer = PEER.get_or_init(|| Mutex::new(Peer::start()));
    body(&peer.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Checks that an error is not HF_ERR_INTERNAL and shows no secret.
pub(super) fn check(error: &Error) {
    assert_ne!(error.status(), Status::Internal, "{error}");
    assert_ne!(error.status(), Status::Timeout, "{error}");
    assert!(!error.message().contains(CANARY));
}

/// The input is a whole answer, including its status line.
pub fn http_answer(input: &[u8]) {
    with_peer(|peer| {
        let got = peer.ask(input.to_vec(), |manager| manager.get("vault://a", &Call::default()));
        match got {
            Ok(Some(value)) => assert!(input.starts_with(b"HTTP/1.") && value.len() <= input.len()),
            Ok(None) => assert!(input.starts_with(b"HTTP/1.")),
            Err(error) => check(&error),
        }
    });
}

/// The first byte selects operation and status, the rest is the body. The result of a get has to agree with another
/// parser.
pub fn kv_response(input: &[u8]) {
    let Some((&choice, body)) = input.split_first() else { return };
    let status = [200, 200, 404, 403, 400, 412, 429, 500, 503, 204][usize::from(choice >> 2) % 10];
    let call = Call::default();
    with_peer(|peer| match choice & 3 {
        0 => {
            match peer.ask(framed(status, body), |manager| manager.get("vault://a", &call)) {
                Ok(Some(value)) => assert_eq!(Some(value.as_str()), expected_value(body).as_deref()),
                Ok(None) => {}
                Err(error) => check(&error),
            }
            match peer.ask(framed(status, body), |manager| manager.get_document("vault://a", &call)) {
                Ok(Some(document)) => check_document(&document, body),
                Ok(None) => {}
                Err(error) => check(&error),
            }
        }
        1 => match peer.ask(framed(status, body), |manager| manager.list(None, &call)) {
            Ok(references) => {
                for reference in references {
                    assert!(manager_reads(peer, &reference), "{reference}");
                }
            }
            Err(error) => check(&error),
        },
        2 => {
            if let Err(error) = peer.ask(framed(status, body), |manager| manager.store("a", CANARY, None, &call)) {
                check(&error);
            }
        }
        _ => {
            if let Err(error) =
                peer.ask(framed(status, body), |manager| manager.update("vault://a", CANARY, None, &call))
            {
                check(&error);
            }
        }
    });
}

/// A document has the fields that another parser finds.
fn check_document(document: &Document, body: &[u8]) {
    let expected = fields_of(body).expect("a document that another parser does not find");
    assert_eq!(document.len(), expected.len());
    for (index, (name, json)) in expected.iter().enumerate() {
        assert_eq!(document.name(index), Some(name.as_str()));
        assert_eq!(document.json_of(name), Some(json.get()));
        assert_eq!(document.json_with_nul(name), Some(json.get()));
        let text = match json.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(json.get()).ok(),
            Some(b'{' | b'[' | b'n') => None,
            _ => Some(json.get().to_owned()),
        };
        assert_eq!(document.text(name), text.as_deref());
    }
    assert!(std::str::from_utf8(body).expect("UTF-8").contains(document.json()) || document.is_empty());
    document.metadata();
}

fn manager_reads(peer: &Peer, reference: &str) -> bool {
    peer.manager.canonical(reference).is_ok_and(|canonical| canonical == reference)
}

/// The fields in `data.data`. Of several with one name the last one counts.
fn fields_of(body: &[u8]) -> Option<BTreeMap<String, Box<RawValue>>> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        data: Data,
    }
    #[derive(serde::Deserialize)]
    struct Data {
        data: BTreeMap<String, Box<RawValue>>,
    }
    serde_json::from_slice(body).ok().map(|envelope: Envelope| envelope.data.data)
}

/// `data.data.value` as text: a string itself, or the JSON text of a number or boolean.
fn expected_value(body: &[u8]) -> Option<String> {
    let fields = fields_of(body)?;
    let raw = fields.get("value")?.get();
    match raw.as_bytes().first()? {
        b'"' => serde_json::from_str(raw).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(raw.to_owned()),
    }
}
