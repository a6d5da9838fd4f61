//! How much of its time a call spends on credentials that can still be handed out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::call::Deadline;
use crate::error::Result;

/// What an attempt may take: a half of what is left to the credentials, a half of the call's time, and no more than this.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(100);

/// How many milliseconds it took to obtain the credentials. Some servers make users slowly: an attempt that is given up is
/// one that makes a user for nobody.
#[derive(Default)]
pub struct Effort(AtomicU64);

impl Effort {
    /// Records how long it took to obtain credentials.
    pub fn record(&self, took: Duration) {
        self.0.store(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The deadline of an attempt that a call makes. The credentials can be handed out for `left`; `None`: they have no end.
    pub fn attempt(&self, left: Option<Duration>, deadline: &Deadline) -> Result<Deadline> {
        let longest = LONGEST_ATTEMPT.max(Duration::from_millis(self.0.load(Ordering::Relaxed)).saturating_mul(2));
        let limit = left.map_or(longest, |left| left / 2).clamp(SHORTEST_ATTEMPT, longest);
        Ok(deadline.part(limit.min(deadline.remaining()? / 2)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_attempt_has_a_half_of_what_is_left_and_longer_where_it_took_longer() {
        let (effort, call) = (Effort::default(), Call::default().start(SECOND * 60));
        let attempt = |left| effort.attempt(left, &call).unwrap().remaining_when_set().unwrap();
        assert_eq!(attempt(Some(SECOND * 6)), SECOND * 3);
        assert_eq!(attempt(Some(Duration::ZERO)), SHORTEST_ATTEMPT);
        assert_eq!((attempt(Some(SECOND * 600)), attempt(None)), (LONGEST_ATTEMPT, LONGEST_ATTEMPT));
        effort.record(SECOND * 8);
        assert_eq!((attempt(Some(SECOND * 600)), attempt(None)), (SECOND * 16, SECOND * 16));
        assert_eq!(attempt(Some(SECOND * 6)), SECOND * 3);
        effort.record(SECOND * 100);
        assert!(attempt(None) <= SECOND * 30, "a half of the call's time");
    }
}
