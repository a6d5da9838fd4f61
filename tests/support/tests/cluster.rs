//! Tests of the cluster.

use handsfree_secrets_test_support::Cluster;
use serde_json::json;

#[test]
fn another_node_leads_when_the_leader_dies_or_freezes() {
    let mut cluster = Cluster::start(true);
    cluster.enable_kv2("kv");
    let first = cluster.leader();
    cluster.api(first).post("kv/data/k", json!({"data": {"value": "v"}}));
    cluster.kill(first);
    let second = cluster.leader();
    assert_ne!(first, second);
    assert_eq!(cluster.api(second).get("kv/data/k")["data"]["data"]["value"], "v");
    cluster.restart(first);
    cluster.wait_for_voters();

    cluster.freeze(second);
    let third = cluster.leader();
    assert_ne!(second, third);
    assert_eq!(cluster.api(third).get("kv/data/k")["data"]["data"]["value"], "v");
    cluster.thaw(second);
    cluster.wait_for_voters();
    assert_ne!(cluster.standby(), cluster.leader());
}
