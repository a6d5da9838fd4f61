//! The `vault` backend: implements [`SecretManager`] with the KV version 2 engine of a Vault server.
//!
//! `engine` defines endpoints, `client` sends authenticated requests, `auth` obtains tokens, and `api` sends single
//! requests with retries. Other engines use the same client as this store, and nothing else of it.

pub(crate) mod api;
mod auth;
pub(crate) mod client;
pub mod engine;

use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::client::{Client, Context};
use self::engine::kv::document::{Change, METADATA_FIELD};
use self::engine::kv::list::Folders;
use self::engine::kv::v2::Kv;
use self::engine::mount::{self, Kind, Mount};
use crate::call::{Call, Deadline};
use crate::config::VaultConfig;
use crate::error::{Error, Result, Status};
use crate::reference::{self, KvPath, Prefix, VaultReference};
use crate::secret::Secret;
use crate::store::{Metadata, SecretManager};

/// Secrets in a KV version 2 mount of a Vault server.
pub struct VaultSecretManager {
    client: Arc<Client>,
    kv: Kv,
    folders: Folders,
    mount: String,
    /// The mount is known to be KV version 2.
    checked: AtomicBool,
}

impl VaultSecretManager {
    /// Opens a store over `client`: logs in and checks that the mount is KV version 2.
    pub fn open(client: Arc<Client>, config: VaultConfig, deadline: &Deadline) -> Result<VaultSecretManager> {
        let manager = VaultSecretManager {
            client,
            kv: Kv::new(&config.mount, config.path_prefix.as_deref(), config.list_concurrency),
            folders: Folders::new(config.list_concurrency),
            mount: config.mount,
            checked: AtomicBool::new(false),
        };
        manager.check_mount(manager.context(deadline)).map_err(|error| {
            let error = match error.status() {
                Status::Auth => error,
                _ => error.in_context("Failed to initialize Vault client"),
            };
            manager.client.report(error)
        })?;
        Ok(manager)
    }

    /// Looks up the mount, unless it was checked before. If the token may not see the mount, it may not use it either:
    /// the operation itself then fails with the reason.
    fn check_mount(&self, context: Context<'_>) -> Result<()> {
        if self.checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Some(found) = context.call(&mount::LookUp { name: &self.mount })? {
            require_kv2(&self.mount, &found)?;
            self.checked.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn context<'a>(&'a self, deadline: &'a Deadline) -> Context<'a> {
        Context { client: &self.client, deadline }
    }

    fn parse(&self, reference: &str) -> Result<VaultReference> {
        reference::parse_vault(reference).inspect_err(|error| self.client.logger().warn(format_args!("{error}")))
    }

    /// Parses the reference of a change, which must not name a version.
    fn parse_for_change(&self, reference: &str, may_name_field: bool) -> Result<VaultReference> {
        let parsed = self.parse(reference)?;
        if parsed.version.is_some() {
            return Err(Error::invalid_argument("reference: a single version cannot be changed; leave out ?version="));
        }
        if parsed.field.is_some() && !may_name_field {
            return Err(Error::invalid_argument("reference: a secret is deleted as a whole; leave out #field"));
        }
        Ok(parsed)
    }
}

impl SecretManager for VaultSecretManager {
    fn kind(&self) -> &'static CStr {
        c"vault"
    }

    fn store(&self, key: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<String> {
        let path = reference::key_to_path(key)?;
        // As in the Python manager, empty metadata count as none.
        let metadata = metadata.filter(|metadata| !metadata.is_empty());
        self.client.run("Failed to store secret", call, |context| {
            self.check_mount(context)?;
            self.kv.write(context, &path, value, metadata)
        })?;
        Ok(reference::key_reference(key))
    }

    fn get(&self, reference: &str, call: &Call) -> Result<Option<Secret>> {
        let reference = self.parse(reference)?;
        self.client.run("Failed to retrieve secret", call, |context| self.kv.read(context, &reference))
    }

    fn get_many(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Secret>>> {
        let deadline = self.client.start(call);
        let parsed = references.iter().map(|reference| self.parse(reference));
        batch_of_valid(parsed, |good| self.kv.read_many(self.context(&deadline), good))
            .map(|outcome| outcome.map_err(|error| self.client.failed("Failed to retrieve secret", error)))
            .collect()
    }

    fn store_many(&self, secrets: &[(&str, &str)], call: &Call) -> Vec<Result<String>> {
        let deadline = self.client.start(call);
        let paths: Vec<Result<KvPath>> = secrets.iter().map(|(key, _)| reference::key_to_path(key)).collect();
        let checked = if paths.iter().any(Result::is_ok) { self.check_mount(self.context(&deadline)) } else { Ok(()) };
        let paths = paths.into_iter().zip(secrets).map(|(path, (_, value))| {
            let path = path?;
            checked.clone().map(|()| (path, *value))
        });
        batch_of_valid(paths, |valid| self.kv.write_many(self.context(&deadline), valid))
            .zip(secrets)
            .map(|(outcome, (key, _))| match outcome {
                Ok(()) => Ok(reference::key_reference(key)),
                Err(error) => Err(self.client.failed("Failed to store secret", error)),
            })
            .collect()
    }

    fn update(&self, reference: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<bool> {
        let parsed = self.parse_for_change(reference, true)?;
        if metadata.is_some() && parsed.field_name() == METADATA_FIELD {
            return Err(Error::invalid_argument(
                "metadata: the reference names the metadata themselves; leave one of the two out",
            ));
        }
        let change = Change { field: parsed.field_name(), value, metadata };
        self.client.run("Failed to update secret", call, |context| {
            self.check_mount(context)?;
            self.kv.update(context, &parsed.path, &change)
        })
    }

    fn delete(&self, reference: &str, call: &Call) -> Result<bool> {
        let parsed = self.parse_for_change(reference, false)?;
        self.client.run("Failed to delete secret", call, |context| {
            self.check_mount(context)?;
            self.kv.delete(context, &parsed.path)
        })
    }

    fn list(&self, prefix: Option<&str>, call: &Call) -> Result<Vec<String>> {
        let prefix = Prefix::parse(prefix)?;
        let list = |context: Context<'_>| self.folders.list(self.kv.path(), context, &prefix);
        let paths = self.client.run("Failed to list secrets", call, list)?;
        let mut references: Vec<String> =
            paths.into_iter().map(|path| reference::canonical(&path, None, None)).collect();
        references.sort_unstable();
        Ok(references)
    }

    fn canonical(&self, reference: &str) -> Result<String> {
        Ok(self.parse(reference)?.canonical())
    }
}

/// Fails with `HF_ERR_CONFIG` or `HF_ERR_UNSUPPORTED` unless `VAULT_MOUNT`, which is `name`, is a KV version 2 engine.
fn require_kv2(name: &str, found: &Mount) -> Result<()> {
    if let Some(place) = found.enclosing(name) {
        return Err(Error::config(format!(
            "VAULT_MOUNT is {name:?}, which lies inside of the mount {place:?}; set it to that one, and put what is \
             behind it into VAULT_PATH_PREFIX or the keys"
        )));
    }
    let what = match &found.kind {
        Kind::Kv2 => return Ok(()),
        Kind::Kv1 => "a KV version 1 engine".to_owned(),
        Kind::Other(kind) => format!("an engine of type {kind:?}"),
    };
    let message = format!("the mount {name:?} is {what}; VAULT_MOUNT has to name a KV version 2 engine");
    Err(Error::unsupported(message).with_http_status(200))
}

/// Runs `run` on the valid items in one batch. Returns its results and the errors of the invalid items in the order of
/// `items`.
fn batch_of_valid<W, T>(
    items: impl Iterator<Item = Result<W>>,
    run: impl FnOnce(&[W]) -> Vec<Result<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut valid = Vec::new();
    let errors: Vec<Option<Error>> = items.map(|item| item.map(|item| valid.push(item)).err()).collect();
    let mut results = run(&valid).into_iter();
    let missing = || Err(Error::new(Status::Internal, "a request without a result"));
    errors.into_iter().map(move |error| error.map_or_else(|| results.next().unwrap_or_else(missing), Err))
}
