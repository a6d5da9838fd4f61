//! Three real nodes with raft: leaders that are killed or frozen under load, reads after writes, leases, and
//! watches.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod chaos;
mod leases;
mod own_writes;
mod watches;

use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::open::{self, Manager};
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::Cluster;

use chaos::{LeaderFault, Plan};
use managers::options;

/// A manager for these addresses, with the cluster's root token, and all that only a server has.
fn open_whole(cluster: &Cluster, addresses: &str, settings: &[(&str, &str)]) -> Manager {
    let base = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", addresses),
        ("VAULT_TOKEN", cluster.root_token()),
        ("VAULT_MOUNT", "kv"),
    ];
    let options = options(&[&base, settings].concat()).unwrap();
    open::open(Some(&options), &Call::default()).unwrap_or_else(|e| panic!("open: {e}"))
}

/// The same, for operations on secrets.
fn open(cluster: &Cluster, addresses: &str, settings: &[(&str, &str)]) -> Arc<dyn SecretManager> {
    open_whole(cluster, addresses, settings).secrets().clone()
}

fn start(standby_reads: bool) -> Cluster {
    let cluster = Cluster::start(standby_reads);
    cluster.enable_kv2("kv");
    cluster
}

/// Runs all checks on one cluster, since starting one takes half a minute.
fn run_all_checks(standby_reads: bool, reads: usize, count: usize) {
    let mut cluster = start(standby_reads);
    own_writes::are_never_stale(&cluster, reads);
    own_writes::are_decided_by_the_leader(&cluster, reads / 10);
    own_writes::updates_through_standbys_lose_nothing(&cluster);
    leases::are_kept_through_standbys(&cluster);
    watches::are_followed_by_gets(&cluster, reads / 10);
    watches::tell_each_change_once(&mut cluster);
    chaos::run(&mut cluster, Plan { fault: LeaderFault::Kill, count });
    chaos::run(&mut cluster, Plan { fault: LeaderFault::Freeze, count });
}

#[test]
fn no_write_is_lost_and_no_read_is_stale_when_the_leader_dies_or_freezes() {
    run_all_checks(true, 1000, 1);
}

#[test]
#[ignore = "minutes; make chaos"]
fn three_leaders_in_a_minute_with_standbys_that_answer_reads() {
    run_all_checks(true, 1000, 3);
}

#[test]
#[ignore = "minutes; make chaos"]
fn three_leaders_in_a_minute_with_standbys_that_forward_reads() {
    run_all_checks(false, 1000, 3);
}
