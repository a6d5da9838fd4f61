//! Limits the rate of requests (`VAULT_RATE_LIMIT`) with a lock-free token bucket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::call::Deadline;
use crate::config::RateLimit;
use crate::error::{Error, Result, Status};

/// Limits requests to a rate, with bursts after idle time.
pub struct RateLimiter {
    start: Instant,
    interval: Duration,
    burst: Duration,
    /// Nanoseconds after `start` at which the bucket will be full again.
    full_at: AtomicU64,
}

impl RateLimiter {
    /// Creates a limiter whose bucket is full.
    pub fn new(limit: RateLimit) -> RateLimiter {
        let interval = Duration::try_from_secs_f64(1.0 / limit.rate).unwrap_or(Duration::from_secs(60));
        let burst = interval.saturating_mul(limit.burst.max(1));
        RateLimiter { start: Instant::now(), interval, burst, full_at: AtomicU64::new(0) }
    }

    /// Waits until the next request may be sent. A call whose deadline would pass before that fails at once and takes
    /// no token from the bucket.
    pub fn wait(&self, deadline: &Deadline) -> Result<()> {
        let step = nanoseconds(self.interval);
        let burst = nanoseconds(self.burst);
        let left = nanoseconds(deadline.remaining()?);
        let now = nanoseconds(self.start.elapsed());
        let after = |full_at: u64| full_at.max(now).saturating_add(step);
        let early = |full_at: u64| (after(full_at) - now).saturating_sub(burst);
        let in_time = |full_at: u64| (early(full_at) < left).then(|| after(full_at));
        match self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, in_time) {
            Err(full_at) => Err(limit_error(Duration::from_nanos(early(full_at)))),
            Ok(before) if early(before) == 0 => Ok(()),
            Ok(before) => {
                let waited = deadline.sleep(Duration::from_nanos(early(before)));
                if waited.is_err() {
                    self.full_at.fetch_sub(step, Ordering::Relaxed);
                }
                waited
            }
        }
    }
}

fn limit_error(wait: Duration) -> Error {
    let message = format!(
        "VAULT_RATE_LIMIT lets no request out for another {:.3} s, which is longer than the call may take; \
         raise it, or give the call more time",
        wait.as_secs_f64()
    );
    Error::new(Status::Timeout, message)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    #[test]
    fn a_burst_passes_at_once_and_later_requests_wait() {
        let limiter = RateLimiter::new(RateLimit { rate: 20.0, burst: 3 });
        let deadline = Call::default().start(Duration::from_secs(10));
        let start = Instant::now();
        for _ in 0..3 {
            limiter.wait(&deadline).unwrap();
        }
        assert!(start.elapsed() < Duration::from_millis(40));
        limiter.wait(&deadline).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(45));
    }

    #[test]
    fn calls_that_cannot_wait_take_no_token() {
        let limiter = RateLimiter::new(RateLimit { rate: 10.0, burst: 1 });
        let long = Call::default().start(Duration::from_secs(10));
        limiter.wait(&long).unwrap();
        for _ in 0..1000 {
            let short = Call::default().start(Duration::from_millis(20));
            let error = limiter.wait(&short).unwrap_err();
            assert_eq!(error.status(), Status::Timeout);
            assert!(error.message().contains("VAULT_RATE_LIMIT"), "{error}");
        }
        let start = Instant::now();
        limiter.wait(&long).unwrap();
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    }

    #[test]
    fn a_cancelled_wait_returns_its_token() {
        let limiter = RateLimiter::new(RateLimit { rate: 0.5, burst: 1 });
        let (call, canceller) = Call::cancellable();
        limiter.wait(&call.start(Duration::from_secs(60))).unwrap();
        let before = limiter.full_at.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| limiter.wait(&call.start(Duration::from_secs(60))));
            while limiter.full_at.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
            canceller.cancel();
            assert_eq!(waiting.join().unwrap().unwrap_err().status(), Status::Cancelled);
        });
        assert_eq!(limiter.full_at.load(Ordering::Relaxed), before);
    }
}
