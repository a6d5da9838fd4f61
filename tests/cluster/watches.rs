//! A watch tells each change once, although the leader fails over and all nodes are restarted. A get afterwards is never
//! older than what was told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::watch::{Change, Kind, Watch};
use handsfree_secrets_test_support::{Cluster, FaultProxy, NODES, eventually, figure};
use serde_json::{Value, json};

use crate::open_whole;

const SECRETS: usize = 5;
/// How long an election and all looks after it may take.
const LIMIT: Duration = Duration::from_secs(90);
/// How long nothing more may be told. It has room for several looks.
const QUIET: Duration = Duration::from_secs(2);

/// Writes while nodes are gone, while they come back, and afterwards.
pub fn tell_each_change_once(cluster: &mut Cluster) {
    let settings = [("VAULT_WATCH_INTERVAL", "200ms"), ("VAULT_MAX_RETRIES", "0")];
    let watch = Watch::new(Arc::new(open_whole(cluster, &cluster.addresses(), &settings))).unwrap();
    watch.add("vault://watched/", 0).unwrap();
    let mut round = 0;
    let mut tells = |cluster: &Cluster| {
        round += 1;
        write_all(cluster, round);
        tells_all_once(&watch, round);
    };
    tells(cluster);
    let leader = cluster.leader();
    cluster.kill(leader);
    tells(cluster);
    cluster.restart(leader);
    tells(cluster);
    cluster.wait_for_voters();
    (0..NODES).for_each(|node| cluster.kill(node));
    let error = watch.next(&within(QUIET)).unwrap_err();
    assert!(!error.message().is_empty(), "why the last look has failed");
    (0..NODES).for_each(|node| cluster.restart(node));
    cluster.wait_for_voters();
    tells(cluster);
}

/// Looks at the leader, and gets what was told through a standby. As in `own_writes`, the manager cannot know which node it
/// talks to.
pub fn are_followed_by_gets(cluster: &Cluster, rounds: usize) {
    let leader = cluster.leader();
    let proxy = FaultProxy::to(cluster.port(leader));
    let settings = [("VAULT_WATCH_INTERVAL", "20ms"), ("VAULT_MAX_CONNECTION_AGE", "0")];
    let manager = Arc::new(open_whole(cluster, &proxy.addr(), &settings));
    let watch = Watch::new(manager.clone()).unwrap();
    watch.add("vault://followed", 0).unwrap();
    for round in 1..=rounds {
        proxy.lead_to(cluster.port(leader));
        cluster.api(leader).send("POST", "kv/data/followed", &json!({"data": {"value": round.to_string()}}));
        let told = watch.next(&within(LIMIT)).unwrap().expect("a change").version;
        proxy.lead_to(cluster.port((leader + 1 + round % (NODES - 1)) % NODES));
        let got = manager.secrets().get_document("vault://followed", &Call::default());
        let got = got.unwrap_or_else(|e| panic!("round {round}: {e}")).map(|document| document.version);
        assert!(got >= Some(told), "round {round}: {got:?} after {told} was told");
    }
    figure("told at the leader, got through a standby, older", format!("0 of {rounds}"));
}

fn within(limit: Duration) -> Call {
    let mut call = Call::default();
    call.set_timeout(limit);
    call
}

/// Writes the version `version` of each secret.
fn write_all(cluster: &Cluster, version: u64) {
    for number in 0..SECRETS {
        let path = format!("kv/data/watched/{number}");
        // A write without an answer may have happened; the condition keeps it from happening twice.
        let body = json!({"data": {"value": version.to_string()}, "options": {"cas": version - 1}});
        eventually("a write", LIMIT, || {
            let answer = cluster.api(cluster.leader()).try_send("POST", &path, &body).ok()?;
            let is_there = || {
                let found = cluster.api(cluster.leader()).try_send("GET", &path, &Value::Null).ok()?;
                (found.body["data"]["metadata"]["version"] == version).then_some(())
            };
            if answer.status == 200 { Some(()) } else { is_there() }
        });
    }
}

/// Checks that this version of each secret is told, and nothing else.
fn tells_all_once(watch: &Watch, expected: u64) {
    let mut told = BTreeMap::new();
    while told.len() < SECRETS {
        let change = watch.next(&within(LIMIT)).unwrap().expect("a change");
        let Change { reference, kind, version, .. } = change;
        assert_eq!((kind, version), (Kind::Written, expected), "{reference}");
        assert!(told.insert(reference.clone(), version).is_none(), "{reference} is told twice");
    }
    match watch.next(&within(QUIET)) {
        Ok(change) => assert!(change.is_none(), "{change:?}"),
        // A node may still be on its way back.
        Err(error) => assert!(!error.message().is_empty()),
    }
}
