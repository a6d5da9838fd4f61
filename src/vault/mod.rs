//! The `vault` backend: implements [`SecretManager`] with the KV engine of a Vault server.
//!
//! `engine` defines endpoints, `client` sends authenticated requests, `auth` obtains tokens, and `api` sends single
//! requests with retries. Other engines use the same client as this store, and nothing else of it.
//!
//! [`SecretManager`]: crate::store::SecretManager

pub(crate) mod api;
pub(crate) mod auth;
mod cache;
mod cached;
pub(crate) mod client;
pub mod engine;
mod kv_version;
mod secrets;
mod versions;
mod watched;

use std::sync::Arc;

use self::cache::Cache;
use self::client::{Client, Context};
use self::engine::kv::list::Folders;
use self::engine::kv::look::FolderScan;
use self::engine::kv::v1::Kv1;
use self::engine::kv::v2::Kv2;
use self::kv_version::MountVersion;
use crate::call::Deadline;
use crate::config::{KvVersion, VaultConfig};
use crate::error::{Error, Result, Status};
use crate::reference::{self, KvPath, VaultReference};

pub use self::engine::kv::latest::Latest;
pub use self::engine::kv::look::is_unreachable;
pub use self::engine::kv::versions::{State, Version, VersionChange, Versions};
pub use self::engine::raw::{RawAnswer, RawRequest};
pub use self::engine::transit::{EnvelopeKey, EnvelopeParameters, Input, NewDataKey, Operation, Outcome};
pub use self::engine::wrapping::unwrap;
pub use self::versions::Rotated;

/// Secrets in a KV mount of a Vault server.
pub struct VaultSecretManager {
    client: Arc<Client>,
    kv1: Kv1,
    kv2: Kv2,
    folders: Folders,
    version: MountVersion,
    cache: Option<Cache>,
    scan: FolderScan,
}

impl VaultSecretManager {
    /// Opens a store over `client`: logs in, and finds out the version of the engine.
    pub fn open(client: Arc<Client>, config: VaultConfig, deadline: &Deadline) -> Result<VaultSecretManager> {
        let (prefix, concurrency) = (config.path_prefix.as_deref(), config.list_concurrency);
        let manager = VaultSecretManager {
            client,
            kv1: Kv1::new(&config.mount, prefix, concurrency),
            kv2: Kv2::new(&config.mount, prefix, concurrency),
            folders: Folders::new(concurrency),
            cache: config.cache.map(Cache::new),
            scan: FolderScan::default(),
            version: MountVersion::new(config.mount, config.path_prefix, config.kv_version),
        };
        manager.version.find(manager.context(deadline)).map_err(|error| {
            let error = match error.status() {
                Status::Auth => error,
                _ => error.in_context("Failed to initialize Vault client"),
            };
            manager.client.report(error)
        })?;
        Ok(manager)
    }

    fn context<'a>(&'a self, deadline: &'a Deadline) -> Context<'a> {
        Context { client: &self.client, deadline }
    }

    /// Runs an operation with the version of the engine. If version 1 has been upgraded meanwhile, runs it again.
    fn with_version<T>(
        &self,
        context: Context<'_>,
        path: &KvPath,
        operation: impl Fn(KvVersion) -> Result<T>,
    ) -> Result<T> {
        let version = match self.version.known() {
            Some(KvVersion::V2) => KvVersion::V2,
            _ => self.version.get_for_path(context, path)?,
        };
        match operation(version) {
            Err(error) if self.version.was_upgraded(version, &error, context) => operation(KvVersion::V2),
            outcome => outcome,
        }
    }

    fn parse(&self, reference: &str) -> Result<VaultReference> {
        reference::parse_vault(reference).inspect_err(|error| self.client.logger().warn(format_args!("{error}")))
    }

    /// Parses the reference of a change, which must not name a version.
    fn parse_for_change(&self, reference: &str) -> Result<VaultReference> {
        let parsed = self.parse(reference)?;
        if parsed.version.is_some() {
            return Err(Error::invalid_argument("reference: a single version cannot be changed; leave out ?version="));
        }
        Ok(parsed)
    }

    /// Parses the reference of a whole secret, which must name neither a version nor a field.
    fn parse_whole(&self, reference: &str, why_no_field: &str) -> Result<VaultReference> {
        let parsed = self.parse_for_change(reference)?;
        no_field(parsed, why_no_field)
    }
}

fn no_field(parsed: VaultReference, why: &str) -> Result<VaultReference> {
    match parsed.field {
        None => Ok(parsed),
        Some(_) => Err(Error::invalid_argument(format!("reference: {why}; leave out #field"))),
    }
}
