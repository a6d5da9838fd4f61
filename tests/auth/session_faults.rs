//! Logins and renewals that are refused, hang, or reach a server that is not Vault.

use std::ffi::CStr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::observe::log::LogSink;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{AppRole, Counter, Gateway, Server, Verdict, answer};
use log::{Level, LevelFilter};
use serde_json::json;

use crate::app_role::revoke_tokens;
use crate::managers::{get, get_within, mount_with_secret, open, open_at, options};

fn call() -> Call {
    Call::default()
}

/// The settings of an AppRole login.
fn settings(role: &AppRole) -> [(&str, &str); 3] {
    [
        ("VAULT_APPROLE_MOUNT", role.mount.as_str()),
        ("VAULT_ROLE_ID", role.role_id.as_str()),
        ("VAULT_SECRET_ID", role.secret_id.as_str()),
    ]
}

fn log_in(server: &Server, address: &str, mount: &str, role: &AppRole) -> Result<Arc<dyn SecretManager>> {
    open_at(server, address, mount, &settings(role))
}

fn of_milliseconds(milliseconds: u64) -> Call {
    let mut call = Call::default();
    call.set_timeout(Duration::from_millis(milliseconds));
    call
}

#[test]
fn a_token_with_few_uses_works_for_many_threads_and_lists() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    for number in 0..20 {
        server.write_raw(&mount, &format!("folder{number}/b"), json!({"value": "w"}));
    }
    for uses in [1, 3, 50] {
        let role = server.app_role(json!({"token_num_uses": uses, "token_ttl": "1h"}));
        let manager = log_in(server, &server.addr(), &mount, &role).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let got = get(&*manager).unwrap_or_else(|e| panic!("{uses} uses: {e}"));
                        assert_eq!(got, "v");
                    }
                });
            }
        });
        let listed = manager.list(None, &call()).unwrap_or_else(|e| panic!("{uses} uses: {e}"));
        assert_eq!(listed, open(server, &mount, server.root_token()).list(None, &call()).unwrap());
        let logins = server.logins(&role.login_path());
        let requests = 8 * 20 + 1 + 22;
        assert!(logins <= requests / uses + 2, "{logins} logins for {requests} requests of {uses}");
    }
}

#[test]
fn a_dead_token_is_recognized_by_the_message_of_newer_servers() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let (dead, refusals) = (Arc::new(Mutex::new(String::new())), Counter::default());
    let (known, counter) = (dead.clone(), refusals.clone());
    let gateway = Gateway::to(server.port(), move |asked| {
        let token = asked.header("X-Vault-Token").unwrap_or_default().to_owned();
        let mut dead = known.lock().unwrap();
        if asked.path.contains("/data/") && dead.is_empty() {
            *dead = token.clone();
        }
        if !dead.is_empty() && *dead == token {
            counter.next();
            let body = r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#;
            return answer("403 Forbidden", "", body);
        }
        Verdict::Pass
    });
    let manager = log_in(server, &gateway.addr(), &mount, &role).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
    assert_eq!((refusals.get(), server.logins(&role.login_path())), (1, 2));
}

/// A gateway that delays its answers to requests whose path contains `path`.
fn hanging(server: &Server, path: &'static str, asked_for: &Counter) -> Gateway {
    let counter = asked_for.clone();
    Gateway::to(server.port(), move |asked| {
        if asked.path.contains(path) {
            counter.next();
            std::thread::sleep(Duration::from_secs(6));
            return Verdict::Close;
        }
        Verdict::Pass
    })
}

#[test]
fn a_hanging_renewal_fails_no_call_while_the_token_is_valid() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "4s", "token_max_ttl": "1h"}));
    let renewals = Counter::default();
    let gateway = hanging(server, "renew-self", &renewals);
    let manager = log_in(server, &gateway.addr(), &mount, &role).unwrap();
    let started = Instant::now();
    let mut calls = 0;
    while started.elapsed() < Duration::from_secs(9) {
        let got = get_within(&*manager, &of_milliseconds(900));
        assert_eq!(got.unwrap_or_else(|e| panic!("after {:?}: {e}", started.elapsed())), "v");
        calls += 1;
    }
    assert!(renewals.get() >= 1, "none was tried");
    assert!(renewals.get() <= 8, "{} renewals: a server in trouble is hammered", renewals.get());
    assert!(calls > 100, "{calls}");
    assert!(server.logins(&role.login_path()) >= 2, "the token's end is another login's beginning");
}

#[test]
fn after_a_hanging_login_calls_with_no_more_time_fail_at_once() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let (logins, armed) = (Counter::default(), Arc::new(OnceLock::new()));
    let (counter, is_armed, login) = (logins.clone(), armed.clone(), role.login_path());
    let gateway = Gateway::to(server.port(), move |asked| {
        if asked.path.contains(&login) && is_armed.get().is_some() {
            counter.next();
            std::thread::sleep(Duration::from_millis(700));
        }
        Verdict::Pass
    });
    let manager = log_in(server, &gateway.addr(), &mount, &role).unwrap();
    armed.set(()).unwrap();
    revoke_tokens(server, &role);
    let started = Instant::now();
    let mut calls = 0;
    while started.elapsed() < Duration::from_secs(3) {
        let error = get_within(&*manager, &of_milliseconds(200)).unwrap_err();
        assert_eq!(error.status(), Status::Timeout, "{error}");
        calls += 1;
    }
    assert!(logins.get() <= 5, "{} logins", logins.get());
    assert!(calls > 50, "{calls} calls: they wait for the pause");
    assert_eq!(get(&*manager).unwrap(), "v", "who has time may try");
}

#[test]
fn a_login_at_a_server_that_is_not_vault_does_not_blame_the_credentials() {
    let server = Server::shared();
    let role = server.app_role(json!({}));
    for (status, body) in [
        ("401 Unauthorized", "<html>who are you?</html>"),
        ("403 Forbidden", "<html>go away</html>"),
        ("400 Bad Request", "Client sent an HTTP request to an HTTPS server."),
    ] {
        let gateway = Gateway::to(server.port(), move |_| answer(status, "", body));
        let error = log_in(server, &gateway.addr(), "secret", &role).err().unwrap();
        assert_eq!(error.status(), Status::Protocol, "{error}");
        assert!(error.message().contains("Failed to authenticate with Vault: "), "{error}");
        assert!(!error.message().contains("ROLE_ID"), "{error}");
        let wrapped = [
            ("VAULT_APPROLE_MOUNT", role.mount.as_str()),
            ("VAULT_ROLE_ID", role.role_id.as_str()),
            ("VAULT_SECRET_ID_WRAPPED", "hvs.CANARY"),
        ];
        let error = open_at(server, &gateway.addr(), "secret", &wrapped).err().unwrap();
        assert_eq!(error.status(), Status::Protocol, "{error}");
        assert!(!error.message().contains("unwrapped it before"), "{error}");
    }
}

#[test]
fn a_wrapped_secret_id_of_a_missing_namespace_is_a_configuration_error() {
    let server = Server::shared();
    let role = server.app_role(json!({}));
    let wrapped = role.new_wrapped_secret_id();
    let extra = [
        ("VAULT_APPROLE_MOUNT", role.mount.as_str()),
        ("VAULT_ROLE_ID", role.role_id.as_str()),
        ("VAULT_SECRET_ID_WRAPPED", wrapped.as_str()),
        ("VAULT_NAMESPACE", "nowhere"),
    ];
    let error = open_at(server, &server.addr(), "secret", &extra).err().unwrap();
    assert_eq!(error.status(), Status::Config, "{error}");
    assert!(error.message().contains("VAULT_NAMESPACE"), "{error}");
}

#[test]
fn an_absurdly_long_lease_does_not_overflow() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let root = server.root_token().to_owned();
    for lease in ["9223372036854775807", "-1"] {
        let token = root.clone();
        let gateway = Gateway::to(server.port(), move |asked| match asked.path.contains("/login") {
            true => {
                let auth = format!(r#"{{"client_token":"{token}","lease_duration":{lease},"renewable":true}}"#);
                answer("200 OK", "", &format!(r#"{{"auth":{auth}}}"#))
            }
            false => Verdict::Pass,
        });
        let extra = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "s")];
        let manager = open_at(server, &gateway.addr(), &mount, &extra).unwrap();
        assert_eq!(get(&*manager).unwrap(), "v");
    }
}

/// Calls the manager for every line that it receives.
#[derive(Default)]
struct Nosy {
    manager: OnceLock<Arc<dyn SecretManager>>,
    heard: Mutex<Vec<String>>,
    inside: Mutex<bool>,
}

impl LogSink for Nosy {
    fn log(&self, _: Level, message: &CStr) {
        self.heard.lock().unwrap().push(message.to_str().unwrap().to_owned());
        let Some(manager) = self.manager.get() else { return };
        if !std::mem::replace(&mut *self.inside.lock().unwrap(), true) {
            let got = get_within(&**manager, &of_milliseconds(5000));
            *self.inside.lock().unwrap() = false;
            assert_eq!(got.unwrap(), "v");
        }
    }
}

#[test]
fn a_log_callback_may_call_the_manager_after_its_login() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let role = server.app_role(json!({"token_ttl": "1h"}));
    let nosy = Arc::new(Nosy::default());
    let address = server.addr();
    let base = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address.as_str()), ("VAULT_MOUNT", mount.as_str())];
    let mut options = options(&[&base, &settings(&role)[..]].concat()).unwrap();
    options.set_log_sink(Some((nosy.clone(), LevelFilter::Trace)));
    let manager = open::open(Some(&options), &call()).unwrap().secrets().clone();
    assert!(nosy.manager.set(manager.clone()).is_ok());
    revoke_tokens(server, &role);
    let started = Instant::now();
    assert_eq!(get(&*manager).unwrap(), "v");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let heard = nosy.heard.lock().unwrap().join("\n");
    for words in ["logged in (approle)", &format!("GET {mount}/data/a: HTTP 403"), "asking "] {
        assert!(heard.contains(words), "{words}: {heard}");
    }
    assert!(!heard.contains(&role.secret_id), "{heard}");
}
