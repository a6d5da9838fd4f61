//! Lists the secrets of a mount: with one request if the server supports `scan`, else folder by folder.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::path::{Branch, MountPath};
use super::refusal::refused;
use crate::error::{Error, Result, Status};
use crate::observe::log::Logger;
use crate::observe::metrics::Operation;
use crate::reference::{KvPath, Prefix, write_url_path};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{ErrorResponse, is_missing};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::client::Context;
use crate::vault::client::batch::{self, Work};

/// The number of names per page, if the list of a folder is too large for one response.
const PAGE: usize = 100_000;

/// The response to a list or a scan.
#[derive(Deserialize)]
struct ListResponse<'a> {
    #[serde(borrow)]
    data: Option<ListData<'a>>,
}

/// A scan that finds nothing returns an empty object. A server that ignores `scan` may return the metadata of a secret
/// instead, whose fields are unknown here and refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListData<'a> {
    #[serde(borrow)]
    keys: Option<Vec<Name<'a>>>,
    #[serde(rename = "key_info")]
    _key_info: Option<IgnoredAny>,
}

/// One name in a list, borrowed from the response unless it has escapes: a list may be very long.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The names in a response; the outer `None` if it is not a list.
fn keys(response: &Response) -> Option<Option<Vec<Name<'_>>>> {
    let parsed: Option<ListResponse<'_>> = serde_json::from_slice(&response.body).ok();
    parsed.and_then(|parsed| parsed.data).map(|data| data.keys)
}

/// The paths of `names` in `folder`.
fn paths_in(folder: &str, names: &[Name<'_>]) -> Vec<String> {
    names.iter().map(|Name(name)| format!("{folder}{name}")).collect()
}

/// Where lists are: a mount, and the branch of its API.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The mount.
    pub mount: &'a MountPath,
    /// The metadata of version 2, or the root of version 1.
    pub branch: Branch,
}

/// OpenBao's recursive list.
struct Scan<'a> {
    place: Place<'a>,
    folder: &'a str,
}

/// The outcome of a scan.
enum Scanned {
    /// All paths beneath the folder.
    Paths(Vec<String>),
    /// The server does not support `scan`, or the policy does not allow it.
    Refused,
    /// The server failed, which does not mean that it does not support `scan`.
    Failed,
}

impl Endpoint for Scan<'_> {
    type Output = Scanned;

    fn request(&self) -> Result<ApiRequest> {
        let path = format!("{}?scan=true", self.place.mount.url(self.place.branch, self.folder, None));
        Ok(ApiRequest::get(path).counted_as(Operation::List))
    }

    fn parse(&self, _: &str, response: Response) -> Result<Scanned> {
        Ok(match (response.status, keys(&response)) {
            (200, Some(keys)) => Scanned::Paths(paths_in(self.folder, &keys.unwrap_or_default())),
            (429 | 500.., _) => Scanned::Failed,
            _ => Scanned::Refused,
        })
    }
}

/// Lists one folder, or a page of it: `limit` names after `after` (OpenBao).
struct ListFolder<'a> {
    place: Place<'a>,
    folder: String,
    page: Option<Page>,
}

struct Page {
    after: Option<String>,
}

impl Endpoint for ListFolder<'_> {
    /// The paths in the folder; those of folders end with a slash. Empty if the folder does not exist.
    type Output = Vec<String>;

    fn request(&self) -> Result<ApiRequest> {
        let mut path = format!("{}?list=true", self.place.mount.url(self.place.branch, &self.folder, None));
        if let Some(page) = &self.page {
            path.push_str(&format!("&limit={PAGE}"));
            if let Some(after) = &page.after {
                path.push_str("&after=");
                write_url_path(after, &mut path);
            }
        }
        Ok(ApiRequest::get(path).counted_as(Operation::List))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Vec<String>> {
        match response.status {
            200 => {
                let names =
                    keys(&response).flatten().ok_or_else(|| not_as_documented(&response, path, "is not a list"))?;
                Ok(paths_in(&self.folder, &names))
            }
            404 if is_missing(&response) => Ok(Vec::new()),
            _ => Err(refused(ErrorResponse::of(&response), path, "\"list\"")),
        }
    }
}

/// Lists the secrets of one mount.
pub struct Folders {
    concurrency: usize,
    /// The server does not support `scan`, or the policy does not allow it. This is found out once.
    no_scan: AtomicBool,
}

impl Folders {
    /// Creates a lister that reads up to `concurrency` folders at a time.
    pub fn new(concurrency: usize) -> Folders {
        Folders { concurrency, no_scan: AtomicBool::new(false) }
    }

    /// The paths of all secrets whose path starts with `prefix`, at any depth, in no particular order. A path that no
    /// reference can name is left out and logged: this library has not written it and could not read it.
    pub fn list(&self, place: Place<'_>, context: Context<'_>, prefix: &Prefix) -> Result<Vec<KvPath>> {
        let logger = context.client.logger();
        if let Some(paths) = self.scan(place, context, prefix)? {
            let wanted = paths.iter().filter(|path| !path.ends_with('/') && prefix.matches(path));
            return Ok(wanted.filter_map(|path| nameable(path, logger)).collect());
        }
        let folders = vec![prefix.folder().to_owned()];
        let mut walk = Walk { place, context, prefix, folders, paths: Vec::new(), failed: None };
        batch::run(context, &mut walk, self.concurrency);
        match walk.failed {
            Some(error) => Err(error),
            None => Ok(walk.paths),
        }
    }

    /// Lists with one request. `None` if that is not possible, or if its response is too large.
    fn scan(&self, place: Place<'_>, context: Context<'_>, prefix: &Prefix) -> Result<Option<Vec<String>>> {
        if self.no_scan.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match context.call(&Scan { place, folder: prefix.folder() }) {
            Ok(Scanned::Paths(paths)) => Ok(Some(paths)),
            Ok(Scanned::Refused) => {
                self.no_scan.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Ok(Scanned::Failed) => Ok(None),
            Err(error) if error.status() == Status::TooLarge => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Converts a path to one that a reference can name; logs and drops one that no reference can name.
pub(super) fn nameable(path: &str, logger: &Logger) -> Option<KvPath> {
    const SHOWN: usize = 80;
    let start: String = path.chars().take(SHOWN).collect();
    let rest = if start.len() < path.len() { "…" } else { "" };
    KvPath::literal(path)
        .inspect_err(|why| {
            let why = why.message();
            logger.warn(format_args!("{start}{rest} is left out of the list, since no reference can name it: {why}"));
        })
        .ok()
}

/// A walk through all folders that may contain matching secrets.
struct Walk<'a> {
    place: Place<'a>,
    context: Context<'a>,
    prefix: &'a Prefix,
    folders: Vec<String>,
    paths: Vec<KvPath>,
    failed: Option<Error>,
}

impl<'a> Work for Walk<'a> {
    type Endpoint = ListFolder<'a>;
    type Tag = String;

    fn next(&mut self) -> Option<(String, ListFolder<'a>)> {
        if self.failed.is_some() {
            return None;
        }
        let folder = self.folders.pop()?;
        Some((folder.clone(), ListFolder { place: self.place, folder, page: None }))
    }

    fn done(&mut self, folder: String, outcome: Result<Vec<String>>) {
        let visited = match outcome {
            Err(error) if error.status() == Status::TooLarge => self.visit_pages(folder),
            outcome => outcome.map(|paths| paths.into_iter().for_each(|path| self.visit(path))),
        };
        if let Err(error) = visited {
            self.failed.get_or_insert(error);
        }
    }
}

impl Walk<'_> {
    fn visit(&mut self, path: String) {
        if path.ends_with('/') {
            if self.prefix.may_be_under(&path) {
                self.folders.push(path);
            }
        } else if self.prefix.matches(&path) {
            self.paths.extend(nameable(&path, self.context.client.logger()));
        }
    }

    /// Visits a folder whose list is too large for one response, page by page (OpenBao).
    fn visit_pages(&mut self, folder: String) -> Result<()> {
        let mut list = ListFolder { place: self.place, folder, page: Some(Page { after: None }) };
        loop {
            let paths = self.context.call(&list)?;
            let is_full = paths.len() == PAGE;
            let last = paths.last().and_then(|path| path.strip_prefix(&list.folder)).map(str::to_owned);
            paths.into_iter().for_each(|path| self.visit(path));
            let Some(last) = last.filter(|_| is_full) else { return Ok(()) };
            list.page = Some(Page { after: Some(last) });
        }
    }
}
