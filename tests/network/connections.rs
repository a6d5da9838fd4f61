//! Limits of connections, and connections that are opened in advance.

use std::thread;

use handsfree_secrets_test_support::eventually;

use super::*;

/// Opens a manager for `address` with the root token.
fn opened(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> open::Manager {
    let mut settings = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address), ("VAULT_MOUNT", mount)];
    settings.push(("VAULT_TOKEN", server.root_token()));
    settings.extend_from_slice(extra);
    open::open(Some(&options(&settings).unwrap()), &Call::default()).unwrap()
}

/// A gateway that holds requests for the secret `held` back until it is released.
struct Holder {
    gateway: Gateway,
    /// 1: a request is held, 2: none is any more.
    state: Arc<AtomicUsize>,
}

impl Holder {
    fn to(server: &Server) -> Holder {
        let state = Arc::<AtomicUsize>::default();
        let held = state.clone();
        let gateway = Gateway::to(server.port(), move |request| {
            while request.path.ends_with("/data/held") && held.fetch_max(1, Ordering::AcqRel) < 2 {
                thread::sleep(Duration::from_millis(5));
            }
            Verdict::Pass
        });
        Holder { gateway, state }
    }

    fn wait_until_held(&self) {
        while self.state.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
    }

    fn release(&self) {
        self.state.store(2, Ordering::Release);
    }
}

#[test]
fn no_more_connections_are_made_than_allowed() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let relay = Relay::to(server.port());
    let manager = open_at(server, &relay.addr(), &mount, &[("VAULT_MAX_CONNECTIONS", "2")]).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..25).for_each(|_| assert_eq!(get(&*manager).unwrap(), "v")));
        }
    });
    assert!(relay.connections() <= 2, "{}", relay.connections());
}

#[test]
fn batches_share_few_connections() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let relay = Relay::to(server.port());
    let extra = [("VAULT_MAX_CONNECTIONS", "3"), ("VAULT_LIST_CONCURRENCY", "8")];
    let manager = open_at(server, &relay.addr(), &mount, &extra).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let values = manager.get_many(&["vault://a"; 40], &Call::default());
                assert!(values.into_iter().all(|value| value.unwrap().unwrap().as_str() == "v"));
            });
        }
    });
    assert!(relay.connections() <= 3, "{}", relay.connections());
}

/// The requests of batches that are sent again do not wait for the connections of their own batches.
#[test]
fn batches_with_retries_share_one_connection() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let asked = AtomicUsize::new(0);
    let gateway = Gateway::to(server.port(), move |request| {
        let is_third = request.path.contains("/data/") && asked.fetch_add(1, Ordering::AcqRel) % 3 == 0;
        if is_third { answer("503 Service Unavailable", "Retry-After: 0\r\n", "{}") } else { Verdict::Pass }
    });
    for most in ["1", "2"] {
        let manager =
            open_at(server, &gateway.addr(), &mount, &[("VAULT_MAX_CONNECTIONS", most), ("VAULT_MAX_RETRIES", "20")])
                .unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let values = manager.get_many(&["vault://a"; 12], &Call::default());
                    assert!(values.into_iter().all(|value| value.unwrap().unwrap().as_str() == "v"));
                });
            }
        });
    }
}

/// A login in the middle of a batch does not wait for the connections of the batch.
#[test]
fn a_batch_that_needs_a_login_shares_one_connection() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for limits in [json!({"token_ttl": "1s", "token_max_ttl": "1s"}), json!({"token_ttl": "1h", "token_num_uses": 3})] {
        let role = server.app_role(limits);
        let settings = [
            ("VAULT_ROLE_ID", &*role.role_id),
            ("VAULT_SECRET_ID", &*role.secret_id),
            ("VAULT_APPROLE_MOUNT", &*role.mount),
            ("VAULT_TOKEN", ""),
            ("VAULT_MAX_CONNECTIONS", "1"),
            ("VAULT_KV_VERSION", "2"),
        ];
        let manager = open_at(server, &server.addr(), &mount, &settings).unwrap();
        assert_eq!(get(&*manager).unwrap(), "v");
        thread::sleep(Duration::from_millis(1200));
        let mut call = Call::default();
        call.set_timeout(Duration::from_secs(15));
        let values = manager.get_many(&["vault://a"; 12], &call);
        assert!(values.into_iter().all(|value| value.unwrap().unwrap().as_str() == "v"));
    }
}

#[test]
fn a_call_that_waits_for_a_connection_keeps_its_deadline() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let holder = Holder::to(server);
    let manager = open_at(server, &holder.gateway.addr(), &mount, &[("VAULT_MAX_CONNECTIONS", "1")]).unwrap();
    thread::scope(|scope| {
        let held = scope.spawn(|| manager.get("vault://held", &Call::default()).map(drop));
        holder.wait_until_held();
        let mut call = Call::default();
        call.set_timeout(Duration::from_millis(100));
        let error = get_within(&*manager, &call).unwrap_err();
        assert_eq!(error.status(), Status::Timeout, "{error}");
        assert!(error.message().contains("VAULT_MAX_CONNECTIONS"), "{error}");
        holder.release();
        held.join().unwrap().unwrap();
    });
    assert_eq!(get(&*manager).unwrap(), "v");
}

#[test]
fn connections_that_were_idle_for_long_are_not_used() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for (extra, expected) in [
        (("VAULT_IDLE_TIMEOUT", "100ms"), 2),
        (("VAULT_IDLE_TIMEOUT", "60"), 1),
        (("VAULT_IDLE_TIMEOUT", "0"), 3),
        (("VAULT_MAX_IDLE_CONNECTIONS", "0"), 3),
    ] {
        let relay = Relay::to(server.port());
        let manager = open_at(server, &relay.addr(), &mount, &[extra]).unwrap();
        get(&*manager).unwrap();
        thread::sleep(Duration::from_millis(150));
        get(&*manager).unwrap();
        assert_eq!(relay.connections(), expected, "{extra:?}");
    }
}

#[test]
fn a_manager_can_be_warmed() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let relay = Relay::to(server.port());
    let manager = opened(server, &relay.addr(), &mount, &[("VAULT_MAX_IDLE_CONNECTIONS", "4")]);
    let sent = relay.bytes_sent();
    manager.warm(4, &Call::default()).unwrap();
    manager.warm(2, &Call::default()).unwrap();
    // One is from the opening. The relay may accept them later than the client is connected.
    eventually("four connections", Duration::from_secs(10), || (relay.connections() == 4).then_some(()));
    assert_eq!(relay.bytes_sent(), sent);
    assert!(manager.metrics().contains("handsfree_connections{state=\"idle\"} 4\n"), "{}", manager.metrics());
    let values = manager.secrets().get_many(&["vault://a"; 4], &Call::default());
    assert!(values.into_iter().all(|value| value.unwrap().unwrap().as_str() == "v"));
    assert_eq!(relay.connections(), 4);
    let error = manager.warm(5, &Call::default()).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("VAULT_MAX_IDLE_CONNECTIONS"), "{error}");
}

#[test]
fn warming_replaces_connections_that_cannot_be_used_again() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let relay = Relay::to(server.port());
    let manager = opened(server, &relay.addr(), &mount, &[("VAULT_IDLE_TIMEOUT", "100ms")]);
    manager.warm(2, &Call::default()).unwrap();
    eventually("two connections", Duration::from_secs(10), || (relay.connections() >= 2).then_some(()));
    let before = relay.connections();
    thread::sleep(Duration::from_millis(150));
    manager.warm(2, &Call::default()).unwrap();
    eventually("two others", Duration::from_secs(10), || (relay.connections() == before + 2).then_some(()));
}

#[test]
fn warming_counts_the_connections_in_use() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let holder = Holder::to(server);
    let relay = Relay::to(holder.gateway.port());
    let manager = opened(server, &relay.addr(), &mount, &[("VAULT_MAX_CONNECTIONS", "2")]);
    thread::scope(|scope| {
        let held = scope.spawn(|| manager.secrets().get("vault://held", &Call::default()).map(drop));
        holder.wait_until_held();
        let before = relay.connections();
        let warmed = manager.warm(2, &Call::default());
        holder.release();
        warmed.unwrap();
        assert!(relay.connections() <= before + 1, "{before}, then {}", relay.connections());
        held.join().unwrap().unwrap();
    });
}

#[test]
fn warming_fails_over_and_tells_why_it_cannot() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let [closed] = free_ports();
    let both = format!("http://127.0.0.1:{closed},{}", server.addr());
    opened(server, &both, &mount, &[]).warm(3, &Call::default()).unwrap();
    let relay = Relay::to(server.port());
    let manager = opened(server, &relay.addr(), &mount, &[]);
    drop(relay);
    let error = manager.warm(2, &Call::default()).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{error}");
}

#[test]
fn warming_counts_the_connections_to_the_node_that_takes_them() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (first, second) = (Relay::to(server.port()), Relay::to(server.port()));
    let manager = opened(server, &format!("{},{}", first.addr(), second.addr()), &mount, &[]);
    manager.warm(3, &Call::default()).unwrap();
    // Its connections stay open, and it takes no others.
    drop(first);
    manager.warm(4, &Call::default()).unwrap();
    eventually("four connections", Duration::from_secs(10), || (second.connections() == 4).then_some(()));
}

#[test]
fn limits_of_connections_are_checked() {
    let server = Server::shared();
    for (name, value) in [
        ("VAULT_MAX_CONNECTIONS", "0"),
        ("VAULT_MAX_CONNECTIONS", "many"),
        ("VAULT_MAX_IDLE_CONNECTIONS", "257"),
        ("VAULT_MAX_IDLE_CONNECTIONS", "-1"),
        ("VAULT_IDLE_TIMEOUT", "soon"),
    ] {
        let error = open_at(server, &server.addr(), "secret", &[(name, value)]).err().unwrap();
        assert_eq!(error.status(), Status::Config, "{name}={value}");
        assert!(error.message().starts_with(name), "{error}");
    }
}
