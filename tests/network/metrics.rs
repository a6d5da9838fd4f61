//! Metrics, and the trace parent of requests.

use std::thread;

use handsfree_secrets::call::TraceParent;
use handsfree_secrets::watch::Watch;
use handsfree_secrets_test_support::{eventually, figure};

use super::*;
use managers::{fails, open_whole};

/// The sum of the samples of a metric whose labels contain `labels`.
fn sum(text: &str, metric: &str, labels: &str) -> f64 {
    let samples = text.lines().filter_map(|line| line.strip_prefix(metric)?.rsplit_once(' '));
    samples.filter(|(of, _)| of.contains(labels)).map(|(_, number)| number.parse::<f64>().unwrap()).sum()
}

/// The requests that were answered.
fn answered(text: &str) -> f64 {
    (1..6).map(|class| sum(text, "handsfree_requests_total", &format!("status=\"{class}"))).sum()
}

const THREADS: u64 = 8;

/// How many requests the threads send together, about; `make soak-metrics` has more.
fn requests() -> u64 {
    std::env::var("METRICS_SOAK_REQUESTS").map_or(1600, |text| text.parse().expect("a number"))
}

#[test]
fn the_requests_of_many_threads_are_those_of_the_audit_file() {
    let server = Server::builder().audit().start();
    let mount = mount_with_secret(&server);
    let before = server.audit_lines(|entry| entry["type"] == "response");
    let manager = open_whole(&server, &mount, &[]).unwrap();
    let (secrets, rounds) = (manager.secrets(), requests() / THREADS / 2);
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || {
                let (call, key) = (Call::default(), format!("of/thread/{number}"));
                let reference = secrets.store(&key, "value", None, &call).unwrap();
                for _ in 0..rounds {
                    assert!(secrets.get(&reference, &call).unwrap().is_some());
                    assert!(secrets.get("vault://none", &call).unwrap().is_none());
                }
                secrets.list(None, &call).unwrap();
                assert!(secrets.delete(&reference, &call).unwrap());
            });
        }
    });
    let text = manager.metrics();
    let audited = server.audit_lines(|entry| entry["type"] == "response") - before;
    assert!(audited as u64 > 2 * rounds * THREADS, "{audited}");
    assert_eq!(answered(&text), audited as f64, "{text}");
    assert_eq!(sum(&text, "handsfree_requests_total", "operation=\"delete\",status=\"204\""), THREADS as f64, "{text}");
    let missing = sum(&text, "handsfree_requests_total", "operation=\"read\",status=\"404\"");
    assert_eq!(missing, (rounds * THREADS) as f64, "{text}");
    assert_eq!(sum(&text, "handsfree_request_duration_seconds_count", ""), audited as f64, "{text}");
    assert!(!text.contains("thread") && !text.contains(&mount), "labels come from closed sets: {text}");
    figure("requests in the audit file, and in the metrics", audited);
}

#[test]
fn retries_and_logins_are_counted() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let asked = AtomicUsize::new(0);
    let gateway = Gateway::to(server.port(), move |request| {
        let is_first = request.path.ends_with("/data/a") && asked.fetch_add(1, Ordering::AcqRel) == 0;
        if is_first { answer("503 Service Unavailable", "Retry-After: 0\r\n", "{}") } else { Verdict::Pass }
    });
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &gateway.addr()),
        ("VAULT_MOUNT", &mount),
        ("VAULT_ROLE_ID", &role.role_id),
        ("VAULT_SECRET_ID", &role.secret_id),
        ("VAULT_APPROLE_MOUNT", &role.mount),
    ];
    let manager = open::open(Some(&options(&settings).unwrap()), &Call::default()).unwrap();
    let _ = get(&**manager.secrets());
    let text = manager.metrics();
    assert_eq!(sum(&text, "handsfree_retries_total", "reason=\"unavailable\""), 1.0, "{text}");
    assert_eq!(sum(&text, "handsfree_logins_total", "result=\"success\""), 1.0, "{text}");
    assert_eq!(sum(&text, "handsfree_requests_total", "operation=\"login\",status=\"200\""), 1.0, "{text}");
    let ttl = sum(&text, "handsfree_token_ttl_seconds", "");
    assert!(ttl > 3000.0 && ttl <= 3600.0, "{text}");
}

#[test]
fn the_requests_of_a_batch_that_ran_out_of_time_are_counted() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (asked, holds) = (Arc::<AtomicUsize>::default(), Arc::new(AtomicBool::new(true)));
    let (count, held) = (asked.clone(), holds.clone());
    let gateway = Gateway::to(server.port(), move |request| {
        if request.path.contains("/data/") {
            count.fetch_add(1, Ordering::AcqRel);
            while held.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(2));
            }
        }
        Verdict::Pass
    });
    let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
    let mut call = Call::default();
    call.set_timeout(Duration::from_millis(300));
    let paths: Vec<_> = (0..8).map(|number| format!("vault://of/{number}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for outcome in manager.secrets().get_many(&paths, &call) {
        assert_eq!(outcome.err().unwrap().status(), Status::Timeout);
    }
    let counted = sum(&manager.metrics(), "handsfree_requests_total", "operation=\"read\",status=\"timeout\"");
    holds.store(false, Ordering::Release);
    assert!(asked.load(Ordering::Acquire) > 1);
    assert_eq!(counted, asked.load(Ordering::Acquire) as f64, "{}", manager.metrics());
}

#[test]
fn the_process_keeps_what_closed_managers_have_counted() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let reads = || sum(&open::process_metrics(), "handsfree_requests_total", "operation=\"read\",status=\"200\"");
    let before = reads();
    let manager = open_whole(server, &mount, &[]).unwrap();
    (0..5).for_each(|_| assert_eq!(get(&**manager.secrets()).unwrap(), "v"));
    assert!(reads() >= before + 5.0);
    drop(manager);
    assert!(reads() >= before + 5.0);
    // A login that fails is counted, too, although no manager comes of it.
    let failed = || sum(&open::process_metrics(), "handsfree_logins_total", "result=\"refused\"");
    let before = failed();
    let role = [("VAULT_ROLE_ID", "none"), ("VAULT_SECRET_ID", "none")];
    fails(open_at(server, &server.addr(), &mount, &role), Status::Auth);
    assert!(failed() >= before + 1.0);
}

#[test]
fn every_request_of_a_call_carries_its_trace_parent() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        let parent = request.header("traceparent").map(str::to_owned);
        let mut seen = record.lock().unwrap();
        seen.push(parent);
        if seen.len() == 2 { answer("503 Service Unavailable", "Retry-After: 0\r\n", "{}") } else { Verdict::Pass }
    });
    let other = r#"{"traceparent": "of VAULT_HEADERS"}"#;
    let manager = open_at(server, &gateway.addr(), &mount, &[("VAULT_HEADERS", other)]).unwrap();
    let mut call = Call::default();
    call.set_trace_parent(Some(Arc::new(TraceParent::parse(PARENT).unwrap())));
    assert_eq!(get_within(&*manager, &call).unwrap(), "v");
    assert_eq!(get(&*manager).unwrap(), "v");
    let expected = ["of VAULT_HEADERS", PARENT, PARENT, "of VAULT_HEADERS"].map(|text| Some(text.to_owned()));
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn a_question_about_a_silent_server_has_one_trace_parent() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let questions = Arc::new(Mutex::new(Vec::new()));
    let record = questions.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        if request.path.contains("/data/") {
            // Longer than a server may be silent.
            std::thread::sleep(Duration::from_secs(3));
        } else if request.path == "/v1/sys/leader" {
            let lines = request.head.lines().filter(|line| line.to_lowercase().starts_with("traceparent:"));
            record.lock().unwrap().push(lines.map(str::to_owned).collect::<Vec<_>>());
        }
        Verdict::Pass
    });
    let other = r#"{"traceparent": "of VAULT_HEADERS"}"#;
    // Only where there is another node, a silent one is asked whether it is alive.
    let nodes = [gateway.addr(), server.addr()].join(",");
    let manager = open_at(server, &nodes, &mount, &[("VAULT_HEADERS", other)]).unwrap();
    let mut call = Call::default();
    call.set_trace_parent(Some(Arc::new(TraceParent::parse(PARENT).unwrap())));
    assert_eq!(get_within(&*manager, &call).unwrap(), "v");
    let questions = questions.lock().unwrap();
    assert!(!questions.is_empty());
    for lines in &*questions {
        assert_eq!(*lines, [format!("traceparent: {PARENT}")]);
    }
}

#[test]
fn looks_of_a_watch_and_renewals_of_the_token_carry_the_trace_parent() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "2s", "token_max_ttl": "1h"}));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        let parent = request.header("traceparent").map(str::to_owned);
        record.lock().unwrap().push((request.path.clone(), parent));
        Verdict::Pass
    });
    let settings = [
        ("VAULT_ADDR", &*gateway.addr()),
        ("VAULT_TOKEN", ""),
        ("VAULT_ROLE_ID", &*role.role_id),
        ("VAULT_SECRET_ID", &*role.secret_id),
        ("VAULT_APPROLE_MOUNT", &*role.mount),
    ];
    let manager = Arc::new(open_whole(server, &mount, &settings).unwrap());
    seen.lock().unwrap().clear();
    let mut call = Call::default();
    call.set_trace_parent(Some(Arc::new(TraceParent::parse(PARENT).unwrap())));
    let watch = Watch::new(manager.clone()).unwrap();
    watch.add("vault://a", 0).unwrap();
    assert!(watch.next(&call).unwrap().is_some());
    let asked = |part: &str| seen.lock().unwrap().iter().any(|(path, _)| path.contains(part));
    assert!(asked("/metadata/a"));
    eventually("a renewal", Duration::from_secs(10), || {
        get_within(&**manager.secrets(), &call).unwrap();
        asked("renew-self").then_some(())
    });
    for (path, parent) in &*seen.lock().unwrap() {
        assert_eq!(parent.as_deref(), Some(PARENT), "{path}");
    }
}
