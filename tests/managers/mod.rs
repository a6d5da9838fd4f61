//! Managers for the tests of the Rust surface.

#![allow(dead_code, reason = "each test program uses its part of this")]

use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::Result;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::Server;

/// A manager with exactly these options, whatever the environment says.
pub fn open_with(settings: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mut options = Options::new_isolated();
    for (name, value) in settings {
        options.set(name, value)?;
    }
    open::open(Some(&options), &Call::default())
}

/// A manager for a mount of this server, with this token.
pub fn open(server: &Server, mount: &str, token: &str) -> Arc<dyn SecretManager> {
    let address = server.addr();
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", token),
        ("VAULT_MOUNT", mount),
    ];
    open_with(&settings).unwrap_or_else(|e| panic!("open: {e}"))
}

/// A manager that knows the server by this address only. It has the root token, unless `extra`, which comes on top,
/// holds a token or a role.
pub fn open_at(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mut settings = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address), ("VAULT_MOUNT", mount)];
    if !extra.iter().any(|(name, _)| name.contains("TOKEN") || name.contains("ROLE")) {
        settings.push(("VAULT_TOKEN", server.root_token()));
    }
    settings.extend_from_slice(extra);
    open_with(&settings)
}
