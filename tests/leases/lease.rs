//! Single leases.

use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::lease::{Credentials, Lease};
use handsfree_secrets_test_support::eventually;
use serde_json::{Value, json};

use crate::database::{Engine, engine, get};
use crate::managers::{fails, fields};

fn call() -> Call {
    Call::default()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_lease_logs_in_is_renewed_and_revoked() {
    let engine = engine();
    let (manager, role) = (engine.manager(), engine.role("60s", "10m"));
    let lease = role.lease(&manager);
    assert!(lease.id().starts_with(&role.path) && lease.generation() == 0);
    assert!((SECOND * 58..=SECOND * 60).contains(&lease.remaining().unwrap()));
    assert_eq!(engine.log_in(lease.fields()).unwrap(), lease.fields().text("username").unwrap());

    assert!(lease.renew(&call()).unwrap());
    assert!(lease.remaining().unwrap() > SECOND * 58);
    lease.revoke(&call()).unwrap();
    assert_eq!(lease.remaining(), Some(Duration::ZERO));
    assert!(engine.log_in(lease.fields()).is_err(), "the database has dropped the user");
    lease.revoke(&call()).unwrap();
    assert!(!lease.renew(&call()).unwrap(), "the server does not know it");
}

#[test]
fn what_does_not_exist_is_named() {
    let engine = engine();
    let manager = engine.manager();
    let open = |path: &str| Lease::open(&manager, path, None, &call());
    let error = fails(open(&format!("{}/creds/nobody", engine.mount)), Status::Config);
    assert!(error.message().contains("nobody"), "{error}");
    let error = fails(open("no-such-mount/creds/app"), Status::Config);
    assert!(error.message().contains("no-such-mount/creds/app"), "{error}");
    for path in ["", "/", "a//b", "v1/a", "a/../b"] {
        let error = fails(open(path), Status::InvalidArgument);
        assert!(error.message().starts_with("path: "), "{error}");
    }
    assert!(open("vault://no/such/secret").unwrap().is_none());
    fails(open("vault://a#b"), Status::InvalidArgument);
}

#[test]
fn a_path_without_a_lease_is_a_document_without_an_end() {
    let engine = engine();
    let mount = engine.server.kv1_mount();
    engine.server.api().post(&format!("{mount}/a"), json!({"user": "u", "ttl": "5s"}));
    let lease = Lease::open(&engine.manager(), &format!("{mount}/a"), None, &call()).unwrap().unwrap();
    assert_eq!((lease.fields().text("user"), lease.id(), lease.remaining()), (Some("u"), "", None));
    fails(lease.renew(&call()), Status::Unsupported);
    fails(lease.revoke(&call()), Status::Unsupported);
}

#[test]
fn what_gives_no_credentials_this_way_tells_what_to_do() {
    let engine = engine();
    let (manager, role) = (engine.manager(), engine.role("1h", "2h"));
    let open = |path: &str, parameters: Option<&Arc<Fields>>| Lease::open(&manager, path, parameters, &call());
    let nothing = Arc::new(Fields::default());
    let posted = fails(open(&role.path, Some(&nothing)), Status::Unsupported);
    assert!(posted.message().contains("leave the parameters out"), "{posted}");
    let read = fails(open("auth/token/create", None), Status::Unsupported);
    assert!(read.message().contains("pass parameters"), "{read}");
    for (path, parameters) in [("auth/token/create", Some(&nothing)), ("sys/health", None)] {
        let error = fails(open(path, parameters), Status::Unsupported);
        assert!(error.message().contains("has no credentials"), "{error}");
    }
}

#[test]
fn an_open_session_of_a_revoked_user_fails_when_it_needs_its_role() {
    let engine = engine();
    let lease = engine.role("60s", "10m").lease(&engine.manager());
    let text = |name: &str| lease.fields().text(name).unwrap();
    // Three transactions, the second of which waits.
    let session = "SELECT current_user; COMMIT; SELECT pg_sleep(4); COMMIT; SELECT current_user";
    let outcome = std::thread::scope(|scope| {
        let session = scope.spawn(|| engine.database.query_as(text("username"), text("password"), session));
        let waits = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'", text("username"));
        let waits = || (engine.database.query(&waits).unwrap() == "1").then_some(());
        eventually("the session", SECOND * 20, waits);
        lease.revoke(&call()).unwrap();
        session.join().unwrap()
    });
    let words = outcome.unwrap_err();
    assert!(words.contains("role"), "{words}");
}

/// Mounts a pki engine that is named after the engine, with this role `web`; returns its path.
fn pki(engine: &Engine, role: Value) -> String {
    let (api, mount) = (engine.server.api(), format!("pki-{}", engine.mount));
    api.post(&format!("sys/mounts/{mount}"), json!({"type": "pki"}));
    api.post(&format!("{mount}/root/generate/internal"), json!({"common_name": "ca", "key_type": "ec", "ttl": "24h"}));
    api.post(&format!("{mount}/roles/web"), role);
    mount
}

#[test]
fn certificates_are_replaced_before_their_end_and_their_leases_are_not_renewed() {
    let engine = engine();
    let role = json!({"allow_any_name": true, "key_type": "ec", "key_bits": 256, "ttl": "6s", "generate_lease": true});
    let path = format!("{}/issue/web", pki(&engine, role));
    let (manager, parameters) = (engine.manager(), Arc::new(fields(&[("common_name", "a.test")])));
    let lease = Lease::open(&manager, &path, Some(&parameters), &call()).unwrap().unwrap();
    assert!(lease.id().starts_with(&path));
    fails(lease.renew(&call()), Status::Unsupported);

    let credentials = Credentials::open(&manager, &path, Some(&parameters), &call()).unwrap().unwrap();
    let first = get(&credentials);
    let next =
        eventually("another certificate", SECOND * 20, || Some(get(&credentials)).filter(|next| next.generation() > 1));
    assert!(!first.remaining().unwrap().is_zero() && next.remaining() > first.remaining());
    assert_ne!(first.fields().text("serial_number"), next.fields().text("serial_number"));
}

#[test]
fn a_certificate_lives_until_its_own_end() {
    let engine = engine();
    let mount = pki(&engine, json!({"allow_any_name": true, "key_type": "ec", "max_ttl": "1h"}));
    let open = |parameters: Option<Fields>| {
        Lease::open(&engine.manager(), &format!("{mount}/issue/web"), parameters.map(Arc::new).as_ref(), &call())
    };
    let parameters = fields(&[("common_name", "a.test"), ("ttl", "100s")]);
    let lease = open(Some(parameters)).unwrap().unwrap();
    assert!(lease.fields().text("private_key").unwrap().contains("PRIVATE KEY"));
    assert!((SECOND * 97..=SECOND * 101).contains(&lease.remaining().unwrap()), "{:?}", lease.remaining());

    let error = fails(open(Some(Fields::default())), Status::InvalidArgument);
    assert!(error.message().contains("common_name"), "the server's words: {error}");
    let error = fails(open(None), Status::Unsupported);
    assert!(error.message().contains("pass parameters"), "{error}");
    let error = fails(
        Lease::open(&engine.manager(), &format!("{mount}/issue/nobody"), Some(&Arc::default()), &call()),
        Status::Config,
    );
    assert!(error.message().contains("issue/nobody"), "{error}");
}

#[test]
fn a_lease_ends_with_the_token_that_it_was_made_with() {
    let engine = engine();
    let role = engine.role("1h", "2h");
    let policy = format!("path \"{}/*\" {{ capabilities = [\"read\"] }}", engine.mount);
    let token = engine.server.api().create_token("lease-short", &policy, json!({"ttl": "20s"}));
    let manager = engine.manager_with(&[("VAULT_TOKEN", &token)]);
    let lease = role.lease(&manager);
    let left = lease.remaining().unwrap();
    assert!(left <= SECOND * 20 && left > SECOND * 10, "{left:?}");
    assert!(lease.renew(&call()).unwrap());
    assert!(lease.remaining().unwrap() <= SECOND * 20, "the server says an hour");
    let error = fails(lease.revoke(&call()), Status::PermissionDenied);
    assert!(error.message().contains("sys/leases/revoke"), "{error}");
}

#[test]
fn a_token_at_its_last_use_gets_no_credentials() {
    let engine = engine();
    let role = engine.role("1h", "2h");
    let policy = format!("path \"{}/*\" {{ capabilities = [\"read\"] }}", engine.mount);
    let token = engine.server.api().create_token("lease-uses", &policy, json!({"num_uses": 2}));
    let manager = engine.manager_with(&[("VAULT_TOKEN", &token)]);
    let error = fails(Lease::open(&manager, &role.path, None, &call()), Status::Auth);
    assert!(error.message().contains("num_uses"), "{error}");
}
