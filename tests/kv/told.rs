//! Gets of what a watch has told, from nodes that are behind the one that was looked at, and do not say so.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::open::Manager;
use handsfree_secrets::vault::VersionChange;
use handsfree_secrets::watch::{Kind, Watch};
use handsfree_secrets_test_support::{Gateway, Server, Verdict, answer};
use serde_json::json;

use crate::managers::{fails, open_whole};

/// What a node answers that has no secrets yet.
const NOTHING: &str = r#"{"errors":[]}"#;

/// A node that answers reads of secrets with old data, and looks at their metadata with new ones.
struct Behind {
    gateway: Gateway,
    /// What it answers to reads: the status and the body.
    old: Arc<Mutex<(&'static str, String)>>,
    /// How many more reads it answers so; then it has caught up.
    left: Arc<AtomicI64>,
    /// How many reads it was asked for.
    reads: Arc<AtomicUsize>,
}

impl Behind {
    fn new(server: &Server) -> Behind {
        let (old, left, reads) = (Arc::<Mutex<(&str, String)>>::default(), Arc::<AtomicI64>::default(), Arc::default());
        let (answers, still, count) = (old.clone(), left.clone(), Arc::<AtomicUsize>::clone(&reads));
        let gateway = Gateway::to(server.port(), move |asked| {
            if asked.method != "GET" || !asked.path.contains("/data/") {
                return Verdict::Pass;
            }
            count.fetch_add(1, Ordering::AcqRel);
            if still.fetch_sub(1, Ordering::AcqRel) <= 0 {
                return Verdict::Pass;
            }
            let (status, body) = &*answers.lock().unwrap();
            answer(status, "", body)
        });
        Behind { gateway, old, left, reads }
    }

    /// Has it answer reads with this for so many times.
    fn answers(&self, status: &'static str, body: &str, times: i64) {
        *self.old.lock().unwrap() = (status, body.to_owned());
        self.left.store(times, Ordering::Release);
        self.reads.store(0, Ordering::Release);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Acquire)
    }
}

/// A mount with two versions of the secret `a`, and one of `b`; and the answer to a read of the first version of `a`.
fn two_versions(server: &Server) -> (String, String) {
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    server.write_raw(&mount, "b", json!({"value": "1"}));
    let first = server.api().get(&format!("{mount}/data/a")).to_string();
    server.write_raw(&mount, "a", json!({"value": "2"}));
    (mount, first)
}

fn open_at(server: &Server, mount: &str, address: &str, retries: &str) -> Arc<Manager> {
    let settings = [
        ("VAULT_ADDR", address),
        ("VAULT_MAX_RETRIES", retries),
        ("VAULT_WATCH_INTERVAL", "50ms"),
        ("VAULT_CACHE_TTL", "1h"),
    ];
    Arc::new(open_whole(server, mount, &settings).unwrap())
}

/// A watch of the secret that has told this version.
fn tells(manager: &Arc<Manager>, version: u64) -> Watch {
    let watch = Watch::new(manager.clone()).unwrap();
    watch.add("vault://a", 0).unwrap();
    tells_next(&watch, Kind::Written, version);
    watch
}

fn tells_next(watch: &Watch, kind: Kind, version: u64) {
    let mut call = Call::default();
    call.set_timeout(Duration::from_secs(30));
    let change = watch.next(&call).unwrap().unwrap();
    assert_eq!((change.kind, change.version), (kind, version));
}

fn get(manager: &Manager, reference: &str) -> Option<String> {
    manager.secrets().get(reference, &Call::default()).unwrap().map(|value| value.as_str().to_owned())
}

#[test]
fn an_older_answer_is_asked_for_again_at_another_node() {
    let server = Server::shared();
    let (mount, first) = two_versions(server);
    let behind = Behind::new(server);
    for (status, body, reference) in [
        ("200 OK", &*first, "vault://a"),
        ("404 Not Found", NOTHING, "vault://a"),
        ("404 Not Found", NOTHING, "vault://a?version=2"),
    ] {
        let manager = open_at(server, &mount, &format!("{},{}", behind.gateway.addr(), server.addr()), "0");
        let watch = tells(&manager, 2);
        behind.answers(status, body, i64::MAX);
        assert_eq!(get(&manager, reference).as_deref(), Some("2"), "{status} {reference}");
        assert_eq!(behind.reads(), 1, "the next call begins at the node that knew more");
        manager.clear_cache(None).unwrap();
        assert_eq!(get(&manager, reference).as_deref(), Some("2"));
        assert_eq!(behind.reads(), 1);
        drop(watch);
    }
    // All kinds of reads.
    for read in [
        |manager: &Manager| manager.secrets().get_many(&["vault://a", "vault://b"], &Call::default())[0].is_ok(),
        |manager: &Manager| {
            let document = manager.secrets().get_document("vault://a", &Call::default()).unwrap().unwrap();
            document.version == 2
        },
        |manager: &Manager| {
            let found = manager.secrets().get_documents(&["vault://b", "vault://a"], &Call::default());
            found[1].as_ref().unwrap().as_ref().unwrap().version == 2
        },
    ] {
        let manager = open_at(server, &mount, &format!("{},{}", behind.gateway.addr(), server.addr()), "0");
        let _watch = tells(&manager, 2);
        behind.answers("200 OK", &first, i64::MAX);
        assert!(read(&manager));
    }
}

#[test]
fn a_single_node_is_asked_again_until_it_has_caught_up() {
    let server = Server::shared();
    let (mount, first) = two_versions(server);
    let behind = Behind::new(server);
    let manager = open_at(server, &mount, &behind.gateway.addr(), "2");
    behind.answers("200 OK", &first, i64::MAX);
    assert_eq!(get(&manager, "vault://a").as_deref(), Some("1"), "nothing was told");
    assert_eq!(behind.reads(), 1);
    let _watch = tells(&manager, 2);
    behind.answers("200 OK", &first, 2);
    assert_eq!(get(&manager, "vault://a").as_deref(), Some("2"));
    assert_eq!(behind.reads(), 3);
    manager.clear_cache(None).unwrap();
    behind.answers("200 OK", &first, i64::MAX);
    let error = fails(manager.secrets().get("vault://a", &Call::default()), Status::Unavailable);
    assert!(error.message().contains("older than what a watch has told"), "{error}");
    assert_eq!((error.http_status(), behind.reads()), (200, 3));
    behind.answers("404 Not Found", NOTHING, i64::MAX);
    assert_eq!((get(&manager, "vault://b"), behind.reads()), (None, 1), "nobody watches it");
    assert_eq!((get(&manager, "vault://a?version=1"), behind.reads()), (None, 2), "another version was told");
}

#[test]
fn a_secret_of_which_the_deletion_was_told_is_not_read_from_a_node_that_still_has_it() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    let old = server.api().get(&format!("{mount}/data/a")).to_string();
    let behind = Behind::new(server);
    let manager = open_at(server, &mount, &format!("{},{}", behind.gateway.addr(), server.addr()), "1");
    let watch = tells(&manager, 1);
    server.api().delete(&format!("{mount}/metadata/a"));
    tells_next(&watch, Kind::Deleted, 1);
    behind.answers("200 OK", &old, i64::MAX);
    assert_eq!((get(&manager, "vault://a"), behind.reads()), (None, 1));
    let manager = open_at(server, &mount, &behind.gateway.addr(), "1");
    let watch = Watch::new(manager.clone()).unwrap();
    watch.add("vault://a", 1).unwrap();
    tells_next(&watch, Kind::Deleted, 1);
    behind.answers("200 OK", &old, i64::MAX);
    assert_eq!(get(&manager, "vault://a").as_deref(), Some("1"), "no look has found what was deleted");
    server.write_raw(&mount, "a", json!({"value": "anew"}));
    behind.answers("", "", 0);
    manager.clear_cache(None).unwrap();
    assert_eq!((get(&manager, "vault://a").as_deref(), behind.reads()), (Some("anew"), 1));
}

#[test]
fn what_was_deleted_after_it_was_told_is_missing() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    let behind = Behind::new(server);
    let manager = open_at(server, &mount, &behind.gateway.addr(), "1");
    let watch = tells(&manager, 1);
    let call = Call::default();
    behind.answers("", "", 0);
    // By another program: it is asked for again once.
    server.api().delete(&format!("{mount}/metadata/a"));
    assert_eq!((get(&manager, "vault://a"), behind.reads()), (None, 2));
    assert_eq!((get(&manager, "vault://a"), behind.reads()), (None, 3));
    tells_next(&watch, Kind::Deleted, 1);
    server.write_raw(&mount, "a", json!({"value": "anew"}));
    tells_next(&watch, Kind::Written, 1);
    behind.answers("", "", 0);
    assert_eq!((get(&manager, "vault://a").as_deref(), behind.reads()), (Some("anew"), 1));
    // By this manager: never.
    manager.vault().unwrap().change_versions("vault://a", &[1], VersionChange::Delete, &call).unwrap();
    assert_eq!((get(&manager, "vault://a"), behind.reads()), (None, 2));
    manager.secrets().delete("vault://a", &call).unwrap();
    assert_eq!((get(&manager, "vault://a"), behind.reads()), (None, 3));
}
