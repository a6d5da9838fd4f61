//! Finding the leader of a cluster in spite of silent nodes and wrong answers. The cluster consists of three small
//! servers: one accepts connections and does not answer, one redirects to that one and names it in `sys/leader`, and
//! one is the leader. (`tests/cluster` tests real nodes, whose standbys have the wrong leader only for a short time.)

use std::net::TcpListener;

use super::*;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Fault, FaultProxy};

/// How long a node may be silent before the library checks whether it is alive.
const PATIENCE: Duration = Duration::from_secs(2);
/// The limit for a call that waits for no silent node, on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(900);

/// A node that never answers: the kernel accepts its connections.
struct Silent(TcpListener);

impl Silent {
    fn start() -> Silent {
        Silent(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn addr(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }
}

/// The answer of a node to `sys/leader`.
fn leader_is(address: &str, is_self: bool) -> Verdict {
    let body = json!({"ha_enabled": true, "is_self": is_self, "leader_address": address});
    answer("200 OK", "Content-Type: application/json\r\n", &body.to_string())
}

/// A standby for which `leader` is the leader. Counts the requests that are not for `sys/leader`.
fn stale(leader: &str, asked_for: &Arc<AtomicUsize>) -> Gateway {
    let (leader, asked_for) = (leader.to_owned(), asked_for.clone());
    Gateway::to(0, move |asked| {
        if asked.path == "/v1/sys/leader" {
            return leader_is(&leader, false);
        }
        asked_for.fetch_add(1, Ordering::AcqRel);
        answer("307 Temporary Redirect", &format!("Location: {leader}{}\r\n", asked.path), "")
    })
}

/// Like `stale`, but it forwards reads to `port`.
fn stale_with_reads(leader: &str, port: u16) -> Gateway {
    let leader = leader.to_owned();
    Gateway::to(port, move |asked| match (asked.path.as_str(), asked.method.as_str()) {
        ("/v1/sys/leader", _) => leader_is(&leader, false),
        (_, "GET") => Verdict::Pass,
        _ => answer("307 Temporary Redirect", &format!("Location: {leader}{}\r\n", asked.path), ""),
    })
}

/// The leader. Counts the writes.
fn leading(server: &Server, writes: &Arc<AtomicUsize>) -> Gateway {
    let writes = writes.clone();
    Gateway::to(server.port(), move |asked| {
        if asked.path == "/v1/sys/leader" {
            return leader_is("http://leader.test:8200", true);
        }
        writes.fetch_add(usize::from(asked.method == "POST"), Ordering::AcqRel);
        Verdict::Pass
    })
}

fn counter() -> Arc<AtomicUsize> {
    Arc::default()
}

fn in_time<T>(limit: Duration, what: &str, call: impl FnOnce() -> Result<T>) -> T {
    let started = Instant::now();
    let value = call().unwrap_or_else(|e| panic!("{what}: {e}"));
    let took = started.elapsed();
    assert!(took < limit, "{what} took {took:?}");
    value
}

fn store(manager: &dyn SecretManager, value: &str) -> Result<()> {
    manager.store("a", value, None, &Call::default()).map(drop)
}

/// Opens a manager, writes and reads: the first call within twice the patience, the others at once.
fn check_leader_is_found(server: &Server, mount: &str, list: &[String], writes: &AtomicUsize) {
    let list = list.join(",");
    let manager = in_time(PATIENCE * 2, "the opening", || open_at(server, &list, mount, &[]));
    in_time(PATIENCE * 2, "the first write", || store(&*manager, "first"));
    for value in ["second", "third"] {
        in_time(AT_ONCE, value, || store(&*manager, value));
        assert_eq!(in_time(AT_ONCE, "a read", || get(&*manager)), value);
    }
    assert_eq!(writes.swap(0, Ordering::AcqRel), 3, "each write arrives once");
}

#[test]
fn the_leader_is_found_in_spite_of_a_silent_and_a_stale_node_in_any_order() {
    let server = Server::shared();
    std::thread::scope(|scope| {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            scope.spawn(move || {
                let (mount, writes, silent) = (mount_with_secret(server), counter(), Silent::start());
                let (stale, leader) = (stale(&silent.addr(), &counter()), leading(server, &writes));
                let nodes = [silent.addr(), stale.addr(), leader.addr()];
                check_leader_is_found(server, &mount, &order.map(|node| nodes[node].clone()), &writes);
            });
        }
    });
}

#[test]
fn a_write_is_not_sent_to_a_silent_node_that_a_standby_names_as_leader() {
    let server = Server::shared();
    let (mount, writes, silent) = (mount_with_secret(server), counter(), Silent::start());
    // Reads succeed at the standby, so it is tried first.
    let (standby, leader) = (stale_with_reads(&silent.addr(), server.port()), leading(server, &writes));
    check_leader_is_found(server, &mount, &[standby.addr(), silent.addr(), leader.addr()], &writes);
    // If the silent node is not configured, it is learned from the standby.
    check_leader_is_found(server, &mount, &[standby.addr(), leader.addr()], &writes);
}

#[test]
fn concurrent_writes_find_the_leader() {
    let server = Server::shared();
    let (mount, writes, silent) = (mount_with_secret(server), counter(), Silent::start());
    let (standby, leader) = (stale_with_reads(&silent.addr(), server.port()), leading(server, &writes));
    let list = [standby.addr(), silent.addr(), leader.addr()].join(",");
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let manager = &manager;
            scope.spawn(move || {
                let key = format!("many-{number}");
                let write = || manager.store(&key, "v", None, &Call::default()).map(drop);
                in_time(PATIENCE * 2, &key, write);
            });
        }
    });
    assert_eq!(writes.load(Ordering::Acquire), 8);
}

#[test]
fn a_node_that_claims_to_lead_takes_precedence_over_claims_about_others() {
    let (server, writes, silent) = (Server::shared(), counter(), Silent::start());
    let mount = mount_with_secret(server);
    let [first_asked, second_asked] = [counter(), counter()];
    let (first, second) = (stale(&silent.addr(), &first_asked), stale(&silent.addr(), &second_asked));
    let leader = leading(server, &writes);
    check_leader_is_found(server, &mount, &[first.addr(), second.addr(), leader.addr(), silent.addr()], &writes);
    assert_eq!(first_asked.load(Ordering::Acquire), 1);
    assert_eq!(second_asked.load(Ordering::Acquire), 0, "the token went to a node that only knew of another");
}

#[test]
fn nodes_that_redirect_to_each_other_do_not_hide_the_leader() {
    let (server, writes) = (Server::shared(), counter());
    let mount = mount_with_secret(server);
    let places = [0, 1].map(|_| Arc::new(Mutex::new(String::new())));
    let nodes = places.clone().map(|other| {
        Gateway::to(0, move |asked| {
            let other = other.lock().unwrap().clone();
            match asked.path == "/v1/sys/leader" {
                true => leader_is(&other, false),
                false => answer("307 Temporary Redirect", &format!("Location: {other}{}\r\n", asked.path), ""),
            }
        })
    });
    *places[0].lock().unwrap() = nodes[1].addr();
    *places[1].lock().unwrap() = nodes[0].addr();
    let leader = leading(server, &writes);
    check_leader_is_found(server, &mount, &[nodes[0].addr(), nodes[1].addr(), leader.addr()], &writes);
}

#[test]
fn a_learned_node_that_is_gone_or_silent_does_not_hide_the_leader() {
    let (server, writes, silent) = (Server::shared(), counter(), Silent::start());
    let mount = mount_with_secret(server);
    let [closed] = free_ports();
    for gone in [silent.addr(), format!("http://127.0.0.1:{closed}")] {
        // The node that has gone is not configured: only the stale node names it.
        let (stale, leader) = (stale(&gone, &counter()), leading(server, &writes));
        check_leader_is_found(server, &mount, &[stale.addr(), leader.addr()], &writes);
    }
}

#[test]
fn calls_leave_a_frozen_leader_and_no_write_happens_twice() {
    let (server, writes) = (Server::shared(), counter());
    let mount = mount_with_secret(server);
    let frozen = FaultProxy::to(server.port());
    let (stale, leader) = (stale(&frozen.addr(), &counter()), leading(server, &writes));
    let list = [frozen.addr(), stale.addr(), leader.addr()].join(",");
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    store(&*manager, "before").unwrap();
    frozen.set(Fault::Deaf);
    // It answered a moment ago, so it gets the next write, and may execute it.
    let started = Instant::now();
    let error = store(&*manager, "lost").unwrap_err();
    assert_eq!(error.status(), Status::Timeout, "{error}");
    assert!(started.elapsed() < PATIENCE * 2, "{:?}", started.elapsed());
    assert_eq!(writes.load(Ordering::Acquire), 0, "a write that may have been done was repeated");
    in_time(PATIENCE * 2, "the first write after it", || store(&*manager, "first"));
    in_time(AT_ONCE, "the next", || store(&*manager, "second"));
    assert_eq!(get(&*manager).unwrap(), "second");
    assert_eq!(writes.load(Ordering::Acquire), 2);
}

#[test]
fn a_silent_node_is_tried_again_if_no_other_answers() {
    let (server, mount) = (Server::shared(), mount_with_secret(Server::shared()));
    let node = FaultProxy::to(server.port());
    let stale = stale(&node.addr(), &counter());
    let list = [node.addr(), stale.addr()].join(",");
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    node.set(Fault::Deaf);
    let mut call = Call::default();
    call.set_timeout(Duration::from_secs(4));
    assert!(manager.get("vault://a", &call).is_err());
    node.set(Fault::None);
    assert_eq!(in_time(PATIENCE * 2, "a read", || get(&*manager)), "v");
    in_time(AT_ONCE, "a write", || store(&*manager, "w"));
}

#[test]
fn every_configured_node_is_tried_even_without_retries() {
    let (server, writes) = (Server::shared(), counter());
    let mount = mount_with_secret(server);
    let [closed] = free_ports();
    let closed = format!("http://127.0.0.1:{closed}");
    let sealed = Gateway::to(0, |_| answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#));
    let (stale, leader) = (stale(&closed, &counter()), leading(server, &writes));
    let list = [closed, sealed.addr(), stale.addr(), leader.addr()].join(",");
    let manager = open_at(server, &list, &mount, &[("VAULT_MAX_RETRIES", "0")]).unwrap();
    store(&*manager, "w").unwrap();
    assert_eq!(get(&*manager).unwrap(), "w");
    assert_eq!(writes.load(Ordering::Acquire), 1);
}

#[test]
fn leaders_at_changing_addresses_are_followed() {
    // The one configured node never leads; each time there is another leader, and the one before has gone.
    const LEADERS: usize = 40;
    let (server, writes) = (Server::shared(), counter());
    let mount = mount_with_secret(server);
    let present = Arc::new(Mutex::new(String::new()));
    let named = present.clone();
    let standby = Gateway::to(server.port(), move |asked| {
        let leader = named.lock().unwrap().clone();
        match (asked.path.as_str(), asked.method.as_str()) {
            ("/v1/sys/leader", _) => leader_is(&leader, false),
            (_, "GET") => Verdict::Pass,
            _ => answer("307 Temporary Redirect", &format!("Location: {leader}{}\r\n", asked.path), ""),
        }
    });
    let manager = open_at(server, &standby.addr(), &mount, &[]).unwrap();
    for number in 0..LEADERS {
        let leader = leading(server, &writes);
        *present.lock().unwrap() = leader.addr();
        store(&*manager, &number.to_string()).unwrap_or_else(|e| panic!("leader {number}: {e}"));
    }
    assert_eq!(writes.load(Ordering::Acquire), LEADERS);
}

#[test]
fn calls_do_not_wait_for_a_standby_that_forwards_to_a_frozen_leader() {
    const HANGS: Duration = Duration::from_secs(9);
    let (server, writes, silent) = (Server::shared(), counter(), Silent::start());
    let mount = mount_with_secret(server);
    let leader_address = silent.addr();
    let standby = Gateway::to(server.port(), move |asked| {
        if asked.path == "/v1/sys/leader" {
            return leader_is(&leader_address, false);
        }
        if asked.path.contains("/data/") {
            std::thread::sleep(HANGS);
            return Verdict::Close;
        }
        Verdict::Pass
    });
    let leader = leading(server, &writes);
    let list = [standby.addr(), silent.addr(), leader.addr()].join(",");
    let (reader, writer) = (open_at(server, &list, &mount, &[]).unwrap(), open_at(server, &list, &mount, &[]).unwrap());
    assert_eq!(in_time(PATIENCE * 2, "a read", || get(&*reader)), "v");
    // The standby may have forwarded it.
    let started = Instant::now();
    let error = store(&*writer, "lost").unwrap_err();
    assert_eq!(error.status(), Status::Timeout, "{error}");
    assert!(started.elapsed() < PATIENCE * 2, "{:?}", started.elapsed());
    in_time(AT_ONCE, "the next write", || store(&*writer, "w"));
    assert_eq!(writes.load(Ordering::Acquire), 1);
}

/// The answer of a node that has led for this many seconds.
fn leads_for(address: &str, seconds: u32) -> Verdict {
    let began = format!("2026-01-01T10:00:{:02}.123456789Z", 50 - seconds);
    let body = json!({"ha_enabled": true, "is_self": true, "leader_address": address, "active_time": began});
    let headers = "Content-Type: application/json\r\nDate: Thu, 01 Jan 2026 10:00:50 GMT\r\n";
    answer("200 OK", headers, &body.to_string())
}

/// A node that does not answer the first request for a secret, and passes the others on to `port`. `leader` answers
/// `sys/leader`. Counts the requests for secrets.
fn hangs_once(
    port: u16,
    asked_for: &Arc<AtomicUsize>,
    leader: impl Fn() -> Verdict + Send + Sync + 'static,
) -> Gateway {
    const HANGS: Duration = Duration::from_secs(9);
    let asked_for = asked_for.clone();
    Gateway::to(port, move |asked| {
        if asked.path == "/v1/sys/leader" {
            return leader();
        }
        if asked.path.contains("/data/") && asked_for.fetch_add(1, Ordering::AcqRel) == 0 {
            std::thread::sleep(HANGS);
            return Verdict::Close;
        }
        Verdict::Pass
    })
}

#[test]
fn calls_leave_a_node_that_became_the_leader_after_it_had_forwarded_them() {
    let server = Server::shared();
    let (mount, asked) = (mount_with_secret(server), counter());
    let elected = hangs_once(server.port(), &asked, || leads_for("http://leader.test:8200", 1));
    let other = Gateway::to(server.port(), |_| Verdict::Pass);
    let list = [elected.addr(), other.addr()].join(",");
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    assert_eq!(in_time(PATIENCE * 2, "a read", || get(&*manager)), "v");
    assert_eq!(asked.load(Ordering::Acquire), 1);

    // Without another node the call is sent to the same one again.
    let [closed] = free_ports();
    let list = [elected.addr(), format!("http://127.0.0.1:{closed}")].join(",");
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    asked.store(0, Ordering::Release);
    assert_eq!(in_time(PATIENCE * 2, "a read of the same node", || get(&*manager)), "v");
    in_time(AT_ONCE, "the node is not taken for a frozen one", || store(&*manager, "w"));
}

#[test]
fn calls_leave_a_standby_whose_leader_changed_after_it_had_forwarded_them() {
    let (server, writes) = (Server::shared(), counter());
    let mount = mount_with_secret(server);
    let leader = Gateway::to(server.port(), {
        let writes = writes.clone();
        move |asked| {
            writes.fetch_add(usize::from(asked.method == "POST"), Ordering::AcqRel);
            match asked.path.as_str() {
                "/v1/sys/leader" => leads_for("http://leader.test:8200", 1),
                _ => Verdict::Pass,
            }
        }
    });
    let named = [leader.addr(), String::new()];
    for address in named {
        let asked = counter();
        let standby = hangs_once(server.port(), &asked, move || leader_is(&address, false));
        let list = [standby.addr(), leader.addr()].join(",");
        let manager = open_at(server, &list, &mount, &[]).unwrap();
        assert_eq!(in_time(PATIENCE * 2, "a read", || get(&*manager)), "v");

        // The former leader may have executed a write.
        asked.store(0, Ordering::Release);
        let manager = open_at(server, &list, &mount, &[]).unwrap();
        let error = store(&*manager, "lost").unwrap_err();
        assert_eq!(error.status(), Status::Timeout, "{error}");
        assert!(error.to_string().contains("leader"), "{error}");
        assert_eq!(writes.load(Ordering::Acquire), 0, "a write that may have been done was repeated");
    }
}

#[test]
fn a_call_waits_for_a_slow_leader() {
    const SLOW: Duration = Duration::from_millis(2500);
    let server = Server::shared();
    let (mount, asked) = (mount_with_secret(server), counter());
    let counted = asked.clone();
    let slow = Gateway::to(server.port(), move |asked| {
        if asked.path == "/v1/sys/leader" {
            return leads_for("http://leader.test:8200", 40);
        }
        if asked.path.contains("/data/") {
            counted.fetch_add(1, Ordering::AcqRel);
            std::thread::sleep(SLOW);
        }
        Verdict::Pass
    });
    let standby = Gateway::to(server.port(), move |_| Verdict::Pass);
    let list = [slow.addr(), standby.addr()].join(",");
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
    assert_eq!(asked.load(Ordering::Acquire), 1, "no second request to a leader that works");
}
