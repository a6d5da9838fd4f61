//! Connecting to the server: sockets, proxies, namespaces, headers, redirects, limits, and sources of settings.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod addresses;
mod balancers;
mod connections;
mod freshness;
mod headers;
mod leader;
mod limits;
mod metrics;
mod names;
mod namespaces;
mod option_layers;
mod proxies;
mod redirects;
mod service_records;

use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::open;
use handsfree_secrets_test_support::{Gateway, Relay, Server, Squid, Tls, Verdict, answer, free_ports};
use log::LevelFilter;
use managers::{Warnings, get, get_within, mount_with_secret, open_at, open_with, options};
use serde_json::json;

/// Opens a manager for `address` with the root token and reads the secret.
fn read(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<String> {
    get(&*open_at(server, address, mount, extra)?)
}

/// A gateway that counts requests.
fn counted(port: u16, seen: &Arc<AtomicUsize>) -> Gateway {
    let seen = seen.clone();
    Gateway::to(port, move |_| {
        seen.fetch_add(1, Ordering::AcqRel);
        Verdict::Pass
    })
}

#[test]
fn plain_http_to_another_host_is_warned_about_once() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let proxy = Gateway::to(0, |_| Verdict::Pass);
    let proxy_address = proxy.addr();
    let warnings_for = |address: &str| {
        let warnings = Arc::new(Warnings::default());
        let settings = [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address),
            ("VAULT_TOKEN", server.root_token()),
            ("VAULT_MOUNT", mount.as_str()),
            ("VAULT_PROXY_ADDR", proxy_address.as_str()),
            ("NO_PROXY", "127.0.0.1"),
        ];
        let mut options = options(&settings).unwrap();
        options.set_log_sink(Some((warnings.clone(), LevelFilter::Warn)));
        let manager = open::open(Some(&options), &Call::default()).unwrap().secrets().clone();
        for _ in 0..3 {
            assert_eq!(get(&*manager).unwrap(), "v");
        }
        warnings.so_far()
    };
    let elsewhere = format!("http://vault.invalid:{}", server.port());
    let warnings = warnings_for(&elsewhere);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&elsewhere) && warnings[0].contains("use https"), "{warnings:?}");
    assert_eq!(warnings_for(&server.addr()), [""; 0]);
}
