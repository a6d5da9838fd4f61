//! The KV version 2 engine: one mount, its documents, versions and folders.

use std::collections::BTreeMap;
use std::iter::Enumerate;
use std::slice::Iter;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::{Change, Document, Found, new_document};
use crate::error::{Error, Result, Status};
use crate::http::Response;
use crate::reference::{DEFAULT_FIELD, KvPath, VaultReference, write_url_path};
use crate::secret::Secret;
use crate::store::Metadata;
use crate::vault::api::request::{ApiRequest, MAX_REQUEST};
use crate::vault::api::response::{self, ErrorResponse, not_as_documented};
use crate::vault::client::Context;
use crate::vault::client::batch::{self, Task, Work};

/// How often an update is tried while others change the same secret.
const UPDATE_TRIES: u32 = 64;

/// Contenders wait up to this long before they try again, and longer the more often they lost.
const FIRST_CONTENTION_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_CONTENTION_PAUSE: Duration = Duration::from_millis(200);

/// One KV version 2 mount.
pub struct Kv {
    /// The mount, encoded, with a slash at its end.
    mount: String,
    /// The subtree that stands in front of every path, with a slash at its end; mostly empty.
    prefix: String,
}

/// What `data` and `metadata` are for.
#[derive(Clone, Copy)]
pub enum Branch {
    /// Versions of documents.
    Data,
    /// What there is, and folders.
    Metadata,
}

/// What all answers have in common.
#[derive(Deserialize)]
struct Envelope {
    data: Option<BTreeMap<String, IgnoredAny>>,
    warnings: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct WriteAnswer {
    data: Option<WriteData>,
}

#[derive(Deserialize)]
struct WriteData {
    version: Option<u64>,
}

/// A write whose answer was lost.
struct Unknown {
    /// The version that it made, if it arrived.
    made: u64,
    error: Error,
}

/// What came of a write for one certain version.
enum Written {
    Done,
    /// Others made that version.
    Overtaken,
    /// It was not made.
    Failed(Error),
    /// Nobody has said whether it was made.
    Unknown(Error),
}

/// Several reads at once.
struct Reads<'a> {
    kv: &'a Kv,
    wanted: Enumerate<Iter<'a, VaultReference>>,
    results: Vec<Result<Option<Secret>>>,
}

impl<'a> Work for Reads<'a> {
    type Tag = (usize, &'a VaultReference);

    fn next(&mut self) -> Option<(Self::Tag, Task)> {
        let (at, reference) = self.wanted.next()?;
        let url = self.kv.url(Branch::Data, reference.path.as_str(), reference.version);
        Some(((at, reference), Task::get(url)))
    }

    fn done(&mut self, (at, reference): Self::Tag, task: &Task, outcome: Result<Response>) {
        let text = |reply: Response| match found(&reply, task.path(), reference.field_name())? {
            Found::Document(document) => document.text(),
            Found::Missing | Found::Deleted { .. } => Ok(None),
        };
        put(&mut self.results, at, outcome.and_then(text));
    }
}

/// Several writes at once.
struct Writes<'a> {
    kv: &'a Kv,
    via: Context<'a>,
    wanted: Enumerate<Iter<'a, (KvPath, &'a str)>>,
    results: Vec<Result<()>>,
}

impl<'a> Work for Writes<'a> {
    type Tag = (usize, &'a (KvPath, &'a str));

    fn next(&mut self) -> Option<(Self::Tag, Task)> {
        loop {
            let (at, item) = self.wanted.next()?;
            match new_document(item.1, None, None) {
                Ok(body) => {
                    return Some(((at, item), Task::post(self.kv.url(Branch::Data, item.0.as_str(), None), body)));
                }
                Err(error) => put(&mut self.results, at, Err(error)),
            }
        }
    }

    fn done(&mut self, (at, (path, value)): Self::Tag, task: &Task, outcome: Result<Response>) {
        let outcome = outcome.and_then(|reply| match ErrorResponse::of(&reply).wants_check_and_set() {
            true => self.kv.write(self.via, path, value, None),
            false => written(&reply, task.path()),
        });
        put(&mut self.results, at, outcome);
    }
}

fn unanswered<T>(count: usize) -> Vec<Result<T>> {
    (0..count).map(|_| Err(Error::new(Status::Internal, "a request that nobody answered"))).collect()
}

fn put<T>(results: &mut [Result<T>], at: usize, outcome: Result<T>) {
    if let Some(place) = results.get_mut(at) {
        *place = outcome;
    }
}

impl Kv {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>) -> Kv {
        let mut encoded = String::new();
        write_url_path(mount, &mut encoded);
        encoded.push('/');
        Kv { mount: encoded, prefix: prefix.map(|p| format!("{p}/")).unwrap_or_default() }
    }

    /// The text of a field; `None` where there is no such document or field.
    pub fn read(&self, via: Context<'_>, path: &KvPath, version: Option<u64>, field: &str) -> Result<Option<Secret>> {
        let url = self.url(Branch::Data, path.as_str(), version);
        match found(&via.send(&ApiRequest::get(&url))?, &url, field)? {
            Found::Document(document) => document.text(),
            Found::Missing | Found::Deleted { .. } => Ok(None),
        }
    }

    /// Replaces the whole document.
    pub fn write(&self, via: Context<'_>, path: &KvPath, value: &str, metadata: Option<&Metadata>) -> Result<()> {
        let url = self.url(Branch::Data, path.as_str(), None);
        let reply = via.send(&ApiRequest::post(&url, &new_document(value, metadata, None)?))?;
        if !ErrorResponse::of(&reply).wants_check_and_set() {
            return written(&reply, &url);
        }
        for losses in 0..UPDATE_TRIES {
            let version = match found(&via.send(&ApiRequest::get(&url))?, &url, DEFAULT_FIELD)? {
                Found::Missing => 0,
                Found::Deleted { version } => version,
                Found::Document(document) => document.version,
            };
            let reply = via.send(&ApiRequest::post(&url, &new_document(value, metadata, Some(version))?))?;
            if !ErrorResponse::of(&reply).is_version_mismatch() {
                return written(&reply, &url);
            }
            via.deadline.sleep(contention_pause(losses))?;
        }
        Err(contended(&url))
    }

    /// Changes one field of a document that exists, without losing what others change at the same time. `false` where
    /// there is no such document or field.
    pub fn update(&self, via: Context<'_>, path: &KvPath, change: &Change<'_>) -> Result<bool> {
        let url = self.url(Branch::Data, path.as_str(), None);
        let mut unknown: Option<Unknown> = None;
        let mut lost_answers = 0;
        for losses in 0..UPDATE_TRIES {
            let reply = via.send(&ApiRequest::get(&url))?;
            let latest = match found(&reply, &url, change.field)? {
                Found::Document(document) if document.has_field() => document,
                // Whether ours came before others deleted it nobody can tell.
                _ => return unknown.map_or(Ok(false), |lost| Err(lost.error)),
            };
            match unknown.take() {
                Some(lost) if latest.version < lost.made => {
                    if lost_answers > via.client.max_retries() {
                        return Err(lost.error);
                    }
                    // It may still be on its way. It, or the one that follows: the server takes one for this version.
                    unknown = Some(lost);
                }
                Some(lost) if self.arrived(via, path, &latest, &lost, change)? => return Ok(true),
                _ => {}
            }
            match self.write_once(via, &url, &latest.changed(change)?) {
                Written::Done => return Ok(true),
                Written::Overtaken => {}
                Written::Failed(error) => return Err(error),
                Written::Unknown(error) if via.deadline.remaining().is_err() => return Err(error),
                Written::Unknown(error) => {
                    via.client.logger().info(format_args!("{url}: looking whether the update arrived: {error}"));
                    unknown = Some(Unknown { made: latest.version.saturating_add(1), error });
                    lost_answers += 1;
                }
            }
            via.deadline.sleep(contention_pause(losses))?;
        }
        Err(unknown.map_or_else(|| contended(&url), |lost| lost.error))
    }

    /// Writes a version that is only taken if it is the next one.
    fn write_once(&self, via: Context<'_>, url: &str, body: &[u8]) -> Written {
        match via.send(&ApiRequest::post(url, body)) {
            Ok(reply) => {
                let complaint = ErrorResponse::of(&reply);
                if complaint.is_version_mismatch() {
                    return Written::Overtaken;
                }
                let may_have_acted = complaint.may_pass() && !complaint.did_not_act();
                match written(&reply, url) {
                    Ok(()) => Written::Done,
                    Err(error) if may_have_acted || reply.status == 200 => Written::Unknown(error),
                    Err(error) => Written::Failed(error),
                }
            }
            Err(error) if may_have_arrived(&error, body) => Written::Unknown(error),
            Err(error) => Written::Failed(error),
        }
    }

    /// Whether the version that may be ours is. `latest` is the newest version there is, that one or a later one.
    fn arrived(
        &self,
        via: Context<'_>,
        path: &KvPath,
        latest: &Document<'_>,
        lost: &Unknown,
        change: &Change<'_>,
    ) -> Result<bool> {
        if latest.version == lost.made {
            return Ok(latest.is_result_of(change));
        }
        let url = self.url(Branch::Data, path.as_str(), Some(lost.made));
        match found(&via.send(&ApiRequest::get(&url))?, &url, change.field)? {
            Found::Document(document) => Ok(document.is_result_of(change)),
            // Versions are pruned and deleted: to write once more might undo what others wrote after ours.
            Found::Missing | Found::Deleted { .. } => Err(lost.error.clone()),
        }
    }

    /// Deletes a document with all versions; `false` where there was nothing.
    pub fn delete(&self, via: Context<'_>, path: &KvPath) -> Result<bool> {
        let url = self.url(Branch::Metadata, path.as_str(), None);
        let reply = via.send(&ApiRequest::get(&url))?;
        match reply.status {
            200 if has_data(&reply) => {}
            200 => return Err(not_as_documented(&reply, &url, "holds no metadata")),
            404 if response::is_missing(&reply) => return Ok(false),
            _ => return Err(ErrorResponse::of(&reply).into_error(&url, "\"read\"")),
        }
        let reply = via.send(&ApiRequest::delete(&url))?;
        match reply.status {
            204 => Ok(true),
            200 if has_warnings(&reply) => Ok(true),
            200 => Err(not_as_documented(&reply, &url, "does not say that it was done")),
            404 if response::is_missing(&reply) => Ok(true),
            _ => Err(ErrorResponse::of(&reply).into_error(&url, "\"delete\"")),
        }
    }

    /// The texts behind several references, in their order.
    pub fn read_many(
        &self,
        via: Context<'_>,
        wanted: &[VaultReference],
        concurrency: usize,
    ) -> Vec<Result<Option<Secret>>> {
        let mut reads = Reads { kv: self, wanted: wanted.iter().enumerate(), results: unanswered(wanted.len()) };
        batch::send_all(via.client, &mut reads, concurrency, via.deadline);
        reads.results
    }

    /// Replaces several documents. Where two of them have the same path, either may be the last.
    pub fn write_many(&self, via: Context<'_>, wanted: &[(KvPath, &str)], concurrency: usize) -> Vec<Result<()>> {
        let mut writes = Writes { kv: self, via, wanted: wanted.iter().enumerate(), results: unanswered(wanted.len()) };
        batch::send_all(via.client, &mut writes, concurrency, via.deadline);
        writes.results
    }

    /// The path behind `/v1/`, encoded, of a document or, with a slash at its end, of a folder.
    pub fn url(&self, branch: Branch, path: &str, version: Option<u64>) -> String {
        let branch = match branch {
            Branch::Data => "data/",
            Branch::Metadata => "metadata/",
        };
        let mut url = String::with_capacity(self.mount.len() + self.prefix.len() + path.len() + 32);
        url.push_str(&self.mount);
        url.push_str(branch);
        write_url_path(&self.prefix, &mut url);
        write_url_path(path, &mut url);
        if let Some(version) = version {
            url.push_str("?version=");
            url.push_str(&version.to_string());
        }
        url
    }
}

/// What the answer to a read of `<mount>/data/<path>` holds, its document's `field` found.
fn found<'r>(reply: &'r Response, url: &str, field: &'r str) -> Result<Found<'r>> {
    match (reply.status, Found::parse(&reply.body, field)) {
        (200, Some(found)) => Ok(found),
        (200, None) => Err(not_as_documented(reply, url, "holds no KV version 2 document")),
        // A deleted version still has its envelope.
        (404, Some(found @ Found::Deleted { .. })) => Ok(found),
        (404, _) if response::is_missing(reply) => Ok(Found::Missing),
        _ => Err(ErrorResponse::of(reply).into_error(url, "\"read\"")),
    }
}

/// A write is done only if the answer names the version that it made: a KV version 1 mount does not.
fn written(reply: &Response, url: &str) -> Result<()> {
    let version = || serde_json::from_slice::<WriteAnswer>(&reply.body).ok()?.data?.version;
    match reply.status {
        200 if version().is_some() => Ok(()),
        204 => Err(Error::unsupported(format!("{url}: the mount is not KV version 2; check VAULT_MOUNT"))
            .with_http_status(204)),
        200 => Err(not_as_documented(reply, url, "names no version")),
        _ => Err(ErrorResponse::of(reply).into_error(url, "\"create\" and \"update\"")),
    }
}

/// Others, a login page in front of Vault say, answer 200 to everything.
fn has_data(reply: &Response) -> bool {
    serde_json::from_slice::<Envelope>(&reply.body).is_ok_and(|envelope| envelope.data.is_some())
}

/// The one reason to answer 200 where there is nothing to tell.
fn has_warnings(reply: &Response) -> bool {
    serde_json::from_slice::<Envelope>(&reply.body).is_ok_and(|e| e.warnings.is_some_and(|list| !list.is_empty()))
}

/// The server may have done what it was asked for by `body`, whose answer did not come, or could not be read.
fn may_have_arrived(error: &Error, body: &[u8]) -> bool {
    match error.status() {
        Status::Connection | Status::Timeout | Status::Unavailable | Status::Protocol | Status::Tls => true,
        Status::TooLarge => body.len() <= MAX_REQUEST,
        _ => false,
    }
}

fn contention_pause(losses: u32) -> Duration {
    let longest = FIRST_CONTENTION_PAUSE.saturating_mul(losses + 1).min(LONGEST_CONTENTION_PAUSE);
    longest.mul_f64(fastrand::f64())
}

fn contended(url: &str) -> Error {
    let message = format!("{url}: others changed the secret {UPDATE_TRIES} times in a row; try again later");
    Error::new(Status::Conflict, message).with_http_status(400)
}
