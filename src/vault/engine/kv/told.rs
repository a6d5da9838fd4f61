//! Which versions watches have told: for a while no answer may be older.
//!
//! A standby that answers reads may be behind the node that a watch has looked at. Servers that send `X-Vault-Index` make
//! up for that themselves; for the others the answers are compared, and older ones are asked for again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::document::read_version_metadata;
use super::latest::Latest;
use crate::host::held::Held;
use crate::reference::KvPath;
use crate::vault::api::error_response::is_missing;
use crate::vault::api::request::{IsBehind, Special};
use crate::vault::api::response::Response;

/// For this long a version counts that was told. Standbys are behind by less than a second.
const MEMORY: Duration = Duration::from_secs(60);

/// The versions that were told a short while ago.
#[derive(Default)]
pub struct Told {
    /// Whether there are any: spares the reads of a manager without a watch a look.
    any: AtomicBool,
    by_path: Held<BTreeMap<String, Least>>,
}

/// What an answer must at least have.
#[derive(Clone)]
struct Least {
    latest: Latest,
    /// Whether the secret was deleted, with this as its latest version.
    is_gone: bool,
    until: Instant,
}

impl Told {
    /// Records that the latest version of a secret is told; `is_gone`: that the secret was deleted with all versions.
    pub fn record(&self, path: &KvPath, latest: Latest, is_gone: bool) {
        let now = Instant::now();
        self.by_path.with(|by_path| {
            by_path.retain(|_, least| least.until > now);
            by_path.insert(path.as_str().to_owned(), Least { latest, is_gone, until: now + MEMORY });
            self.any.store(true, Ordering::Release);
        });
    }

    /// Forgets a secret that a server does not have, unless that was told.
    pub fn found_missing(&self, path: &KvPath) {
        self.forget_if(path, |least| !least.is_gone);
    }

    /// Forgets what was told of a secret.
    pub fn forget(&self, path: &KvPath) {
        self.forget_if(path, |_| true);
    }

    fn forget_if(&self, path: &KvPath, is_over: impl Fn(&Least) -> bool) {
        if self.any.load(Ordering::Acquire) {
            self.by_path.with(|by_path| {
                if by_path.get(path.as_str()).is_some_and(is_over) {
                    by_path.remove(path.as_str());
                }
                self.any.store(!by_path.is_empty(), Ordering::Release);
            });
        }
    }

    /// What has answers about a version of a secret checked; `None`: the latest.
    #[inline]
    pub fn check(&self, path: &KvPath, version: Option<u64>) -> Option<Box<Special>> {
        if self.any.load(Ordering::Acquire) { self.check_told(path, version) } else { None }
    }

    #[cold]
    fn check_told(&self, path: &KvPath, version: Option<u64>) -> Option<Box<Special>> {
        let now = Instant::now();
        let least = self.by_path.with(|by_path| {
            let least = by_path.get(path.as_str())?;
            if least.until > now {
                return Some(least.clone());
            }
            by_path.retain(|_, least| least.until > now);
            self.any.store(!by_path.is_empty(), Ordering::Release);
            None
        })?;
        // That of another version does not depend on this one.
        if version.is_some_and(|version| version != least.latest.version) {
            return None;
        }
        let is_behind: IsBehind = Box::new(move |response| is_behind(response, version.is_none(), &least));
        Some(Box::new(Special { is_behind: Some(is_behind), ..Special::default() }))
    }
}

/// Whether an answer is from before this version was there, or was gone. `of_latest`: it is about the latest version at that
/// time.
fn is_behind(response: &Response, of_latest: bool, least: &Least) -> bool {
    let Some(found) = read_version_metadata(&response.body) else { return !least.is_gone && is_missing(response) };
    let created = found.created_time.unwrap_or_default().into_owned();
    let found = Latest { version: found.version, created, secret_created: String::new(), is_live: true };
    let is_before = of_latest && found.is_before(&least.latest);
    if !least.is_gone {
        return is_before;
    }
    let is_same = found.version == least.latest.version && found.created == least.latest.created;
    response.status == 200 && (is_before || is_same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> KvPath {
        KvPath::literal(name).unwrap()
    }

    fn latest(version: u64, second: u64) -> Latest {
        let created = format!("2026-01-01T00:00:{second:02}Z");
        Latest { version, created, secret_created: "2026-01-01T00:00:00Z".into(), is_live: true }
    }

    fn answer(status: u16, version: u64, second: u64) -> Response {
        let data = if status == 200 { r#"{"value":"any"}"# } else { "null" };
        let created = latest(version, second).created;
        let metadata = format!(r#"{{"version":{version},"created_time":"{created}"}}"#);
        Response::for_tests(status, &format!(r#"{{"data":{{"data":{data},"metadata":{metadata}}}}}"#))
    }

    fn missing() -> Response {
        Response::for_tests(404, r#"{"errors":[]}"#)
    }

    #[test]
    fn answers_from_before_the_version_that_was_told_are_recognised() {
        let told = Told::default();
        assert!(told.check(&path("a"), None).is_none());
        told.record(&path("a"), latest(3, 30), false);
        let check = told.check(&path("a"), None).unwrap().is_behind.unwrap();
        for behind in [answer(200, 2, 20), answer(404, 2, 20), answer(200, 3, 10), missing()] {
            assert!(check(&behind), "{}", behind.status);
        }
        // It was written or deleted since, or deleted with its metadata and written again.
        let other = Response::for_tests(503, r#"{"errors":["sealed"]}"#);
        for good in [answer(200, 3, 30), answer(404, 3, 30), answer(200, 4, 40), answer(200, 1, 40), other] {
            assert!(!check(&good), "{}", good.status);
        }
    }

    #[test]
    fn answers_from_before_the_deletion_that_was_told_are_recognised() {
        let told = Told::default();
        told.record(&path("a"), latest(3, 30), true);
        told.found_missing(&path("a"));
        let check = told.check(&path("a"), None).unwrap().is_behind.unwrap();
        assert!(check(&answer(200, 3, 30)) && check(&answer(200, 2, 20)));
        // It is still gone, or was written again.
        for good in [missing(), answer(404, 3, 30), answer(200, 1, 40), answer(200, 3, 40)] {
            assert!(!check(&good), "{}", good.status);
        }
        let check = told.check(&path("a"), Some(3)).unwrap().is_behind.unwrap();
        assert!(check(&answer(200, 3, 30)) && !check(&missing()) && !check(&answer(200, 3, 40)));
        told.forget(&path("a"));
        assert!(told.check(&path("a"), None).is_none());
    }

    #[test]
    fn only_the_version_that_was_told_must_be_there() {
        let told = Told::default();
        told.record(&path("a"), latest(3, 30), false);
        let check = told.check(&path("a"), Some(3)).unwrap().is_behind.unwrap();
        assert!(check(&missing()) && !check(&answer(200, 3, 30)));
        assert!(told.check(&path("a"), Some(2)).is_none() && told.check(&path("b"), None).is_none());
        told.forget(&path("a"));
        assert!(told.check(&path("a"), None).is_none() && !told.any.load(Ordering::Relaxed));
    }

    #[test]
    fn what_was_told_is_forgotten_after_a_minute() {
        let told = Told::default();
        told.record(&path("a"), latest(3, 30), false);
        told.by_path.with(|by_path| by_path.values_mut().for_each(|least| least.until = Instant::now()));
        assert!(told.check(&path("a"), None).is_none() && !told.any.load(Ordering::Relaxed));
    }
}
