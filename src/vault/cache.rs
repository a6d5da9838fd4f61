//! Answers that are kept to be served again: an unchangeable list, which each change replaces. So no thread waits for
//! another one to look at it, and no fork finds a lock taken.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::config::CacheConfig;
use crate::document::Document;
use crate::error::{Error, Status};
use crate::host::fork;
use crate::host::fork_lock::ForkLock;
use crate::reference::{KvPath, VaultReference};

/// How many secrets can be asked for at a time; those with the same number wait for each other.
const FLIGHTS: usize = 256;

/// How many counters tell which secrets have been changed.
const EPOCHS: usize = 256;

/// How long answers are served without asking a server again that could not be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// The answers of one manager. A child of a fork starts without any. What is dropped is wiped.
pub struct Cache {
    config: CacheConfig,
    kept: ArcSwap<Kept>,
    hasher: RandomState,
    flights: Box<[Flight]>,
    /// How often secrets have been changed, by their hashes.
    epochs: Box<[AtomicU64]>,
    born: Instant,
    /// Until when stale answers are served without asking, in milliseconds after `born`.
    paused_until: AtomicU64,
}

/// Sorted by key.
struct Kept {
    fork: u32,
    entries: Vec<Arc<Entry>>,
}

/// An answer.
pub struct Entry {
    key: Key,
    path: KvPath,
    /// All fields of the secret.
    pub document: Document,
    /// When it was asked for.
    asked: Instant,
    /// The login whose token it was read with.
    login: u64,
    /// When it was used last, in milliseconds after the birth of the cache.
    used: AtomicU64,
}

/// Identifies a version of a secret: the hash of its path, and the version, 0 for the latest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    path: u64,
    version: u64,
}

/// What has to be unchanged when the answer arrives, for it to be kept.
#[derive(Clone, Copy)]
pub struct Asked {
    epoch: u64,
    login: u64,
    at: Instant,
}

impl Asked {
    /// How long ago the request was sent.
    pub fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }
}

/// One thread asks for a secret, and the others wait for its answer.
#[derive(Default)]
pub struct Flight {
    /// Held by the thread that asks.
    pub lock: ForkLock,
    failure: ArcSwapOption<Failure>,
    absence: ArcSwapOption<Absence>,
}

/// The server has said that there is no such secret.
struct Absence {
    key: Key,
    /// When it was asked.
    asked: Instant,
}

struct Failure {
    key: Key,
    at: Instant,
    error: Error,
}

impl Cache {
    /// An empty cache.
    pub fn new(config: CacheConfig) -> Cache {
        Cache {
            config,
            kept: ArcSwap::from_pointee(Kept { fork: fork::generation(), entries: Vec::new() }),
            hasher: RandomState::new(),
            flights: (0..FLIGHTS).map(|_| Flight::default()).collect(),
            epochs: (0..EPOCHS).map(|_| AtomicU64::new(0)).collect(),
            born: Instant::now(),
            paused_until: AtomicU64::new(0),
        }
    }

    /// How long an answer serves (`VAULT_CACHE_TTL`).
    pub fn ttl(&self) -> Duration {
        self.config.ttl
    }

    /// The key of the version that a reference names.
    pub fn key(&self, reference: &VaultReference) -> Key {
        Key { path: self.hash(&reference.path), version: reference.version.unwrap_or(0) }
    }

    fn hash(&self, path: &KvPath) -> u64 {
        self.hasher.hash_one(path.as_str())
    }

    /// The answer that was read with the token of this login, however old it is.
    pub fn find(&self, key: Key, path: &KvPath, login: u64) -> Option<Arc<Entry>> {
        let kept = self.kept.load();
        if kept.fork != fork::generation() {
            return None;
        }
        let place = kept.entries.binary_search_by(|entry| entry.key.cmp(&key)).ok()?;
        let entry = kept.entries.get(place)?;
        (entry.login == login && entry.path == *path).then(|| entry.clone())
    }

    /// Records that an answer was served at `now`.
    pub fn used(&self, entry: &Entry, now: Instant) {
        entry.used.store(self.since_birth(now), Ordering::Relaxed);
    }

    /// Whether an answer may serve while the server cannot be asked.
    pub fn may_serve_stale(&self, entry: &Entry, max_age: Option<Duration>, now: Instant) -> bool {
        let age = entry.age(now);
        age < self.config.stale_ttl && max_age.is_none_or(|most| age <= most)
    }

    /// To be asked before a request for the answer is sent.
    pub fn asked(&self, key: Key, login: u64) -> Asked {
        Asked {
            epoch: self.epoch(key.path).map_or(0, |epoch| epoch.load(Ordering::Acquire)),
            login,
            at: Instant::now(),
        }
    }

    /// Keeps an answer, unless the secret was changed since it was asked for, or there is one that was asked for later. For
    /// it the one goes that was not used for longest, if need be.
    pub fn keep(&self, key: Key, path: &KvPath, document: Document, asked: Asked) -> Arc<Entry> {
        let used = AtomicU64::new(self.since_birth(asked.at));
        let entry = Arc::new(Entry { key, path: path.clone(), document, asked: asked.at, login: asked.login, used });
        self.change(|entries| {
            let is_unchanged = |epoch: &AtomicU64| epoch.load(Ordering::Acquire) == asked.epoch;
            if !self.epoch(key.path).is_some_and(is_unchanged) {
                return;
            }
            let place = match entries.binary_search_by(|other| other.key.cmp(&key)) {
                Ok(place) => {
                    let is_later = |other: &Arc<Entry>| {
                        other.path == entry.path && other.login == entry.login && other.asked > entry.asked
                    };
                    if entries.get(place).is_some_and(is_later) {
                        return;
                    }
                    entries.remove(place);
                    place
                }
                Err(_) => {
                    self.make_room(entries);
                    entries.partition_point(|other| other.key < key)
                }
            };
            entries.insert(place, entry.clone());
        });
        entry
    }

    /// Drops answers that cannot serve any more, and the least used one if the cache is full.
    fn make_room(&self, entries: &mut Vec<Arc<Entry>>) {
        if entries.len() < self.config.size {
            return;
        }
        let now = Instant::now();
        entries.retain(|entry| self.may_serve(entry, now));
        if entries.len() >= self.config.size {
            let used = |(_, entry): &(usize, &Arc<Entry>)| entry.used.load(Ordering::Relaxed);
            if let Some((place, _)) = entries.iter().enumerate().min_by_key(used) {
                entries.remove(place);
            }
        }
    }

    /// Drops answers that cannot serve any more, if that is due.
    pub fn maintain(&self) {
        let now = Instant::now();
        if self.due().is_some_and(|due| due <= now) {
            self.change(|entries| entries.retain(|entry| self.may_serve(entry, now)));
        }
    }

    /// When [`Cache::maintain`] has something to drop: a little after the oldest answer has expired, so that answers of
    /// about the same age go together. `None`: nothing is kept.
    pub fn due(&self) -> Option<Instant> {
        let kept = self.kept.load();
        let oldest = kept.entries.iter().filter(|_| kept.fork == fork::generation()).map(|entry| entry.asked).min()?;
        oldest.checked_add(self.longest().saturating_add(self.longest() / 10))
    }

    /// How long an answer can serve.
    fn longest(&self) -> Duration {
        self.config.ttl.max(self.config.stale_ttl)
    }

    /// Whether an answer can still serve, now or while the server cannot be asked.
    fn may_serve(&self, entry: &Entry, now: Instant) -> bool {
        entry.age(now) < self.longest()
    }

    /// Drops one answer, and those that are on their way.
    pub fn drop_one(&self, key: Key) {
        self.begin_epoch(key.path);
        self.change(|entries| entries.retain(|entry| entry.key != key));
    }

    /// Drops the answers about all versions of a secret, and those that are on their way.
    pub fn forget(&self, path: &KvPath) {
        let hash = self.hash(path);
        self.begin_epoch(hash);
        self.change(|entries| entries.retain(|entry| entry.key.path != hash));
    }

    /// Drops all answers, and those that are on their way.
    pub fn clear(&self) {
        self.epochs.iter().for_each(|epoch| {
            epoch.fetch_add(1, Ordering::AcqRel);
        });
        self.change(Vec::clear);
    }

    /// Whether the server could not be asked a moment ago.
    pub fn is_paused(&self, now: Instant) -> bool {
        self.since_birth(now) < self.paused_until.load(Ordering::Relaxed)
    }

    /// Records that the server cannot be asked now. `true` if that is news.
    pub fn pause(&self, now: Instant) -> bool {
        let until = self.since_birth(now + PAUSE);
        let before = self.paused_until.swap(until, Ordering::Relaxed);
        before == 0
    }

    /// Records that the server has answered.
    pub fn resume(&self) {
        if self.paused_until.load(Ordering::Relaxed) != 0 {
            self.paused_until.store(0, Ordering::Relaxed);
        }
    }

    /// Where the threads that want this answer wait for each other.
    pub fn flight(&self, key: Key) -> Option<&Flight> {
        self.flights.get(key.path as usize % FLIGHTS)
    }

    /// Has answers about a secret that are on their way not kept.
    fn begin_epoch(&self, hash: u64) {
        if let Some(epoch) = self.epoch(hash) {
            epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn epoch(&self, hash: u64) -> Option<&AtomicU64> {
        self.epochs.get(hash as usize % EPOCHS)
    }

    fn change(&self, change: impl Fn(&mut Vec<Arc<Entry>>)) {
        self.kept.rcu(|kept| {
            let fork = fork::generation();
            let mut entries = if kept.fork == fork { kept.entries.clone() } else { Vec::new() };
            change(&mut entries);
            Kept { fork, entries }
        });
    }

    fn since_birth(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.born).as_millis()).unwrap_or(u64::MAX)
    }
}

impl Entry {
    /// The age of the answer.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.asked)
    }
}

impl Flight {
    /// The error of a thread that has asked for the same answer and failed since `arrived`.
    pub fn failure_since(&self, key: Key, arrived: Instant) -> Option<Error> {
        let failure = self.failure.load();
        let failure = failure.as_ref().filter(|failure| failure.key == key && failure.at >= arrived);
        failure.map(|failure| failure.error.clone())
    }

    /// Whether the server was asked since `arrived` and has said that there is no such secret: what it said to a call that
    /// came before may have changed.
    pub fn was_absent_since(&self, key: Key, arrived: Instant) -> bool {
        self.absence.load().as_ref().is_some_and(|absence| absence.key == key && absence.asked >= arrived)
    }

    /// Tells the threads that wait that the server, which was asked at `asked`, has said that there is no such secret.
    pub fn tell_absence(&self, key: Key, asked: Instant) {
        self.absence.store(Some(Arc::new(Absence { key, asked })));
    }

    /// Tells the threads that wait that the answer cannot be had. A timeout or a cancellation is that of one call alone.
    pub fn fail(&self, key: Key, error: &Error) {
        if !matches!(error.status(), Status::Timeout | Status::Cancelled) {
            let failure = Failure { key, at: Instant::now(), error: error.clone() };
            self.failure.store(Some(Arc::new(failure)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::parse_vault;

    fn cache(size: usize) -> Cache {
        let minute = Duration::from_secs(60);
        Cache::new(CacheConfig { ttl: minute, stale_ttl: minute, size })
    }

    fn reference(name: &str) -> VaultReference {
        parse_vault(&format!("vault://{name}")).unwrap()
    }

    fn keep(cache: &Cache, name: &str) -> Arc<Entry> {
        let reference = reference(name);
        let key = cache.key(&reference);
        cache.keep(key, &reference.path, Document::of_text("value", name).unwrap(), cache.asked(key, 1))
    }

    fn find(cache: &Cache, name: &str) -> Option<Arc<Entry>> {
        let reference = reference(name);
        cache.find(cache.key(&reference), &reference.path, 1)
    }

    #[test]
    fn the_answer_that_was_not_used_for_longest_makes_room() {
        let cache = cache(3);
        for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
            cache.used(&keep(&cache, name), cache.born + Duration::from_secs(number as u64));
        }
        cache.used(&find(&cache, "a").unwrap(), cache.born + Duration::from_secs(9));
        keep(&cache, "d");
        let kept = ["a", "b", "c", "d"].map(|name| find(&cache, name).is_some());
        assert_eq!(kept, [true, false, true, true]);
    }

    #[test]
    fn maintenance_drops_what_cannot_serve_any_more() {
        let of = |ttl| Cache::new(CacheConfig { ttl, stale_ttl: Duration::ZERO, size: 9 });
        let (young, old) = (of(Duration::from_secs(3600)), of(Duration::from_nanos(1)));
        for cache in [&young, &old] {
            assert_eq!(cache.due(), None);
            keep(cache, "a");
            let (due, asked) = (cache.due().unwrap(), find(cache, "a").unwrap().asked);
            assert!(due >= asked + cache.ttl());
        }
        std::thread::sleep(Duration::from_millis(1));
        young.maintain();
        old.maintain();
        assert!(find(&young, "a").is_some() && find(&old, "a").is_none());
        assert!(young.due().is_some() && old.due().is_none());
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_kept() {
        let cache = cache(3);
        let reference = reference("a");
        let key = cache.key(&reference);
        let asked = cache.asked(key, 1);
        cache.forget(&reference.path);
        cache.keep(key, &reference.path, Document::of_text("value", "old").unwrap(), asked);
        assert!(find(&cache, "a").is_none());
        keep(&cache, "a");
        assert!(find(&cache, "a").is_some());
        cache.clear();
        assert!(find(&cache, "a").is_none());
    }

    #[test]
    fn an_answer_that_was_asked_for_earlier_replaces_none_and_outlives_no_refusal() {
        let cache = cache(3);
        let reference = reference("a");
        let key = cache.key(&reference);
        let keep = |text: &str, asked| {
            drop(cache.keep(key, &reference.path, Document::of_text("value", text).unwrap(), asked));
        };
        let kept = || find(&cache, "a").and_then(|entry| entry.document.text("value").map(str::to_owned));
        let earlier = cache.asked(key, 1);
        std::thread::sleep(Duration::from_millis(1));
        keep("new", cache.asked(key, 1));
        keep("old", earlier);
        assert_eq!(kept().as_deref(), Some("new"));
        let earlier = cache.asked(key, 1);
        cache.drop_one(key);
        keep("old", earlier);
        assert_eq!(kept(), None);
    }

    #[test]
    fn versions_are_kept_apart_and_forgotten_together() {
        let cache = cache(3);
        keep(&cache, "a?version=1");
        assert!(find(&cache, "a").is_none() && find(&cache, "a?version=2").is_none());
        keep(&cache, "a");
        keep(&cache, "b");
        cache.forget(&reference("a").path);
        let kept = ["a", "a?version=1", "b"].map(|name| find(&cache, name).is_some());
        assert_eq!(kept, [false, false, true]);
    }

    #[test]
    fn another_login_and_another_process_find_nothing() {
        let cache = cache(3);
        keep(&cache, "a");
        let reference = reference("a");
        assert!(cache.find(cache.key(&reference), &reference.path, 2).is_none());
        cache.kept.rcu(|kept| Kept { fork: kept.fork.wrapping_sub(1), entries: kept.entries.clone() });
        assert!(find(&cache, "a").is_none());
        keep(&cache, "b");
        assert!(find(&cache, "a").is_none() && find(&cache, "b").is_some());
    }
}
