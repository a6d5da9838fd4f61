//! The KV version 2 engine: reads, replaces, updates and deletes secrets without losing concurrent writes.

use std::time::Duration;

use super::document::{Change, Content, Found, NewFields};
use super::endpoint::{Delete, Deleted, ReadDocument, ReadField, ReadMetadata, Write, Written, may_have_been_executed};
use super::hint;
use super::path::{Branch, MountPath};
use super::read::Reads;
use super::told::Told;
use crate::document::Document;
use crate::error::{Error, Result, Status};
use crate::host::random;
use crate::reference::{self, KvPath, VaultReference};
use crate::vault::api::request::MAX_REQUEST;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// How often an update is attempted while others change the same secret.
const MAX_ATTEMPTS: u32 = 64;

/// The bounds of the pause before another attempt, which grows with the number of conflicts.
const FIRST_CONTENTION_PAUSE: Duration = Duration::from_millis(2);
const MAX_CONTENTION_PAUSE: Duration = Duration::from_millis(200);

/// One KV version 2 mount.
pub struct Kv2 {
    /// The name of the mount, for log lines.
    mount: String,
    pub(super) path: MountPath,
    /// The number of requests that a batch has in flight at a time.
    concurrency: usize,
    told: Told,
}

impl Reads for Kv2 {
    type OneField<'a> = ReadField<'a>;
    type Document<'a> = ReadDocument<'a>;

    fn one_field<'a>(&'a self, reference: &'a VaultReference) -> ReadField<'a> {
        let VaultReference { path, version, .. } = reference;
        ReadField { mount: &self.path, path, version: *version, field: reference.field_name(), told: &self.told }
    }

    fn all_fields<'a>(&'a self, reference: &'a VaultReference) -> ReadDocument<'a> {
        let (path, version, told) = (&reference.path, reference.version, Some(&self.told));
        ReadDocument { mount: &self.path, path, version, from_leader: false, told }
    }

    fn mount(&self) -> &str {
        &self.mount
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }
}

/// A write whose outcome is not known.
struct Unconfirmed {
    /// The version that it created, if it was executed.
    version: u64,
    error: Error,
}

impl Kv2 {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>, concurrency: usize) -> Kv2 {
        Kv2 { mount: mount.to_owned(), path: MountPath::new(mount, prefix), concurrency, told: Told::default() }
    }

    /// The paths of the mount.
    pub fn path(&self) -> &MountPath {
        &self.path
    }

    /// What watches have told of its secrets.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// The latest version; `None` if there is no such secret, or if it is deleted.
    pub fn latest(&self, context: Context<'_>, path: &KvPath) -> Result<Option<Document>> {
        match self.read_document(context, path, None)? {
            Found::Live(document) => Ok(Some(document)),
            Found::Missing | Found::Deleted { .. } => Ok(None),
        }
    }

    /// Reads a version of a secret; without a `version` the latest one.
    pub(super) fn read_document(
        &self,
        context: Context<'_>,
        path: &KvPath,
        version: Option<u64>,
    ) -> Result<Found<Document>> {
        context.call(&ReadDocument { mount: &self.path, path, version, from_leader: false, told: None })
    }

    /// Reads the latest version before a write that is made on condition that it is still the latest. `was_refused`: such
    /// a write was refused, so a standby that answers reads may be behind.
    fn read_latest(&self, context: Context<'_>, path: &KvPath, was_refused: bool) -> Result<Found<Document>> {
        context.call(&ReadDocument { mount: &self.path, path, version: None, from_leader: was_refused, told: None })
    }

    /// Replaces the whole secret, and returns the number of the new version. With `cas` only if that is the number of
    /// the latest version, 0 if there is none; otherwise the server may require the condition, and then it is the latest
    /// version at this time.
    pub fn write(&self, context: Context<'_>, path: &KvPath, content: Content<'_>, cas: Option<u64>) -> Result<u64> {
        match context.call(&Write { mount: &self.path, path, content, cas })? {
            Written::RequiresCheckAndSet(_) if cas.is_none() => self.write_checked(context, path, content),
            Written::VersionMismatch(error) if cas == Some(0) => {
                let message = format!("{}: there is a secret already, and the condition was 0", path.as_str());
                Err(Error::new(Status::Conflict, message).with_http_status(error.http_status()))
            }
            Written::VersionMismatch(error) if cas.is_some() => Err(version_mismatch(path, &error)),
            outcome => require_done(outcome),
        }
    }

    /// Replaces several secrets. If two of them have the same path, either may be written last.
    pub fn write_many(&self, context: Context<'_>, secrets: &[(KvPath, &str)]) -> Vec<Result<()>> {
        let writes = secrets.iter().map(|(path, value)| Write {
            mount: &self.path,
            path,
            content: value_content(value),
            cas: None,
        });
        let outcomes = call_each(context, writes, self.concurrency);
        let checked = |(outcome, (path, value)): (Result<Written>, &(KvPath, &str))| match outcome? {
            Written::RequiresCheckAndSet(_) => self.write_checked(context, path, value_content(value)),
            outcome => require_done(outcome),
        };
        outcomes.into_iter().zip(secrets).map(|both| checked(both).map(|_| ())).collect()
    }

    /// Replaces the whole secret if the server requires check-and-set.
    fn write_checked(&self, context: Context<'_>, path: &KvPath, content: Content<'_>) -> Result<u64> {
        for conflicts in 0..MAX_ATTEMPTS {
            let version = match self.read_latest(context, path, conflicts > 0)? {
                Found::Missing => 0,
                Found::Deleted { version, .. } => version,
                Found::Live(document) => document.version,
            };
            match context.call(&Write { mount: &self.path, path, content, cas: Some(version) })? {
                Written::VersionMismatch(_) => context.deadline.sleep(contention_pause(conflicts))?,
                outcome => return require_done(outcome),
            }
        }
        Err(self.contention_error(path))
    }

    /// Changes an existing secret without losing concurrent changes, and returns the number of the new version. `None`
    /// if there is no such secret, or not the one field that is changed.
    pub fn update(&self, context: Context<'_>, path: &KvPath, change: Change<'_>) -> Result<Option<u64>> {
        let mut unconfirmed: Option<Unconfirmed> = None;
        let mut lost_responses = 0;
        for conflicts in 0..MAX_ATTEMPTS {
            let latest = match self.read_latest(context, path, conflicts > 0)? {
                Found::Live(document) if self.applies(context, path, change, &document) => document,
                // It is not known whether our write was executed before the secret was deleted.
                _ => return unconfirmed.map_or(Ok(None), |write| Err(write.error)),
            };
            match unconfirmed.take() {
                Some(write) if latest.version < write.version => {
                    if lost_responses > context.client.max_retries() {
                        return Err(write.error);
                    }
                    // The write may still be in flight. The server accepts it or the next one, since both are for this
                    // version.
                    unconfirmed = Some(write);
                }
                Some(write) if self.was_executed(context, path, &latest, &write, change)? => {
                    return Ok(Some(write.version));
                }
                _ => {}
            }
            match self.write_change(context, path, &latest, change)? {
                Written::Done(version) => return Ok(Some(version)),
                Written::Unknown(error) if context.deadline.remaining().is_err() => return Err(error),
                Written::Unknown(error) => {
                    log_check(context, path, "update", &error);
                    unconfirmed = Some(Unconfirmed::after(&latest, error));
                    lost_responses += 1;
                }
                Written::VersionMismatch(_) => {}
                Written::RequiresCheckAndSet(error) => return Err(error),
            }
            context.deadline.sleep(contention_pause(conflicts))?;
        }
        Err(unconfirmed.map_or_else(|| self.contention_error(path), |write| write.error))
    }

    /// As [`Kv2::update`], on condition that `cas` is the number of the latest version. It is written once: a conflict
    /// is a write of somebody else. A write whose response was lost is an error: somebody else may have written the same.
    pub fn update_checked(
        &self,
        context: Context<'_>,
        path: &KvPath,
        change: Change<'_>,
        cas: u64,
    ) -> Result<Option<u64>> {
        let latest = match self.read_document(context, path, None)? {
            Found::Live(document) if self.applies(context, path, change, &document) => document,
            _ => return Ok(None),
        };
        if latest.version != cas {
            let found = latest.version;
            let message = format!("{}: the latest version is {found}, and the condition was {cas}", path.as_str());
            return Err(Error::new(Status::Conflict, message));
        }
        match self.write_change(context, path, &latest, change)? {
            Written::VersionMismatch(error) => Err(version_mismatch(path, &error)),
            outcome => require_done(outcome).map(Some),
        }
    }

    /// Whether the change can be made. If its field is missing, a line tells which fields there are.
    pub fn applies(&self, context: Context<'_>, path: &KvPath, change: Change<'_>, document: &Document) -> bool {
        let missing = change.missing_field(document);
        if let Some(field) = missing {
            hint::log_other_fields(context.client.logger(), path, field, &document.names());
        }
        missing.is_none()
    }

    /// Writes a change that nobody else can make, such as to a new random value, to the latest version once, and returns
    /// the number of the new version. A write whose response was lost is looked for.
    pub fn write_unique(
        &self,
        context: Context<'_>,
        path: &KvPath,
        latest: &Document,
        change: Change<'_>,
    ) -> Result<u64> {
        let write = match self.write_change(context, path, latest, change)? {
            Written::VersionMismatch(error) => return Err(version_mismatch(path, &error)),
            Written::Unknown(error) if context.deadline.remaining().is_ok() => Unconfirmed::after(latest, error),
            outcome => return require_done(outcome),
        };
        log_check(context, path, "write", &write.error);
        match self.read_document(context, path, None)? {
            Found::Live(now)
                if now.version >= write.version && self.was_executed(context, path, &now, &write, change)? =>
            {
                Ok(write.version)
            }
            _ => Err(write.error),
        }
    }

    /// Writes the change on condition that `latest` is still the latest version.
    fn write_change(
        &self,
        context: Context<'_>,
        path: &KvPath,
        latest: &Document,
        change: Change<'_>,
    ) -> Result<Written> {
        let (content, cas) = (Content::Changed(latest, change), Some(latest.version));
        let outcome = context.call(&Write { mount: &self.path, path, content, cas });
        // A request that is too large was not sent. If the response was too large, the request may have been executed.
        let was_sent = |error: &Error| {
            error.status() == Status::TooLarge && content.body(cas).is_ok_and(|body| body.len() <= MAX_REQUEST)
        };
        outcome.or_else(|error| match may_have_been_executed(&error) || was_sent(&error) {
            true => Ok(Written::Unknown(error)),
            false => Err(error),
        })
    }

    /// Whether an unconfirmed write was executed. `latest` is the latest version: the one of that write, or a later
    /// one.
    fn was_executed(
        &self,
        context: Context<'_>,
        path: &KvPath,
        latest: &Document,
        write: &Unconfirmed,
        change: Change<'_>,
    ) -> Result<bool> {
        if latest.version == write.version {
            return Ok(change.is_done_in(latest));
        }
        match self.read_document(context, path, Some(write.version))? {
            Found::Live(document) => Ok(change.is_done_in(&document)),
            // The version was pruned or deleted. A second write could undo what others wrote after ours.
            Found::Missing | Found::Deleted { .. } => Err(write.error.clone()),
        }
    }

    /// Deletes a secret with all versions; `false` if it does not exist.
    ///
    /// A deletion whose response was lost is repeated only while the metadata are unchanged. Otherwise it may have been
    /// executed, and the secret that exists now may be a new one.
    pub fn delete(&self, context: Context<'_>, path: &KvPath) -> Result<bool> {
        self.told.forget(path);
        let read = ReadMetadata { mount: &self.path, path };
        let Some(before) = context.call(&read)? else { return Ok(false) };
        let mut conflicts = 0;
        loop {
            let error = match context.call(&Delete { mount: &self.path, branch: Branch::Metadata, path }) {
                Ok(Deleted::Done) => return Ok(true),
                Ok(Deleted::Unknown(error)) => error,
                Err(error) if may_have_been_executed(&error) => error,
                Err(error) => return Err(error),
            };
            if context.deadline.remaining().is_err() {
                return Err(error);
            }
            log_check(context, path, "deletion", &error);
            match context.call(&read) {
                Ok(None) => return Ok(true),
                Ok(Some(now)) if now == before && conflicts < context.client.max_retries() => {}
                _ => return Err(error),
            }
            context.deadline.sleep(contention_pause(conflicts))?;
            conflicts += 1;
        }
    }

    fn contention_error(&self, path: &KvPath) -> Error {
        let url = self.path.url(Branch::Data, path.as_str(), None);
        let message = format!("{url}: others changed the secret {MAX_ATTEMPTS} times in a row; try again later");
        Error::new(Status::Conflict, message).with_http_status(400)
    }
}

impl Unconfirmed {
    /// A write that was made on condition that `latest` is the latest version.
    fn after(latest: &Document, error: Error) -> Unconfirmed {
        Unconfirmed { version: latest.version.saturating_add(1), error }
    }
}

/// The content of a secret that has a value alone.
pub fn value_content(value: &str) -> Content<'_> {
    Content::New { fields: value_field(value), metadata: None }
}

/// The fields of a secret that has a value alone.
pub fn value_field(value: &str) -> NewFields<'_> {
    NewFields::One { name: reference::DEFAULT_FIELD, value }
}

#[cold]
fn log_check(context: Context<'_>, path: &KvPath, what: &str, error: &Error) {
    let path = path.as_str();
    context.client.logger().info(format_args!("{path}: checking whether the {what} was executed: {error}"));
}

/// The error of a write whose condition the caller has set.
#[cold]
fn version_mismatch(path: &KvPath, error: &Error) -> Error {
    let message = format!("{}: the secret has another version than the condition names; read it again", path.as_str());
    Error::new(Status::Conflict, message).with_http_status(error.http_status())
}

/// The number of the version that a write has created.
pub(super) fn require_done(outcome: Written) -> Result<u64> {
    match outcome {
        Written::Done(version) => Ok(version),
        Written::RequiresCheckAndSet(error) | Written::VersionMismatch(error) | Written::Unknown(error) => Err(error),
    }
}

fn contention_pause(conflicts: u32) -> Duration {
    let longest = FIRST_CONTENTION_PAUSE.saturating_mul(conflicts + 1).min(MAX_CONTENTION_PAUSE);
    longest.mul_f64(random::fraction())
}
