//! A manager reads its own writes through every node.

use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets_test_support::{Cluster, FaultProxy, NODES, eventually, figure};
use serde_json::Value;

use crate::open;

/// Repeatedly stores through one node and gets through another, and checks that the value is never an older one.
///
/// The manager knows one address, which the test redirects to another node between calls, and uses each connection
/// once. So it cannot know which node it talks to; only `X-Vault-Index` can make the read consistent.
pub fn are_never_stale(cluster: &Cluster, rounds: usize) {
    let proxy = FaultProxy::to(cluster.port(0));
    let manager = open(cluster, &proxy.addr(), &[("VAULT_MAX_CONNECTION_AGE", "0")]);
    let started = Instant::now();
    for round in 0..rounds {
        let (writer, reader) = (round % NODES, (round + 1 + round / NODES % 2) % NODES);
        let (key, value) = (format!("own-{}", round % 10), round.to_string());
        proxy.lead_to(cluster.port(writer));
        manager.store(&key, &value, None, &Call::default()).unwrap_or_else(|e| panic!("round {round}: {e}"));
        proxy.lead_to(cluster.port(reader));
        let got = manager.get(&format!("vault://{key}"), &Call::default());
        let got = got.unwrap_or_else(|e| panic!("round {round}: {e}"));
        assert_eq!(got.as_ref().map(|v| v.as_str()), Some(value.as_str()), "round {round}: {writer} then {reader}");
    }
    let each = started.elapsed() / u32::try_from(rounds).unwrap();
    figure("stored through one node, got through another, stale", format!("0 of {rounds}"));
    figure("one store and one get that way", format!("{:.1} ms", each.as_secs_f64() * 1000.0));
}

/// Repeatedly stores through one node, and stores again on condition and deletes through another. A standby that has not
/// got the first write yet must not decide about the others.
pub fn are_decided_by_the_leader(cluster: &Cluster, rounds: usize) {
    let proxy = FaultProxy::to(cluster.port(0));
    let manager = open(cluster, &proxy.addr(), &[("VAULT_MAX_CONNECTION_AGE", "0")]);
    let leader = cluster.api(cluster.leader());
    let mut if_first = Call::default();
    if_first.set_cas(Some(1));
    for round in 0..rounds {
        let (writer, other) = (round % NODES, (round + 1 + round / NODES % 2) % NODES);
        let key = format!("decided-{round}");
        let store = |value: &str, call: &Call| manager.store(&key, value, None, call);
        proxy.lead_to(cluster.port(writer));
        store("first", &Call::default()).unwrap_or_else(|e| panic!("round {round}: {e}"));
        proxy.lead_to(cluster.port(other));
        store("second", &if_first).unwrap_or_else(|e| panic!("round {round}: a false conflict: {e}"));
        proxy.lead_to(cluster.port(writer));
        store("third", &Call::default()).unwrap_or_else(|e| panic!("round {round}: {e}"));
        proxy.lead_to(cluster.port(other));
        let deleted = manager.delete(&format!("vault://{key}"), &Call::default());
        assert!(deleted.unwrap_or_else(|e| panic!("round {round}: {e}")), "round {round}: it is there");
        let left = leader.send("GET", &format!("kv/metadata/{key}"), &Value::Null);
        assert_eq!(left.status, 404, "round {round}: {}", left.body);
    }
}

/// Three managers, each with the address of one node, update the same secret concurrently.
pub fn updates_through_standbys_lose_nothing(cluster: &Cluster) {
    const UPDATES: usize = 20;
    let managers: [_; NODES] = std::array::from_fn(|node| open(cluster, &cluster.addr(node), &[]));
    managers[0].store("shared", "0", None, &Call::default()).unwrap();
    for manager in &managers {
        // A standby may show the write of another manager a moment later.
        eventually("the secret on every node", Duration::from_secs(10), || {
            manager.get("vault://shared", &Call::default()).unwrap()
        });
    }
    let before = cluster.api(cluster.leader()).get("kv/metadata/shared")["data"]["current_version"].as_u64().unwrap();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for manager in &managers {
            scope.spawn(|| {
                for number in 0..UPDATES {
                    let mut call = Call::default();
                    call.set_timeout(Duration::from_secs(60));
                    let found = manager.update("vault://shared", &number.to_string(), None, &call);
                    assert!(found.unwrap_or_else(|e| panic!("update: {e}")));
                }
            });
        }
    });
    let after = cluster.api(cluster.leader()).get("kv/metadata/shared")["data"]["current_version"].as_u64().unwrap();
    assert_eq!(after - before, (UPDATES * NODES) as u64, "each update makes one version");
    let each = started.elapsed().as_secs_f64() * 1000.0 / (UPDATES * NODES) as f64;
    figure("updates of one secret through three nodes at once, lost", format!("0 of {}", UPDATES * NODES));
    figure("one such update", format!("{each:.1} ms"));
}
