//! Tokens on a real server: sessions that outlive their tokens, and sessions that cannot be continued.

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Status};
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Relay, Server, eventually};
use serde_json::json;

use crate::app_role::{log_in, revoke_tokens};
use crate::managers::{get, mount_with_secret, open, open_with};

fn error_of(manager: &dyn SecretManager) -> Error {
    get(manager).unwrap_err()
}

#[test]
fn no_call_fails_while_tokens_of_two_seconds_are_replaced() {
    const RUN: Duration = Duration::from_secs(30);
    const LONGEST_LIFE: Duration = Duration::from_secs(6);
    let server = Server::builder().audit().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let role = server.app_role(json!({"token_ttl": "2s", "token_max_ttl": "6s"}));
    let manager = log_in(&server, "secret", &role, &[]).unwrap();
    let (calls, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while start.elapsed() < RUN {
                    calls.fetch_add(1, Ordering::Relaxed);
                    match get(&*manager) {
                        Ok(value) => assert_eq!(value, "v"),
                        Err(error) => {
                            eprintln!("after {:?}: {error}", start.elapsed());
                            failures.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
    });
    let (calls, failures) = (calls.into_inner(), failures.into_inner());
    let logins = server.logins(&role.login_path());
    let renewals = server.audited("auth/token/renew-self", "update");
    // Written directly to standard error, because the test harness captures output: the figures are for the developer.
    let _ = writeln!(
        std::io::stderr(),
        "AppRole for 30 s, tokens of 2 s, 6 s at most: {calls} calls, {failures} failures, {logins} logins, \
         {renewals} renewals"
    );
    assert_eq!(failures, 0);
    assert!(calls > 1000, "{calls} calls");
    let lifetimes = start.elapsed().as_secs_f64() / LONGEST_LIFE.as_secs_f64();
    assert!(logins <= lifetimes.ceil() as usize + 1, "{logins} logins in {lifetimes} lifetimes");
    assert!(renewals >= 2 * logins - 2, "{renewals} renewals for {logins} logins");
}

#[test]
fn sixty_four_threads_with_a_dead_token_log_in_once() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let manager = log_in(server, &mount, &role, &[]).unwrap();
    assert_eq!(server.logins(&role.login_path()), 1);
    for round in 1..=3 {
        revoke_tokens(server, &role);
        let barrier = std::sync::Barrier::new(64);
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(get(&*manager).unwrap(), "v");
                });
            }
        });
        assert_eq!(server.logins(&role.login_path()), 1 + round);
    }
}

#[test]
fn one_caller_renews_the_token_while_the_others_use_it() {
    let server = Server::builder().audit().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let role = server.app_role(json!({"token_ttl": "3s", "token_max_ttl": "1h"}));
    let manager = log_in(&server, "secret", &role, &[]).unwrap();
    let renewals = || server.audited("auth/token/renew-self", "update");
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while start.elapsed() < Duration::from_millis(3500) {
                    assert_eq!(get(&*manager).unwrap(), "v");
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
    });
    assert_eq!((server.logins(&role.login_path()), renewals()), (1, 1));
}

#[test]
fn a_late_renewal_does_not_restore_a_dead_token() {
    let server = Server::builder().audit().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let role = server.app_role(json!({"token_ttl": "2s", "token_max_ttl": "1h"}));
    let manager = log_in(&server, "secret", &role, &[]).unwrap();
    let start = Instant::now();
    let mut revocations = 0;
    // Renewals and revocations overlap at all possible times.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while start.elapsed() < Duration::from_secs(5) {
                    assert_eq!(get(&*manager).unwrap(), "v");
                }
            });
        }
        while start.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(450));
            revoke_tokens(&server, &role);
            revocations += 1;
        }
    });
    let logins = server.logins(&role.login_path());
    assert!(logins <= revocations + 1, "{logins} logins, {revocations} revocations");
}

#[test]
fn a_token_that_expired_while_idle_is_replaced_before_the_next_request() {
    let server = Server::builder().audit().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let role = server.app_role(json!({"token_ttl": "1s", "token_max_ttl": "1s"}));
    let manager = log_in(&server, "secret", &role, &[]).unwrap();
    let login = Instant::now();
    eventually("the token's end", Duration::from_secs(10), || {
        (login.elapsed() > Duration::from_millis(1100)).then_some(())
    });
    assert_eq!(get(&*manager).unwrap(), "v");
    assert_eq!(server.logins(&role.login_path()), 2);
    let refused = server.audit_lines(|entry| entry["error"].as_str().is_some_and(|e| e.contains("permission denied")));
    assert_eq!(refused, 0, "a request went out with the dead token");
}

#[test]
fn a_session_works_with_every_kind_of_token() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for (kind, parameters, most_logins) in [
        ("batch", json!({"token_type": "batch", "token_ttl": "1h"}), 1),
        ("batch with a short life", json!({"token_type": "batch", "token_ttl": "1s", "token_max_ttl": "1s"}), 4),
        // 3 uses: each read takes one, the probe of the mount none.
        ("of three uses", json!({"token_num_uses": 3, "token_ttl": "1h"}), 4),
        ("unlimited", json!({"token_ttl": 0, "token_period": 0}), 1),
        ("periodic", json!({"token_period": "1h"}), 1),
        ("with no default policy", json!({"token_no_default_policy": true, "token_ttl": "1h"}), 1),
        ("that cannot be renewed again", json!({"token_ttl": "1s", "token_max_ttl": "1s"}), 4),
    ] {
        let role = server.app_role(parameters);
        let manager = log_in(server, &mount, &role, &[]).unwrap();
        let start = Instant::now();
        let mut calls = 0;
        while calls < 8 || (most_logins > 1 && start.elapsed() < Duration::from_millis(1500)) && calls < 12 {
            assert_eq!(get(&*manager).unwrap_or_else(|e| panic!("a token {kind}: {e}")), "v");
            calls += 1;
            if kind.contains("life") || kind.contains("again") {
                std::thread::sleep(Duration::from_millis(150));
            }
        }
        let logins = server.logins(&role.login_path());
        assert!((1..=most_logins).contains(&logins), "a token {kind}: {logins} logins for {calls} calls");
    }
}

#[test]
fn a_denied_request_is_permission_denied_without_a_new_login() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_policies": "default"}));
    let manager = log_in(server, &mount, &role, &[]).unwrap();
    for _ in 0..3 {
        let error = error_of(&*manager);
        assert_eq!((error.status(), error.http_status()), (Status::PermissionDenied, 403), "{error}");
        assert!(error.message().contains(&format!("\"read\" on {mount}/data/a")), "{error}");
    }
    assert_eq!(server.logins(&role.login_path()), 1);
}

#[test]
fn a_revoked_secret_id_is_an_auth_error_until_its_file_is_replaced() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret_id");
    fs::write(&file, format!("{}\n", role.secret_id)).unwrap();
    let extra = [("VAULT_SECRET_ID_FILE", file.to_str().unwrap())];
    let manager = log_in(server, &mount, &role, &extra).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");

    role.revoke(&role.secret_id);
    revoke_tokens(server, &role);
    let error = error_of(&*manager);
    assert_eq!((error.status(), error.http_status()), (Status::Auth, 400), "{error}");
    assert!(error.message().contains("VAULT_SECRET_ID"), "{error}");
    assert!(error.message().contains(&role.login_path()), "{error}");
    assert!(!error.message().contains(&role.secret_id), "{error}");
    let error = log_in(server, &mount, &role, &[]).err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().starts_with("Failed to authenticate with Vault"), "{error}");

    // A file of the same length is renamed over the old one, as configuration management does.
    fs::write(folder.path().join("new"), format!("{}\n", role.new_secret_id())).unwrap();
    fs::rename(folder.path().join("new"), &file).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v", "new credentials are tried at once");
}

#[test]
fn a_refused_login_is_not_repeated_at_once_and_calls_fail_with_its_error() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let manager = log_in(server, &mount, &role, &[]).unwrap();
    role.revoke(&role.secret_id);
    revoke_tokens(server, &role);
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < Duration::from_secs(2) {
        let error = error_of(&*manager);
        assert_eq!(error.status(), Status::Auth, "{error}");
        assert!(error.message().contains("refuses the login"), "{error}");
        calls += 1;
    }
    let logins = server.logins(&role.login_path()) - 1;
    // Pauses of 0.5 to 1 s, then 1 to 2 s.
    assert!((2..=3).contains(&logins), "{logins} logins");
    assert!(calls > 100, "{calls} calls: they wait for the pause");
}

#[test]
fn logins_at_a_server_that_is_down_are_backed_off() {
    let mut server = Server::builder().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let role = server.app_role(json!({"token_ttl": "1s", "token_max_ttl": "1s"}));
    let relay = Relay::to(server.port());
    let address = relay.addr();
    let extra = [("VAULT_ADDR", address.as_str()), ("VAULT_MAX_RETRIES", "0")];
    let manager = log_in(&server, "secret", &role, &extra).unwrap();
    server.kill();
    let start = Instant::now();
    let before = relay.connections();
    eventually("the token's end", Duration::from_secs(10), || {
        (start.elapsed() > Duration::from_millis(1100)).then_some(())
    });
    let mut calls = 0;
    while start.elapsed() < Duration::from_millis(2600) {
        assert_eq!(error_of(&*manager).status(), Status::Connection);
        calls += 1;
    }
    let connections = relay.connections() - before;
    assert!(connections <= 4, "{connections} connections");
    assert!(calls > 100, "{calls} calls");
}

#[test]
fn a_call_with_a_short_timeout_does_not_back_off_the_others() {
    let server = Server::builder().audit().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let manager = log_in(&server, "secret", &role, &[]).unwrap();
    revoke_tokens(&server, &role);
    server.freeze();
    let mut hasty = Call::default();
    hasty.set_timeout(Duration::from_millis(50));
    let error = manager.get("vault://a", &hasty).err().unwrap();
    server.thaw();
    assert_eq!(error.status(), Status::Timeout, "{error}");
    assert_eq!(get(&*manager).unwrap(), "v");
}

#[test]
fn a_new_token_that_is_refused_is_an_auth_error_without_a_login_loop() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    // Tokens bound to another host: Vault answers as for a dead token.
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let manager = log_in(server, &mount, &role, &[]).unwrap();
    server.api().post(&format!("auth/{}/role/app", role.mount), json!({"token_bound_cidrs": "192.0.2.1/32"}));
    revoke_tokens(server, &role);
    let start = Instant::now();
    let error = error_of(&*manager);
    assert_eq!(error.status(), Status::Auth, "{error}");
    for _ in 0..50 {
        assert_eq!(error_of(&*manager).status(), Status::Auth);
    }
    let logins = server.logins(&role.login_path()) - 1;
    let most = 2 + start.elapsed().as_secs() as usize;
    assert!((1..=most).contains(&logins), "{logins} logins");
}

#[test]
fn freeing_a_manager_makes_no_request() {
    let server = Server::builder().audit().start();
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let relay = Relay::to(server.port());
    let address = relay.addr();
    let manager = log_in(&server, "secret", &role, &[("VAULT_ADDR", &address)]).unwrap();
    let before = (relay.connections(), relay.bytes_sent());
    let revocations = server.audited("auth/token/revoke-self", "");
    drop(manager);
    // When the relay sees the connection closed, it has counted all bytes before.
    eventually("the connection's end", Duration::from_secs(10), || (relay.open_connections() == 0).then_some(()));
    assert_eq!((relay.connections(), relay.bytes_sent()), before);
    assert_eq!(server.audited("auth/token/revoke-self", ""), revocations);
}

#[test]
fn a_configured_token_is_never_renewed() {
    let server = Server::builder().audit().start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    let parameters = json!({"ttl": "2s", "explicit_max_ttl": "2s", "renewable": true});
    let policy = r#"path "*" { capabilities = ["read"] }"#;
    let token = server.api().create_token("given", policy, parameters);
    let manager = open(&server, "secret", &token);
    let error = eventually("the token's end", Duration::from_secs(10), || match get(&*manager) {
        Ok(value) => {
            assert_eq!(value, "v");
            None
        }
        Err(error) => Some(error),
    });
    assert_eq!((error.status(), error.http_status()), (Status::Auth, 403), "{error}");
    assert!(error.message().contains("VAULT_TOKEN") && !error.message().contains(&token), "{error}");
    assert_eq!(server.audited("auth/token/renew-self", ""), 0);
    let error = open_with(&[("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", &server.addr()), ("BAO_TOKEN", &token)]);
    let error = error.err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().starts_with("Failed to authenticate with Vault"), "{error}");
    assert!(error.message().ends_with("set BAO_TOKEN to a valid one"), "{error}");
}

#[test]
fn a_token_file_is_read_again_when_its_token_is_refused() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let policy = r#"path "*" { capabilities = ["read"] }"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let (old, new) = (server.policy_token(policy), server.policy_token(policy));
    fs::write(&file, format!("{old}\n")).unwrap();
    let manager = open_with(&[
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &server.addr()),
        ("VAULT_MOUNT", &mount),
        ("VAULT_TOKEN_FILE", file.to_str().unwrap()),
    ])
    .unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
    server.api().post("auth/token/revoke", json!({"token": old}));
    let error = error_of(&*manager);
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().contains(file.to_str().unwrap()), "{error}");
    fs::write(&file, new).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
    // A missing file is no error while its token is valid.
    fs::remove_file(&file).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
}
