//! `VAULT_RATE_LIMIT`: a token bucket without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::call::Deadline;
use crate::error::Result;
use crate::options::RateLimit;

/// Lets through so many requests a second, and a burst after a pause.
pub struct Limiter {
    start: Instant,
    interval: Duration,
    burst: Duration,
    /// Nanoseconds after `start` at which the bucket will be full again.
    full_at: AtomicU64,
}

impl Limiter {
    /// A full bucket.
    pub fn new(limit: RateLimit) -> Limiter {
        let interval = Duration::try_from_secs_f64(1.0 / limit.rate).unwrap_or(Duration::from_secs(60));
        let burst = interval.saturating_mul(limit.burst.max(1));
        Limiter { start: Instant::now(), interval, burst, full_at: AtomicU64::new(0) }
    }

    /// Waits until one more request may go out.
    pub fn wait(&self, deadline: &Deadline) -> Result<()> {
        let step = nanoseconds(self.interval);
        let now = nanoseconds(self.start.elapsed());
        let before = self
            .full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| Some(full_at.max(now).saturating_add(step)));
        let after = before.unwrap_or(now).max(now).saturating_add(step);
        let early = (after - now).saturating_sub(nanoseconds(self.burst));
        if early == 0 { Ok(()) } else { deadline.sleep(Duration::from_nanos(early)) }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    #[test]
    fn a_burst_passes_at_once_and_what_follows_waits_its_turn() {
        let limiter = Limiter::new(RateLimit { rate: 20.0, burst: 3 });
        let deadline = Call::default().start(Duration::from_secs(10));
        let start = Instant::now();
        for _ in 0..3 {
            limiter.wait(&deadline).unwrap();
        }
        assert!(start.elapsed() < Duration::from_millis(40));
        limiter.wait(&deadline).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(45));
    }
}
