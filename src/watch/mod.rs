//! Watches secrets for changes. There is no thread behind a watch: whoever waits for a change looks.

mod known;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::known::Kind;
use self::known::Known;
use crate::call::{Call, Deadline, FOR_EVER, Waker};
use crate::error::{Error, Result, Status};
use crate::host::fork_lock::{ForkLock, ForkLockGuard};
use crate::host::held::Held;
use crate::host::{notifier, random};
use crate::open::Manager;
use crate::reference::{self, KvPath, Prefix};
use crate::vault::{Latest, VaultSecretManager, is_unreachable};

/// Looks are spread over this time after the interval, so that programs that started together do not ask together.
const LONGEST_JITTER: Duration = Duration::from_millis(500);

/// Within this time a call that was cancelled ends.
const GRACE: Duration = Duration::from_millis(200);

/// If looks get no answer for this long because the calls have too little time, the calls fail.
const SILENCE: Duration = Duration::from_secs(1);

/// A change of a secret.
#[derive(Clone, Debug)]
pub struct Change {
    /// The reference, as it was added; of a secret beneath a prefix the canonical one.
    pub reference: String,
    /// What has changed.
    pub kind: Kind,
    /// The number of the latest version; 0 if there is none.
    pub version: u64,
    /// Why the secret cannot be looked at.
    pub error: Option<Error>,
    /// The number of the item that it is about: each addition of a reference to a watch has another.
    pub item: u64,
    /// The changes of a watch are told in the order of these numbers.
    pub number: u64,
}

/// Watches any number of secrets and folders of one manager.
pub struct Watch {
    manager: Arc<Manager>,
    interval: Duration,
    state: Held<State>,
    /// Held by the thread that waits for a change.
    next: ForkLock,
}

#[derive(Default)]
struct State {
    /// In the order of their numbers.
    items: Vec<Item>,
    /// Changes that were not taken.
    changes: VecDeque<Change>,
    /// The number of the change that was found last.
    last_change: u64,
    /// Why the last look has failed.
    failure: Option<Error>,
    /// When the first look began that the end of a call has cut short, since one was complete.
    cut_since: Option<Instant>,
    /// The number of the item that was added last.
    last: u64,
    /// The calls that rest in a queue.
    resting: Vec<Waker>,
    /// The call in a queue that had the turn last.
    looking: Option<Waker>,
}

/// What is watched by one reference.
#[derive(Clone)]
struct Item {
    number: u64,
    reference: String,
    target: Target,
    /// When it is to be looked at.
    due: Instant,
    /// Whether its failure has been told.
    has_failed: bool,
}

#[derive(Clone)]
enum Target {
    Secret(KvPath, Known),
    /// All secrets beneath a prefix; `first` counts for those that the first look finds.
    Folder {
        prefix: Prefix,
        first: Known,
        secrets: BTreeMap<String, Known>,
    },
}

/// A change, and what it is about.
struct News {
    /// The secret; `None`: a folder that cannot be looked at.
    path: Option<KvPath>,
    /// The version that was written, or the last one of a secret that is gone.
    latest: Option<Latest>,
    is_gone: bool,
    change: Change,
}

/// What a look at an item has found.
enum Looked {
    Secret(Option<Latest>),
    Folder(Vec<(KvPath, Latest)>),
}

impl Watch {
    /// A watch of nothing yet. `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn new(manager: Arc<Manager>) -> Result<Watch> {
        let interval = manager.watch_interval()?;
        Ok(Watch { manager, interval, state: Held::default(), next: ForkLock::default() })
    }

    /// Watches what a reference names, or everything beneath one that ends in '/'. It is looked at once somebody waits.
    pub fn add(&self, reference: &str, known_version: i64) -> Result<()> {
        let known = match known_version {
            -1 => Known::Unseen,
            0 => Known::Nothing,
            1.. => Known::Version(known_version.unsigned_abs()),
            _ => {
                let message = format!("known_version is {known_version}; -1, 0 and version numbers count");
                return Err(Error::invalid_argument(message));
            }
        };
        let target = target(reference, known)?;
        self.change(|state| {
            // What was found is found again, unless the program has it.
            let replaced = state.items.iter().find(|item| item.reference == reference).map(|item| item.number);
            state.items.retain(|item| Some(item.number) != replaced);
            state.changes.retain(|change| Some(change.item) != replaced);
            state.last += 1;
            let (number, due) = (state.last, Instant::now());
            state.items.push(Item { number, reference: reference.to_owned(), target, due, has_failed: false });
        });
        Ok(())
    }

    /// Ends the watch of a reference, spelled as it was added. `false` if it was not watched.
    pub fn remove(&self, reference: &str) -> bool {
        self.state.with(|state| {
            let before = state.items.len();
            state.items.retain(|item| item.reference != reference);
            state.items.len() < before
        })
    }

    /// Waits for a change. `None` if there was none in the time of the call, and the last look went well.
    pub fn next(&self, call: &Call) -> Result<Option<Change>> {
        call.check_cancelled()?;
        if let Some(change) = self.take() {
            return Ok(Some(change));
        }
        let deadline = call.start(FOR_EVER);
        if deadline.decides_when_over() {
            return self.without_change();
        }
        deadline.may_wait()?;
        let _turn = match self.turn(&deadline) {
            Err(error) if error.status() == Status::Timeout => return self.without_change(),
            outcome => outcome?,
        };
        loop {
            self.look(&deadline)?;
            if let Some(change) = self.take() {
                return Ok(Some(change));
            }
            match self.wait(&deadline) {
                Err(error) if error.status() == Status::Timeout => return self.without_change(),
                outcome => outcome?,
            }
        }
    }

    /// Refuses a second thread. A call that was cancelled or abandoned may still have the turn for a moment; one in a queue
    /// that was told as ended for longer, if its thread cannot be interrupted.
    fn turn(&self, deadline: &Deadline) -> Result<ForkLockGuard<'_>> {
        loop {
            match self.next.lock(&deadline.within(GRACE)) {
                Ok(turn) => {
                    self.state.with(|state| state.looking = deadline.waker());
                    return Ok(turn);
                }
                Err(error) if error.status() != Status::Timeout => return Err(error),
                Err(_) if self.state.with(|state| state.looking.as_ref().is_some_and(Waker::is_over)) => {
                    deadline.remaining()?;
                }
                Err(_) => {
                    let message = "watch: another thread waits for a change; one at a time does";
                    return Err(Error::invalid_argument(message));
                }
            }
        }
    }

    /// Returns a change that was taken for a program that does not want it any more. What was removed or added again
    /// meanwhile does not tell it.
    pub fn give_back(&self, change: Change) {
        self.change(|state| {
            if state.items.iter().any(|item| item.number == change.item) {
                let place = state.changes.partition_point(|other| other.number < change.number);
                state.changes.insert(place, change);
            }
        });
    }

    /// Changes what calls wait for. If there is something to be done afterwards, those that rest go on.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let resting = self.state.with(|state| {
            change(state);
            match state.pause(Instant::now()) {
                Duration::ZERO => std::mem::take(&mut state.resting),
                _ => Vec::new(),
            }
        });
        // All are woken, also those after the first whose queue has to be told.
        let woken = resting.iter().filter(|waker| waker.wake()).count();
        if woken > 0 {
            notifier::announce();
        }
    }

    fn take(&self) -> Option<Change> {
        self.state.with(|state| state.changes.pop_front())
    }

    /// What a call comes to in whose time nothing has changed.
    fn without_change(&self) -> Result<Option<Change>> {
        self.state.with(|state| state.failure.clone()).map_or(Ok(None), Err)
    }

    /// Waits until something is due or told, in a queue without a thread.
    fn wait(&self, deadline: &Deadline) -> Result<()> {
        let waker = deadline.waker();
        loop {
            let left = deadline.remaining()?;
            let now = Instant::now();
            // Whoever changes the state from here on wakes the call.
            let rest = self.state.with(|state| state.rest(now, waker.as_ref()));
            if rest.is_zero() {
                return Ok(());
            }
            deadline.rest_until(now + rest.min(left))?;
        }
    }

    /// Looks at all that is due.
    fn look(&self, deadline: &Deadline) -> Result<()> {
        let now = Instant::now();
        let due: Vec<Item> =
            self.state.with(|state| state.items.iter().filter(|item| item.due <= now).cloned().collect());
        if due.is_empty() {
            return Ok(());
        }
        let vault = self.manager.vault()?;
        let paths = due.iter().filter_map(|item| match &item.target {
            Target::Secret(path, _) => Some(path.clone()),
            Target::Folder { .. } => None,
        });
        let paths: Vec<KvPath> = paths.collect();
        let mut secrets = vault.look(&paths, deadline).into_iter();
        let found: Vec<(Item, Result<Looked>)> = due
            .into_iter()
            .map(|item| {
                let outcome = match &item.target {
                    Target::Secret(..) => {
                        let missing = || Err(Error::new(Status::Internal, "a look without a result"));
                        secrets.next().unwrap_or_else(missing).map(Looked::Secret)
                    }
                    Target::Folder { prefix, .. } => vault.look_beneath(prefix, deadline).map(Looked::Folder),
                };
                (item, outcome)
            })
            .collect();
        // What fails because the time of the call is over says nothing about the secret. The next call looks again.
        let is_over = deadline.remaining().err();
        let (cut, found): (Vec<_>, _) = found
            .into_iter()
            .partition(|(_, outcome)| is_over.is_some() && outcome.as_ref().is_err_and(is_unreachable));
        let failure = self.record(found, vault);
        if is_over.as_ref().is_some_and(|error| error.status() == Status::Cancelled) {
            return is_over.map_or(Ok(()), Err);
        }
        let cut = cut.into_iter().find_map(|(_, outcome)| outcome.err());
        if let Some((had_failed, failure)) = self.state.with(|state| state.settle(now, failure, cut)) {
            vault.log_looks(had_failed, failure.as_ref());
        }
        Ok(())
    }

    /// Records a look at copies of items. What is known and what is to be told change together, so that a child of a fork
    /// has seen both or neither. Returns why the server could not be asked.
    fn record(&self, found: Vec<(Item, Result<Looked>)>, vault: &VaultSecretManager) -> Option<Error> {
        if found.is_empty() {
            return None;
        }
        let now = Instant::now();
        let next = now + self.interval + self.interval.div_f64(10.0).min(LONGEST_JITTER).mul_f64(random::fraction());
        let mut failure = None;
        let mut looked = Vec::new();
        for (mut item, outcome) in found {
            let mut changes = Vec::new();
            item.due = next;
            match outcome {
                Err(error) if is_unreachable(&error) => failure = Some(error),
                outcome => item.record(outcome, now, &mut changes),
            }
            for news in &changes {
                news.path.iter().for_each(|path| vault.told(path, news.latest.clone(), news.is_gone));
            }
            looked.push((item, changes));
        }
        self.change(|state| {
            for (item, changes) in looked {
                // One that was removed meanwhile is not there any more.
                let place = state.items.binary_search_by_key(&item.number, |other| other.number);
                let Some(place) = place.ok().and_then(|place| state.items.get_mut(place)) else { continue };
                *place = item;
                for News { change, .. } in changes {
                    state.last_change += 1;
                    state.changes.push_back(Change { number: state.last_change, ..change });
                }
            }
        });
        failure
    }
}

impl State {
    /// How long a call has nothing to do from `now` on: until an item is due, or no time at all if there is a change to be
    /// told.
    fn pause(&self, now: Instant) -> Duration {
        if !self.changes.is_empty() {
            return Duration::ZERO;
        }
        let due = self.items.iter().map(|item| item.due).min();
        due.map_or(FOR_EVER, |due| due.saturating_duration_since(now))
    }

    /// Records whether a look that began at `began` was possible: `failure` is why it was not, and `cut` the error of a part
    /// that the end of its call has cut short. A server that answers only calls with more time is one that cannot be asked.
    /// Returns whether the last look has failed, and why this one has; `None`: nothing is known of it.
    fn settle(&mut self, began: Instant, failure: Option<Error>, cut: Option<Error>) -> Option<(bool, Option<Error>)> {
        match cut {
            None => self.cut_since = None,
            Some(_) if self.cut_since.get_or_insert(began).elapsed() < SILENCE && failure.is_none() => return None,
            Some(_) => {}
        }
        let failure = failure.or(cut);
        Some((std::mem::replace(&mut self.failure, failure.clone()).is_some(), failure))
    }

    /// As [`State::pause`], for a call that waits so long, unless it is woken before.
    fn rest(&mut self, now: Instant, waker: Option<&Waker>) -> Duration {
        let pause = self.pause(now);
        if let Some(waker) = waker.filter(|_| !pause.is_zero()) {
            self.resting.retain(|other| other.is_needed() && !other.is_same(waker));
            self.resting.push(waker.clone());
        }
        pause
    }
}

impl Item {
    /// Records a look, and adds what it tells to `changes`.
    fn record(&mut self, outcome: Result<Looked>, now: Instant, changes: &mut Vec<News>) {
        let found = match outcome {
            Ok(found) => found,
            Err(error) => return self.fail(error, changes),
        };
        self.has_failed = false;
        match (&mut self.target, found) {
            (Target::Secret(path, known), Looked::Secret(latest)) => {
                let told = known.look(latest, now);
                changes.extend(told.map(|told| news(self.number, path, self.reference.clone(), told, known)));
            }
            (Target::Folder { first, secrets, .. }, Looked::Folder(found)) => {
                let mut gone = std::mem::take(secrets);
                for (path, latest) in found {
                    let mut known = gone.remove(path.as_str()).unwrap_or_else(|| first.clone());
                    let told = known.look(Some(latest), now);
                    changes.extend(told.map(|told| news_beneath(self.number, &path, told, &known)));
                    secrets.insert(path.as_str().to_owned(), known);
                }
                for (name, mut known) in gone {
                    if let Ok(path) = KvPath::literal(&name) {
                        let told = known.look(None, now);
                        changes.extend(told.map(|told| news_beneath(self.number, &path, told, &known)));
                    }
                    if !known.is_over(now) {
                        secrets.insert(name, known);
                    }
                }
                // What comes later is new.
                *first = Known::Nothing;
            }
            _ => {}
        }
    }

    /// A failure is told once, until a look goes well again.
    fn fail(&mut self, error: Error, changes: &mut Vec<News>) {
        if std::mem::replace(&mut self.has_failed, true) {
            return;
        }
        let path = match &self.target {
            Target::Secret(path, _) => Some(path.clone()),
            Target::Folder { .. } => None,
        };
        let (reference, item) = (self.reference.clone(), self.number);
        let change = Change { reference, kind: Kind::Failed, version: 0, error: Some(error), item, number: 0 };
        changes.push(News { path, latest: None, is_gone: false, change });
    }
}

fn news(item: u64, path: &KvPath, reference: String, told: (Kind, u64), known: &Known) -> News {
    let (kind, version) = told;
    let change = Change { reference, kind, version, error: None, item, number: 0 };
    let gone = known.gone();
    News { path: Some(path.clone()), latest: gone.or_else(|| known.live()).cloned(), is_gone: gone.is_some(), change }
}

fn news_beneath(item: u64, path: &KvPath, told: (Kind, u64), known: &Known) -> News {
    news(item, path, reference::canonical(path, None, None), told, known)
}

fn target(reference: &str, known: Known) -> Result<Target> {
    if !reference.ends_with('/') {
        let parsed = reference::parse_vault(reference)?;
        return match parsed.version {
            None => Ok(Target::Secret(parsed.path, known)),
            Some(_) => Err(Error::invalid_argument("reference: a single version does not change; leave out ?version=")),
        };
    }
    if !reference.starts_with(reference::SCHEME) {
        return Err(Error::invalid_reference("reference: does not begin with vault://"));
    }
    if let Known::Version(_) = known {
        return Err(Error::invalid_argument("known_version: a prefix has no version; write 0 or -1"));
    }
    let prefix =
        Prefix::parse(Some(reference)).map_err(|error| Error::invalid_reference(error.message().to_owned()))?;
    Ok(Target::Folder { prefix, first: known, secrets: BTreeMap::new() })
}
