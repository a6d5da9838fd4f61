//! Leases through a standby, which forwards their requests.

use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::lease::Lease;
use handsfree_secrets_test_support::{Cluster, Postgres};

use crate::open_whole;

/// Obtains, renews and revokes credentials through a standby.
pub fn are_kept_through_standbys(cluster: &Cluster) {
    let database = Postgres::start();
    let leader = cluster.api(cluster.leader());
    database.mount(&leader, "database");
    database.role(&leader, "database", "app", "60s", "10m");
    let manager = Arc::new(open_whole(cluster, &cluster.addr(cluster.standby()), &[]));
    let lease = Lease::open(&manager, "database/creds/app", None, &Call::default()).unwrap().unwrap();
    let text = |name: &str| lease.fields().text(name).unwrap();
    let log_in = || database.query_as(text("username"), text("password"), "SELECT current_user");
    assert_eq!(log_in().as_deref(), Ok(text("username")));
    assert!(lease.renew(&Call::default()).unwrap());
    assert!(lease.remaining().unwrap() > Duration::from_secs(50));
    lease.revoke(&Call::default()).unwrap();
    assert!(log_in().is_err() && lease.remaining().unwrap().is_zero());
}
