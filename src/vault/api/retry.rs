//! How often a request is repeated, and after which pause.

use std::time::{Duration, Instant};

use super::request::Effect;

/// The pause before the first repeat is up to this long, doubled for each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A new mount needs a second or two until it is ready.
const UPGRADE_PAUSE: Duration = Duration::from_millis(200);
const UPGRADE_TRIES: u32 = 50;

/// A cluster elects a new leader within this time: 2 to 10 s where the old one was killed, some more where it hangs.
const ELECTION: Duration = Duration::from_secs(20);

/// Pauses while a cluster elects stay short, so that the new leader is found soon.
const ELECTION_PAUSE: Duration = Duration::from_millis(500);

/// In a cluster a node may be silent for this long at most before it is asked whether it is there at all, and for this
/// long at least, so that one that hangs costs a try and not the call.
pub const LONGEST_NODE_PATIENCE: Duration = Duration::from_secs(2);
const SHORTEST_NODE_PATIENCE: Duration = Duration::from_millis(250);

/// Where there is no other node to go to, it may be silent for this long at least.
const SINGLE_PATIENCE: Duration = Duration::from_secs(5);

/// A node that is there answers a question that costs it nothing within this time.
pub const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// The repeats of one request.
pub struct Retry {
    max_retries: u32,
    retries: u32,
    upgrades: u32,
    trouble_since: Option<Instant>,
}

impl Retry {
    /// None yet. `max_retries` is `VAULT_MAX_RETRIES`; 0 turns every repeat off.
    pub fn new(max_retries: u32) -> Retry {
        Retry { max_retries, retries: 0, upgrades: 0, trouble_since: None }
    }

    /// Whether a request may be sent again that a server may have acted on.
    pub fn may_repeat(&self) -> bool {
        self.max_retries > 0
    }

    /// For how long a server may be silent in the next try, out of what is `left`. Where a request cannot be repeated and
    /// there are no `others` to go to, nothing is gained by giving up early.
    pub fn patience(&self, left: Duration, effect: Effect, others: bool) -> Duration {
        let share = left / (self.max_retries.saturating_sub(self.retries) + 1);
        match (others, effect) {
            (false, Effect::Once) => left,
            (false, _) => share.max(SINGLE_PATIENCE).min(left),
            (true, _) => share.clamp(SHORTEST_NODE_PATIENCE, LONGEST_NODE_PATIENCE).min(left),
        }
    }

    /// The pause once every node has been asked; `wanted` if a server named it. `may_elect`: a cluster has no leader,
    /// and is given the time of an election. For all else, and beyond that, the number counts. `None`: give up.
    pub fn after_round(&mut self, wanted: Option<Duration>, may_elect: bool) -> Option<Duration> {
        let since = *self.trouble_since.get_or_insert_with(Instant::now);
        let electing = may_elect && self.max_retries > 0 && since.elapsed() < ELECTION;
        if self.retries >= self.max_retries && !electing {
            return None;
        }
        self.retries += 1;
        Some(wanted.unwrap_or_else(|| self.jittered(if electing { ELECTION_PAUSE } else { LONGEST_PAUSE })))
    }

    /// The pause while a new mount is being prepared. `None`: give up.
    pub fn while_upgrading(&mut self) -> Option<Duration> {
        self.upgrades += 1;
        (self.upgrades <= UPGRADE_TRIES).then_some(UPGRADE_PAUSE)
    }

    /// Exponential, with full jitter: clients that failed together do not come back together.
    fn jittered(&self, longest: Duration) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.retries - 1));
        doubled.min(longest).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_repeated_as_often_as_the_option_says() {
        let mut tries = Retry::new(2);
        assert!(tries.after_round(None, false).is_some());
        assert_eq!(tries.after_round(Some(UPGRADE_PAUSE), false), Some(UPGRADE_PAUSE));
        assert_eq!(tries.after_round(None, false), None);
    }

    #[test]
    fn no_retries_means_one_round_whoever_leads() {
        let mut tries = Retry::new(0);
        assert!(!tries.may_repeat());
        assert_eq!(tries.after_round(None, true), None);
    }

    #[test]
    fn a_cluster_is_given_the_time_of_an_election() {
        let mut tries = Retry::new(1);
        for _ in 0..20 {
            assert!(tries.after_round(None, true).is_some_and(|pause| pause <= ELECTION_PAUSE));
        }
    }

    #[test]
    fn a_try_leaves_time_for_those_that_may_follow() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::new(2).patience(minute, Effect::Read, false), minute / 3);
        assert_eq!(Retry::new(2).patience(minute, Effect::Read, true), LONGEST_NODE_PATIENCE);
        let second = Duration::from_secs(1);
        assert_eq!(Retry::new(2).patience(second, Effect::Read, false), second);
        assert_eq!(Retry::new(2).patience(second, Effect::Read, true), second / 3);
    }

    #[test]
    fn what_cannot_be_repeated_elsewhere_has_all_the_time_there_is() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::new(2).patience(minute, Effect::Once, false), minute);
        assert_eq!(Retry::new(2).patience(minute, Effect::Once, true), LONGEST_NODE_PATIENCE);
    }
}
