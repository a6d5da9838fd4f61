//! Three real nodes with raft: leaders that are killed or frozen under load, and reads of one's own writes.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod chaos;
mod own_writes;

use std::sync::Arc;

use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::Cluster;

use chaos::{Blow, Plan};
use managers::open_with;

/// A manager for these addresses, with the cluster's root token.
fn open(cluster: &Cluster, addresses: &str, settings: &[(&str, &str)]) -> Arc<dyn SecretManager> {
    let base = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", addresses),
        ("VAULT_TOKEN", cluster.root_token()),
        ("VAULT_MOUNT", "kv"),
    ];
    open_with(&[&base, settings].concat()).unwrap_or_else(|e| panic!("open: {e}"))
}

fn start(standby_reads: bool) -> Cluster {
    let cluster = Cluster::start(standby_reads);
    cluster.enable_kv2("kv");
    cluster
}

/// One cluster for all of it, since it takes half a minute to start.
fn everything(standby_reads: bool, reads: usize, blows: usize) {
    let mut cluster = start(standby_reads);
    own_writes::are_never_stale(&cluster, reads);
    own_writes::updates_through_standbys_lose_nothing(&cluster);
    chaos::unleash(&mut cluster, Plan { blow: Blow::Kill, blows });
    chaos::unleash(&mut cluster, Plan { blow: Blow::Freeze, blows });
}

#[test]
fn a_cluster_loses_no_write_and_shows_no_stale_value_when_its_leader_dies_or_freezes() {
    everything(true, 1000, 1);
}

#[test]
#[ignore = "minutes; make chaos"]
fn three_leaders_in_a_minute_with_standbys_that_answer_reads() {
    everything(true, 1000, 3);
}

#[test]
#[ignore = "minutes; make chaos"]
fn three_leaders_in_a_minute_with_standbys_that_pass_reads_on() {
    everything(false, 1000, 3);
}
