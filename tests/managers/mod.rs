//! Helpers that open managers, and the operations that most tests use.

#![allow(dead_code, reason = "each test program uses its part of this")]

use std::ffi::CStr;
use std::sync::{Arc, Mutex};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::fields::Fields;
use handsfree_secrets::observe::log::LogSink;
use handsfree_secrets::open;
use handsfree_secrets::secret::Secret;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::Server;
use log::Level;
use serde_json::json;

/// Isolated options with these settings. A later setting replaces an earlier one of the same name.
pub fn options(settings: &[(&str, &str)]) -> Result<Options> {
    let mut options = Options::new_isolated();
    for (name, value) in settings {
        options.set(name, value)?;
    }
    Ok(options)
}

/// A manager with exactly these options.
pub fn open_with(settings: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    open::open(Some(&options(settings)?), &Call::default()).map(|manager| manager.secrets().clone())
}

/// As [`open`], with what only a server has: versions, rotation, and requests of the program.
pub fn open_whole(server: &Server, mount: &str, extra: &[(&str, &str)]) -> Result<open::Manager> {
    let address = server.addr();
    let mut settings = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", &*address), ("VAULT_MOUNT", mount)];
    if !extra.iter().any(|(name, _)| name.contains("TOKEN")) {
        settings.push(("VAULT_TOKEN", server.root_token()));
    }
    settings.extend_from_slice(extra);
    open::open(Some(&options(&settings)?), &Call::default())
}

/// Fields with these texts.
pub fn fields(texts: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    texts.iter().for_each(|(name, text)| fields.set((*name).to_owned(), Secret::copy_of(text)));
    fields
}

/// The error of an outcome, which has this status.
pub fn fails<T>(outcome: Result<T>, status: Status) -> Error {
    let error = outcome.err().unwrap_or_else(|| panic!("it did not fail with {status:?}"));
    assert_eq!(error.status(), status, "{error}");
    error
}

/// A manager for a mount of this server, with this token.
pub fn open(server: &Server, mount: &str, token: &str) -> Arc<dyn SecretManager> {
    let opened = open_at(server, &server.addr(), mount, &[("VAULT_TOKEN", token)]);
    opened.unwrap_or_else(|e| panic!("open: {e}"))
}

/// A manager for the server at this address, with the `extra` settings, and with the root token unless they hold a
/// token or a role.
pub fn open_at(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mut settings = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address), ("VAULT_MOUNT", mount)];
    if !extra.iter().any(|(name, _)| name.contains("TOKEN") || name.contains("ROLE")) {
        settings.push(("VAULT_TOKEN", server.root_token()));
    }
    settings.extend_from_slice(extra);
    open_with(&settings)
}

/// A new mount with the secret `a` = `v` in it.
pub fn mount_with_secret(server: &Server) -> String {
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "v"}));
    mount
}

/// The value of the secret `a`, which has to exist.
pub fn get(manager: &dyn SecretManager) -> Result<String> {
    get_within(manager, &Call::default())
}

/// The value of the secret `a`, read with `call`.
pub fn get_within(manager: &dyn SecretManager, call: &Call) -> Result<String> {
    manager.get("vault://a", call).map(|value| value.unwrap().as_str().to_owned())
}

/// A log sink that collects the warnings.
#[derive(Default)]
pub struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    /// The warnings so far.
    pub fn so_far(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl LogSink for Warnings {
    fn log(&self, level: Level, message: &CStr) {
        if level == Level::Warn {
            self.0.lock().unwrap().push(message.to_str().unwrap().to_owned());
        }
    }
}
