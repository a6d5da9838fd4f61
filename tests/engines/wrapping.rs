//! Wrapped answers.

use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::open::Manager;
use handsfree_secrets::secret::Secret;
use handsfree_secrets::vault::RawRequest;
use handsfree_secrets_test_support::{FaultProxy, Server};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::managers::{fails, open_whole};

/// Asks for a wrapped answer: the wrapping token, and how long it lives in seconds.
fn wrapped(manager: &Manager, path: &str, ttl: Duration) -> (SecretString, u64) {
    let request = RawRequest::new("GET", path, None, Some(ttl)).unwrap();
    let answer = request.send(manager.client().unwrap(), &Call::default()).unwrap().unwrap();
    let answer: Value = serde_json::from_slice(answer.body.as_slice()).unwrap();
    let info = &answer["wrap_info"];
    (SecretString::from(info["token"].as_str().unwrap()), info["ttl"].as_u64().unwrap())
}

fn unwrap(manager: &Manager, token: &SecretString) -> handsfree_secrets::error::Result<Secret> {
    handsfree_secrets::vault::unwrap(manager.client()?, token, &Call::default())
}

#[test]
fn a_wrapped_answer_is_unwrapped_once_by_whoever_has_the_token() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "v"}));
    let manager = open_whole(server, &mount, &[]).unwrap();
    let (token, ttl) = wrapped(&manager, &format!("{mount}/data/a"), Duration::from_millis(90_001));
    assert_eq!(ttl, 91, "servers count seconds");
    // The receiver has no rights of its own.
    let receiver = server.policy_token("path \"cubbyhole/none\" { capabilities = [\"read\"] }");
    let receiver = open_whole(server, &mount, &[("VAULT_TOKEN", &receiver)]).unwrap();
    let answer: Value = serde_json::from_str(unwrap(&receiver, &token).unwrap().as_str()).unwrap();
    assert_eq!(answer["data"]["data"], json!({"value": "v"}));
    for manager in [&receiver, &manager] {
        let error = fails(unwrap(manager, &token), Status::Auth);
        let secret = secrecy::ExposeSecret::expose_secret(&token);
        assert!(error.message().contains("was unwrapped before") && !error.message().contains(secret), "{error}");
    }
    manager.secrets().check(&Call::default()).unwrap();
}

#[test]
fn a_token_that_cannot_be_one_is_refused_before_any_traffic() {
    let server = Server::shared();
    let proxy = FaultProxy::to(server.port());
    let manager = open_whole(server, &server.fresh_mount(), &[("VAULT_ADDR", &proxy.addr())]).unwrap();
    let before = proxy.passed().requests;
    for token in ["", "hvs.a b", "hvs.a\n", "ü"] {
        let error = fails(unwrap(&manager, &SecretString::from(token)), Status::InvalidArgument);
        assert!(error.message().starts_with("wrapping_token: "), "{error}");
    }
    assert_eq!(proxy.passed().requests, before);
    fails(unwrap(&manager, &SecretString::from("hvs.CANARY")), Status::Auth);
    // A token that is none of a wrapped answer.
    let error = fails(unwrap(&manager, &SecretString::from(server.root_token())), Status::Auth);
    assert!(!error.message().contains(server.root_token()), "{error}");
}
