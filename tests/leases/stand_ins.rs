//! What a real server does not do when asked: it refuses renewals, is down, or answers as other engines do. A gateway in
//! front of a real server answers in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::lease::{Credentials, Lease};
use handsfree_secrets_test_support::{Asked, Counter, Gateway, Server, Verdict, answer, eventually};

use serde_json::json;

use crate::database::{engine, get};
use crate::managers::{fails, fields, open_whole};

const SECOND: Duration = Duration::from_secs(1);

fn call() -> Call {
    Call::default()
}

/// A gateway that answers requests whose path begins with `path`, and passes on the others.
fn stub(path: &'static str, answers: impl Fn(&Asked) -> Verdict + Send + Sync + 'static) -> Gateway {
    Gateway::to(Server::shared().port(), move |asked| match asked.path.starts_with(path) {
        true => answers(asked),
        false => Verdict::Pass,
    })
}

fn manager_at(gateway: &Gateway) -> Arc<handsfree_secrets::open::Manager> {
    Arc::new(open_whole(Server::shared(), "secret", &[("VAULT_ADDR", &gateway.addr())]).unwrap())
}

#[test]
fn refused_renewals_make_no_more_than_one_user_in_half_a_ttl() {
    let engine = engine();
    let role = engine.role("4s", "1h");
    let renewals = Counter::default();
    let counted = renewals.clone();
    let gateway = stub("/v1/sys/leases/renew", move |_| {
        counted.next();
        answer("400 Bad Request", "", r#"{"errors":["lease not found"]}"#)
    });
    let credentials = role.credentials(&manager_at(&gateway));
    let began = Instant::now();
    while began.elapsed() < SECOND * 12 {
        engine.log_in(get(&credentials).fields()).unwrap();
    }
    let (users, elapsed) = (get(&credentials).generation(), began.elapsed().as_secs());
    assert!(users >= 3 && users <= elapsed / 2 + 2, "{users} users in {elapsed} s");
    assert!(renewals.get() as u64 <= users, "each was tried once: {}", renewals.get());
}

#[test]
fn a_renewal_that_a_cache_answers_is_none() {
    let engine = engine();
    let is_cached = Arc::new(AtomicBool::new(true));
    let flag = is_cached.clone();
    let gateway = stub("/v1/sys/leases/renew", move |_| match flag.load(Ordering::Relaxed) {
        true => answer("200 OK", "X-Cache: HIT\r\nAge: 3\r\n", r#"{"lease_id":"x","lease_duration":4}"#),
        false => Verdict::Pass,
    });
    let credentials = engine.role("6s", "1h").credentials(&manager_at(&gateway));
    let lease = get(&credentials);
    eventually("the renewals that fail", SECOND * 20, || {
        get(&credentials);
        (lease.remaining().unwrap() < SECOND).then_some(())
    });
    is_cached.store(false, Ordering::Relaxed);
    eventually("the renewal", SECOND * 20, || {
        get(&credentials);
        (get(&credentials).generation() > 1 || lease.remaining().unwrap() > SECOND * 4).then_some(())
    });
}

#[test]
fn the_age_of_a_cached_answer_counts_and_what_is_half_over_is_asked_for_again() {
    let body = r#"{"lease_id":"c/1","lease_duration":100,"renewable":true,"data":{"username":"u"}}"#;
    for (age, expected) in [("30", 70), ("60", 100)] {
        let gateway = stub("/v1/cached/creds/app", move |asked| match asked.header("x-handsfree-request") {
            None => answer("200 OK", &format!("X-Cache: HIT\r\nAge: {age}\r\n"), body),
            Some(_) => answer("200 OK", "", body),
        });
        let lease = Lease::open(&manager_at(&gateway), "cached/creds/app", None, &call()).unwrap().unwrap();
        let left = lease.remaining().unwrap().as_secs();
        assert!((expected - 2..=expected).contains(&left), "{left}");
    }
}

#[test]
fn leases_of_kubernetes_are_made_by_a_post_and_are_not_renewed() {
    let body = r#"{"lease_id":"kubernetes/creds/app/x","lease_duration":600,"renewable":false,
        "data":{"service_account_name":"app","service_account_namespace":"web","service_account_token":"t"}}"#;
    let gateway = stub("/v1/kubernetes/creds/app", move |asked| match asked.method.as_str() {
        "POST" => answer("200 OK", "", body),
        _ => answer("405 Method Not Allowed", "", r#"{"errors":["unsupported operation"]}"#),
    });
    let manager = manager_at(&gateway);
    let parameters = Arc::new(fields(&[("kubernetes_namespace", "web")]));
    let lease = Lease::open(&manager, "kubernetes/creds/app", Some(&parameters), &call()).unwrap().unwrap();
    assert_eq!(lease.fields().text("service_account_token"), Some("t"));
    assert!(lease.remaining().unwrap() > SECOND * 590);
    fails(lease.renew(&call()), Status::Unsupported);
    fails(Lease::open(&manager, "kubernetes/creds/app", None, &call()), Status::Unsupported);
}

#[test]
fn leases_of_rabbitmq_are_read_and_renewed() {
    let renewals = Counter::default();
    let counted = renewals.clone();
    let gateway = Gateway::to(Server::shared().port(), move |asked| match asked.path.as_str() {
        "/v1/rabbitmq/creds/app" => {
            let body = r#"{"lease_id":"rabbitmq/creds/app/x","lease_duration":2,"renewable":true,
                "data":{"username":"u","password":"p"}}"#;
            answer("200 OK", "", body)
        }
        "/v1/sys/leases/renew" => {
            counted.next();
            answer("200 OK", "", r#"{"lease_id":"rabbitmq/creds/app/x","lease_duration":2,"renewable":true}"#)
        }
        _ => Verdict::Pass,
    });
    let credentials = Credentials::open(&manager_at(&gateway), "rabbitmq/creds/app", None, &call()).unwrap().unwrap();
    eventually("two renewals", SECOND * 30, || {
        assert_eq!(get(&credentials).generation(), 1);
        (renewals.get() >= 2).then_some(())
    });
}

#[test]
fn a_rotation_that_is_late_is_waited_for_although_the_ttl_is_new() {
    let rotated = Arc::new(AtomicBool::new(false));
    let flag = rotated.clone();
    let began = Instant::now();
    let gateway = stub("/v1/db/static-creds/app", move |_| {
        let ttl = if began.elapsed() < SECOND { 1 } else { 3600 };
        let (time, password) = if flag.load(Ordering::Relaxed) { ("b", "new") } else { ("a", "old") };
        let data = format!(r#"{{"ttl":{ttl},"last_vault_rotation":"{time}","username":"u","password":"{password}"}}"#);
        answer("200 OK", "", &format!(r#"{{"lease_id":"","data":{data}}}"#))
    });
    let credentials = Credentials::open(&manager_at(&gateway), "db/static-creds/app", None, &call()).unwrap().unwrap();
    std::thread::sleep(SECOND * 2);
    let late = get(&credentials);
    assert_eq!((late.generation(), late.fields().text("password")), (1, Some("old")));
    assert!(late.remaining().unwrap() <= SECOND * 2, "it may be rotated at any time: {:?}", late.remaining());
    rotated.store(true, Ordering::Relaxed);
    let next = eventually("the rotation", SECOND * 20, || Some(get(&credentials)).filter(|next| next.generation() > 1));
    assert_eq!(next.fields().text("password"), Some("new"));
    assert!(next.remaining().unwrap() > SECOND * 3500);
}

#[test]
fn a_database_that_fails_is_not_asked_by_every_call() {
    let asked = Counter::default();
    let counted = asked.clone();
    let gateway = stub("/v1/db/creds/app", move |_| {
        counted.next();
        match counted.get() {
            1 => {
                answer("200 OK", "", r#"{"lease_id":"db/creds/app/x","lease_duration":1,"renewable":false,"data":{}}"#)
            }
            _ => answer("500 Internal Server Error", "", r#"{"errors":["failed to connect"]}"#),
        }
    });
    let credentials = Credentials::open(&manager_at(&gateway), "db/creds/app", None, &call()).unwrap().unwrap();
    let began = Instant::now();
    let mut failures = 0;
    while began.elapsed() < SECOND * 5 {
        failures += usize::from(credentials.get(&call()).is_err());
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(failures > 200 && asked.get() < 30, "{failures} failures, {} requests", asked.get());
    let error = fails(credentials.get(&call()), Status::Unavailable);
    assert!(
        error.message().contains("failed to connect") && error.message().contains("there have been no new ones"),
        "{error}"
    );
}

#[test]
fn refused_credentials_are_not_asked_for_by_every_call_while_there_are_no_others() {
    let asked = Counter::default();
    let counted = asked.clone();
    let gateway = stub("/v1/db/creds/app", move |_| {
        counted.next();
        let lease = r#"{"lease_id":"db/creds/app/x","lease_duration":60,"renewable":false,"data":{}}"#;
        match counted.get() {
            1 => answer("200 OK", "", lease),
            _ => answer("500 Internal Server Error", "", r#"{"errors":["failed to connect"]}"#),
        }
    });
    let credentials = Credentials::open(&manager_at(&gateway), "db/creds/app", None, &call()).unwrap().unwrap();
    let mut refusals = 0;
    let began = Instant::now();
    while began.elapsed() < SECOND * 3 {
        credentials.refused(&get(&credentials)).unwrap();
        refusals += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(refusals > 100 && asked.get() < 10, "{refusals} refusals, {} requests", asked.get());
}

#[test]
fn certificates_that_are_over_as_they_arrive_are_not_made_by_every_call() {
    let asked = Counter::default();
    let counted = asked.clone();
    let gateway = stub("/v1/late/issue/", move |_| {
        counted.next();
        // The first one lives for a while. From then on the clock of the server is behind.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let end = if counted.get() == 1 { now + 3 } else { now.saturating_sub(60) };
        let data = format!(r#"{{"certificate":"c","expiration":{end}}}"#);
        answer("200 OK", "", &format!(r#"{{"lease_id":"","data":{data}}}"#))
    });
    let manager = manager_at(&gateway);
    let credentials = Credentials::open(&manager, "late/issue/web", Some(&Arc::default()), &call()).unwrap().unwrap();
    let began = Instant::now();
    let mut failures = 0;
    while began.elapsed() < SECOND * 6 {
        match credentials.get(&call()) {
            Ok(lease) => assert!(lease.unwrap().remaining().unwrap() > Duration::ZERO, "what is handed out is valid"),
            Err(error) => {
                assert_eq!(error.status(), Status::Unavailable, "{error}");
                assert!(error.message().contains("clocks"), "{error}");
                failures += 1;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(failures > 50 && asked.get() < 20, "{failures} failures, {} certificates", asked.get());
    let open = Credentials::open(&manager, "late/issue/web", Some(&Arc::default()), &call());
    fails(open.map(|_| ()), Status::Unavailable);
}

#[test]
fn a_secret_that_was_refused_once_is_soon_tried_again() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "db", json!({"user": "a"}));
    let (is_denied, reads) = (Arc::new(AtomicBool::new(false)), Counter::default());
    let (denied, read) = (is_denied.clone(), reads.clone());
    let gateway = Gateway::to(server.port(), move |asked| {
        let is_read = asked.path.contains("/data/db");
        if is_read && denied.load(Ordering::Acquire) {
            return answer("403 Forbidden", "", r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#);
        }
        if is_read {
            read.next();
        }
        Verdict::Pass
    });
    let settings = [("VAULT_ADDR", &*gateway.addr()), ("VAULT_WATCH_INTERVAL", "1s")];
    let manager = Arc::new(open_whole(server, &mount, &settings).unwrap());
    let credentials = Credentials::open(&manager, "vault://db", None, &call()).unwrap().unwrap();
    is_denied.store(true, Ordering::Release);
    let refused = || credentials.get(&call()).is_err_and(|error| error.status() == Status::PermissionDenied);
    eventually("the refusal", SECOND * 20, || refused().then_some(()));
    let (_, due) = manager.maintain(&call());
    assert!(due.is_some_and(|due| due < Instant::now() + SECOND * 5), "the next attempt is told");
    is_denied.store(false, Ordering::Release);
    eventually("the secret", SECOND * 20, || credentials.get(&call()).is_ok_and(|lease| lease.is_some()).then_some(()));

    // Maintenance tries again, too, but not what was revoked.
    is_denied.store(true, Ordering::Release);
    eventually("the second refusal", SECOND * 20, || refused().then_some(()));
    let before = reads.get();
    is_denied.store(false, Ordering::Release);
    eventually("a success of maintenance", SECOND * 20, || {
        manager.maintain(&call()).0.unwrap();
        (reads.get() > before).then_some(())
    });
    get(&credentials);
    credentials.revoke(&call()).unwrap();
    assert_eq!(manager.maintain(&call()), (Ok(()), None));
}
