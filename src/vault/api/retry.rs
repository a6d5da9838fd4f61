//! The retry policy: how often a request is sent again, after which pause, and how long one attempt may wait.

use std::time::{Duration, Instant};

use super::request::Effect;
use crate::host::random;

/// The upper bound of the pause before the first retry. It doubles with each retry.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A new mount takes a second or two to become ready.
const UPGRADE_PAUSE: Duration = Duration::from_millis(200);
const MAX_UPGRADE_RETRIES: u32 = 50;

/// A cluster elects a new leader within this time: 2 to 10 s if the old one was killed, longer if it hangs.
const ELECTION: Duration = Duration::from_secs(20);

/// The upper bound of pauses during an election. It is short, so that the new leader is found soon.
const ELECTION_PAUSE: Duration = Duration::from_millis(500);

/// Bounds of the idle timeout of a node in a cluster. After it a probe finds out whether the node is responsive, so
/// that a node that hangs costs one attempt and not the whole call.
pub const MAX_NODE_TIMEOUT: Duration = Duration::from_secs(2);
const MIN_NODE_TIMEOUT: Duration = Duration::from_millis(250);

/// The least idle timeout if there is no other node to fail over to.
const MIN_SINGLE_NODE_TIMEOUT: Duration = Duration::from_secs(5);

/// A responsive node answers a probe, which costs it nothing, within this time.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The retries of one request.
pub struct Retry {
    max_retries: u32,
    retries: u32,
    upgrades: u32,
    failing_since: Option<Instant>,
}

impl Retry {
    /// Starts without retries. `max_retries` is `VAULT_MAX_RETRIES`; 0 disables retries.
    pub fn new(max_retries: u32) -> Retry {
        Retry { max_retries, retries: 0, upgrades: 0, failing_since: None }
    }

    /// Whether a request may be sent again that a server may have executed.
    pub fn may_repeat(&self) -> bool {
        self.max_retries > 0
    }

    /// The idle timeout of the next attempt, given the time `left` for the call. If the request must not be repeated
    /// and there are no `alternatives` to this node, an early end would gain nothing.
    #[inline]
    pub fn idle_timeout(&self, left: Duration, effect: Effect, alternatives: bool) -> Duration {
        let share = left / (self.max_retries.saturating_sub(self.retries) + 1);
        match (alternatives, effect) {
            (false, Effect::Once) => left,
            (false, _) => share.max(MIN_SINGLE_NODE_TIMEOUT).min(left),
            (true, _) => share.clamp(MIN_NODE_TIMEOUT, MAX_NODE_TIMEOUT).min(left),
        }
    }

    /// The pause after every node has been tried; `None`: give up. It is `retry_after` if a server named one. With
    /// `may_elect` the cluster has no leader, and retries go on for the time of an election; otherwise, and after that
    /// time, `max_retries` limits them.
    pub fn pause_after_round(&mut self, retry_after: Option<Duration>, may_elect: bool) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        let electing = may_elect && self.max_retries > 0 && since.elapsed() < ELECTION;
        if self.retries >= self.max_retries && !electing {
            return None;
        }
        self.retries += 1;
        Some(retry_after.unwrap_or_else(|| self.jittered(if electing { ELECTION_PAUSE } else { LONGEST_PAUSE })))
    }

    /// The pause while a new mount is being prepared. `None`: give up.
    pub fn pause_while_upgrading(&mut self) -> Option<Duration> {
        self.upgrades += 1;
        (self.upgrades <= MAX_UPGRADE_RETRIES).then_some(UPGRADE_PAUSE)
    }

    /// Exponential backoff with full jitter, so that clients that failed at the same time do not retry at the same
    /// time.
    fn jittered(&self, longest: Duration) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.retries - 1));
        doubled.min(longest).mul_f64(random::fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_repeated_max_retries_times() {
        let mut retry = Retry::new(2);
        assert!(retry.pause_after_round(None, false).is_some());
        assert_eq!(retry.pause_after_round(Some(UPGRADE_PAUSE), false), Some(UPGRADE_PAUSE));
        assert_eq!(retry.pause_after_round(None, false), None);
    }

    #[test]
    fn without_retries_there_is_one_round_even_during_an_election() {
        let mut retry = Retry::new(0);
        assert!(!retry.may_repeat());
        assert_eq!(retry.pause_after_round(None, true), None);
    }

    #[test]
    fn retries_go_on_during_an_election() {
        let mut retry = Retry::new(1);
        for _ in 0..20 {
            assert!(retry.pause_after_round(None, true).is_some_and(|pause| pause <= ELECTION_PAUSE));
        }
    }

    #[test]
    fn an_attempt_leaves_time_for_the_retries() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::new(2).idle_timeout(minute, Effect::Read, false), minute / 3);
        assert_eq!(Retry::new(2).idle_timeout(minute, Effect::Read, true), MAX_NODE_TIMEOUT);
        let second = Duration::from_secs(1);
        assert_eq!(Retry::new(2).idle_timeout(second, Effect::Read, false), second);
        assert_eq!(Retry::new(2).idle_timeout(second, Effect::Read, true), second / 3);
    }

    #[test]
    fn a_request_that_cannot_be_repeated_elsewhere_has_all_the_time_there_is() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::new(2).idle_timeout(minute, Effect::Once, false), minute);
        assert_eq!(Retry::new(2).idle_timeout(minute, Effect::Once, true), MAX_NODE_TIMEOUT);
    }
}
