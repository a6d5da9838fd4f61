//! The tokens that leases are made with: few uses (`num_uses`), and batch tokens.

use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::open::{Manager, open};
use handsfree_secrets_test_support::eventually;
use serde_json::{Value, json};

use crate::database::{Engine, Role, engine, get};
use crate::managers;

const SECOND: Duration = Duration::from_secs(1);

fn call() -> Call {
    Call::default()
}

/// A policy for the users of the engine, and for the secrets of a mount.
fn policy(engine: &Engine, mount: &str) -> String {
    let paths = [format!("{}/*", engine.mount), format!("{mount}/*")];
    paths.map(|path| format!("path \"{path}\" {{ capabilities = [\"read\"] }}\n")).concat()
}

/// A manager for a mount with the secret `a`, whose tokens of an AppRole have these parameters; and the path of its login.
fn manager_of_app_role(engine: &Engine, mut parameters: Value) -> (Arc<Manager>, String) {
    let mount = managers::mount_with_secret(engine.server);
    let name = format!("lease-{mount}");
    engine.server.api().post(&format!("sys/policies/acl/{name}"), json!({"policy": policy(engine, &mount)}));
    parameters["token_policies"] = json!(name);
    let app = engine.server.app_role(parameters);
    let address = engine.server.addr();
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*address),
        ("VAULT_MOUNT", &*mount),
        ("VAULT_ROLE_ID", &*app.role_id),
        ("VAULT_SECRET_ID", &*app.secret_id),
        ("VAULT_APPROLE_MOUNT", &*app.mount),
    ];
    let options = managers::options(&settings).unwrap();
    (Arc::new(open(Some(&options), &call()).unwrap()), app.login_path())
}

fn read(manager: &Manager) -> String {
    managers::get(&**manager.secrets()).unwrap()
}

/// Asks for credentials and for a secret until the generation is `number`; each user has to be good for a login.
fn use_until_generation(engine: &Engine, role: &Role<'_>, manager: &Arc<Manager>, number: u64) {
    let credentials = role.credentials(manager);
    eventually("another generation", SECOND * 60, || {
        assert_eq!(read(manager), "v");
        let (outcome, next) = manager.maintain(&call());
        assert!(outcome.is_ok() && next.is_some(), "{outcome:?}");
        let lease = get(&credentials);
        let outcome = engine.log_in(lease.fields());
        assert!(outcome.is_ok(), "{outcome:?}, {:?} left", lease.remaining());
        (lease.generation() >= number).then_some(())
    });
}

#[test]
fn leases_live_on_when_other_calls_take_the_uses_of_their_token() {
    let engine = engine();
    let (manager, login) = manager_of_app_role(&engine, json!({"token_num_uses": 4, "token_ttl": "1h"}));
    let credentials = engine.role("60s", "10m").credentials(&manager);
    let lease = get(&credentials);
    for _ in 0..20 {
        assert_eq!(read(&manager), "v");
    }
    assert!(engine.server.logins(&login) > 4, "the uses of several tokens");
    assert!(lease.remaining().unwrap() > SECOND * 50 && get(&credentials).is_same(&lease));
    engine.log_in(lease.fields()).unwrap();
}

#[test]
fn credentials_are_kept_valid_with_tokens_of_few_uses() {
    let engine = engine();
    for uses in [2, 3, 5] {
        let (manager, _) = manager_of_app_role(&engine, json!({"token_num_uses": uses, "token_ttl": "1h"}));
        use_until_generation(&engine, &engine.role("3s", "1h"), &manager, 3);
    }
    let (manager, _) = manager_of_app_role(&engine, json!({"token_num_uses": 1, "token_ttl": "1h"}));
    let path = engine.role("3s", "1h").path;
    let outcome = handsfree_secrets::lease::Lease::open(&manager, &path, None, &call());
    let error = managers::fails(outcome, Status::Auth);
    assert!(error.message().contains("num_uses"), "{error}");
    assert_eq!(read(&manager), "v");
}

#[test]
fn refusals_make_no_more_users_where_each_user_needs_another_token() {
    let engine = engine();
    let (manager, login) = manager_of_app_role(&engine, json!({"token_num_uses": 3, "token_ttl": "1h"}));
    let role = engine.role("1h", "2h");
    let credentials = role.credentials(&manager);
    for _ in 0..50 {
        credentials.refused(&get(&credentials)).unwrap();
    }
    assert_eq!((role.users(), get(&credentials).generation()), (2, 2), "one more in half of their time");
    assert!(engine.server.logins(&login) <= 3, "{}", engine.server.logins(&login));
}

#[test]
fn the_last_uses_of_a_token_from_outside_are_left_to_calls() {
    let engine = engine();
    let mount = managers::mount_with_secret(engine.server);
    let role = engine.role("3s", "1h");
    let parameters = json!({"num_uses": 5, "ttl": "1h"});
    let token = engine.server.api().create_token(&format!("lease-{mount}"), &policy(&engine, &mount), parameters);
    let uses = || engine.server.api().post("auth/token/lookup", json!({"token": token}))["data"]["num_uses"].as_i64();
    let manager = Arc::new(managers::open_whole(engine.server, &mount, &[("VAULT_TOKEN", &token)]).unwrap());
    let credentials = role.credentials(&manager);
    assert_eq!(uses(), Some(3), "the lookup of the token took one, and the lease");

    let first = get(&credentials);
    let next = eventually("the end of the first user", SECOND * 30, || {
        manager.maintain(&call()).0.unwrap();
        let lease = get(&credentials);
        (!lease.is_same(&first)).then_some(lease)
    });
    // A fortieth of three seconds before its end.
    assert!(first.remaining().unwrap() < Duration::from_millis(76) && next.generation() == 2);
    assert_eq!(uses(), Some(1), "one renewal, and another lease when the first was over");
    engine.log_in(next.fields()).unwrap();

    eventually("the end of the second user", SECOND * 30, || next.remaining().unwrap().is_zero().then_some(()));
    for _ in 0..5 {
        let error = managers::fails(credentials.get(&call()), Status::Auth);
        assert!(error.message().contains("num_uses"), "{error}");
    }
    assert_eq!(uses(), Some(1), "refused without a request");
    assert_eq!(read(&manager), "v", "the last use is that of a call");
}

#[test]
fn leases_of_batch_tokens_are_replaced_before_their_token_ends() {
    let engine = engine();
    let parameters = json!({"token_type": "batch", "token_ttl": "4s", "token_max_ttl": "4s"});
    let (manager, login) = manager_of_app_role(&engine, parameters);
    let role = engine.role("1h", "2h");
    use_until_generation(&engine, &role, &manager, 3);
    assert!(engine.server.logins(&login) <= 4, "{}", engine.server.logins(&login));
}

#[test]
fn a_token_that_is_about_to_end_makes_no_users_that_end_with_it() {
    let engine = engine();
    let role = engine.role("1h", "2h");
    let policy = format!("path \"{}/*\" {{ capabilities = [\"read\"] }}", engine.mount);
    let parameters = json!({"ttl": "4s", "explicit_max_ttl": "4s"});
    let token = engine.server.api().create_token(&format!("lease-{}", role.name), &policy, parameters);
    let credentials = role.credentials(&engine.manager_with(&[("VAULT_TOKEN", &token)]));
    let last = eventually("the end of the token", SECOND * 20, || match credentials.get(&call()) {
        Ok(lease) => {
            let lease = lease.unwrap();
            assert!(lease.remaining().unwrap() > Duration::ZERO, "what is handed out is valid");
            None
        }
        // The server may be asked until the token has ended.
        Err(error) => error.message().contains("the token is refused").then_some(error),
    });
    assert_eq!(last.status(), Status::Auth, "{last}");
    let made = engine.server.audited(&role.path, "read");
    assert!(made <= 6, "{made} requests for users");
}
