//! A real server behind a gateway that makes trouble: what calls and sessions come to all the same.

#![cfg(test)]

#[path = "../common/mod.rs"]
mod common;

mod calls;
mod sessions;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::open_with;
use handsfree_secrets::error::Result;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::Server;

/// A manager that knows the server by this address only, with the root token; `extra` settings come on top.
fn open_at(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mut settings = vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address), ("VAULT_MOUNT", mount)];
    if !extra.iter().any(|(name, _)| name.contains("TOKEN") || name.contains("ROLE")) {
        settings.push(("VAULT_TOKEN", server.root_token()));
    }
    settings.extend_from_slice(extra);
    open_with(&settings)
}

/// Counts, from whatever thread.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// How often it was called before.
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::AcqRel)
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}
