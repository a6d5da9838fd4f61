//! Ways to the server: sockets, proxies, namespaces, headers, redirects, limits, and where the settings come from.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod balancers;
mod freshness;
mod headers;
mod layers;
mod leader;
mod limits;
mod names;
mod namespaces;
mod proxies;
mod redirects;
mod service_records;

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{open, open_with};
use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::observe::log::LogSink;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Gateway, Relay, Server, Tls, Verdict, answer, free_ports};
use log::{Level, LevelFilter};
use serde_json::json;

/// A mount of the shared server with the secret `a` = `v` in it.
fn mount_with_secret(server: &Server) -> String {
    let mount = server.fresh_mount();
    open(server, &mount, server.root_token()).store("a", "v", None, &Call::default()).unwrap();
    mount
}

/// Opens a manager for `address` with the root token and reads the secret.
fn read(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<String> {
    get(&*open_at(server, address, mount, extra)?)
}

fn open_at(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mut settings = vec![
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", mount),
    ];
    settings.extend_from_slice(extra);
    open_with(&settings)
}

fn get(manager: &dyn SecretManager) -> Result<String> {
    manager.get("vault://a", &Call::default()).map(|value| value.unwrap().as_str().to_owned())
}

/// Counts what passes.
fn counted(port: u16, seen: &Arc<AtomicUsize>) -> Gateway {
    let seen = seen.clone();
    Gateway::to(port, move |_| {
        seen.fetch_add(1, Ordering::AcqRel);
        Verdict::Pass
    })
}

/// Keeps the warnings.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl LogSink for Warnings {
    fn log(&self, level: Level, message: &std::ffi::CStr) {
        if level == Level::Warn {
            self.0.lock().unwrap().push(message.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn plain_http_to_another_host_is_warned_about_once() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let proxy = Gateway::to(0, |_| Verdict::Pass);
    let warnings_for = |address: &str| {
        let warnings = Arc::new(Warnings::default());
        let mut options = Options::new_isolated();
        for (name, value) in [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address),
            ("VAULT_TOKEN", server.root_token()),
            ("VAULT_MOUNT", mount.as_str()),
            ("VAULT_PROXY_ADDR", proxy.addr().as_str()),
            ("NO_PROXY", "127.0.0.1"),
        ] {
            options.set(name, value).unwrap();
        }
        options.set_log_sink(Some((warnings.clone(), LevelFilter::Warn)));
        let manager = open::open(Some(&options), &Call::default()).unwrap();
        for _ in 0..3 {
            assert_eq!(get(&*manager).unwrap(), "v");
        }
        warnings.0.lock().unwrap().clone()
    };
    let elsewhere = format!("http://vault.invalid:{}", server.port());
    let warnings = warnings_for(&elsewhere);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&elsewhere) && warnings[0].contains("use https"), "{warnings:?}");
    assert_eq!(warnings_for(&server.addr()), [""; 0]);
}
