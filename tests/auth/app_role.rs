//! AppRole logins with a secret ID, with a wrapped one, and without one.

use std::sync::Arc;

use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{AppRole, Server};
use serde_json::json;

use crate::managers::{get, mount_with_secret, open_with};

/// A manager that logs in with `role` and the `extra` settings.
pub fn log_in(server: &Server, mount: &str, role: &AppRole, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let address = server.addr();
    let mut settings = vec![
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_MOUNT", mount),
        ("VAULT_APPROLE_MOUNT", role.mount.as_str()),
        ("VAULT_ROLE_ID", role.role_id.as_str()),
    ];
    if !extra.iter().any(|(name, _)| name.starts_with("VAULT_SECRET_ID")) {
        settings.push(("VAULT_SECRET_ID", role.secret_id.as_str()));
    }
    settings.extend_from_slice(extra);
    open_with(&settings)
}

/// Revokes every token issued by logins of the role.
pub fn revoke_tokens(server: &Server, role: &AppRole) {
    server.api().post(&format!("sys/leases/revoke-prefix/auth/{}", role.mount), json!({}));
}

#[test]
fn a_wrapped_secret_id_is_unwrapped_once_and_used_for_later_logins() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let wrapped = role.new_wrapped_secret_id();
    let manager = log_in(server, &mount, &role, &[("VAULT_SECRET_ID_WRAPPED", &wrapped)]).unwrap();
    for logins in 1..=3 {
        assert_eq!(get(&*manager).unwrap(), "v");
        // One more login, without a secret_id, checks that the role exists before the wrapping token is spent.
        assert_eq!(server.logins(&role.login_path()), 1 + logins);
        revoke_tokens(server, &role);
    }
    let error = log_in(server, &mount, &role, &[("VAULT_SECRET_ID_WRAPPED", &wrapped)]).err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().contains("VAULT_SECRET_ID_WRAPPED"), "{error}");
    assert!(error.message().contains("this process has unwrapped it before"), "{error}");
    assert!(!error.message().contains(&wrapped), "{error}");
}

#[test]
fn a_wrapping_token_of_another_path_is_refused_and_not_spent() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let other = server.app_role(json!({"token_ttl": "1h"}));
    for forged in [
        server.api().wrapped("sys/wrapping/wrap", &json!({"secret_id": role.secret_id})),
        other.new_wrapped_secret_id(),
    ] {
        let error = log_in(server, &mount, &role, &[("VAULT_SECRET_ID_WRAPPED", &forged)]).err().unwrap();
        assert_eq!(error.status(), Status::Auth, "{error}");
        assert!(error.message().contains("was not spent"), "{error}");
        let unwrapped = server.api().with_token(&forged).post("sys/wrapping/unwrap", json!({}));
        assert!(unwrapped["data"]["secret_id"].is_string(), "it was spent");
    }
    assert_eq!(server.logins(&role.login_path()), 0);
}

#[test]
fn a_wrapping_token_is_not_spent_for_a_missing_role() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let wrapped = role.new_wrapped_secret_id();
    let wrong = [("VAULT_ROLE_ID", "no-such-role"), ("VAULT_SECRET_ID_WRAPPED", wrapped.as_str())];
    let error = log_in(server, &mount, &role, &wrong).err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().contains("check VAULT_ROLE_ID"), "{error}");
    let manager = log_in(server, &mount, &role, &[("VAULT_SECRET_ID_WRAPPED", &wrapped)]).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
}

#[test]
fn a_wrapped_secret_id_of_a_namespace_is_accepted_by_its_path_in_the_namespace() {
    let server = Server::shared();
    let namespace = server.fresh_namespace();
    let api = server.api().in_namespace(&namespace);
    api.enable_kv2("kv");
    api.post("kv/data/a", json!({"data": {"value": "v"}}));
    let role = AppRole::create(&api, json!({"token_ttl": "1h"}));
    let wrapped = role.new_wrapped_secret_id();
    let extra = [("VAULT_SECRET_ID_WRAPPED", wrapped.as_str()), ("VAULT_NAMESPACE", &namespace)];
    let manager = log_in(server, "kv", &role, &extra).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
}

#[test]
fn a_role_without_a_secret_id_logs_in_with_the_auth_method_approle() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"bind_secret_id": false, "token_bound_cidrs": "127.0.0.0/8"}));
    let extra = [("VAULT_SECRET_ID", ""), ("VAULT_AUTH_METHOD", "approle")];
    assert_eq!(get(&*log_in(server, &mount, &role, &extra).unwrap()).unwrap(), "v");
}

#[test]
fn a_wrong_auth_mount_is_an_auth_error_that_names_it() {
    let server = Server::shared();
    let role = server.app_role(json!({}));
    let error = log_in(server, "secret", &role, &[("VAULT_APPROLE_MOUNT", "nowhere")]).err().unwrap();
    assert_eq!((error.status(), error.http_status()), (Status::Auth, 403), "{error}");
    assert!(error.message().contains("auth/nowhere/login") && error.message().contains("auth mount"), "{error}");
}
