//! Limits of requests, answers, time and rate.

use super::*;

#[test]
fn a_request_over_32_mib_is_refused_before_it_is_sent() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let relay = Relay::to(server.port());
    let manager = open_at(server, &relay.addr(), &mount, &[]).unwrap();
    let before = (relay.connections(), relay.bytes_sent());
    let value = "x".repeat(32 << 20);
    let error = manager.store("large", &value, None, &Call::default()).unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::TooLarge, 0), "{error}");
    assert!(error.message().contains("32 MiB"), "{error}");
    assert_eq!((relay.connections(), relay.bytes_sent()), before);
}

#[test]
fn an_answer_over_64_mib_is_refused() {
    // Without an audit file, which would record the whole request.
    let server = Server::builder().start();
    let manager = open_at(&server, &server.addr(), "secret", &[("VAULT_CLIENT_TIMEOUT", "300")]).unwrap();
    // The server escapes each of these as six characters.
    manager.store("large", &"<".repeat(12 << 20), None, &Call::default()).unwrap();
    manager.store("fits", &"<".repeat(8 << 20), None, &Call::default()).unwrap();
    let error = manager.get("vault://large", &Call::default()).err().unwrap();
    assert_eq!(error.status(), Status::TooLarge, "{error}");
    assert!(error.message().contains("64 MiB") && error.message().contains(&server.addr()), "{error}");
    let fits = manager.get("vault://fits", &Call::default()).unwrap().unwrap();
    assert_eq!(fits.as_str().len(), 8 << 20);
}

#[test]
fn requests_keep_to_the_rate_limit() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for name in ["VAULT_RATE_LIMIT", "BAO_RATE_LIMIT"] {
        let start = Instant::now();
        let manager = open_at(server, &server.addr(), &mount, &[(name, "20:2")]).unwrap();
        for _ in 0..11 {
            assert_eq!(get(&*manager).unwrap(), "v");
        }
        // The request at open and the first read are the burst; the other ten wait 50 ms each.
        assert!(start.elapsed() >= Duration::from_millis(480), "{name}: {:?}", start.elapsed());
    }
}

#[test]
fn the_timeout_is_one_deadline_for_the_whole_call() {
    let server = Server::builder().start();
    let mount = mount_with_secret(&server);
    for (name, value) in [("VAULT_CLIENT_TIMEOUT", "1"), ("BAO_CLIENT_TIMEOUT", "1000ms")] {
        let manager = open_at(&server, &server.addr(), &mount, &[(name, value)]).unwrap();
        server.freeze();
        let start = Instant::now();
        let error = get(&*manager).unwrap_err();
        let elapsed = start.elapsed();
        server.thaw();
        assert_eq!(error.status(), Status::Timeout, "{error}");
        assert!((950..1500).contains(&elapsed.as_millis()), "{elapsed:?}");
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn the_number_of_retries_is_configurable() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for (retries, expected) in [("0", 1), ("1", 2), ("2", 3)] {
        let tries = Arc::new(AtomicUsize::new(0));
        let counter = tries.clone();
        let gateway = Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
            true => {
                counter.fetch_add(1, Ordering::AcqRel);
                answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#)
            }
            false => Verdict::Pass,
        });
        let manager = open_at(server, &gateway.addr(), &mount, &[("VAULT_MAX_RETRIES", retries)]).unwrap();
        let error = get(&*manager).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 503), "{error}");
        assert_eq!(tries.load(Ordering::Acquire), expected);
    }
}

#[test]
fn retry_after_is_respected() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for (status, headers, body) in [
        ("429 Too Many Requests", "Retry-After: 1\r\n", r#"{"errors":["request path: rate limit quota exceeded"]}"#),
        ("412 Precondition Failed", "", r#"{"errors":["required index state not present"]}"#),
        ("502 Bad Gateway", "", "<html>"),
        ("503 Service Unavailable", "", ""),
        ("504 Gateway Timeout", "", ""),
        (
            "400 Bad Request",
            "",
            r#"{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}"#,
        ),
    ] {
        let refusals = Arc::new(AtomicUsize::new(0));
        let counter = refusals.clone();
        let gateway = Gateway::to(server.port(), move |asked| {
            match asked.path.contains("/data/") && counter.fetch_add(1, Ordering::AcqRel) == 0 {
                true => answer(status, headers, body),
                false => Verdict::Pass,
            }
        });
        let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
        let start = Instant::now();
        assert_eq!(get(&*manager).unwrap(), "v", "{status}");
        assert_eq!(refusals.load(Ordering::Acquire), 2, "{status}");
        let waited = start.elapsed();
        assert!(!headers.contains("Retry-After") || waited >= Duration::from_secs(1), "{waited:?}");
    }
}

#[test]
fn an_agent_that_refuses_a_missing_header_is_not_retried() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let tries = Arc::new(AtomicUsize::new(0));
    let counter = tries.clone();
    let gateway = Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
        true => {
            counter.fetch_add(1, Ordering::AcqRel);
            answer("412 Precondition Failed", "", r#"{"errors":["missing 'X-Vault-Request' header"]}"#)
        }
        false => Verdict::Pass,
    });
    let error = read(server, &gateway.addr(), &mount, &[]).unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::Protocol, 412), "{error}");
    assert_eq!(tries.load(Ordering::Acquire), 1);
}

#[test]
fn a_broken_connection_is_replaced() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let breaks = Arc::new(AtomicUsize::new(0));
    let counter = breaks.clone();
    let gateway = Gateway::to(server.port(), move |asked| {
        match asked.path.contains("/data/") && counter.fetch_add(1, Ordering::AcqRel) == 0 {
            true => Verdict::Close,
            false => Verdict::Pass,
        }
    });
    assert_eq!(read(server, &gateway.addr(), &mount, &[]).unwrap(), "v");
    assert_eq!(breaks.load(Ordering::Acquire), 2);
}
