//! Remembers that credentials could not be renewed or replaced, so that not each use of them tries again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::schedule;
use super::term::Term;
use crate::call::Deadline;
use crate::error::{Error, Status};
use crate::host::random;

/// The failures since the last success.
#[derive(Default)]
pub struct Troubles(ArcSwapOption<Trouble>);

/// Several failures in a row.
pub struct Trouble {
    /// The last one; `None`: there was nothing at the path.
    pub error: Option<Error>,
    since: Instant,
    until: Instant,
    count: u32,
    /// How long the last attempt took if it ran out of time: a call with more time may try again.
    timed_out_after: Option<Duration>,
}

impl Troubles {
    /// Forgets them after a success.
    pub fn clear(&self) {
        if self.0.load().is_some() {
            self.0.store(None);
        }
    }

    /// Adds a failure of an attempt that `began`, and returns when the next one may be made. A call that was cancelled
    /// says nothing about the server.
    pub fn add(&self, error: Option<&Error>, term: Option<&Term>, began: Instant) -> Option<Instant> {
        let status = error.map(Error::status);
        if status == Some(Status::Cancelled) {
            return None;
        }
        let now = Instant::now();
        let before = self.0.load();
        let count = before.as_ref().map_or(1, |before| before.count.saturating_add(1));
        let since = before.as_ref().map_or(began, |before| before.since);
        let left = term.filter(|term| term.is_usable(now)).map(|term| match term.usable_until() {
            Some(until) => until.saturating_duration_since(now),
            None => Duration::MAX,
        });
        let ttl = term.map(|term| term.ttl).unwrap_or_default();
        let until = now + schedule::pause(left.unwrap_or_default(), ttl, count, random::fraction());
        let timed_out_after = (status == Some(Status::Timeout)).then(|| now.saturating_duration_since(began));
        self.0.store(Some(Arc::new(Trouble { error: error.cloned(), since, until, count, timed_out_after })));
        Some(until)
    }

    /// The last failure, while nothing is tried again.
    pub fn active(&self, deadline: &Deadline) -> Option<Arc<Trouble>> {
        let trouble = self.0.load_full()?;
        let has_more_time = |limit: Duration| deadline.remaining().is_ok_and(|left| left > limit * 3 / 2);
        let is_over = Instant::now() >= trouble.until || trouble.timed_out_after.is_some_and(has_more_time);
        (!is_over).then_some(trouble)
    }

    /// When something is tried again, if nothing is at present.
    pub fn until(&self) -> Option<Instant> {
        self.0.load().as_ref().map(|trouble| trouble.until)
    }

    /// Adds to the error since when there are failures; `ended`: the end of the last credentials.
    pub fn explain(&self, path: &str, error: Error, ended: Option<Instant>) -> Error {
        let (Some(trouble), Some(ended)) = (self.0.load_full(), ended) else { return error };
        if error.status() == Status::Cancelled {
            return error;
        }
        let (ago, since, count) = (ended.elapsed().as_secs(), trouble.since.elapsed().as_secs(), trouble.count);
        error.in_context(&format!(
            "{path}: the last credentials ended {ago} s ago, and for {since} s there have been no new ones \
             (attempts: {count}); they are tried again when they are needed"
        ))
    }
}
