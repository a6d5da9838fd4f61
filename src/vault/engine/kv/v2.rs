//! The KV version 2 engine: reads, replaces, updates and deletes secrets without losing concurrent writes.

use std::time::Duration;

use super::document::{Change, Content, Document, Field, Found};
use super::endpoint::{Delete, Deleted, ReadDocument, ReadField, ReadMetadata, Write, Written, may_have_been_executed};
use super::hint;
use super::path::{Branch, MountPath};
use crate::error::{Error, Result, Status};
use crate::reference::{KvPath, VaultReference};
use crate::secret::Secret;
use crate::store::Metadata;
use crate::vault::api::request::MAX_REQUEST;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// How often an update is attempted while others change the same secret.
const MAX_ATTEMPTS: u32 = 64;

/// The bounds of the pause before another attempt, which grows with the number of conflicts.
const FIRST_CONTENTION_PAUSE: Duration = Duration::from_millis(2);
const MAX_CONTENTION_PAUSE: Duration = Duration::from_millis(200);

/// One KV version 2 mount.
pub struct Kv {
    /// The name of the mount, for log lines.
    mount: String,
    path: MountPath,
    /// The number of requests that a batch has in flight at a time.
    concurrency: usize,
}

/// A write whose outcome is not known.
struct Unconfirmed {
    /// The version that it created, if it was executed.
    version: u64,
    error: Error,
}

impl Kv {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>, concurrency: usize) -> Kv {
        Kv { mount: mount.to_owned(), path: MountPath::new(mount, prefix), concurrency }
    }

    /// The paths of the mount.
    pub fn path(&self) -> &MountPath {
        &self.path
    }

    /// The text of a field; `None` if there is no such secret or field.
    pub fn read(&self, context: Context<'_>, reference: &VaultReference) -> Result<Option<Secret>> {
        let found = context.call(&self.read_field(reference))?;
        Ok(self.text(context, reference, found))
    }

    /// The texts of several references, in order.
    pub fn read_many(&self, context: Context<'_>, references: &[VaultReference]) -> Vec<Result<Option<Secret>>> {
        let reads = references.iter().map(|reference| self.read_field(reference));
        let found = call_each(context, reads, self.concurrency);
        found.into_iter().zip(references).map(|(found, reference)| Ok(self.text(context, reference, found?))).collect()
    }

    /// The text that was found. If there is none, and a mistake is likely, logs a hint.
    fn text(&self, context: Context<'_>, reference: &VaultReference, found: Found<Field>) -> Option<Secret> {
        let logger = context.client.logger();
        match found {
            Found::Live(Field::Text(text)) => return Some(text),
            Found::Live(Field::Absent { names }) => hint::log_other_fields(logger, reference, &names),
            Found::Missing => hint::warn_if_mount_in_path(logger, reference, &self.mount),
            Found::Deleted { .. } => {}
        }
        None
    }

    fn read_field<'a>(&'a self, reference: &'a VaultReference) -> ReadField<'a> {
        let VaultReference { path, version, .. } = reference;
        ReadField { mount: &self.path, path, version: *version, field: reference.field_name() }
    }

    fn read_document(&self, context: Context<'_>, path: &KvPath, version: Option<u64>) -> Result<Found<Document>> {
        context.call(&ReadDocument { mount: &self.path, path, version })
    }

    /// Replaces the whole secret.
    pub fn write(&self, context: Context<'_>, path: &KvPath, value: &str, metadata: Option<&Metadata>) -> Result<()> {
        let content = Content::New { value, metadata, cas: None };
        match context.call(&Write { mount: &self.path, path, content })? {
            Written::RequiresCheckAndSet(_) => self.write_checked(context, path, value, metadata),
            outcome => require_done(outcome),
        }
    }

    /// Replaces several secrets. If two of them have the same path, either may be written last.
    pub fn write_many(&self, context: Context<'_>, secrets: &[(KvPath, &str)]) -> Vec<Result<()>> {
        let content = |value| Content::New { value, metadata: None, cas: None };
        let writes = secrets.iter().map(|(path, value)| Write { mount: &self.path, path, content: content(*value) });
        let outcomes = call_each(context, writes, self.concurrency);
        let checked = |(outcome, (path, value)): (Result<Written>, &(KvPath, &str))| match outcome? {
            Written::RequiresCheckAndSet(_) => self.write_checked(context, path, value, None),
            outcome => require_done(outcome),
        };
        outcomes.into_iter().zip(secrets).map(checked).collect()
    }

    /// Replaces the whole secret if the server requires check-and-set.
    fn write_checked(
        &self,
        context: Context<'_>,
        path: &KvPath,
        value: &str,
        metadata: Option<&Metadata>,
    ) -> Result<()> {
        for conflicts in 0..MAX_ATTEMPTS {
            let version = match self.read_document(context, path, None)? {
                Found::Missing => 0,
                Found::Deleted { version } => version,
                Found::Live(document) => document.version,
            };
            let content = Content::New { value, metadata, cas: Some(version) };
            match context.call(&Write { mount: &self.path, path, content })? {
                Written::VersionMismatch(_) => context.deadline.sleep(contention_pause(conflicts))?,
                outcome => return require_done(outcome),
            }
        }
        Err(self.contention_error(path))
    }

    /// Changes one field of an existing secret without losing concurrent changes. `false` if there is no such secret or
    /// field.
    pub fn update(&self, context: Context<'_>, path: &KvPath, change: &Change<'_>) -> Result<bool> {
        let mut unconfirmed: Option<Unconfirmed> = None;
        let mut lost_responses = 0;
        for conflicts in 0..MAX_ATTEMPTS {
            let latest = match self.read_document(context, path, None)? {
                Found::Live(document) if document.has(change.field)? => document,
                // It is not known whether our write was executed before the secret was deleted.
                _ => return unconfirmed.map_or(Ok(false), |write| Err(write.error)),
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
                Some(write) if self.was_executed(context, path, &latest, &write, change)? => return Ok(true),
                _ => {}
            }
            match self.write_change(context, path, &latest, change)? {
                Written::Done => return Ok(true),
                Written::Unknown(error) if context.deadline.remaining().is_err() => return Err(error),
                Written::Unknown(error) => {
                    let path = path.as_str();
                    context
                        .client
                        .logger()
                        .info(format_args!("{path}: checking whether the update was executed: {error}"));
                    unconfirmed = Some(Unconfirmed { version: latest.version.saturating_add(1), error });
                    lost_responses += 1;
                }
                Written::VersionMismatch(_) => {}
                Written::RequiresCheckAndSet(error) => return Err(error),
            }
            context.deadline.sleep(contention_pause(conflicts))?;
        }
        Err(unconfirmed.map_or_else(|| self.contention_error(path), |write| write.error))
    }

    /// Writes the change on condition that `latest` is still the latest version.
    fn write_change(
        &self,
        context: Context<'_>,
        path: &KvPath,
        latest: &Document,
        change: &Change<'_>,
    ) -> Result<Written> {
        let content = Content::Changed(latest, change);
        let outcome = context.call(&Write { mount: &self.path, path, content });
        // A request that is too large was not sent. If the response was too large, the request may have been executed.
        let was_sent = |error: &Error| {
            error.status() == Status::TooLarge && content.body().is_ok_and(|body| body.len() <= MAX_REQUEST)
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
        change: &Change<'_>,
    ) -> Result<bool> {
        if latest.version == write.version {
            return Ok(latest.is_result_of(change));
        }
        match self.read_document(context, path, Some(write.version))? {
            Found::Live(document) => Ok(document.is_result_of(change)),
            // The version was pruned or deleted. A second write could undo what others wrote after ours.
            Found::Missing | Found::Deleted { .. } => Err(write.error.clone()),
        }
    }

    /// Deletes a secret with all versions; `false` if it does not exist.
    ///
    /// A deletion whose response was lost is repeated only while the metadata are unchanged. Otherwise it may have been
    /// executed, and the secret that exists now may be a new one.
    pub fn delete(&self, context: Context<'_>, path: &KvPath) -> Result<bool> {
        let read = ReadMetadata { mount: &self.path, path };
        let Some(before) = context.call(&read)? else { return Ok(false) };
        let mut conflicts = 0;
        loop {
            let error = match context.call(&Delete { mount: &self.path, path }) {
                Ok(Deleted::Done) => return Ok(true),
                Ok(Deleted::Unknown(error)) => error,
                Err(error) if may_have_been_executed(&error) => error,
                Err(error) => return Err(error),
            };
            if context.deadline.remaining().is_err() {
                return Err(error);
            }
            let path = path.as_str();
            context.client.logger().info(format_args!("{path}: checking whether the deletion was executed: {error}"));
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

/// Converts the outcome of a write to a result.
fn require_done(outcome: Written) -> Result<()> {
    match outcome {
        Written::Done => Ok(()),
        Written::RequiresCheckAndSet(error) | Written::VersionMismatch(error) | Written::Unknown(error) => Err(error),
    }
}

fn contention_pause(conflicts: u32) -> Duration {
    let longest = FIRST_CONTENTION_PAUSE.saturating_mul(conflicts + 1).min(MAX_CONTENTION_PAUSE);
    longest.mul_f64(fastrand::f64())
}
