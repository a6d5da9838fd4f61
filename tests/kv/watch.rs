//! Watches: which changes are told, and when.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::open::Manager;
use handsfree_secrets::vault::{RawRequest, VersionChange};
use handsfree_secrets::watch::{Change, Kind, Watch};
use handsfree_secrets_test_support::{Gateway, Server, Verdict, answer};
use serde_json::json;

use crate::managers::{fails, open_whole, options};

const OFTEN: (&str, &str) = ("VAULT_WATCH_INTERVAL", "50ms");

fn within(limit: Duration) -> Call {
    let mut call = Call::default();
    call.set_timeout(limit);
    call
}

/// A watch of a mount, and its manager.
fn watch(server: &Server, mount: &str, extra: &[(&str, &str)]) -> (Watch, Arc<Manager>) {
    let mut settings = vec![OFTEN];
    settings.extend_from_slice(extra);
    let manager = Arc::new(open_whole(server, mount, &settings).unwrap());
    (Watch::new(manager.clone()).unwrap(), manager)
}

/// The next change, which has to come.
fn next(watch: &Watch) -> (String, Kind, u64) {
    let Change { reference, kind, version, .. } = watch.next(&within(Duration::from_secs(30))).unwrap().unwrap();
    (reference, kind, version)
}

/// Checks that nothing is told over several looks.
fn nothing(watch: &Watch) {
    let change = watch.next(&within(Duration::from_millis(400))).unwrap();
    assert!(change.is_none(), "{change:?}");
}

#[test]
fn what_the_program_has_decides_what_is_told_first() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let (watch, _) = watch(server, &mount, &[]);
    for name in ["nothing", "old", "same", "unseen"] {
        server.write_raw(&mount, name, json!({"value": "1"}));
        server.write_raw(&mount, name, json!({"value": "2"}));
    }
    for (name, known) in [("nothing", 0), ("old", 1), ("same", 2), ("unseen", -1), ("none", 0), ("gone", 7)] {
        watch.add(&format!("vault://{name}"), known).unwrap();
    }
    let mut told: Vec<_> = (0..3).map(|_| next(&watch)).collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [("gone", Kind::Deleted, 7), ("nothing", Kind::Written, 2), ("old", Kind::Written, 2)];
    assert_eq!(told, expected.map(|(name, kind, version)| (format!("vault://{name}"), kind, version)));
    nothing(&watch);
    server.write_raw(&mount, "none", json!({"value": "1"}));
    assert_eq!(next(&watch), ("vault://none".to_owned(), Kind::Written, 1));
}

#[test]
fn each_kind_of_change_is_told_once() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let (watch, manager) = watch(server, &mount, &[("VAULT_CACHE_TTL", "1h")]);
    let (secrets, vault, call) = (manager.secrets(), manager.vault().unwrap(), Call::default());
    let reference = "vault://an.odd_spelling";
    watch.add(reference, 0).unwrap();
    nothing(&watch);
    let expect = |kind: Kind, version: u64| assert_eq!(next(&watch), (reference.to_owned(), kind, version));
    secrets.store("an/odd/spelling", "1", None, &call).unwrap();
    expect(Kind::Written, 1);
    assert_eq!(secrets.get(reference, &call).unwrap().unwrap().as_str(), "1");
    server.write_raw(&mount, "an/odd/spelling", json!({"value": "2"}));
    server.write_raw(&mount, "an/odd/spelling", json!({"value": "3"}));
    let (_, kind, version) = next(&watch);
    let value = secrets.get(reference, &call).unwrap().unwrap();
    assert!(kind == Kind::Written && version >= 2 && value.as_str().parse::<u64>().unwrap() >= version);
    if version == 2 {
        expect(Kind::Written, 3);
    }
    vault.change_versions(reference, &[0], VersionChange::Delete, &call).unwrap();
    expect(Kind::Deleted, 3);
    vault.change_versions(reference, &[3], VersionChange::Undelete, &call).unwrap();
    expect(Kind::Written, 3);
    vault.change_versions(reference, &[1], VersionChange::Destroy, &call).unwrap();
    nothing(&watch);
    secrets.delete(reference, &call).unwrap();
    expect(Kind::Deleted, 3);
    secrets.store("an/odd/spelling", "1", None, &call).unwrap();
    expect(Kind::Written, 1);
    assert!(watch.remove(reference) && !watch.remove(reference));
    secrets.update(reference, "2", None, &call).unwrap();
    nothing(&watch);
}

#[test]
fn a_folder_is_one_request_a_look() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    for number in 0..100 {
        server.write_raw(&mount, &format!("app/{number}"), json!({"value": "1"}));
    }
    server.write_raw(&mount, "apple", json!({"value": "1"}));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        count.fetch_add(usize::from(request.path.contains("metadata")), Ordering::AcqRel);
        Verdict::Pass
    });
    let (watch, _) = watch(server, &mount, &[("VAULT_ADDR", &gateway.addr()), ("VAULT_WATCH_INTERVAL", "10s")]);
    watch.add("vault://app/", 0).unwrap();
    let mut told: Vec<_> = (0..100).map(|_| next(&watch).0).collect();
    told.sort();
    told.dedup();
    assert_eq!((told.len(), asked.load(Ordering::Acquire)), (100, 1));
}

#[test]
fn changes_beneath_a_folder_have_canonical_references() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "app/old", json!({"value": "1"}));
    let policy = |extra: &str| {
        let paths = format!("path \"{mount}/metadata/*\" {{ capabilities = [\"read\", \"list\"] }}\n{extra}");
        server.policy_token(&paths)
    };
    let scanning = policy(&format!("path \"{mount}/detailed-metadata/*\" {{ capabilities = [\"list\", \"scan\"] }}\n"));
    // Without the right to scan, folders are listed and secrets looked at one by one.
    for token in [scanning, policy("")] {
        let (watch, _) = watch(server, &mount, &[("VAULT_TOKEN", &token), ("VAULT_KV_VERSION", "2")]);
        watch.add("vault:///app/", -1).unwrap();
        nothing(&watch);
        server.write_raw(&mount, "app/x.y/z", json!({"value": "1"}));
        assert_eq!(next(&watch), ("vault:///app/x.y/z".to_owned(), Kind::Written, 1));
        server.api().delete(&format!("{mount}/metadata/app/x.y/z"));
        assert_eq!(next(&watch), ("vault:///app/x.y/z".to_owned(), Kind::Deleted, 1));
        nothing(&watch);
    }
}

#[test]
fn a_server_that_is_down_is_waited_for() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    let is_down = Arc::new(AtomicBool::new(false));
    let down = is_down.clone();
    let gateway = Gateway::to(server.port(), move |_| match down.load(Ordering::Acquire) {
        true => answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#),
        false => Verdict::Pass,
    });
    let extra = [("VAULT_ADDR", &*gateway.addr()), ("VAULT_MAX_RETRIES", "0")];
    let (watch, _) = watch(server, &mount, &extra);
    watch.add("vault://a", -1).unwrap();
    nothing(&watch);
    is_down.store(true, Ordering::Release);
    let error = watch.next(&within(Duration::from_millis(500))).unwrap_err();
    assert_eq!(error.status(), Status::Unavailable, "the failure of the last look");
    server.write_raw(&mount, "a", json!({"value": "2"}));
    is_down.store(false, Ordering::Release);
    assert_eq!(next(&watch), ("vault://a".to_owned(), Kind::Written, 2));
    nothing(&watch);
}

#[test]
fn a_server_that_is_silent_for_longer_than_the_calls_last_is_no_server_without_changes() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    let is_silent = Arc::new(AtomicBool::new(true));
    let silent = is_silent.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        while request.path.contains("/metadata/") && silent.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(2));
        }
        Verdict::Pass
    });
    let (watch, _) = watch(server, &mount, &[("VAULT_ADDR", &gateway.addr())]);
    watch.add("vault://a", 0).unwrap();
    let look = |time| watch.next(&within(Duration::from_millis(time)));
    fails(look(1200), Status::Timeout);
    // A call that ends before the server has had time to answer goes by what was found out before.
    fails(look(20), Status::Timeout);
    is_silent.store(false, Ordering::Release);
    assert_eq!(next(&watch), ("vault://a".to_owned(), Kind::Written, 1));
    nothing(&watch);
}

#[test]
fn changes_that_are_given_back_are_told_in_their_order_and_not_of_what_was_added_again() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let (watch, _) = watch(server, &mount, &[]);
    watch.add("vault://a", 0).unwrap();
    let write_and_take = || {
        server.write_raw(&mount, "a", json!({"value": "any"}));
        watch.next(&within(Duration::from_secs(30))).unwrap().unwrap()
    };
    let (first, second, third) = (write_and_take(), write_and_take(), write_and_take());
    for change in [&second, &first, &third] {
        watch.give_back(change.clone());
    }
    let (call, canceller) = Call::cancellable();
    canceller.cancel();
    fails(watch.next(&call), Status::Cancelled);
    for version in 1..=3 {
        assert_eq!(next(&watch).2, version);
    }
    watch.add("vault://a", -1).unwrap();
    watch.give_back(third);
    nothing(&watch);
}

#[test]
fn a_node_that_is_behind_tells_no_older_version() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let behind = Arc::<Mutex<BTreeMap<String, String>>>::default();
    let served = Arc::<AtomicUsize>::default();
    let (old, serve) = (behind.clone(), served.clone());
    let gateway = Gateway::to(server.port(), move |request| match old.lock().unwrap().get(&request.path) {
        Some(body) => {
            serve.fetch_add(1, Ordering::AcqRel);
            answer("200 OK", "", body)
        }
        None => Verdict::Pass,
    });
    let write = || server.write_raw(&mount, "app/a", json!({"value": "any"}));
    // What a node answers that gets no news from here on.
    let record = || {
        let paths = [format!("{mount}/metadata/app/a"), format!("{mount}/detailed-metadata/app/?scan=true")];
        BTreeMap::from(paths.map(|path| (format!("/v1/{path}"), server.api().get(&path).to_string())))
    };
    let (watch, _) = watch(server, &mount, &[("VAULT_ADDR", &gateway.addr())]);
    // Told twice: the secret is watched by its name, and beneath a folder.
    let expect = |kind: Kind, version: u64| {
        let told = [next(&watch), next(&watch)];
        assert_eq!(told, [(); 2].map(|()| ("vault://app/a".to_owned(), kind, version)));
    };
    let nothing_from = |node: &BTreeMap<String, String>| {
        let before = served.load(Ordering::Acquire);
        *behind.lock().unwrap() = node.clone();
        nothing(&watch);
        behind.lock().unwrap().clear();
        assert!(served.load(Ordering::Acquire) >= before + 2, "both have been looked at");
        nothing(&watch);
    };
    write();
    let first = record();
    write();
    watch.add("vault://app/a", 0).unwrap();
    watch.add("vault://app/", 0).unwrap();
    expect(Kind::Written, 2);
    nothing_from(&first);
    write();
    expect(Kind::Written, 3);
    let third = record();
    server.api().delete(&format!("{mount}/metadata/app/a"));
    expect(Kind::Deleted, 3);
    nothing_from(&third);
    write();
    expect(Kind::Written, 1);
    nothing_from(&third);
    write();
    expect(Kind::Written, 2);
}

#[test]
fn a_new_login_loses_and_doubles_nothing() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let login = [
        ("VAULT_ROLE_ID", &*role.role_id),
        ("VAULT_SECRET_ID", &*role.secret_id),
        ("VAULT_APPROLE_MOUNT", &*role.mount),
        ("VAULT_TOKEN", ""),
    ];
    let (watch, manager) = watch(server, &mount, &login);
    watch.add("vault://a", 0).unwrap();
    watch.add("vault://app/", 0).unwrap();
    for version in 1..=3 {
        server.write_raw(&mount, "a", json!({"value": "any"}));
        assert_eq!(next(&watch), ("vault://a".to_owned(), Kind::Written, version));
        let own = RawRequest::new("POST", "auth/token/revoke-self", None, None).unwrap();
        manager.request(&own, &Call::default()).unwrap();
        server.write_raw(&mount, "app/b", json!({"value": "any"}));
        assert_eq!(next(&watch), ("vault://app/b".to_owned(), Kind::Written, version));
        nothing(&watch);
    }
    assert!(manager.metrics().contains("handsfree_logins_total{result=\"success\"} 4"), "{}", manager.metrics());
}

#[test]
fn a_secret_that_may_not_be_looked_at_fails_once() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "open", json!({"value": "1"}));
    let token = server.policy_token(&format!("path \"{mount}/metadata/open\" {{ capabilities = [\"read\"] }}\n"));
    let (watch, _) = watch(server, &mount, &[("VAULT_TOKEN", &token), ("VAULT_KV_VERSION", "2")]);
    watch.add("vault://closed", 0).unwrap();
    let change = watch.next(&within(Duration::from_secs(30))).unwrap().unwrap();
    assert_eq!((change.kind, change.error.unwrap().status()), (Kind::Failed, Status::PermissionDenied));
    watch.add("vault://open", 0).unwrap();
    assert_eq!(next(&watch), ("vault://open".to_owned(), Kind::Written, 1));
    nothing(&watch);
}

#[test]
fn references_are_added_while_another_thread_waits() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    let (watch, _) = watch(server, &mount, &[("VAULT_WATCH_INTERVAL", "1h")]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| next(&watch));
        thread::sleep(Duration::from_millis(100));
        let error = watch.next(&within(Duration::from_secs(5))).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument, "one at a time waits");
        watch.add("vault://a", 0).unwrap();
        assert_eq!(waiting.join().unwrap().0, "vault://a");
    });
    let (call, canceller) = Call::cancellable();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.next(&call).unwrap_err().status());
        thread::sleep(Duration::from_millis(50));
        canceller.cancel();
        assert_eq!(waiting.join().unwrap(), Status::Cancelled);
    });
}

#[test]
fn what_cannot_be_watched_is_refused_at_once() {
    let server = Server::shared();
    let (watch, _) = watch(server, &server.fresh_mount(), &[]);
    for (reference, known, status) in [
        ("env://A", 0, Status::InvalidReference),
        ("app/", 0, Status::InvalidReference),
        ("vault://a//b/", 0, Status::InvalidReference),
        ("vault://a?version=1", 0, Status::InvalidArgument),
        ("vault://a", -2, Status::InvalidArgument),
        ("vault://a/", 1, Status::InvalidArgument),
    ] {
        assert_eq!(watch.add(reference, known).unwrap_err().status(), status, "{reference} {known}");
    }
    let env =
        handsfree_secrets::open::open(Some(&options(&[("SECRET_MANAGER_TYPE", "env")]).unwrap()), &Call::default());
    fails(Watch::new(Arc::new(env.unwrap())), Status::Unsupported);
}

#[test]
fn a_wait_that_was_cancelled_does_not_keep_the_next_one_out() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "1"}));
    let (is_held, holds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
    let (held, hold) = (is_held.clone(), holds.clone());
    let gateway = Gateway::to(server.port(), move |request| {
        while request.path.ends_with("/a") && hold.load(Ordering::Acquire) {
            held.store(true, Ordering::Release);
            thread::sleep(Duration::from_millis(2));
        }
        Verdict::Pass
    });
    let (watch, _) = watch(server, &mount, &[("VAULT_ADDR", &gateway.addr())]);
    watch.add("vault://a", 0).unwrap();
    let (call, canceller) = Call::cancellable();
    thread::scope(|scope| {
        let first = scope.spawn(|| watch.next(&call));
        while !is_held.load(Ordering::Acquire) {
            thread::yield_now();
        }
        canceller.cancel();
        // The first one is still inside, until it notices.
        let second = scope.spawn(|| watch.next(&within(Duration::from_secs(30))));
        let outcome = first.join().unwrap();
        holds.store(false, Ordering::Release);
        fails(outcome, Status::Cancelled);
        assert_eq!(second.join().unwrap().unwrap().unwrap().reference, "vault://a");
    });
}
