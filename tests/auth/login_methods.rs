//! Every login method except AppRole, each against the real auth method.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Agent, Gateway, JwtSigner, Server, Tls, answer, eventually};
use serde_json::{Value, json};

use crate::managers::{get, open, open_with};

/// A manager for a new mount that holds a secret, with the `extra` settings.
fn log_in(server: &Server, address: &str, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mount = server.fresh_mount();
    open(server, &mount, server.root_token()).store("a", "v", None, &Call::default()).unwrap();
    let mut settings = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address), ("VAULT_MOUNT", mount.as_str())];
    settings.extend_from_slice(extra);
    open_with(&settings)
}

fn refused(outcome: Result<Arc<dyn SecretManager>>) -> Error {
    let error = outcome.err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().starts_with("Failed to authenticate with Vault: auth/"), "{error}");
    assert!(!error.message().contains("CANARY"), "{error}");
    error
}

/// Checks that a token that dies is replaced by exactly one more login, and that no call fails.
fn replaces_a_dead_token(server: &Server, manager: &dyn SecretManager, auth_mount: &str, login_path: &str) {
    assert_eq!(get(manager).unwrap(), "v");
    assert_eq!(server.logins(login_path), 1);
    server.api().post(&format!("sys/leases/revoke-prefix/auth/{auth_mount}"), json!({}));
    assert_eq!(get(manager).unwrap(), "v");
    assert_eq!(server.logins(login_path), 2);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn userpass_logs_in_with_a_password_or_its_file() {
    let server = Server::shared();
    let (auth, policy) = server.auth_mount("userpass");
    let user = json!({"password": "CANARY-right", "token_policies": policy});
    server.api().post(&format!("auth/{auth}/users/ann"), user);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "CANARY-right\n").unwrap();
    let address = server.addr();
    let who = [("VAULT_AUTH_MOUNT", auth.as_str()), ("VAULT_USERNAME", "ann")];
    let with = |name, value| log_in(server, &address, &[who[0], who[1], (name, value)]);

    let manager = with("VAULT_PASSWORD_FILE", text(&file)).unwrap();
    replaces_a_dead_token(server, &*manager, &auth, &format!("auth/{auth}/login/ann"));
    assert_eq!(get(&*with("VAULT_PASSWORD", "CANARY-right").unwrap()).unwrap(), "v");
    let error = refused(with("VAULT_PASSWORD", "CANARY-wrong"));
    assert_eq!(error.http_status(), 400);
    assert!(error.message().contains("VAULT_PASSWORD"), "{error}");

    fs::remove_file(&file).unwrap();
    let error = with("VAULT_PASSWORD_FILE", text(&file)).err().unwrap();
    assert_eq!(error.status(), Status::Config, "{error}");
    assert!(error.message().contains("VAULT_PASSWORD_FILE") && error.message().contains(text(&file)), "{error}");
}

#[test]
fn cert_logs_in_with_the_client_certificate() {
    let tls = Tls::new();
    let (identity, client, stranger) = (tls.server(), tls.client("web"), tls.client("stranger"));
    let server = Server::builder().audit().tls_with(
        &identity.certificate,
        &identity.key,
        None,
        "tls_disable_client_certs = false",
    );
    let server = server.start();
    let (auth, policy) = server.auth_mount("cert");
    let role = json!({"certificate": tls.ca_pem(), "allowed_common_names": "web", "token_policies": policy});
    server.api().post(&format!("auth/{auth}/certs/web"), role);
    let (address, ca) = (server.https_addr(0), tls.ca_file());
    let with = |identity: &handsfree_secrets_test_support::Identity, role: &[(&str, &str)]| {
        let mut settings = vec![
            ("VAULT_AUTH_METHOD", "cert"),
            ("VAULT_AUTH_MOUNT", auth.as_str()),
            ("VAULT_CACERT", text(&ca)),
            ("VAULT_CLIENT_CERT", text(&identity.certificate)),
            ("VAULT_CLIENT_KEY", text(&identity.key)),
        ];
        settings.extend_from_slice(role);
        log_in(&server, &address, &settings)
    };
    let manager = with(&client, &[]).unwrap();
    replaces_a_dead_token(&server, &*manager, &auth, &format!("auth/{auth}/login"));
    assert_eq!(get(&*with(&client, &[("VAULT_ROLE", "web")]).unwrap()).unwrap(), "v");
    let error = refused(with(&stranger, &[]));
    assert!(error.message().contains("VAULT_CLIENT_CERT"), "{error}");
    let error = refused(with(&client, &[("VAULT_ROLE", "other")]));
    assert!(error.message().contains("VAULT_ROLE"), "{error}");
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn jwt_logs_in_with_a_signed_token_or_its_file() {
    let server = Server::shared();
    let (auth, policy) = server.auth_mount("jwt");
    let signer = JwtSigner::new();
    let config = json!({"jwt_validation_pubkeys": [signer.public_key_pem()], "bound_issuer": "tests"});
    server.api().post(&format!("auth/{auth}/config"), config);
    let role = json!({"role_type": "jwt", "bound_audiences": ["vault"], "user_claim": "sub", "token_policies": policy});
    server.api().post(&format!("auth/{auth}/role/app"), role);
    let claims = |audience: &str, end: u64| {
        signer.sign(&json!({"iss": "tests", "aud": audience, "sub": "app", "iat": now() - 60, "exp": end}))
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwt");
    fs::write(&file, claims("vault", now() + 600)).unwrap();
    let address = server.addr();
    let with = |name, value: &str| {
        let settings =
            [("VAULT_AUTH_METHOD", "jwt"), ("VAULT_AUTH_MOUNT", auth.as_str()), ("VAULT_ROLE", "app"), (name, value)];
        log_in(server, &address, &settings)
    };
    let manager = with("VAULT_JWT_FILE", text(&file)).unwrap();
    replaces_a_dead_token(server, &*manager, &auth, &format!("auth/{auth}/login"));
    assert_eq!(get(&*with("VAULT_JWT", &claims("vault", now() + 600)).unwrap()).unwrap(), "v");
    for wrong in [claims("elsewhere", now() + 600), claims("vault", now() - 1200)] {
        let error = refused(with("VAULT_JWT", &wrong));
        assert!(error.message().contains("audience, issuer and age"), "{error}");
        assert!(!error.message().contains(&wrong), "{error}");
    }
}

/// The answer of the Kubernetes API server to Vault's review of a pod's token.
fn review(signer_is_known: bool) -> Value {
    json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "status": {
            "authenticated": signer_is_known,
            "audiences": ["vault"],
            "user": {
                "username": "system:serviceaccount:shop:app",
                "uid": "b2b6e3a7-0000-4000-8000-000000000001",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:shop"]
            }
        }
    })
}

#[test]
fn kubernetes_logs_in_with_the_token_of_the_pod() {
    let server = Server::shared();
    let (auth, policy) = server.auth_mount("kubernetes");
    let signer = JwtSigner::new();
    let claims = json!({
        "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:shop:app", "aud": ["vault"],
        "iat": now() - 60, "nbf": now() - 60, "exp": now() + 600,
        "kubernetes.io": {
            "namespace": "shop",
            "serviceaccount": {"name": "app", "uid": "b2b6e3a7-0000-4000-8000-000000000001"}
        }
    });
    let pod = signer.sign(&claims);
    let known = pod.clone();
    let kubernetes = Gateway::to(0, move |asked| {
        assert_eq!(asked.path, "/apis/authentication.k8s.io/v1/tokenreviews");
        let asked: Value = serde_json::from_slice(&asked.body).unwrap();
        answer(
            "201 Created",
            "Content-Type: application/json\r\n",
            &review(asked["spec"]["token"] == known).to_string(),
        )
    });
    let config = json!({
        "kubernetes_host": kubernetes.addr(), "token_reviewer_jwt": pod,
        "disable_local_ca_jwt": true, "kubernetes_ca_cert": Tls::new().ca_pem(),
    });
    server.api().post(&format!("auth/{auth}/config"), config);
    let role = json!({
        "bound_service_account_names": ["app"], "bound_service_account_namespaces": ["shop"], "token_policies": policy,
    });
    server.api().post(&format!("auth/{auth}/role/app"), role);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let address = server.addr();
    let with = |role: &str| {
        let settings = [
            ("VAULT_AUTH_METHOD", "kubernetes"),
            ("VAULT_AUTH_MOUNT", auth.as_str()),
            ("VAULT_ROLE", role),
            ("VAULT_JWT_FILE", text(&file)),
        ];
        log_in(server, &address, &settings)
    };
    fs::write(&file, &pod).unwrap();
    let manager = with("app").unwrap();
    replaces_a_dead_token(server, &*manager, &auth, &format!("auth/{auth}/login"));
    let error = refused(with("other"));
    assert!(error.message().contains("VAULT_ROLE"), "{error}");
    let mut forged = claims;
    forged["sub"] = json!("system:serviceaccount:shop:other");
    fs::write(&file, signer.sign(&forged)).unwrap();
    let error = refused(with("app"));
    assert_eq!(error.http_status(), 403, "{error}");
}

#[test]
fn an_auth_mount_that_does_not_exist_is_named() {
    let server = Server::shared();
    let address = server.addr();
    let userpass = [("VAULT_USERNAME", "ann"), ("VAULT_PASSWORD", "CANARY")];
    let error = refused(log_in(server, &address, &userpass));
    assert!(error.message().contains("auth/userpass/login/ann"), "{error}");
}

#[test]
fn an_agent_that_logs_in_needs_no_credentials() {
    let server = Server::shared();
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let agent = Agent::start(&server.addr(), &role);
    let mount = server.fresh_mount();
    let settings =
        [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_AGENT_ADDR", &agent.addr()), ("VAULT_MOUNT", mount.as_str())];
    let manager = eventually("the agent's login", Duration::from_secs(20), || open_with(&settings).ok());
    let reference = manager.store("a", "v", None, &Call::default()).unwrap();
    assert_eq!(manager.get(&reference, &Call::default()).unwrap().unwrap().as_str(), "v");
    assert_eq!(server.logins(&role.login_path()), 1, "the agent's");

    let without = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_AGENT_ADDR", &server.addr()), ("VAULT_MOUNT", &mount)];
    let error = open_with(&without).err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().contains("auto_auth"), "{error}");
}
