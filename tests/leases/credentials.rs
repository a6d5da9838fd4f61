//! Credentials that are always valid, on a real database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::lease::Credentials;
use handsfree_secrets::open::Manager;
use handsfree_secrets_test_support::{Fault, FaultProxy, eventually};
use serde_json::json;

use crate::database::{engine, get};
use crate::managers::fails;

const SECOND: Duration = Duration::from_secs(1);

fn call() -> Call {
    Call::default()
}

/// Asks for credentials again and again until the generation is `number`; each one has to be good for a login.
fn get_until_generation(engine: &crate::database::Engine, credentials: &Credentials, number: u64) {
    eventually("another generation", SECOND * 60, || {
        let lease = get(credentials);
        let outcome = engine.log_in(lease.fields());
        assert!(outcome.is_ok(), "{outcome:?}, {:?} left", lease.remaining());
        (lease.generation() >= number).then_some(())
    });
}

#[test]
fn credentials_are_renewed_and_at_their_maximum_replaced() {
    let engine = engine();
    let role = engine.role("4s", "10s");
    let credentials = role.credentials(&engine.manager());
    let (first, began) = (get(&credentials), Instant::now());
    get_until_generation(&engine, &credentials, 3);
    assert!(began.elapsed() > SECOND * 12, "each lived until two thirds of its last renewal");
    assert!(role.users() <= 3);
    assert!(first.fields().text("username").is_some(), "the first one is still ours");
}

#[test]
fn all_leases_of_a_generation_see_its_renewal() {
    let engine = engine();
    let credentials = engine.role("3s", "1h").credentials(&engine.manager());
    let (one, other) = (get(&credentials), get(&credentials));
    let name = one.fields().text("username").unwrap().to_owned();
    eventually("a renewal", SECOND * 20, || {
        get(&credentials);
        (one.remaining().unwrap() > other.remaining().unwrap() - SECOND && other.remaining().unwrap() > SECOND * 2)
            .then_some(())
    });
    std::thread::sleep(SECOND * 3);
    assert!(get(&credentials).is_same(&one) || get(&credentials).generation() > 1);
    assert_eq!(one.fields().text("username").unwrap(), name);
}

#[test]
fn a_revoke_ends_every_generation_and_the_next_get_makes_another() {
    let engine = engine();
    let role = engine.role("60s", "10m");
    let credentials = role.credentials(&engine.manager());
    let first = get(&credentials);
    credentials.refused(&first).unwrap();
    let second = get(&credentials);
    assert_eq!((first.generation(), second.generation(), role.users()), (1, 2, 2));
    credentials.revoke(&call()).unwrap();
    assert_eq!(role.users(), 0);
    assert!(first.remaining() == Some(Duration::ZERO) && second.remaining() == Some(Duration::ZERO));
    let third = get(&credentials);
    assert_eq!(third.generation(), 3);
    engine.log_in(third.fields()).unwrap();
}

#[test]
fn refusals_make_one_more_lease_in_half_of_its_time() {
    let engine = engine();
    let role = engine.role("60s", "10m");
    let credentials = role.credentials(&engine.manager());
    let first = get(&credentials);
    for _ in 0..100 {
        credentials.refused(&get(&credentials)).unwrap();
    }
    let second = get(&credentials);
    assert_eq!((second.generation(), role.users()), (2, 2));
    credentials.refused(&first).unwrap();
    assert_eq!(get(&credentials).generation(), 2, "an older generation has no effect");
    let own = role.lease(&engine.manager());
    fails(credentials.refused(&own), Status::InvalidArgument);
}

#[test]
fn leases_of_credentials_are_renewed_by_these_alone() {
    let engine = engine();
    let credentials = engine.role("60s", "10m").credentials(&engine.manager());
    let lease = get(&credentials);
    for error in
        [fails(lease.renew(&call()), Status::InvalidArgument), fails(lease.revoke(&call()), Status::InvalidArgument)]
    {
        assert!(error.message().starts_with("lease: "), "{error}");
    }
}

#[test]
fn while_one_call_renews_the_others_go_on() {
    let engine = engine();
    let proxy = FaultProxy::to(engine.server.port());
    let manager = engine.manager_with(&[("VAULT_ADDR", &proxy.addr())]);
    let credentials = Arc::new(engine.role("6s", "1h").credentials(&manager));
    std::thread::sleep(SECOND * 5);
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(get(&credentials).generation(), 1));
        }
    });
    assert_eq!(proxy.passed().requests, 1, "the renewal");
}

/// The numbers of the metric, in the order of the documentation: valid, failing, replaced, expired.
fn states(manager: &Manager) -> Vec<u32> {
    let text = manager.metrics();
    let samples = text.lines().filter(|line| line.starts_with("handsfree_leases{"));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn the_metric_tells_the_state_of_each_lease_that_is_in_use() {
    let engine = engine();
    let proxy = FaultProxy::to(engine.server.port());
    let manager = engine.manager_with(&[("VAULT_ADDR", &proxy.addr())]);
    assert_eq!(states(&manager), [0, 0, 0, 0]);
    let long = engine.role("60s", "10m").credentials(&manager);
    let short = engine.role("4s", "1h").credentials(&manager);
    assert_eq!(states(&manager), [2, 0, 0, 0]);
    long.refused(&get(&long)).unwrap();
    assert_eq!(get(&long).generation(), 2);
    assert_eq!(states(&manager), [2, 0, 1, 0]);
    proxy.set(Fault::instead(Vec::new()));
    eventually("a renewal that fails", SECOND * 10, || {
        let _ = short.get(&call());
        (states(&manager) == [1, 1, 1, 0]).then_some(())
    });
    eventually("the end", SECOND * 10, || (states(&manager) == [1, 0, 1, 1]).then_some(()));
    drop(short);
    assert_eq!(states(&manager), [1, 0, 1, 0], "what was freed is not in use");
}

#[test]
fn a_server_that_is_down_costs_nothing_while_the_credentials_live() {
    let engine = engine();
    let proxy = FaultProxy::to(engine.server.port());
    let manager = engine.manager_with(&[("VAULT_ADDR", &proxy.addr())]);
    let credentials = engine.role("4s", "1h").credentials(&manager);
    let lease = get(&credentials);
    proxy.set(Fault::instead(Vec::new()));
    let mut requests = 0;
    // They are kept back for the last fortieth.
    while lease.remaining().unwrap() > Duration::from_millis(150) {
        assert_eq!(get(&credentials).generation(), 1, "what lives is handed out");
        requests += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(requests > 100);
    let (error, left) = eventually("the end", SECOND * 5, || match credentials.get(&call()) {
        Err(error) => Some((error, lease.remaining().unwrap())),
        Ok(_) => None,
    });
    assert!(left < Duration::from_millis(101), "{left:?}");
    assert_eq!(error.status(), Status::Connection, "{error}");
    for words in ["the last credentials ended", "for ", "creds/"] {
        assert!(error.message().contains(words), "{error}");
    }
    proxy.set(Fault::None);
    let next = eventually("new credentials", SECOND * 40, || credentials.get(&call()).ok()).unwrap();
    engine.log_in(next.fields()).unwrap();
}

#[test]
fn a_static_role_is_read_again_when_its_password_is_rotated() {
    let engine = engine();
    let name = format!("static{}", engine.mount.replace('-', ""));
    engine.database.static_role(engine.server.api(), &engine.mount, &name, "5s");
    let path = format!("{}/static-creds/{name}", engine.mount);
    let credentials = Credentials::open(&engine.manager(), &path, None, &call()).unwrap().unwrap();
    let first = get(&credentials);
    assert!(first.id().is_empty() && first.remaining().unwrap() <= SECOND * 5);
    let password = first.fields().text("password").unwrap().to_owned();
    let next = eventually("a rotation", SECOND * 30, || Some(get(&credentials)).filter(|next| next.generation() > 1));
    assert_ne!(next.fields().text("password").unwrap(), password);
    assert!(first.remaining() == Some(Duration::ZERO));
    engine.log_in(next.fields()).unwrap();
}

#[test]
fn a_secret_serves_as_credentials_and_is_looked_at_again() {
    let engine = engine();
    let mount = engine.server.fresh_mount();
    engine.server.write_raw(&mount, "db", json!({"user": "a"}));
    let manager =
        Arc::new(crate::managers::open_whole(engine.server, &mount, &[("VAULT_WATCH_INTERVAL", "1s")]).unwrap());
    let credentials = Credentials::open(&manager, "vault://db", None, &call()).unwrap().unwrap();
    let first = get(&credentials);
    assert_eq!((first.remaining(), first.fields().text("user")), (None, Some("a")));
    std::thread::sleep(SECOND * 2);
    assert_eq!(get(&credentials).generation(), 1, "it has not changed");
    engine.server.write_raw(&mount, "db", json!({"user": "b"}));
    let next = eventually("the change", SECOND * 20, || Some(get(&credentials)).filter(|next| next.generation() > 1));
    assert_eq!((next.fields().text("user"), first.fields().text("user")), (Some("b"), Some("a")));
    engine.server.api().delete(&format!("{mount}/metadata/db"));
    eventually("its end", SECOND * 20, || credentials.get(&call()).unwrap().is_none().then_some(()));
}

#[test]
fn a_secret_with_a_ttl_is_looked_at_again_after_it() {
    let engine = engine();
    let mount = engine.server.kv1_mount();
    let write = |user: &str| engine.server.api().post(&format!("{mount}/a"), json!({"user": user, "ttl": "1s"}));
    write("a");
    let credentials = Credentials::open(&engine.manager(), &format!("{mount}/a"), None, &call()).unwrap().unwrap();
    write("b");
    let next = eventually("the change", SECOND * 15, || Some(get(&credentials)).filter(|next| next.generation() > 1));
    assert_eq!((next.fields().text("user"), next.remaining()), (Some("b"), None));
}

#[test]
fn a_login_replaces_leases_before_their_old_token_ends() {
    let engine = engine();
    let role = engine.role("1h", "2h");
    let policy = format!("path \"{}/*\" {{ capabilities = [\"read\"] }}", engine.mount);
    engine.server.api().post("sys/policies/acl/lease-login", json!({"policy": policy}));
    let app =
        engine.server.app_role(json!({"token_policies": "lease-login", "token_ttl": "3s", "token_max_ttl": "6s"}));
    let address = engine.server.addr();
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*address),
        ("VAULT_ROLE_ID", &*app.role_id),
        ("VAULT_SECRET_ID", &*app.secret_id),
        ("VAULT_APPROLE_MOUNT", &*app.mount),
        ("VAULT_LOG_LEVEL", "debug"),
    ];
    let options = crate::managers::options(&settings).unwrap();
    let manager = Arc::new(handsfree_secrets::open::open(Some(&options), &call()).unwrap());
    let credentials = role.credentials(&manager);
    assert!(get(&credentials).remaining().unwrap() <= SECOND * 3, "no longer than the token");
    get_until_generation(&engine, &credentials, 3);
}

#[test]
fn maintenance_tells_when_something_is_due() {
    let engine = engine();
    let manager = engine.manager();
    assert!(manager.maintain(&call()).1.is_none(), "a root token and no credentials");
    let role = engine.role("6s", "1h");
    let credentials = role.credentials(&manager);
    let lease = get(&credentials);
    let (outcome, due) = manager.maintain(&call());
    outcome.unwrap();
    let wait = due.unwrap().saturating_duration_since(Instant::now());
    assert!(wait > SECOND * 3 && wait < SECOND * 5, "{wait:?}");
    std::thread::sleep(wait + Duration::from_millis(20));
    let (outcome, due) = manager.maintain(&call());
    outcome.unwrap();
    assert!(lease.remaining().unwrap() > SECOND * 5, "it was renewed without a use");
    assert!(due.unwrap() > Instant::now() + SECOND * 3);
    drop(credentials);
    assert!(manager.maintain(&call()).1.is_none(), "they are not in use any more");
}
