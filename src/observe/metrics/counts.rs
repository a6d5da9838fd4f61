//! The numbers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::labels::{self, CacheResult, LeaseState, Login, Operation, Reason, STATUSES};
use crate::error::Status;
use crate::host::fork;

/// The upper bounds of the buckets of durations, in microseconds. The last bucket has none.
pub const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000, 60_000_000,
];

// Where the numbers of each metric begin.
pub const REQUESTS: usize = 0;
pub const BUCKETS: usize = REQUESTS + Operation::NAMES.len() * STATUSES.len();
pub const NANOSECONDS: usize = BUCKETS + BOUNDS_US.len() + 1;
pub const RETRIES: usize = NANOSECONDS + 1;
pub const LOGINS: usize = RETRIES + Reason::NAMES.len();
pub const CACHE: usize = LOGINS + Login::NAMES.len();
const NUMBERS: usize = CACHE + CacheResult::NAMES.len();

/// What one manager has counted in this process.
pub struct Metrics {
    numbers: [AtomicU64; NUMBERS],
    /// The fork generation that counted, or `CLEARING`.
    fork: AtomicU32,
}

/// Another thread is setting the numbers to zero.
const CLEARING: u32 = u32::MAX;

/// The numbers at one time.
#[derive(Clone)]
pub struct Totals([u64; NUMBERS]);

/// Values that go up and down.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Connections in use.
    pub active: usize,
    /// Connections that wait for a request.
    pub idle: usize,
    /// How long the token lives, if it expires; of several tokens, the shortest.
    pub token_ttl: Option<Duration>,
    /// The leases of credentials that are in use, by their state.
    pub leases: Leases,
}

/// How many leases are in each state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leases([usize; LeaseState::NAMES.len()]);

impl Leases {
    /// Counts a lease in this state.
    pub fn count(&mut self, state: LeaseState) {
        if let Some(number) = self.0.get_mut(state as usize) {
            *number += 1;
        }
    }

    /// The numbers, in the order of the states.
    pub fn numbers(&self) -> &[usize] {
        &self.0
    }

    fn add(&mut self, other: Leases) {
        self.0.iter_mut().zip(other.0).for_each(|(number, more)| *number += more);
    }
}

/// Something that knows its gauges.
pub trait GaugeSource: Send + Sync {
    /// The present values.
    fn gauges(&self) -> Gauges;
}

impl Gauges {
    /// Adds the values of another manager.
    pub fn add(&mut self, other: Gauges) {
        self.active += other.active;
        self.idle += other.idle;
        self.token_ttl = self.token_ttl.into_iter().chain(other.token_ttl).min();
        self.leases.add(other.leases);
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics { numbers: [const { AtomicU64::new(0) }; NUMBERS], fork: AtomicU32::new(fork::generation()) }
    }
}

impl Metrics {
    /// Counts a request that was answered with this status of HTTP, and how long that took since it was `sent`.
    pub fn answered(&self, operation: Operation, http_status: u16, sent: Instant) {
        self.request(operation, labels::of_http(http_status), sent.elapsed());
    }

    /// Counts a request without an answer, which was begun at `began`.
    #[cold]
    pub fn unanswered(&self, operation: Operation, status: Status, began: Instant) {
        self.request(operation, labels::of_failure(status), began.elapsed());
    }

    pub(super) fn request(&self, operation: Operation, status: usize, took: Duration) {
        let nanoseconds = took.as_secs() * 1_000_000_000 + u64::from(took.subsec_nanos());
        let is_within = |bound: &u64| nanoseconds <= bound * 1_000;
        let bucket = BOUNDS_US.iter().position(is_within).unwrap_or(BOUNDS_US.len());
        self.of_this_process();
        self.add(REQUESTS + operation as usize * STATUSES.len() + status, 1);
        self.add(BUCKETS + bucket, 1);
        self.add(NANOSECONDS, nanoseconds);
    }

    /// Counts a request that is sent again.
    #[cold]
    pub fn retried(&self, reason: Reason) {
        self.of_this_process();
        self.add(RETRIES + reason as usize, 1);
    }

    /// Counts a login.
    #[cold]
    pub fn logged_in(&self, how: Login) {
        self.of_this_process();
        self.add(LOGINS + how as usize, 1);
    }

    /// Counts a read with a cache.
    pub fn cached(&self, result: CacheResult) {
        self.of_this_process();
        self.add(CACHE + result as usize, 1);
    }

    /// The present numbers.
    pub fn totals(&self) -> Totals {
        self.of_this_process();
        Totals(std::array::from_fn(|index| self.numbers.get(index).map_or(0, |number| number.load(Ordering::Relaxed))))
    }

    fn add(&self, index: usize, count: u64) {
        if let Some(number) = self.numbers.get(index) {
            number.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Makes the numbers those of this process.
    fn of_this_process(&self) {
        let generation = fork::generation();
        if self.fork.load(Ordering::Acquire) != generation {
            self.clear(generation);
        }
    }

    #[cold]
    fn clear(&self, generation: u32) {
        let _no_fork = fork::hold_off();
        loop {
            let seen = self.fork.load(Ordering::Acquire);
            if seen == generation {
                return;
            }
            if seen != CLEARING
                && self.fork.compare_exchange(seen, CLEARING, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                self.numbers.iter().for_each(|number| number.store(0, Ordering::Relaxed));
                self.fork.store(generation, Ordering::Release);
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Totals {
    /// Nothing.
    pub const fn zero() -> Totals {
        Totals([0; NUMBERS])
    }

    /// Adds other numbers.
    pub fn add(&mut self, other: &Totals) {
        self.0.iter_mut().zip(other.0).for_each(|(number, more)| *number += more);
    }

    /// The `count` numbers from `start` on.
    pub fn part(&self, start: usize, count: usize) -> &[u64] {
        self.0.get(start..start + count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_the_bucket_of_its_duration() {
        let metrics = Metrics::default();
        for micros in [100, 101, 60_000_001] {
            metrics.request(Operation::Read, 0, Duration::from_micros(micros));
        }
        let totals = metrics.totals();
        let buckets = totals.part(BUCKETS, BOUNDS_US.len() + 1);
        assert_eq!((buckets[0], buckets[1], buckets[BOUNDS_US.len()], buckets.iter().sum::<u64>()), (1, 1, 1, 3));
        assert_eq!(totals.part(NANOSECONDS, 1), [60_000_202_000]);
    }

    #[test]
    fn a_child_counts_from_zero() {
        let metrics = Metrics::default();
        metrics.retried(Reason::Tls);
        metrics.fork.store(fork::generation() + 1, Ordering::Relaxed);
        metrics.retried(Reason::Index);
        assert_eq!(metrics.totals().0.iter().sum::<u64>(), 1);
    }

    #[test]
    fn the_shortest_lived_token_counts_and_the_rest_is_summed() {
        let mut leases = Leases::default();
        leases.count(LeaseState::Replaced);
        let of = |seconds| Gauges { token_ttl: Some(Duration::from_secs(seconds)), active: 1, idle: 2, leases };
        let mut sum = Gauges::default();
        [of(7), Gauges::default(), of(5)].into_iter().for_each(|gauges| sum.add(gauges));
        assert_eq!((sum.active, sum.idle, sum.token_ttl), (2, 4, Some(Duration::from_secs(5))));
        assert_eq!(sum.leases.numbers(), [0, 0, 2, 0]);
    }
}
