//! The `vault` backend: the five operations in terms of the KV engine.
//!
//! `kv` knows documents, `session` tokens, `client` one authenticated request with its tries, `transport` bytes.

mod answer;
mod ask;
mod client;
mod document;
mod echo;
mod folders;
mod gate;
mod index;
mod json;
mod kv;
mod limiter;
mod login;
mod many;
mod redirect;
mod runs;
mod session;
mod text;
mod transport;
mod tries;
mod wrapping;

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;

use self::answer::{Complaint, Denial, not_as_documented};
use self::ask::Ask;
use self::client::Client;
use self::document::{Change, METADATA_FIELD};
use self::folders::Folders;
use self::kv::{Kv, Via};
use self::session::Session;
use crate::call::{Call, Deadline};
use crate::error::{Error, Result, Status};
use crate::log::Logger;
use crate::manager::{Metadata, SecretManager};
use crate::memory::Secret;
use crate::options::VaultConfig;
use crate::reference::{self, KvPath, Prefix, VaultReference};

/// Secrets in a KV version 2 mount of a Vault server.
pub struct VaultSecretManager {
    client: Client,
    session: Session,
    kv: Kv,
    folders: Folders,
    concurrency: usize,
    mount: String,
    timeout: Duration,
    /// The mount is known to be KV version 2.
    checked: AtomicBool,
}

/// The answer to `GET sys/internal/ui/mounts/<mount>`.
#[derive(Deserialize)]
struct MountAnswer {
    data: Option<MountData>,
}

#[derive(Deserialize)]
struct MountData {
    #[serde(rename = "type", default)]
    kind: String,
    /// Where the mount itself is: the server answers for every path below it, too.
    path: Option<String>,
    options: Option<MountOptions>,
}

#[derive(Deserialize)]
struct MountOptions {
    version: Option<String>,
}

impl VaultSecretManager {
    /// Opens a manager: the credentials are tried once, and the mount has to be KV version 2.
    pub fn open(mut config: VaultConfig, logger: Logger, call: &Call) -> Result<VaultSecretManager> {
        let deadline = call.start(config.timeout);
        let session = Session::new(config.auth.clone(), &config.mount);
        let manager = VaultSecretManager {
            client: Client::new(&mut config, logger)?,
            session,
            kv: Kv::new(&config.mount, config.path_prefix.as_deref()),
            folders: Folders::new(config.list_concurrency),
            concurrency: config.list_concurrency,
            mount: config.mount,
            timeout: config.timeout,
            checked: AtomicBool::new(false),
        };
        manager.check_mount(&deadline).map_err(|error| {
            let error = match error.status() {
                Status::Auth => error,
                _ => error.in_context("Failed to initialize Vault client"),
            };
            manager.client.logger().error(format_args!("{error}"));
            error
        })?;
        Ok(manager)
    }

    /// Asks what the mount is, unless that is known. A token that may not see it may not use it either: then the
    /// operation itself says so.
    fn check_mount(&self, deadline: &Deadline) -> Result<()> {
        if self.checked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let path = self.session.probe_path();
        let reply = self.client.send(&self.session, &Ask::probe(path), deadline)?;
        match reply.status {
            200 => {
                let answer = serde_json::from_slice::<MountAnswer>(&reply.body).ok();
                let data =
                    answer.and_then(|a| a.data).ok_or_else(|| not_as_documented(&reply, path, "describes no mount"))?;
                self.check_version(&data)
            }
            403 if Complaint::of(&reply).denial() == Denial::Policy => Ok(()),
            _ => Err(Complaint::of(&reply).into_error(path, "\"read\"")),
        }
    }

    fn check_version(&self, data: &MountData) -> Result<()> {
        let place = data.path.as_deref().unwrap_or_default().trim_matches('/');
        if !place.is_empty() && self.mount.strip_prefix(place).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Error::config(format!(
                "VAULT_MOUNT is {:?}, which lies inside of the mount {place:?}; set it to that one, and put what is \
                 behind it into VAULT_PATH_PREFIX or the keys",
                self.mount
            )));
        }
        let version = data.options.as_ref().and_then(|o| o.version.as_deref());
        if data.kind == "kv" && version == Some("2") {
            self.checked.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let found = match (data.kind.as_str(), version) {
            ("kv" | "generic", _) => "a KV version 1 engine".to_owned(),
            (kind, _) => format!("an engine of type {kind:?}"),
        };
        let message = format!("the mount {:?} is {found}; VAULT_MOUNT has to name a KV version 2 engine", self.mount);
        Err(Error::unsupported(message).with_http_status(200))
    }

    fn via<'a>(&'a self, deadline: &'a Deadline) -> Via<'a> {
        Via { client: &self.client, session: &self.session, deadline }
    }

    /// The words of the Python manager in front of what Vault or the network said, for the caller and the log; a bad
    /// argument is the caller's alone, and told as it is.
    #[cold]
    fn failed(&self, what: &str, error: Error) -> Error {
        if matches!(error.status(), Status::InvalidArgument | Status::InvalidReference) {
            return error;
        }
        let error = error.in_context(what);
        self.client.logger().error(format_args!("{error}"));
        error
    }

    fn parse(&self, reference: &str) -> Result<VaultReference> {
        reference::parse_vault(reference).inspect_err(|error| self.client.logger().warn(format_args!("{error}")))
    }

    /// A reference for a change: it names the latest version.
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
        let deadline = call.start(self.timeout);
        // As in the Python manager: metadata without an entry are none.
        let metadata = metadata.filter(|metadata| !metadata.is_empty());
        self.check_mount(&deadline)
            .and_then(|()| self.kv.write(self.via(&deadline), &path, value, metadata))
            .map_err(|error| self.failed("Failed to store secret", error))?;
        Ok(reference::key_reference(key))
    }

    fn get(&self, reference: &str, call: &Call) -> Result<Option<Secret>> {
        let VaultReference { path, version, field } = self.parse(reference)?;
        let field = field.as_deref().unwrap_or(reference::DEFAULT_FIELD);
        let deadline = call.start(self.timeout);
        self.kv
            .read(self.via(&deadline), &path, version, field)
            .map_err(|error| self.failed("Failed to retrieve secret", error))
    }

    fn get_many(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Secret>>> {
        let deadline = call.start(self.timeout);
        let parsed = references.iter().map(|reference| self.parse(reference));
        many_of(parsed, |good| self.kv.read_many(self.via(&deadline), good, self.concurrency))
            .map(|outcome| outcome.map_err(|error| self.failed("Failed to retrieve secret", error)))
            .collect()
    }

    fn store_many(&self, secrets: &[(&str, &str)], call: &Call) -> Vec<Result<String>> {
        let deadline = call.start(self.timeout);
        let paths: Vec<Result<KvPath>> = secrets.iter().map(|(key, _)| reference::key_to_path(key)).collect();
        let checked = if paths.iter().any(Result::is_ok) { self.check_mount(&deadline) } else { Ok(()) };
        let paths = paths.into_iter().zip(secrets).map(|(path, (_, value))| {
            let path = path?;
            checked.clone().map(|()| (path, *value))
        });
        many_of(paths, |good| self.kv.write_many(self.via(&deadline), good, self.concurrency))
            .zip(secrets)
            .map(|(outcome, (key, _))| match outcome {
                Ok(()) => Ok(reference::key_reference(key)),
                Err(error) => Err(self.failed("Failed to store secret", error)),
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
        let deadline = call.start(self.timeout);
        let change = Change { field: parsed.field_name(), value, metadata };
        self.check_mount(&deadline)
            .and_then(|()| self.kv.update(self.via(&deadline), &parsed.path, &change))
            .map_err(|error| self.failed("Failed to update secret", error))
    }

    fn delete(&self, reference: &str, call: &Call) -> Result<bool> {
        let parsed = self.parse_for_change(reference, false)?;
        let deadline = call.start(self.timeout);
        self.check_mount(&deadline)
            .and_then(|()| self.kv.delete(self.via(&deadline), &parsed.path))
            .map_err(|error| self.failed("Failed to delete secret", error))
    }

    fn list(&self, prefix: Option<&str>, call: &Call) -> Result<Vec<String>> {
        let prefix = Prefix::parse(prefix)?;
        let deadline = call.start(self.timeout);
        let paths = self
            .folders
            .list(&self.kv, self.via(&deadline), &prefix)
            .map_err(|error| self.failed("Failed to list secrets", error))?;
        let mut references: Vec<String> =
            paths.into_iter().map(|path| reference::canonical(&path, None, None)).collect();
        references.sort_unstable();
        Ok(references)
    }

    fn canonical(&self, reference: &str) -> Result<String> {
        Ok(self.parse(reference)?.canonical())
    }
}

/// Does what is possible of `wanted` at once, and puts the results back among the errors of the rest, in order.
fn many_of<W, T>(
    wanted: impl Iterator<Item = Result<W>>,
    all_at_once: impl FnOnce(&[W]) -> Vec<Result<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut good = Vec::new();
    let flaws: Vec<Option<Error>> = wanted.map(|item| item.map(|item| good.push(item)).err()).collect();
    let mut results = all_at_once(&good).into_iter();
    let missing = || Err(Error::new(Status::Internal, "a request without a result"));
    flaws.into_iter().map(move |flaw| flaw.map_or_else(|| results.next().unwrap_or_else(missing), Err))
}
