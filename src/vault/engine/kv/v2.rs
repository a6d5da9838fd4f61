//! The KV version 2 engine: reading, replacing, changing and deleting secrets without losing what others write.

use std::time::Duration;

use super::document::{Change, Content, Document, Field, Found};
use super::endpoint::{Delete, Deleted, ReadDocument, ReadField, ReadMetadata, Write, Written, may_have_arrived};
use super::hint;
use super::path::{Branch, MountPath};
use crate::error::{Error, Result, Status};
use crate::reference::{KvPath, VaultReference};
use crate::secret::Secret;
use crate::store::Metadata;
use crate::vault::api::request::MAX_REQUEST;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// How often a change is tried while others change the same secret.
const TRIES: u32 = 64;

/// Contenders wait up to this long before they try again, and longer the more often they lost.
const FIRST_CONTENTION_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_CONTENTION_PAUSE: Duration = Duration::from_millis(200);

/// One KV version 2 mount.
pub struct Kv {
    /// The mount's name, for hints.
    mount: String,
    path: MountPath,
    /// How many requests a batch has on their way at a time.
    concurrency: usize,
}

/// A write whose answer was lost.
struct Lost {
    /// The version that it made, if it arrived.
    version: u64,
    error: Error,
}

impl Kv {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>, concurrency: usize) -> Kv {
        Kv { mount: mount.to_owned(), path: MountPath::new(mount, prefix), concurrency }
    }

    /// Where the mount is.
    pub fn path(&self) -> &MountPath {
        &self.path
    }

    /// The text of a field; `None` where there is no such document or field.
    pub fn read(&self, context: Context<'_>, reference: &VaultReference) -> Result<Option<Secret>> {
        let found = context.call(&self.read_field(reference))?;
        Ok(self.text(context, reference, found))
    }

    /// The texts behind several references, in their order.
    pub fn read_many(&self, context: Context<'_>, references: &[VaultReference]) -> Vec<Result<Option<Secret>>> {
        let reads = references.iter().map(|reference| self.read_field(reference));
        let found = call_each(context, reads, self.concurrency);
        found.into_iter().zip(references).map(|(found, reference)| Ok(self.text(context, reference, found?))).collect()
    }

    /// The text that was found. Where there is none because of a likely mistake, the log says so.
    fn text(&self, context: Context<'_>, reference: &VaultReference, found: Found<Field>) -> Option<Secret> {
        let logger = context.client.logger();
        match found {
            Found::Live(Field::Text(text)) => return Some(text),
            Found::Live(Field::Absent { names }) => hint::other_fields(logger, reference, &names),
            Found::Missing => hint::mount_in_path(logger, reference, &self.mount),
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

    /// Replaces the whole document.
    pub fn write(&self, context: Context<'_>, path: &KvPath, value: &str, metadata: Option<&Metadata>) -> Result<()> {
        let content = Content::New { value, metadata, cas: None };
        match context.call(&Write { mount: &self.path, path, content })? {
            Written::WantsCheckAndSet(_) => self.write_checked(context, path, value, metadata),
            outcome => done(outcome),
        }
    }

    /// Replaces several documents. Where two of them have the same path, either may be the last.
    pub fn write_many(&self, context: Context<'_>, secrets: &[(KvPath, &str)]) -> Vec<Result<()>> {
        let content = |value| Content::New { value, metadata: None, cas: None };
        let writes = secrets.iter().map(|(path, value)| Write { mount: &self.path, path, content: content(*value) });
        let outcomes = call_each(context, writes, self.concurrency);
        let checked = |(outcome, (path, value)): (Result<Written>, &(KvPath, &str))| match outcome? {
            Written::WantsCheckAndSet(_) => self.write_checked(context, path, value, None),
            outcome => done(outcome),
        };
        outcomes.into_iter().zip(secrets).map(checked).collect()
    }

    /// Replaces the whole document where the server demands check-and-set.
    fn write_checked(
        &self,
        context: Context<'_>,
        path: &KvPath,
        value: &str,
        metadata: Option<&Metadata>,
    ) -> Result<()> {
        for losses in 0..TRIES {
            let version = match self.read_document(context, path, None)? {
                Found::Missing => 0,
                Found::Deleted { version } => version,
                Found::Live(document) => document.version,
            };
            let content = Content::New { value, metadata, cas: Some(version) };
            match context.call(&Write { mount: &self.path, path, content })? {
                Written::VersionMismatch(_) => context.deadline.sleep(contention_pause(losses))?,
                outcome => return done(outcome),
            }
        }
        Err(self.contended(path))
    }

    /// Changes one field of a document that exists, without losing what others change at the same time. `false` where
    /// there is no such document or field.
    pub fn update(&self, context: Context<'_>, path: &KvPath, change: &Change<'_>) -> Result<bool> {
        let mut lost: Option<Lost> = None;
        let mut lost_answers = 0;
        for losses in 0..TRIES {
            let latest = match self.read_document(context, path, None)? {
                Found::Live(document) if document.has(change.field)? => document,
                // Whether ours came before others deleted it nobody can tell.
                _ => return lost.map_or(Ok(false), |lost| Err(lost.error)),
            };
            match lost.take() {
                Some(before) if latest.version < before.version => {
                    if lost_answers > context.client.max_retries() {
                        return Err(before.error);
                    }
                    // It may still be on its way. It, or the one that follows: the server takes one for this version.
                    lost = Some(before);
                }
                Some(before) if self.arrived(context, path, &latest, &before, change)? => return Ok(true),
                _ => {}
            }
            match self.write_change(context, path, &latest, change)? {
                Written::Done => return Ok(true),
                Written::Unknown(error) if context.deadline.remaining().is_err() => return Err(error),
                Written::Unknown(error) => {
                    let path = path.as_str();
                    context.client.logger().info(format_args!("{path}: looking whether the update arrived: {error}"));
                    lost = Some(Lost { version: latest.version.saturating_add(1), error });
                    lost_answers += 1;
                }
                Written::VersionMismatch(_) => {}
                Written::WantsCheckAndSet(error) => return Err(error),
            }
            context.deadline.sleep(contention_pause(losses))?;
        }
        Err(lost.map_or_else(|| self.contended(path), |lost| lost.error))
    }

    /// Writes a version that is only taken if it is the next one.
    fn write_change(
        &self,
        context: Context<'_>,
        path: &KvPath,
        latest: &Document,
        change: &Change<'_>,
    ) -> Result<Written> {
        let content = Content::Changed(latest, change);
        let outcome = context.call(&Write { mount: &self.path, path, content });
        // What is too large to be sent did not arrive; an answer that was too large may be one to what did.
        let was_sent = |error: &Error| {
            error.status() == Status::TooLarge && content.body().is_ok_and(|body| body.len() <= MAX_REQUEST)
        };
        outcome.or_else(|error| match may_have_arrived(&error) || was_sent(&error) {
            true => Ok(Written::Unknown(error)),
            false => Err(error),
        })
    }

    /// Whether the version that may be ours is. `latest` is the newest version there is, that one or a later one.
    fn arrived(
        &self,
        context: Context<'_>,
        path: &KvPath,
        latest: &Document,
        lost: &Lost,
        change: &Change<'_>,
    ) -> Result<bool> {
        if latest.version == lost.version {
            return Ok(latest.is_result_of(change));
        }
        match self.read_document(context, path, Some(lost.version))? {
            Found::Live(document) => Ok(document.is_result_of(change)),
            // Versions are pruned and deleted: to write once more might undo what others wrote after ours.
            Found::Missing | Found::Deleted { .. } => Err(lost.error.clone()),
        }
    }

    /// Deletes a document with all versions; `false` where there was nothing.
    ///
    /// A deletion whose answer was lost is repeated only while the metadata are those that were read: otherwise it may
    /// have been done, and the secret that is there now may be another one.
    pub fn delete(&self, context: Context<'_>, path: &KvPath) -> Result<bool> {
        let read = ReadMetadata { mount: &self.path, path };
        let Some(before) = context.call(&read)? else { return Ok(false) };
        let mut losses = 0;
        loop {
            let error = match context.call(&Delete { mount: &self.path, path }) {
                Ok(Deleted::Done) => return Ok(true),
                Ok(Deleted::Unknown(error)) => error,
                Err(error) if may_have_arrived(&error) => error,
                Err(error) => return Err(error),
            };
            if context.deadline.remaining().is_err() {
                return Err(error);
            }
            let path = path.as_str();
            context.client.logger().info(format_args!("{path}: looking whether the deletion arrived: {error}"));
            match context.call(&read) {
                Ok(None) => return Ok(true),
                Ok(Some(now)) if now == before && losses < context.client.max_retries() => {}
                _ => return Err(error),
            }
            context.deadline.sleep(contention_pause(losses))?;
            losses += 1;
        }
    }

    fn contended(&self, path: &KvPath) -> Error {
        let url = self.path.url(Branch::Data, path.as_str(), None);
        let message = format!("{url}: others changed the secret {TRIES} times in a row; try again later");
        Error::new(Status::Conflict, message).with_http_status(400)
    }
}

/// What a write without a condition came to.
fn done(outcome: Written) -> Result<()> {
    match outcome {
        Written::Done => Ok(()),
        Written::WantsCheckAndSet(error) | Written::VersionMismatch(error) | Written::Unknown(error) => Err(error),
    }
}

fn contention_pause(losses: u32) -> Duration {
    let longest = FIRST_CONTENTION_PAUSE.saturating_mul(losses + 1).min(LONGEST_CONTENTION_PAUSE);
    longest.mul_f64(fastrand::f64())
}
