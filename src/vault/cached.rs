//! Reading through the cache: an answer that is young enough is served without a request; of the threads that need
//! another one, one asks; and while the server cannot be asked, an older answer serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::VaultSecretManager;
use super::cache::{Asked, Cache, Entry, Key};
use super::client::Context;
use super::engine::kv::document::text_in;
use super::engine::kv::hint;
use super::engine::kv::read::Reads;
use crate::call::{Call, Deadline};
use crate::config::KvVersion;
use crate::document::Document;
use crate::error::{Error, Result, Status};
use crate::observe::metrics::CacheResult;
use crate::reference::{KvPath, VaultReference};
use crate::secret::Secret;

/// How long a request may take for which an older answer could serve.
const REFRESH: Duration = Duration::from_secs(2);

/// How long a server is silent that counts as one that cannot be asked: a little less than such a request may take.
const SILENCE: Duration = Duration::from_millis(1800);

/// An answer for one call, and how old it is.
struct Served {
    entry: Arc<Entry>,
    age: Duration,
}

/// A kept answer that may serve a call.
struct Found {
    entry: Arc<Entry>,
    now: Instant,
    how: CacheResult,
}

/// One read through the cache.
struct Lookup<'r> {
    reference: &'r VaultReference,
    key: Key,
    login: u64,
    max_age: Option<Duration>,
    arrived: Instant,
}

impl VaultSecretManager {
    /// The text of a field.
    pub(super) fn get_cached(&self, cache: &Cache, reference: &VaultReference, call: &Call) -> Result<Option<Secret>> {
        let Some(served) = self.read_through(cache, reference, call)? else { return Ok(None) };
        self.text_of(reference, &served)
    }

    /// All fields.
    pub(super) fn get_document_cached(
        &self,
        cache: &Cache,
        reference: &VaultReference,
        call: &Call,
    ) -> Result<Option<Document>> {
        self.read_through(cache, reference, call)?.map(|served| served.document()).transpose()
    }

    /// The texts of several fields.
    pub(super) fn get_many_cached(
        &self,
        cache: &Cache,
        references: Vec<Result<VaultReference>>,
        call: &Call,
    ) -> Vec<Result<Option<Secret>>> {
        let served = self.read_many_through(cache, &references, call);
        let text = |(served, reference): (Result<Option<Served>>, Result<VaultReference>)| {
            let (Some(served), reference) = (served?, reference?) else { return Ok(None) };
            self.text_of(&reference, &served)
        };
        served.into_iter().zip(references).map(text).collect()
    }

    /// Several documents.
    pub(super) fn get_documents_cached(
        &self,
        cache: &Cache,
        references: &[Result<VaultReference>],
        call: &Call,
    ) -> Vec<Result<Option<Document>>> {
        let served = self.read_many_through(cache, references, call);
        served.into_iter().map(|served| served?.map(|served| served.document()).transpose()).collect()
    }

    /// Drops cached answers that cannot serve any more.
    pub fn maintain_cache(&self) {
        self.cache.iter().for_each(Cache::maintain);
    }

    /// When [`VaultSecretManager::maintain_cache`] has something to drop; `None`: nothing is cached.
    pub fn cache_due(&self) -> Option<Instant> {
        self.cache.as_ref()?.due()
    }

    /// Drops what is cached about a secret; `None`: about all of them.
    pub fn forget(&self, path: Option<&KvPath>) {
        match (&self.cache, path) {
            (Some(cache), Some(path)) => cache.forget(path),
            (Some(cache), None) => cache.clear(),
            (None, _) => {}
        }
    }

    /// As [`VaultSecretManager::forget`], for the secret of a reference.
    pub fn clear_cache(&self, reference: Option<&str>) -> Result<()> {
        let reference = reference.map(|reference| self.parse(reference)).transpose()?;
        self.forget(reference.as_ref().map(|reference| &reference.path));
        Ok(())
    }

    fn text_of(&self, reference: &VaultReference, served: &Served) -> Result<Option<Secret>> {
        let (document, field) = (&served.entry.document, reference.field_name());
        let text = text_in(document, field).map_err(|error| self.client.failed("Failed to retrieve secret", error))?;
        if text.is_none() {
            hint::log_other_fields(self.client.logger(), &reference.path, field, &document.names());
        }
        Ok(text)
    }

    fn look_up<'r>(&self, cache: &Cache, reference: &'r VaultReference, call: &Call) -> Lookup<'r> {
        let (login, max_age) = (self.client.logins(), call.max_age());
        Lookup { reference, key: cache.key(reference), login, max_age, arrived: Instant::now() }
    }

    fn read_through(&self, cache: &Cache, reference: &VaultReference, call: &Call) -> Result<Option<Served>> {
        call.check_cancelled()?;
        let lookup = self.look_up(cache, reference, call);
        if let Some(served) = self.serve_kept(cache, &lookup) {
            return Ok(Some(served));
        }
        self.client.run("Failed to retrieve secret", call, |context| self.ask(cache, &lookup, context))
    }

    /// An answer that serves without a request.
    fn serve_kept(&self, cache: &Cache, lookup: &Lookup<'_>) -> Option<Served> {
        lookup.kept(cache).map(|found| self.served(cache, found))
    }

    fn served(&self, cache: &Cache, found: Found) -> Served {
        self.client.metrics().cached(found.how);
        cache.used(&found.entry, found.now);
        found.uncounted()
    }

    /// Asks the server, unless another thread does: then waits for its answer. Where an older answer can serve, the call
    /// does not wait for the server to come back.
    fn ask(&self, cache: &Cache, lookup: &Lookup<'_>, context: Context<'_>) -> Result<Option<Served>> {
        context.deadline.may_wait()?;
        let has_older = lookup.stale(cache, lookup.arrived).is_some();
        let hurried = has_older.then(|| context.deadline.hurried(REFRESH));
        let context = Context { deadline: hurried.as_ref().unwrap_or(context.deadline), ..context };
        let wants_new = lookup.max_age.unwrap_or(cache.ttl()).is_zero();
        let Some(flight) = cache.flight(lookup.key).filter(|_| !wants_new) else {
            return self.fetch(cache, lookup, context);
        };
        let _turn = match flight.lock.lock(context.deadline) {
            Ok(turn) => turn,
            Err(error) => return self.serve_instead(cache, lookup, error),
        };
        // Another thread may have asked meanwhile.
        if let Some(served) = self.serve_kept(cache, lookup) {
            return Ok(Some(served));
        }
        if let Some(error) = flight.failure_since(lookup.key, lookup.arrived) {
            return self.serve_instead(cache, lookup, error);
        }
        if flight.was_absent_since(lookup.key, lookup.arrived) {
            self.client.metrics().cached(CacheResult::Miss);
            return Ok(None);
        }
        let asked = Instant::now();
        let outcome = self.fetch(cache, lookup, context);
        match &outcome {
            Ok(None) => flight.tell_absence(lookup.key, asked),
            Ok(Some(_)) => {}
            Err(error) => flight.fail(lookup.key, error),
        }
        outcome
    }

    /// An older answer in place of the error of a call that waited for another one, if it may serve.
    fn serve_instead(&self, cache: &Cache, lookup: &Lookup<'_>, error: Error) -> Result<Option<Served>> {
        let now = Instant::now();
        match lookup.stale(cache, now).filter(|_| is_unreachable(&error)) {
            Some(entry) => Ok(Some(self.served(cache, Found { entry, now, how: CacheResult::Stale }))),
            None => Err(error),
        }
    }

    fn fetch(&self, cache: &Cache, lookup: &Lookup<'_>, context: Context<'_>) -> Result<Option<Served>> {
        let asked = cache.asked(lookup.key, lookup.login);
        let reference = lookup.reference;
        let outcome = self.reading(context, Some(reference), |version| match version {
            KvVersion::V1 => self.kv1.document(context, reference),
            KvVersion::V2 => self.kv2.document(context, reference),
        });
        self.settle(cache, lookup, asked, outcome)
    }

    /// What the answer of the server means for the cache and for the call.
    fn settle(
        &self,
        cache: &Cache,
        lookup: &Lookup<'_>,
        asked: Asked,
        outcome: Result<Option<Document>>,
    ) -> Result<Option<Served>> {
        match outcome {
            Ok(Some(document)) => {
                cache.resume();
                self.client.metrics().cached(CacheResult::Miss);
                let entry = cache.keep(lookup.key, &lookup.reference.path, document, asked);
                Ok(Some(Served { entry, age: Duration::ZERO }))
            }
            Ok(None) => {
                cache.resume();
                self.client.metrics().cached(CacheResult::Miss);
                cache.drop_one(lookup.key);
                Ok(None)
            }
            Err(error) if is_unreachable(&error) => {
                let now = Instant::now();
                let Some(entry) = lookup.stale(cache, now) else { return Err(error) };
                // A call with less time than the server takes says nothing about the server.
                let is_down = error.status() != Status::Timeout || asked.waited(now) >= SILENCE;
                if is_down && cache.pause(now) {
                    let seconds = entry.age(now).as_secs_f64();
                    let path = lookup.reference.path.as_str();
                    self.client
                        .logger()
                        .warn(format_args!("{path}: serving the answer of {seconds:.1} s ago: {error}"));
                }
                Ok(Some(self.served(cache, Found { entry, now, how: CacheResult::Stale })))
            }
            Err(error) => {
                match error.status() {
                    Status::Cancelled => {}
                    // Policies know no versions.
                    Status::PermissionDenied => cache.forget(&lookup.reference.path),
                    _ => cache.drop_one(lookup.key),
                }
                Err(error)
            }
        }
    }

    fn read_many_through(
        &self,
        cache: &Cache,
        references: &[Result<VaultReference>],
        call: &Call,
    ) -> Vec<Result<Option<Served>>> {
        if let Err(error) = call.check_cancelled() {
            return references.iter().map(|one| Err(one.as_ref().err().unwrap_or(&error).clone())).collect();
        }
        let look_up =
            |reference: &Result<VaultReference>| self.look_up(cache, reference.as_ref().ok()?, call).kept(cache);
        let found: Vec<Option<Found>> = references.iter().map(look_up).collect();
        let missing: Vec<&VaultReference> = references
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .filter_map(|(one, _)| one.as_ref().ok())
            .collect();
        let deadline = self.client.start(call);
        // A call that is tried out comes to nothing if it has to wait, and runs again.
        let counts = missing.is_empty() || deadline.may_wait().is_ok();
        let serve = |found: Found| if counts { self.served(cache, found) } else { found.uncounted() };
        let mut served: Vec<Option<Served>> = found.into_iter().map(|found| found.map(serve)).collect();
        let mut asked = self.ask_many(cache, &missing, call, &deadline).into_iter();
        let missing = || Err(Error::new(Status::Internal, "a request without a result"));
        let outcome = |(reference, served): (&Result<VaultReference>, &mut Option<Served>)| match (reference, served) {
            (Err(error), _) => Err(error.clone()),
            (Ok(_), Some(_)) => Ok(None),
            (Ok(_), None) => asked.next().unwrap_or_else(missing),
        };
        let outcomes: Vec<_> = references.iter().zip(&mut served).map(outcome).collect();
        outcomes
            .into_iter()
            .zip(served)
            .map(|(outcome, served)| served.map_or(outcome, |served| Ok(Some(served))))
            .collect()
    }

    /// Asks the server for several secrets. Where older answers can serve for all of them, the call does not wait for the
    /// server to come back.
    fn ask_many(
        &self,
        cache: &Cache,
        references: &[&VaultReference],
        call: &Call,
        deadline: &Deadline,
    ) -> Vec<Result<Option<Served>>> {
        if references.is_empty() {
            return Vec::new();
        }
        let lookups: Vec<_> = references.iter().map(|reference| self.look_up(cache, reference, call)).collect();
        let asked: Vec<_> = lookups.iter().map(|lookup| cache.asked(lookup.key, lookup.login)).collect();
        let have_older = lookups.iter().all(|lookup| lookup.stale(cache, lookup.arrived).is_some());
        let hurried = have_older.then(|| deadline.hurried(REFRESH));
        let parsed = references.iter().map(|&reference| Ok(reference.clone()));
        let outcomes = self.read_documents(parsed, hurried.as_ref().unwrap_or(deadline));
        lookups
            .iter()
            .zip(asked)
            .zip(outcomes)
            .map(|((lookup, asked), outcome)| self.settle(cache, lookup, asked, outcome))
            .collect()
    }
}

impl Lookup<'_> {
    fn find(&self, cache: &Cache) -> Option<Arc<Entry>> {
        cache.find(self.key, &self.reference.path, self.login)
    }

    /// An answer that is young enough, or an older one if the server could not be asked a moment ago.
    fn kept(&self, cache: &Cache) -> Option<Found> {
        self.fresh(cache).or_else(|| self.paused(cache))
    }

    fn fresh(&self, cache: &Cache) -> Option<Found> {
        let entry = self.find(cache)?;
        let age = entry.age(self.arrived);
        let is_fresh = self.max_age.map_or(age < cache.ttl(), |most| age <= most && !most.is_zero());
        is_fresh.then_some(Found { entry, now: self.arrived, how: CacheResult::Hit })
    }

    fn paused(&self, cache: &Cache) -> Option<Found> {
        let now = Instant::now();
        let entry = cache.is_paused(now).then(|| self.stale(cache, now)).flatten()?;
        Some(Found { entry, now, how: CacheResult::Stale })
    }

    /// An older answer that may serve while the server cannot be asked.
    fn stale(&self, cache: &Cache, now: Instant) -> Option<Arc<Entry>> {
        self.find(cache).filter(|entry| cache.may_serve_stale(entry, self.max_age, now))
    }
}

impl Found {
    /// The answer, which no metric counts.
    fn uncounted(self) -> Served {
        let age = self.entry.age(self.now);
        Served { entry: self.entry, age }
    }
}

impl Served {
    fn document(&self) -> Result<Document> {
        self.entry.document.copy(self.age)
    }
}

/// Whether the server could not be asked, which says nothing about the secret.
fn is_unreachable(error: &Error) -> bool {
    matches!(
        error.status(),
        Status::Connection | Status::Tls | Status::Timeout | Status::Unavailable | Status::RateLimited
    )
}
