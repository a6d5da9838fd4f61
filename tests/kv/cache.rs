//! Cached answers: when they serve, what clears them, and what happens while the server cannot be asked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::lease::Lease;
use handsfree_secrets::open;
use handsfree_secrets::vault::{RawRequest, VersionChange};
use handsfree_secrets_test_support::{Gateway, Server, Verdict, answer, eventually, figure};
use serde_json::json;

use crate::managers::{self, get, get_within, mount_with_secret, open_whole};

/// A gateway in front of a server that counts the reads of secrets, and can refuse them.
struct Front {
    gateway: Gateway,
    reads: Arc<AtomicUsize>,
    /// What it answers in place of the server.
    refusal: Arc<Mutex<Option<(&'static str, &'static str)>>>,
    /// Whether it holds reads back.
    holds: Arc<AtomicBool>,
}

impl Front {
    fn to(server: &Server) -> Front {
        let (reads, refusal, holds) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<_>>::default(), Arc::default());
        let (count, instead, held) = (reads.clone(), refusal.clone(), Arc::<AtomicBool>::clone(&holds));
        let gateway = Gateway::to(server.port(), move |request| {
            if !request.path.contains("/data/") {
                return Verdict::Pass;
            }
            count.fetch_add(1, Ordering::AcqRel);
            while held.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(2));
            }
            let instead: Option<(&str, &str)> = *instead.lock().unwrap();
            instead.map_or(Verdict::Pass, |(status, body)| answer(status, "", body))
        });
        Front { gateway, reads, refusal, holds }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Acquire)
    }

    fn refuse(&self, refusal: Option<(&'static str, &'static str)>) {
        *self.refusal.lock().unwrap() = refusal;
    }

    fn open(&self, server: &Server, mount: &str, extra: &[(&str, &str)]) -> open::Manager {
        let address = self.gateway.addr();
        let mut settings = vec![("VAULT_ADDR", &*address)];
        settings.extend_from_slice(extra);
        open_whole(server, mount, &settings).unwrap()
    }
}

const SEALED: Option<(&str, &str)> = Some(("503 Service Unavailable", r#"{"errors":["Vault is sealed"]}"#));
const DENIED: Option<(&str, &str)> =
    Some(("403 Forbidden", r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#));

const MINUTE: [(&str, &str); 1] = [("VAULT_CACHE_TTL", "1m")];

/// A manager with these settings on a mount of its own.
fn opened(settings: &[(&str, &str)]) -> (Front, open::Manager) {
    let server = Server::shared();
    let front = Front::to(server);
    let manager = front.open(server, &mount_with_secret(server), settings);
    (front, manager)
}

fn max_age(age: Duration) -> Call {
    let mut call = Call::default();
    call.set_max_age(Some(age));
    call
}

#[test]
fn an_answer_serves_all_fields_until_it_is_too_old() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "v", "port": 5432, "o": {"x": 1}}));
    let front = Front::to(server);
    let manager = front.open(server, &mount, &[("VAULT_CACHE_TTL", "300ms")]);
    let secrets = manager.secrets();
    let call = Call::default();
    let start = Instant::now();
    assert_eq!(get(&**secrets).unwrap(), "v");
    let cached = get(&**secrets).unwrap();
    let port = secrets.get("vault://a#port", &call).unwrap().unwrap();
    let document = secrets.get_document("vault:///a", &call).unwrap().unwrap();
    let absent = secrets.get("vault://a#none", &call).unwrap();
    let object = secrets.get("vault://a#o", &call).err().unwrap();
    if start.elapsed() < Duration::from_millis(300) {
        assert_eq!(front.reads(), 1);
        assert!(document.age > Duration::ZERO && document.age < Duration::from_millis(300));
    }
    assert_eq!((&*cached, port.as_str(), document.text("value")), ("v", "5432", Some("v")));
    assert!(absent.is_none());
    assert_eq!(object.status(), Status::Unsupported);
    thread::sleep(Duration::from_millis(310));
    let before = front.reads();
    assert_eq!(secrets.get_document("vault://a", &call).unwrap().unwrap().age, Duration::ZERO);
    assert_eq!(front.reads(), before + 1);
}

#[test]
fn without_the_option_nothing_is_cached() {
    let (front, manager) = opened(&[("VAULT_CACHE_SIZE", "5")]);
    for _ in 0..3 {
        assert_eq!(get_within(&**manager.secrets(), &max_age(Duration::from_secs(60))).unwrap(), "v");
    }
    assert_eq!(front.reads(), 3);
}

#[test]
fn a_call_may_ask_for_a_younger_answer() {
    let (front, manager) = opened(&MINUTE);
    for (age, reads) in [(60_000, 1), (60_000, 1), (0, 2), (0, 3), (60_000, 3)] {
        assert_eq!(get_within(&**manager.secrets(), &max_age(Duration::from_millis(age))).unwrap(), "v");
        assert_eq!(front.reads(), reads, "{age}");
    }
    thread::sleep(Duration::from_millis(20));
    get_within(&**manager.secrets(), &max_age(Duration::from_millis(10))).unwrap();
    assert_eq!(front.reads(), 4);
}

#[test]
fn each_change_of_the_manager_clears_what_it_changes() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let manager = open_whole(server, &mount, &MINUTE).unwrap();
    let (secrets, vault, call) = (manager.secrets(), manager.vault().unwrap(), Call::default());
    let value = || secrets.get("vault://a", &call).unwrap().map(|value| value.as_str().to_owned());
    let expect = |expected: &str, what: &str| {
        assert_eq!(value().as_deref(), Some(expected), "{what}");
        assert_eq!(value().as_deref(), Some(expected), "{what}");
    };
    expect("v", "the first read");
    secrets.store("a", "2", None, &call).unwrap();
    expect("2", "store");
    assert!(secrets.update("vault://a", "3", None, &call).unwrap());
    expect("3", "update");
    secrets.store_many(&[("a", "4")], &call).into_iter().for_each(|stored| drop(stored.unwrap()));
    expect("4", "store_many");
    vault.rollback("vault://a", 1, &call).unwrap().unwrap();
    expect("v", "rollback");
    let rotated = vault.rotate("vault://a", None, &call).unwrap().unwrap();
    expect(rotated.value.as_str(), "rotate");
    assert!(vault.change_versions("vault://a", &[0], VersionChange::Delete, &call).unwrap());
    assert_eq!(value(), None, "delete_versions");
    assert!(vault.change_versions("vault://a", &[rotated.version as i64], VersionChange::Undelete, &call).unwrap());
    expect(rotated.value.as_str(), "undelete_versions");
    let body = handsfree_secrets::secret::Secret::copy_of(r#"{"data": {"value": "raw"}}"#);
    let request = RawRequest::new("POST", &format!("{mount}/data/a"), Some(body), None).unwrap();
    manager.request(&request, &call).unwrap().unwrap();
    expect("raw", "a request of the program");
    server.write_raw(&mount, "a", json!({"value": "elsewhere"}));
    expect("raw", "a write of somebody else");
    manager.clear_cache(Some("vault://b")).unwrap();
    expect("raw", "another secret");
    manager.clear_cache(Some("vault:///a#field")).unwrap();
    expect("elsewhere", "clear");
    server.write_raw(&mount, "a", json!({"value": "again"}));
    manager.clear_cache(None).unwrap();
    expect("again", "clear all");
    assert!(secrets.delete("vault://a", &call).unwrap());
    assert_eq!(value(), None, "delete");
    assert_eq!(manager.clear_cache(Some("env://A")).unwrap_err().status(), Status::InvalidReference);
}

#[test]
fn an_update_does_not_read_the_cache_and_absence_is_not_kept() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open_whole(server, &mount, &MINUTE).unwrap();
    let (secrets, call) = (manager.secrets(), Call::default());
    assert!(secrets.get("vault://a", &call).unwrap().is_none());
    server.write_raw(&mount, "a", json!({"value": "v", "other": "1"}));
    assert_eq!(get(&**secrets).unwrap(), "v");
    server.write_raw(&mount, "a", json!({"value": "v", "other": "2"}));
    assert!(secrets.update("vault://a", "new", None, &call).unwrap());
    assert_eq!(secrets.get("vault://a#other", &call).unwrap().unwrap().as_str(), "2");
}

/// Has this many threads make a call, all of which have begun when the server answers the first one.
fn call_at_once(front: &Front, threads: usize, call: impl Fn() + Sync) {
    front.holds.store(true, Ordering::Release);
    let begun = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                begun.fetch_add(1, Ordering::AcqRel);
                call();
            });
        }
        while begun.load(Ordering::Acquire) < threads || front.reads() == 0 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(100));
        front.holds.store(false, Ordering::Release);
    });
}

#[test]
fn of_many_threads_one_asks() {
    let (front, manager) = opened(&MINUTE);
    call_at_once(&front, 100, || assert_eq!(get(&**manager.secrets()).unwrap(), "v"));
    assert_eq!(front.reads(), 1);
}

#[test]
fn of_many_threads_few_ask_for_a_secret_that_does_not_exist() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let front = Front::to(server);
    let manager = front.open(server, &mount, &MINUTE);
    let get = || manager.secrets().get("vault://none", &Call::default()).unwrap();
    call_at_once(&front, 20, || assert!(get().is_none()));
    // The first one has asked before the others came, and the second one for all of them.
    assert!(front.reads() < 10, "asked {} times", front.reads());
    server.write_raw(&mount, "none", json!({"value": "v"}));
    assert!(get().is_some(), "absence is not kept");
}

#[test]
fn an_old_answer_serves_while_the_server_cannot_be_asked() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let front = Front::to(server);
    let warnings = Arc::new(managers::Warnings::default());
    let address = front.gateway.addr();
    let mut options = managers::options(&[
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &address),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", &mount),
        ("VAULT_CACHE_STALE_TTL", "1m"),
    ])
    .unwrap();
    options.set_log_sink(Some((warnings.clone(), log::LevelFilter::Warn)));
    let manager = open::open(Some(&options), &Call::default()).unwrap();
    let secrets = manager.secrets();
    assert_eq!(get(&**secrets).unwrap(), "v");
    assert_eq!(get(&**secrets).unwrap(), "v");
    assert_eq!(front.reads(), 2, "without VAULT_CACHE_TTL the server is asked each time");
    front.refuse(SEALED);
    for _ in 0..50 {
        let document = secrets.get_document("vault://a", &Call::default()).unwrap().unwrap();
        assert!(document.text("value") == Some("v") && document.age > Duration::ZERO);
    }
    assert!(front.reads() < 50, "the server is left alone: {}", front.reads());
    let told = warnings.so_far();
    assert!(told.len() == 1 && told[0].contains("serving the answer of") && told[0].contains("503"), "{told:?}");
    let many = secrets.get_many(&["vault://a", "vault://other"], &Call::default());
    assert_eq!(many[0].as_ref().unwrap().as_ref().unwrap().as_str(), "v");
    assert_eq!(many[1].as_ref().err().unwrap().status(), Status::Unavailable);
    let error = get_within(&**secrets, &max_age(Duration::ZERO)).unwrap_err();
    assert_eq!(error.status(), Status::Unavailable, "a maximum age bounds old answers, too");
    front.refuse(None);
    let fresh = || secrets.get_document("vault://a", &Call::default()).unwrap().unwrap().age.is_zero();
    eventually("a new answer", Duration::from_secs(10), || fresh().then_some(()));
}

#[test]
fn old_answers_serve_at_once_after_the_server_was_killed() {
    let server = Server::builder().start();
    let mount = mount_with_secret(&server);
    let manager = open_whole(&server, &mount, &[("VAULT_CACHE_STALE_TTL", "1h")]).unwrap();
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    drop(server);
    // The first failure is noticed here, and again after each pause, of a second.
    let mut took: Vec<Duration> = (0..2000)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(get(&**manager.secrets()).unwrap(), "v");
            start.elapsed()
        })
        .collect();
    figure("microseconds until the first old answer of a killed server", took.remove(0).as_micros());
    took.sort();
    figure("microseconds until each of the next ones, median", took[took.len() / 2].as_micros());
    figure("the same, longest", took[took.len() - 1].as_micros());
}

#[test]
fn a_call_with_too_little_time_does_not_make_others_get_old_answers() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.write_raw(&mount, "b", json!({"value": "w"}));
    let front = Front::to(server);
    let settings = [("VAULT_CACHE_TTL", "1ms"), ("VAULT_CACHE_STALE_TTL", "1m")];
    let manager = front.open(server, &mount, &settings);
    let value = |name: &str, call: &Call| manager.secrets().get(name, call).unwrap().unwrap().as_str().to_owned();
    assert_eq!(value("vault://a", &Call::default()), "v");
    assert_eq!(value("vault://b", &Call::default()), "w");
    server.write_raw(&mount, "a", json!({"value": "new"}));
    front.holds.store(true, Ordering::Release);
    let mut short = Call::default();
    short.set_timeout(Duration::from_millis(50));
    assert_eq!(value("vault://b", &short), "w", "an older answer serves the call itself");
    front.holds.store(false, Ordering::Release);
    assert_eq!(value("vault://a", &Call::default()), "new");
}

#[test]
fn a_batch_that_older_answers_could_serve_does_not_wait_for_the_server() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.write_raw(&mount, "b", json!({"value": "w"}));
    let front = Front::to(server);
    let manager = front.open(server, &mount, &[("VAULT_CACHE_STALE_TTL", "1m")]);
    let values = || manager.secrets().get_many(&["vault://a", "vault://b"], &Call::default());
    assert!(values().into_iter().all(|value| value.unwrap().is_some()));
    front.refuse(SEALED);
    let before = front.reads();
    let texts: Vec<_> = values().into_iter().map(|value| value.unwrap().unwrap().as_str().to_owned()).collect();
    assert_eq!(texts, ["v", "w"]);
    // Each is asked for once in the batch, and once more alone.
    assert!(front.reads() - before <= 4, "asked {} times", front.reads() - before);
}

#[test]
fn a_server_that_was_silent_is_left_alone() {
    let (front, manager) = opened(&[("VAULT_CACHE_TTL", "1ms"), ("VAULT_CACHE_STALE_TTL", "1m")]);
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    front.holds.store(true, Ordering::Release);
    for _ in 0..12 {
        assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    }
    front.holds.store(false, Ordering::Release);
    assert!(front.reads() < 8, "asked {} times", front.reads());
}

/// A call that holds reads back: its own maximum age forbids it the older answer, so it waits for the server.
fn wait_for_the_server(front: &Front, manager: &open::Manager, others: impl FnOnce()) {
    thread::sleep(Duration::from_millis(5));
    front.holds.store(true, Ordering::Release);
    let before = front.reads();
    thread::scope(|scope| {
        scope.spawn(|| drop(get_within(&**manager.secrets(), &max_age(Duration::from_millis(1)))));
        while front.reads() == before {
            thread::yield_now();
        }
        others();
        front.holds.store(false, Ordering::Release);
    });
}

#[test]
fn an_older_answer_serves_a_call_whose_time_ends_while_another_one_asks() {
    let (front, manager) = opened(&[("VAULT_CACHE_TTL", "1ms"), ("VAULT_CACHE_STALE_TTL", "1m")]);
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    wait_for_the_server(&front, &manager, || {
        let mut short = Call::default();
        short.set_timeout(Duration::from_millis(100));
        assert_eq!(get_within(&**manager.secrets(), &short).as_deref().unwrap(), "v");
    });
}

#[test]
fn an_older_answer_serves_although_a_call_that_may_not_have_it_fails() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let front = Front::to(server);
    let settings = [("VAULT_CACHE_TTL", "1ms"), ("VAULT_CACHE_STALE_TTL", "1m"), ("VAULT_MAX_RETRIES", "0")];
    let manager = front.open(server, &mount, &settings);
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    thread::scope(|scope| {
        let mut waiting = None;
        wait_for_the_server(&front, &manager, || {
            let secrets = manager.secrets().clone();
            waiting = Some(scope.spawn(move || get(&*secrets)));
            thread::sleep(Duration::from_millis(50));
            front.refuse(SEALED);
        });
        assert_eq!(waiting.unwrap().join().unwrap().as_deref().unwrap(), "v");
    });
}

#[test]
fn an_answer_that_has_become_denied_is_not_served_again() {
    let (front, manager) = opened(&[("VAULT_CACHE_STALE_TTL", "1m")]);
    let version = || manager.secrets().get("vault://a?version=1", &Call::default());
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    assert!(version().unwrap().is_some());
    front.refuse(DENIED);
    assert_eq!(get(&**manager.secrets()).unwrap_err().status(), Status::PermissionDenied);
    front.refuse(SEALED);
    assert_eq!(get(&**manager.secrets()).unwrap_err().status(), Status::Unavailable);
    assert_eq!(version().unwrap_err().status(), Status::Unavailable, "policies know no versions");
}

#[test]
fn a_new_login_starts_without_answers() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let settings = [
        ("VAULT_ROLE_ID", &*role.role_id),
        ("VAULT_SECRET_ID", &*role.secret_id),
        ("VAULT_APPROLE_MOUNT", &*role.mount),
        ("VAULT_TOKEN", ""),
        MINUTE[0],
    ];
    let front = Front::to(server);
    let manager = front.open(server, &mount, &settings);
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    assert_eq!(front.reads(), 1);
    let own = RawRequest::new("POST", "auth/token/revoke-self", None, None).unwrap();
    manager.request(&own, &Call::default()).unwrap();
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    assert_eq!(front.reads(), 3, "refused once, and asked again after the login");
}

#[test]
fn a_token_file_that_is_read_again_and_has_not_changed_is_no_new_login() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let made = server.api().send("POST", "auth/token/create", &json!({"ttl": "1h"})).success();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made["auth"]["client_token"].as_str().unwrap()).unwrap();
    let front = Front::to(server);
    let settings = [("VAULT_TOKEN_FILE", file.path().to_str().unwrap()), ("VAULT_TOKEN", ""), MINUTE[0]];
    let manager = Arc::new(front.open(server, &mount, &settings));
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    // Looks the token up, whose file it reads for that.
    Lease::open(&manager, "auth/token/lookup-self", None, &Call::default()).unwrap().unwrap();
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    assert_eq!(front.reads(), 1);

    let other = server.api().send("POST", "auth/token/create", &json!({"ttl": "1h"})).success();
    std::fs::write(file.path(), other["auth"]["client_token"].as_str().unwrap()).unwrap();
    Lease::open(&manager, "auth/token/lookup-self", None, &Call::default()).unwrap().unwrap();
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    assert_eq!(front.reads(), 2, "another token may not read what the last one could");
}

#[test]
fn a_call_that_was_cancelled_is_not_served_either() {
    let server = Server::shared();
    let manager = open_whole(server, &mount_with_secret(server), &MINUTE).unwrap();
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    let (call, canceller) = Call::cancellable();
    assert_eq!(get_within(&**manager.secrets(), &call).unwrap(), "v");
    canceller.cancel();
    assert_eq!(get_within(&**manager.secrets(), &call).unwrap_err().status(), Status::Cancelled);
    let rows = manager.secrets().get_many(&["vault://a", "nonsense"], &call);
    let statuses: Vec<_> = rows.into_iter().map(|row| row.err().map(|error| error.status())).collect();
    assert_eq!(statuses, [Some(Status::Cancelled), Some(Status::InvalidReference)]);
}

#[test]
fn batches_ask_for_what_is_missing_only() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.write_raw(&mount, "b", json!({"value": "w"}));
    let front = Front::to(server);
    let manager = front.open(server, &mount, &MINUTE);
    assert_eq!(get(&**manager.secrets()).unwrap(), "v");
    let references = ["vault://a", "nonsense", "vault://none", "vault://b", "vault://a#none"];
    for reads in [3, 4] {
        let mut values = manager.secrets().get_many(&references, &Call::default()).into_iter();
        let mut next = || values.next().unwrap().map(|value| value.map(|value| value.as_str().to_owned()));
        assert_eq!(next().unwrap().as_deref(), Some("v"));
        assert_eq!(next().unwrap_err().status(), Status::InvalidReference);
        assert_eq!(next().unwrap(), None);
        assert_eq!(next().unwrap().as_deref(), Some("w"));
        assert_eq!(next().unwrap(), None);
        assert_eq!(front.reads(), reads);
    }
}

#[test]
fn times_and_sizes_that_are_none_are_refused() {
    let server = Server::shared();
    for (name, value) in [
        ("VAULT_CACHE_TTL", "long"),
        ("VAULT_CACHE_STALE_TTL", "-1s"),
        ("VAULT_CACHE_SIZE", "0"),
        ("VAULT_CACHE_SIZE", "10001"),
    ] {
        let error = open_whole(server, "secret", &[(name, value)]).err().unwrap();
        assert_eq!(error.status(), Status::Config, "{name}");
        assert!(error.message().starts_with(name), "{error}");
    }
}
