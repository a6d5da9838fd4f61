//! What there is of secrets, without their content: for those who watch for changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{self, AtomicBool};

use serde::Deserialize;
use time::OffsetDateTime;

use super::latest::Latest;
use super::list::nameable;
use super::path::{Branch, MountPath};
use super::read::Reads;
use super::v2::Kv2;
use super::versions::{ReadVersions, SecretMetadata, State, Version, Versions, now_at_the_server};
use crate::error::{Error, Result, Status};
use crate::observe::metrics::Operation;
use crate::reference::KvPath;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// Reads the metadata of all secrets beneath a folder (OpenBao).
struct Scan<'a> {
    mount: &'a MountPath,
    folder: &'a str,
}

/// The outcome of a scan.
enum Scanned {
    /// What there is, by the paths.
    Found(Vec<(String, Latest)>),
    /// The server does not support it, or the policy does not allow it.
    Refused,
    /// The server failed.
    Failed,
}

#[derive(Deserialize)]
struct ScanResponse<'a> {
    #[serde(borrow)]
    data: ScanData<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanData<'a> {
    #[serde(borrow, default)]
    key_info: Option<BTreeMap<Cow<'a, str>, SecretMetadata<'a>>>,
    #[serde(borrow, default, rename = "keys")]
    _keys: Option<Vec<Cow<'a, str>>>,
}

impl Endpoint for Scan<'_> {
    type Output = Scanned;

    fn request(&self) -> Result<ApiRequest> {
        let path = format!("{}?scan=true", self.mount.url(Branch::DetailedMetadata, self.folder, None));
        Ok(ApiRequest::get(path).counted_as(Operation::List))
    }

    fn parse(&self, _: &str, response: Response) -> Result<Scanned> {
        let parsed: Option<ScanResponse<'_>> = serde_json::from_slice(&response.body).ok();
        Ok(match (response.status, parsed) {
            (200, Some(ScanResponse { data })) => {
                let now = now_at_the_server(&response);
                let latest = |(name, metadata): (Cow<'_, str>, SecretMetadata<'_>)| {
                    (format!("{}{name}", self.folder), metadata.latest(now))
                };
                Scanned::Found(data.key_info.unwrap_or_default().into_iter().map(latest).collect())
            }
            (429 | 500.., _) => Scanned::Failed,
            _ => Scanned::Refused,
        })
    }
}

/// Looks at folders: with one request if the server supports that.
#[derive(Default)]
pub struct FolderScan {
    /// The server does not support it, or the policy does not allow it. This is found out once.
    is_refused: AtomicBool,
}

impl FolderScan {
    /// All secrets beneath a folder. `None` if one request cannot tell.
    pub fn look(&self, kv: &Kv2, context: Context<'_>, folder: &str) -> Result<Option<Vec<(KvPath, Latest)>>> {
        if self.is_refused.load(atomic::Ordering::Relaxed) {
            return Ok(None);
        }
        let found = match context.call(&Scan { mount: kv.path(), folder }) {
            Ok(Scanned::Found(found)) => found,
            Ok(Scanned::Refused) => {
                self.is_refused.store(true, atomic::Ordering::Relaxed);
                return Ok(None);
            }
            Ok(Scanned::Failed) => return Ok(None),
            Err(error) if error.status() == Status::TooLarge => return Ok(None),
            Err(error) => return Err(error),
        };
        let logger = context.client.logger();
        let named = |(path, latest): (String, Latest)| nameable(&path, logger).map(|path| (path, latest));
        Ok(Some(found.into_iter().filter_map(named).collect()))
    }
}

/// The latest version, with what the metadata tell of it.
fn latest(version: u64, listed: Option<Version>, secret_created: String) -> Latest {
    let is_live = listed.as_ref().is_some_and(|version| version.state == State::Live);
    let created = listed.map_or_else(String::new, |version| version.created);
    Latest { version, created, secret_created, is_live }
}

impl SecretMetadata<'_> {
    fn latest(mut self, now: OffsetDateTime) -> Latest {
        let number = self.current_version;
        let listed = self.versions.remove(&number).map(|entry| entry.version(number, now));
        latest(number, listed, self.created_time.into_owned())
    }
}

impl Kv2 {
    /// The latest versions of several secrets; `None` for one that does not exist.
    pub fn look(&self, context: Context<'_>, paths: &[KvPath]) -> Vec<Result<Option<Latest>>> {
        let reads = paths.iter().map(|path| ReadVersions { mount: self.path(), path });
        let latest_of = |mut versions: Versions| {
            let number = versions.current;
            let place = versions.versions.iter().position(|version| version.number == number);
            let listed = place.map(|place| versions.versions.swap_remove(place));
            latest(number, listed, versions.created)
        };
        let outcomes = call_each(context, reads, self.concurrency());
        outcomes.into_iter().map(|outcome| outcome.map(|versions| versions.map(latest_of))).collect()
    }
}

/// Whether an error says nothing about the secret, only that the server could not be asked.
pub fn is_unreachable(error: &Error) -> bool {
    matches!(
        error.status(),
        Status::Connection
            | Status::Tls
            | Status::Timeout
            | Status::Unavailable
            | Status::RateLimited
            | Status::Cancelled
            | Status::Auth
            | Status::Protocol
    )
}
