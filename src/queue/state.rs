//! The calls of a queue, and what becomes of them. Changed under the lock of the queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::call::{Deliver, Job, Submitted, Taken};
use crate::call::Canceller;
use crate::error::Result;

/// How long a call that is under way has to end by itself after its deadline or cancellation. Then it is told as ended,
/// while its thread may still be in a function that cannot be interrupted, such as the lookup of a name.
const GRACE: Duration = Duration::from_millis(80);

/// A call that was submitted and not yet taken.
struct Entry<E> {
    submitted: Submitted<E>,
    stage: Stage,
    /// When the call has to be looked at.
    alarm: Option<Instant>,
}

/// How far a call has come.
pub(super) enum Stage {
    Waiting(Job),
    /// A thread has the job. `true`: a cancellation was noticed.
    UnderWay(bool),
    /// Between two runs of the job, without a thread, until this time.
    Resting(Job, Instant),
    Ended(Result<Deliver>),
}

pub(super) struct Calls<E> {
    entries: BTreeMap<u64, Entry<E>>,
    next_number: u64,
    /// The numbers of calls that wait for a thread, in the order of submission; and of some that have ended meanwhile.
    waiting: VecDeque<u64>,
    ended: Ended,
    alarms: BTreeSet<(Instant, u64)>,
    /// The numbers of calls by the addresses of their settings: to abandon one does not look at all of them.
    owned: BTreeSet<(usize, u64)>,
    is_closed: bool,
}

/// The calls that have ended and were not taken.
#[derive(Default)]
struct Ended {
    /// Their numbers, in the order in which they have ended; and those of some that were abandoned since.
    numbers: VecDeque<u64>,
    left: usize,
}

impl<E> Default for Calls<E> {
    fn default() -> Calls<E> {
        Calls {
            entries: BTreeMap::new(),
            next_number: 0,
            waiting: VecDeque::new(),
            ended: Ended::default(),
            alarms: BTreeSet::new(),
            owned: BTreeSet::new(),
            is_closed: false,
        }
    }
}

impl<E> Calls<E> {
    /// The number of calls that were not taken.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether there is something to take: a call that has ended, or the end of all.
    pub(super) fn is_ready(&self) -> bool {
        self.ended.left > 0 || (self.is_closed && self.entries.is_empty())
    }

    /// How many calls wait for a thread, or a few more.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next moment at which [`Calls::expire`] has something to do.
    pub(super) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.first().map(|&(at, _)| at)
    }

    pub(super) fn submit(&mut self, submitted: Submitted<E>, job: Job) {
        let number = self.next_number;
        self.next_number += 1;
        let deadline = submitted.submission.deadline();
        self.owned.insert((submitted.owner.address(), number));
        self.entries.insert(number, Entry { submitted, stage: Stage::Waiting(job), alarm: None });
        self.waiting.push_back(number);
        self.set_alarm(number, deadline);
    }

    /// The call that was submitted first of those that wait for a thread, which has it from now on.
    pub(super) fn begin(&mut self) -> Option<(u64, Job)> {
        while let Some(number) = self.waiting.pop_front() {
            if let Some(job) = self.entries.get_mut(&number).and_then(|entry| entry.stage.begin()) {
                return Some((number, job));
            }
        }
        None
    }

    /// Ends a call that a thread has had, or lets it rest. Returns what nobody waits for any more.
    pub(super) fn finish(
        &mut self,
        number: u64,
        job: Job,
        outcome: Result<Deliver>,
        now: Instant,
    ) -> [Option<Stage>; 2] {
        match self.entries.get_mut(&number) {
            Some(entry) if matches!(entry.stage, Stage::UnderWay(_)) => {
                if entry.submitted.submission.has_to_wait() && !entry.submitted.submission.is_cancelled() {
                    let until = entry.submitted.submission.resume();
                    let is_woken = entry.submitted.submission.is_woken();
                    entry.stage = Stage::Resting(job, until);
                    let due = entry.due();
                    self.set_alarm(number, due);
                    if is_woken {
                        self.wake_one(number, now);
                    }
                    return [None, Some(Stage::Ended(outcome))];
                }
                [Some(Stage::Waiting(job)), self.end(number, outcome)]
            }
            _ => [Some(Stage::Waiting(job)), Some(Stage::Ended(outcome))],
        }
    }

    /// Takes the call that has ended first.
    pub(super) fn take(&mut self) -> Option<Taken<E>> {
        loop {
            let number = self.ended.numbers.pop_front()?;
            if let Some(Entry { submitted, stage: Stage::Ended(outcome), .. }) = self.entries.remove(&number) {
                self.ended.left -= 1;
                self.owned.remove(&(submitted.owner.address(), number));
                return Some(Taken { tag: submitted.tag, error: submitted.error, outcome });
            }
        }
    }

    /// Looks for calls that were cancelled: ends those that wait for a thread, and gives the others time to end by
    /// themselves. Returns the jobs that are not needed any more.
    pub(super) fn cancel(&mut self, now: Instant) -> Vec<Stage> {
        let is_cancelled = |entry: &Entry<E>| match entry.stage {
            Stage::Waiting(_) | Stage::Resting(..) | Stage::UnderWay(false) => {
                entry.submitted.submission.is_cancelled()
            }
            _ => false,
        };
        let cancelled: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| is_cancelled(entry)).map(|(&number, _)| number).collect();
        cancelled.into_iter().filter_map(|number| self.cancel_one(number, now)).collect()
    }

    fn cancel_one(&mut self, number: u64, now: Instant) -> Option<Stage> {
        let entry = self.entries.get_mut(&number)?;
        match &mut entry.stage {
            Stage::UnderWay(is_noticed) => {
                *is_noticed = true;
                let at = entry.alarm.map_or(now + GRACE, |alarm| alarm.min(now + GRACE));
                self.set_alarm(number, Some(at));
                None
            }
            _ => self.end_early(number, now),
        }
    }

    /// Ends the calls whose time is over at `now`. Returns the jobs that are not needed any more.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Stage> {
        let mut discarded = Vec::new();
        while let Some(&(_, number)) = self.alarms.first().filter(|&&(at, _)| at <= now) {
            let due = self.entries.get(&number).and_then(Entry::due);
            match due {
                Some(due) if due > now => self.set_alarm(number, Some(due)),
                _ if self.wake_one(number, now) => {}
                _ => discarded.extend(self.end_early(number, now)),
            }
        }
        discarded
    }

    /// Has threads go on with the calls that rest and were woken.
    pub(super) fn wake(&mut self, now: Instant) {
        let is_woken =
            |entry: &Entry<E>| matches!(entry.stage, Stage::Resting(..)) && entry.submitted.submission.is_woken();
        let woken: Vec<u64> =
            self.entries.iter().filter(|(_, entry)| is_woken(entry)).map(|(&number, _)| number).collect();
        for number in woken {
            self.wake_one(number, now);
        }
    }

    /// Has a thread go on with a call that has rested long enough.
    fn wake_one(&mut self, number: u64, now: Instant) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else { return false };
        let deadline = entry.submitted.submission.deadline();
        if !matches!(entry.stage, Stage::Resting(..)) || deadline.is_some_and(|at| at <= now) {
            return false;
        }
        if let Stage::Resting(job, _) = std::mem::replace(&mut entry.stage, Stage::UnderWay(false)) {
            entry.stage = Stage::Waiting(job);
        }
        self.waiting.push_back(number);
        self.set_alarm(number, deadline);
        true
    }

    /// Takes no more calls, and ends those that wait for a thread. Returns the jobs that are not needed any more.
    pub(super) fn close(&mut self, now: Instant) -> Vec<Stage> {
        self.is_closed = true;
        for entry in self.entries.values().filter(|entry| !matches!(entry.stage, Stage::Ended(_))) {
            entry.submitted.submission.cancel();
        }
        self.cancel(now)
    }

    /// Forgets the calls with these settings. Returns what is not needed any more.
    pub(super) fn abandon(&mut self, owner: &Canceller) -> Vec<Stage> {
        let address = owner.address();
        let numbers: Vec<u64> =
            self.owned.range((address, 0)..=(address, u64::MAX)).map(|&(_, number)| number).collect();
        numbers.into_iter().filter_map(|number| self.forget(number)).collect()
    }

    /// Forgets all calls. Returns what is not needed any more.
    pub(super) fn clear(&mut self) -> Vec<Stage> {
        let numbers: Vec<u64> = self.entries.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.forget(number)).collect()
    }

    fn forget(&mut self, number: u64) -> Option<Stage> {
        self.set_alarm(number, None);
        let entry = self.entries.remove(&number)?;
        self.owned.remove(&(entry.submitted.owner.address(), number));
        if let Stage::Ended(_) = entry.stage {
            self.ended.left -= 1;
            self.ended.tidy(&self.entries);
        }
        entry.submitted.submission.cancel();
        Some(entry.stage)
    }

    /// Ends a call with the error of its deadline or cancellation, or with what it decides itself.
    fn end_early(&mut self, number: u64, now: Instant) -> Option<Stage> {
        let entry = self.entries.get_mut(&number)?;
        let submission = &entry.submitted.submission;
        let error = submission.error_at(submission.deadline().unwrap_or(now));
        let outcome = match &mut entry.stage {
            Stage::Waiting(job) | Stage::Resting(job, _) if submission.is_asked_when_over() => job(),
            _ => Err(error),
        };
        submission.cancel();
        self.end(number, outcome)
    }

    fn end(&mut self, number: u64, outcome: Result<Deliver>) -> Option<Stage> {
        self.set_alarm(number, None);
        let entry = self.entries.get_mut(&number)?;
        self.ended.numbers.push_back(number);
        self.ended.left += 1;
        Some(std::mem::replace(&mut entry.stage, Stage::Ended(outcome)))
    }

    fn set_alarm(&mut self, number: u64, at: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        if let Some(before) = std::mem::replace(&mut entry.alarm, at) {
            self.alarms.remove(&(before, number));
        }
        self.alarms.extend(at.map(|at| (at, number)));
    }
}

impl<E> Entry<E> {
    /// When the call is told as ended, unless it ends before. `None`: at its alarm.
    fn due(&self) -> Option<Instant> {
        let deadline = self.submitted.submission.deadline();
        match self.stage {
            Stage::Waiting(_) => deadline,
            Stage::Resting(_, until) => Some(deadline.map_or(until, |at| at.min(until))),
            Stage::UnderWay(false) => deadline.and_then(|at| at.checked_add(GRACE)),
            Stage::UnderWay(true) | Stage::Ended(_) => None,
        }
    }
}

impl Ended {
    /// Drops the numbers of calls that were abandoned once they are many.
    fn tidy<E>(&mut self, entries: &BTreeMap<u64, Entry<E>>) {
        if self.numbers.len() > 2 * self.left + 16 {
            self.numbers.retain(|number| entries.contains_key(number));
        }
    }
}

impl Stage {
    /// Gives a waiting job to a thread.
    fn begin(&mut self) -> Option<Job> {
        match std::mem::replace(self, Stage::UnderWay(false)) {
            Stage::Waiting(job) => Some(job),
            other => {
                *self = other;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::error::Status;

    /// Submits a call that ends at once, and returns its settings.
    fn end_one(calls: &mut Calls<()>, tag: usize) -> Canceller {
        let (original, owner) = Call::cancellable();
        let (_, submission) = original.submit();
        submission.resume();
        let deliver = || -> Result<Deliver> { Ok(Box::new(|| Ok(Status::Ok))) };
        calls.submit(Submitted { tag, owner: owner.clone(), submission, error: () }, Box::new(deliver));
        let (number, mut job) = calls.begin().unwrap();
        let outcome = job();
        drop(calls.finish(number, job, outcome, Instant::now()));
        owner
    }

    fn tags(calls: &mut Calls<()>) -> Vec<usize> {
        std::iter::from_fn(|| calls.take()).map(|taken| taken.tag).collect()
    }

    #[test]
    fn calls_that_are_abandoned_leave_the_others_in_their_order_and_nothing_behind() {
        let mut calls = Calls::default();
        let owners: Vec<_> = (0..1000).map(|tag| end_one(&mut calls, tag)).collect();
        for owner in owners.iter().enumerate().filter(|(tag, _)| tag % 100 != 7).map(|(_, owner)| owner) {
            assert_eq!(calls.abandon(owner).len(), 1);
            assert!(calls.abandon(owner).is_empty());
        }
        assert_eq!((calls.len(), calls.ended.left, calls.owned.len()), (10, 10, 10));
        assert!(calls.ended.numbers.len() <= 36, "{}", calls.ended.numbers.len());
        assert_eq!(tags(&mut calls), [7, 107, 207, 307, 407, 507, 607, 707, 807, 907]);
        assert!(!calls.is_ready() && calls.owned.is_empty());
    }

    #[test]
    fn all_calls_with_the_same_settings_are_abandoned() {
        let mut calls = Calls::default();
        let owner = end_one(&mut calls, 1);
        end_one(&mut calls, 2);
        let (_, submission) = Call::default().submit();
        let waiting = || -> Result<Deliver> { Ok(Box::new(|| Ok(Status::Ok))) };
        calls.submit(Submitted { tag: 3, owner: owner.clone(), submission, error: () }, Box::new(waiting));
        assert_eq!(calls.abandon(&owner).len(), 2);
        assert_eq!((tags(&mut calls), calls.len()), (vec![2], 0));
    }
}
