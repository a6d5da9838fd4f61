//! Lists of what is stored: in one request where the server can, folder by folder where it cannot.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::v2::{Branch, Kv};
use crate::error::{Result, Status};
use crate::http::Response;
use crate::reference::{KvPath, Prefix};
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::{ErrorResponse, is_missing, not_as_documented};
use crate::vault::client::Context;
use crate::vault::client::batch::{self, Task, Work};

/// Names in one answer, where a folder's whole list would be too large for one.
const PAGE: usize = 100_000;

/// The answer to a list or a scan.
#[derive(Deserialize)]
struct ListAnswer<'a> {
    #[serde(borrow)]
    data: Option<ListData<'a>>,
}

/// Where nothing is, a scan answers with an empty object. A server that takes no notice of `scan` may describe a
/// document instead, whose fields are unknown here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListData<'a> {
    #[serde(borrow)]
    keys: Option<Vec<Name<'a>>>,
    #[serde(rename = "key_info")]
    _key_info: Option<IgnoredAny>,
}

/// One name in a list, borrowed from the answer unless it has escapes: there may be very many of them.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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
    pub fn list(&self, kv: &Kv, via: Context<'_>, prefix: &Prefix) -> Result<Vec<KvPath>> {
        if let Some(paths) = self.scan(kv, via, prefix)? {
            return Ok(paths);
        }
        let mut walk =
            Walk { kv, via, prefix, folders: vec![prefix.folder().to_owned()], paths: Vec::new(), failed: None };
        batch::send_all(via.client, &mut walk, self.concurrency, via.deadline);
        match walk.failed {
            Some(error) => Err(error),
            None => Ok(walk.paths),
        }
    }

    /// OpenBao's recursive list. `None` where the server does not know it, the policy does not allow it, or the answer
    /// would be too large.
    fn scan(&self, kv: &Kv, via: Context<'_>, prefix: &Prefix) -> Result<Option<Vec<KvPath>>> {
        if self.no_scan.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let url = format!("{}?scan=true", kv.url(Branch::Metadata, prefix.folder(), None));
        let reply = match via.send(&ApiRequest::get(&url)) {
            Ok(reply) => reply,
            Err(error) if error.status() == Status::TooLarge => return Ok(None),
            Err(error) => return Err(error),
        };
        let keys = match reply.status {
            200 => serde_json::from_slice::<ListAnswer<'_>>(&reply.body).ok().and_then(|a| a.data).map(|d| d.keys),
            _ => None,
        };
        let Some(keys) = keys else {
            // A server in trouble has not said that it cannot.
            let has_said_so = reply.status < 500 && reply.status != 429;
            self.no_scan.fetch_or(has_said_so, Ordering::Relaxed);
            return Ok(None);
        };
        let paths = keys.unwrap_or_default().into_iter().map(|Name(name)| format!("{}{name}", prefix.folder()));
        let wanted = paths.filter(|path| !path.ends_with('/') && prefix.matches(path));
        Ok(Some(wanted.filter_map(|path| KvPath::literal(&path).ok()).collect()))
    }
}

/// A walk through all folders that may hold what is looked for.
struct Walk<'a> {
    kv: &'a Kv,
    via: Context<'a>,
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

    fn done(&mut self, folder: String, task: &Task, outcome: Result<Response>) {
        let visited = match outcome {
            Err(error) if error.status() == Status::TooLarge => self.visit_pages(&folder),
            outcome => outcome.and_then(|reply| {
                self.visit_all(&folder, &names(&reply, task.path())?);
                Ok(())
            }),
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
            self.paths.extend(KvPath::literal(&path).ok());
        }
    }

    fn visit_all(&mut self, folder: &str, names: &[Name<'_>]) {
        names.iter().for_each(|Name(name)| self.visit(format!("{folder}{name}")));
    }

    /// A folder whose list is too large for one answer, page by page (OpenBao).
    fn visit_pages(&mut self, folder: &str) -> Result<()> {
        let base = self.kv.url(Branch::Metadata, folder, None);
        let mut url = format!("{base}?list=true&limit={PAGE}");
        loop {
            let reply = self.via.send(&ApiRequest::get(&url))?;
            let page = names(&reply, &url)?;
            self.visit_all(folder, &page);
            let Some(Name(last)) = page.last().filter(|_| page.len() == PAGE) else { return Ok(()) };
            url = format!("{base}?list=true&limit={PAGE}&after=");
            crate::reference::write_url_path(last, &mut url);
        }
    }
}

/// The names in the answer to a list; none where the folder does not exist.
fn names<'r>(reply: &'r Response, url: &str) -> Result<Vec<Name<'r>>> {
    match reply.status {
        200 => {
            let answer: Option<ListAnswer<'r>> = serde_json::from_slice(&reply.body).ok();
            let keys = answer.and_then(|answer| answer.data).and_then(|data| data.keys);
            keys.ok_or_else(|| not_as_documented(reply, url, "is no list"))
        }
        404 if is_missing(reply) => Ok(Vec::new()),
        _ => Err(ErrorResponse::of(reply).into_error(url, "\"list\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_name_is_borrowed_from_the_answer_unless_it_has_escapes() {
        let body = br#"{"data":{"keys":["plain/","\u00e9"],"key_info":{"plain/":null}}}"#.to_vec();
        let reply = Response {
            from: Arc::from("http://vault"),
            status: 200,
            hints: None,
            content_type: None,
            body: body.into(),
            secrets: Box::default(),
        };
        let names = names(&reply, "secret/metadata/").unwrap();
        assert!(matches!(&names[..], [Name(Cow::Borrowed("plain/")), Name(Cow::Owned(e))] if e == "é"));
    }
}
