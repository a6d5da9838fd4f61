//! Deletions whose answer is lost: repeated only while the secret is the one that was to be deleted.

use std::sync::Mutex;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets_test_support::{Counter, Gateway, Server, Verdict, answer_text};
use serde_json::json;

use crate::managers::{mount_with_secret, open_at};

/// What becomes of the first deletion.
#[derive(Clone, Copy)]
enum First {
    /// The server does it, and its answer is lost.
    Done,
    /// The server does it, and a gateway says that it has failed.
    DoneButFailed,
    /// It is lost on its way.
    Lost,
}

/// Deletes the secret `a` of `mount` through a gateway; `meanwhile` happens right after the first deletion. The outcome,
/// and how many deletions were sent.
fn delete(
    server: &Server,
    mount: &str,
    first: First,
    meanwhile: impl Fn() + Send + Sync + 'static,
) -> (Result<bool>, usize) {
    let deletions = Counter::default();
    let (counter, turn) = (deletions.clone(), Mutex::new(false));
    let gateway = Gateway::to(server.port(), move |asked| {
        let mut happened = turn.lock().unwrap();
        if asked.method == "DELETE" && counter.next() == 0 {
            return match first {
                First::Done => Verdict::PassButAnswer(String::new()),
                First::DoneButFailed => Verdict::PassButAnswer(answer_text("502 Bad Gateway", "", "<html>")),
                First::Lost => Verdict::Close,
            };
        }
        if counter.get() == 1 && !*happened {
            *happened = true;
            meanwhile();
        }
        Verdict::Pass
    });
    let manager = open_at(server, &gateway.addr(), mount, &[]).unwrap();
    (manager.delete("vault://a", &Call::default()), deletions.get())
}

#[test]
fn a_deletion_that_was_done_is_not_sent_again() {
    let server = Server::shared();
    for first in [First::Done, First::DoneButFailed] {
        let mount = mount_with_secret(server);
        let (outcome, sent) = delete(server, &mount, first, || {});
        assert!(outcome.unwrap());
        assert_eq!(sent, 1);
        assert!(server.read_raw(&mount, "a").is_none());
    }
}

#[test]
fn a_deletion_that_was_lost_is_sent_again_while_the_secret_is_the_same() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (outcome, sent) = delete(server, &mount, First::Lost, || {});
    assert!(outcome.unwrap());
    assert_eq!(sent, 2);
    assert!(server.read_raw(&mount, "a").is_none());
}

#[test]
fn what_others_have_stored_since_is_not_deleted() {
    let server = Server::shared();
    for first in [First::Done, First::DoneButFailed, First::Lost] {
        let mount = mount_with_secret(server);
        let (api, path) = (server.api(), format!("{mount}/data/a"));
        let others_store = move || {
            api.post(&path, json!({"data": {"value": "theirs"}}));
        };
        let (outcome, sent) = delete(server, &mount, first, others_store);
        let error = outcome.unwrap_err();
        assert!(matches!(error.status(), Status::Connection | Status::Unavailable), "{error}");
        assert_eq!(sent, 1, "{error}");
        assert_eq!(server.read_raw(&mount, "a").unwrap()["data"]["value"], "theirs");
    }
}
