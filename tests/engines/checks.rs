//! The check of a manager: a server answers, is unsealed, and takes the token.

use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::Status;
use handsfree_secrets::open;
use handsfree_secrets_test_support::{FaultProxy, Gateway, Server, Verdict, answer};
use serde_json::json;

use crate::managers::{fails, open_whole};

fn call() -> Call {
    Call::default()
}

#[test]
fn a_check_is_one_request_that_needs_no_policy_and_uses_nothing_up() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.api().post("sys/policies/acl/none", json!({"policy": "path \"x\" { capabilities = [\"read\"] }"}));
    let body = json!({"policies": ["none"], "no_default_policy": true, "num_uses": 1});
    let created = server.api().post("auth/token/create", body);
    let token = created["auth"]["client_token"].as_str().unwrap();
    let proxy = FaultProxy::to(server.port());
    let manager = open_whole(server, &mount, &[("VAULT_TOKEN", token), ("VAULT_ADDR", &proxy.addr())]).unwrap();
    let before = proxy.passed().requests;
    for _ in 0..3 {
        manager.secrets().check(&call()).unwrap();
    }
    assert_eq!(proxy.passed().requests, before + 3);
}

#[test]
fn a_token_that_was_revoked_is_told() {
    let server = Server::shared();
    let token = server.policy_token("path \"x\" { capabilities = [\"read\"] }");
    let manager = open_whole(server, &server.fresh_mount(), &[("VAULT_TOKEN", &token)]).unwrap();
    manager.secrets().check(&call()).unwrap();
    server.api().post("auth/token/revoke", json!({"token": token}));
    let error = fails(manager.secrets().check(&call()), Status::Auth);
    assert!(!error.message().contains(&token), "{error}");
}

#[test]
fn a_server_that_is_sealed_or_gone_is_told() {
    let mut server = Server::builder().start();
    let mount = server.fresh_mount();
    let manager = open_whole(&server, &mount, &[("VAULT_MAX_RETRIES", "0")]).unwrap();
    server.seal();
    fails(manager.secrets().check(&call()), Status::Unavailable);
    server.kill();
    fails(manager.secrets().check(&call()), Status::Connection);
    let mut short = Call::default();
    short.set_timeout(Duration::from_millis(1));
    assert!(manager.secrets().check(&short).is_err());
}

#[test]
fn what_is_not_vault_does_not_pass_the_check() {
    let server = Server::shared();
    for (status, body) in [
        ("200 OK", "<html>log in</html>"),
        ("200 OK", ""),
        ("403 Forbidden", "<html>firewall</html>"),
        ("200 OK", "{}"),
    ] {
        let gateway = Gateway::to(server.port(), move |request| match request.path.ends_with("/cubbyhole") {
            true => answer(status, "", body),
            false => Verdict::Pass,
        });
        let manager = open_whole(server, &server.fresh_mount(), &[("VAULT_ADDR", &gateway.addr())]).unwrap();
        fails(manager.secrets().check(&call()), Status::Protocol);
    }
}

#[test]
fn the_env_backend_has_nothing_to_check_and_no_versions() {
    let mut options = Options::new_isolated();
    options.set("SECRET_MANAGER_TYPE", "env").unwrap();
    let manager = open::open(Some(&options), &call()).unwrap();
    manager.secrets().check(&call()).unwrap();
    assert_eq!(manager.vault().err().unwrap().status(), Status::Unsupported);
}
