//! A point in time that several threads read and move without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A point in time that may move, or may never come.
#[derive(Debug)]
pub struct Moment {
    /// What `nanos` counts from.
    origin: Instant,
    /// Nanoseconds since `origin`, or `NEVER`.
    nanos: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl Moment {
    /// The time `at`; `None`: it never comes.
    pub fn new(at: Option<Instant>) -> Moment {
        let now = Instant::now();
        let moment = Moment { origin: at.map_or(now, |at| at.min(now)), nanos: AtomicU64::new(NEVER) };
        moment.set(at);
        moment
    }

    /// The time; `None`: it never comes.
    pub fn get(&self) -> Option<Instant> {
        match self.nanos.load(Ordering::Acquire) {
            NEVER => None,
            nanos => self.origin.checked_add(Duration::from_nanos(nanos)),
        }
    }

    /// Moves it. A time before this moment was made counts as that time.
    pub fn set(&self, at: Option<Instant>) {
        self.nanos.store(self.nanos_at(at), Ordering::Release);
    }

    /// Moves it to an earlier time; a later one changes nothing.
    pub fn advance(&self, at: Instant) {
        self.nanos.fetch_min(self.nanos_at(Some(at)), Ordering::AcqRel);
    }

    /// Whether it has come.
    pub fn has_come(&self, now: Instant) -> bool {
        let nanos = self.nanos.load(Ordering::Acquire);
        nanos != NEVER && now.saturating_duration_since(self.origin).as_nanos() >= u128::from(nanos)
    }

    fn nanos_at(&self, at: Option<Instant>) -> u64 {
        let nanos = |at: Instant| at.saturating_duration_since(self.origin).as_nanos();
        at.and_then(|at| u64::try_from(nanos(at)).ok()).unwrap_or(NEVER)
    }
}

/// The earlier of two times, each of which may never come.
pub fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_moment_moves_and_may_never_come() {
        let start = Instant::now();
        let moment = Moment::new(Some(start + SECOND));
        assert!(!moment.has_come(start) && moment.has_come(start + SECOND));
        moment.set(None);
        assert!(moment.get().is_none() && !moment.has_come(start + SECOND * 1_000_000));
        moment.advance(start + SECOND * 5);
        moment.advance(start + SECOND * 9);
        assert_eq!(moment.get(), Some(start + SECOND * 5));
        moment.set(Some(start));
        assert!(moment.has_come(Instant::now()));
    }
}
