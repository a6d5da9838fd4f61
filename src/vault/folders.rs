//! Lists of what is stored: in one request where the server can, folder by folder where it cannot.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::answer::{Complaint, not_as_documented};
use super::ask::Ask;
use super::kv::{Branch, Kv, Via, is_missing};
use super::many::{self, Task, Work};
use super::transport::Reply;
use crate::error::{Result, Status};
use crate::reference::{KvPath, Prefix};

/// Names in one answer, where a folder's whole list would be too large for one.
const PAGE: usize = 100_000;

/// The answer to a list or a scan.
#[derive(Deserialize)]
struct ListAnswer {
    data: Option<ListData>,
}

/// Where nothing is, a scan answers with an empty object. A server that takes no notice of `scan` may describe a
/// document instead, whose fields are unknown here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListData {
    keys: Option<Vec<String>>,
    #[serde(rename = "key_info")]
    _key_info: Option<IgnoredAny>,
}

/// Lists one mount.
pub struct Folders {
    concurrency: usize,
    /// The server or the policy has no `scan`: asked once, not each time.
    no_scan: AtomicBool,
}

impl Folders {
    /// Reads up to `concurrency` folders at a time.
    pub fn new(concurrency: usize) -> Folders {
        Folders { concurrency, no_scan: AtomicBool::new(false) }
    }

    /// The paths of all documents whose path starts with `prefix`, at any depth, in no particular order. What no
    /// reference can name is left out: it was not written by this library, and could not be got by it.
    pub fn list(&self, kv: &Kv, via: Via<'_>, prefix: &Prefix) -> Result<Vec<KvPath>> {
        if let Some(paths) = self.scan(kv, via, prefix)? {
            return Ok(paths);
        }
        let mut walk =
            Walk { kv, via, prefix, folders: vec![prefix.folder().to_owned()], paths: Vec::new(), failed: None };
        many::send_all(via.client, via.session, &mut walk, self.concurrency, via.deadline);
        match walk.failed {
            Some(error) => Err(error),
            None => Ok(walk.paths),
        }
    }

    /// OpenBao's recursive list. `None` where the server does not know it, the policy does not allow it, or the answer
    /// would be too large.
    fn scan(&self, kv: &Kv, via: Via<'_>, prefix: &Prefix) -> Result<Option<Vec<KvPath>>> {
        if self.no_scan.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let url = format!("{}?scan=true", kv.url(Branch::Metadata, prefix.folder(), None));
        let reply = match via.send(&Ask::get(&url)) {
            Ok(reply) => reply,
            Err(error) if error.status() == Status::TooLarge => return Ok(None),
            Err(error) => return Err(error),
        };
        let keys = match reply.status {
            200 => serde_json::from_slice::<ListAnswer>(&reply.body).ok().and_then(|a| a.data).map(|d| d.keys),
            _ => None,
        };
        let Some(keys) = keys else {
            self.no_scan.store(true, Ordering::Relaxed);
            return Ok(None);
        };
        let paths = keys.unwrap_or_default().into_iter().map(|name| format!("{}{name}", prefix.folder()));
        let wanted = paths.filter(|path| !path.ends_with('/') && prefix.matches(path));
        Ok(Some(wanted.filter_map(|path| KvPath::literal(&path).ok()).collect()))
    }
}

/// A walk through all folders that may hold what is looked for.
struct Walk<'a> {
    kv: &'a Kv,
    via: Via<'a>,
    prefix: &'a Prefix,
    folders: Vec<String>,
    paths: Vec<KvPath>,
    failed: Option<crate::error::Error>,
}

impl Work for Walk<'_> {
    type Tag = String;

    fn next(&mut self) -> Option<(String, Task)> {
        if self.failed.is_some() {
            return None;
        }
        let folder = self.folders.pop()?;
        let url = format!("{}?list=true", self.kv.url(Branch::Metadata, &folder, None));
        Some((folder, Task::get(url)))
    }

    fn done(&mut self, folder: String, task: &Task, outcome: Result<Reply>) {
        let names = match outcome {
            Err(error) if error.status() == Status::TooLarge => self.paged(&folder),
            outcome => outcome.and_then(|reply| names(&reply, task.path())),
        };
        match names {
            Ok(names) => names.iter().for_each(|name| self.visit(format!("{folder}{name}"))),
            Err(error) => {
                self.failed.get_or_insert(error);
            }
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
            self.paths.extend(KvPath::literal(&path).ok());
        }
    }

    /// A folder whose list is too large for one answer, page by page (OpenBao).
    fn paged(&self, folder: &str) -> Result<Vec<String>> {
        let base = self.kv.url(Branch::Metadata, folder, None);
        let mut all: Vec<String> = Vec::new();
        loop {
            let mut url = format!("{base}?list=true&limit={PAGE}");
            if let Some(last) = all.last() {
                url.push_str("&after=");
                crate::reference::write_url_path(last, &mut url);
            }
            let page = names(&self.via.send(&Ask::get(&url))?, &url)?;
            let last_page = page.len() != PAGE;
            all.extend(page);
            if last_page {
                return Ok(all);
            }
        }
    }
}

/// The names in the answer to a list; none where the folder does not exist.
fn names(reply: &Reply, url: &str) -> Result<Vec<String>> {
    match reply.status {
        200 => {
            let answer: Option<ListAnswer> = serde_json::from_slice(&reply.body).ok();
            let keys = answer.and_then(|answer| answer.data).and_then(|data| data.keys);
            keys.ok_or_else(|| not_as_documented(reply, url, "is no list"))
        }
        404 if is_missing(reply) => Ok(Vec::new()),
        _ => Err(Complaint::of(reply).into_error(url, "\"list\"")),
    }
}
