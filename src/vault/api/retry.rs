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
const LONGEST_NODE_PATIENCE: Duration = Duration::from_secs(2);
const SHORTEST_NODE_PATIENCE: Duration = Duration::from_millis(250);

/// Where there is no other node to go to, it may be silent for this long at least.
const SINGLE_PATIENCE: Duration = Duration::from_secs(5);

/// A node that is there answers a question that costs it nothing within this time.
pub const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// The tries of one request.
pub struct Retry {
    max_retries: u32,
    nodes: usize,
    retries: u32,
    upgrades: u32,
    /// Nodes left at once, since the last pause.
    moves: usize,
    /// A redirect was followed, since the last pause.
    followed: bool,
    trouble_since: Option<Instant>,
}

impl Retry {
    /// None yet. `max_retries` is `VAULT_MAX_RETRIES`; 0 turns every repeat off.
    pub fn new(max_retries: u32, nodes: usize) -> Retry {
        Retry { max_retries, nodes, retries: 0, upgrades: 0, moves: 0, followed: false, trouble_since: None }
    }

    /// For how long a node may be silent in the next try, out of what is `left`. Where a request cannot be repeated and
    /// there is no other node, nothing is gained by giving up early.
    pub fn patience(&self, left: Duration, effect: Effect) -> Duration {
        let share = left / (self.max_retries.saturating_sub(self.retries) + 1);
        match (self.nodes, effect) {
            (0 | 1, Effect::Once) => left,
            (0 | 1, _) => share.max(SINGLE_PATIENCE).min(left),
            _ => share.clamp(SHORTEST_NODE_PATIENCE, LONGEST_NODE_PATIENCE).min(left),
        }
    }

    /// The pause after a redirect to another node: none, unless that one redirects in turn: then the cluster does not yet
    /// know who leads.
    pub fn after_redirect(&mut self) -> Option<Duration> {
        if !self.followed {
            self.followed = true;
            return Some(Duration::ZERO);
        }
        self.counted(None, true)
    }

    /// The pause after a node did not answer: none until each has been asked. `None`: give up.
    pub fn after_unreachable(&mut self) -> Option<Duration> {
        if self.max_retries > 0 && self.moves + 1 < self.nodes {
            self.moves += 1;
            return Some(Duration::ZERO);
        }
        self.counted(None, true)
    }

    /// The pause after an answer that said "not now", and perhaps when. `leaderless`: because nobody leads. `None`: give up.
    pub fn after_refusal(&mut self, wanted: Option<Duration>, leaderless: bool) -> Option<Duration> {
        self.counted(wanted, leaderless)
    }

    /// The pause while a new mount is being prepared. `None`: give up.
    pub fn while_upgrading(&mut self) -> Option<Duration> {
        self.upgrades += 1;
        (self.upgrades <= UPGRADE_TRIES).then_some(UPGRADE_PAUSE)
    }

    /// A cluster without a leader is given the time of an election; beyond that, and for all else, the number counts.
    fn counted(&mut self, wanted: Option<Duration>, leaderless: bool) -> Option<Duration> {
        self.moves = 0;
        self.followed = false;
        let since = *self.trouble_since.get_or_insert_with(Instant::now);
        let electing = leaderless && self.nodes > 1 && self.max_retries > 0 && since.elapsed() < ELECTION;
        if self.retries >= self.max_retries && !electing {
            return None;
        }
        self.retries += 1;
        Some(wanted.unwrap_or_else(|| self.jittered(if electing { ELECTION_PAUSE } else { LONGEST_PAUSE })))
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
    fn one_node_is_asked_as_often_as_the_option_says() {
        let mut tries = Retry::new(2, 1);
        assert!(tries.after_unreachable().is_some());
        assert!(tries.after_refusal(None, true).is_some());
        assert_eq!(tries.after_unreachable(), None);
    }

    #[test]
    fn no_retries_means_one_try() {
        let mut tries = Retry::new(0, 3);
        assert_eq!(tries.after_unreachable(), None);
        assert_eq!(tries.after_refusal(None, true), None);
    }

    #[test]
    fn every_node_of_a_cluster_is_asked_before_the_first_pause() {
        let mut tries = Retry::new(2, 3);
        assert_eq!(tries.after_unreachable(), Some(Duration::ZERO));
        assert_eq!(tries.after_unreachable(), Some(Duration::ZERO));
        assert!(tries.after_unreachable().is_some());
        assert_eq!(tries.after_unreachable(), Some(Duration::ZERO));
    }

    #[test]
    fn a_cluster_is_given_the_time_of_an_election() {
        let mut tries = Retry::new(1, 3);
        for _ in 0..20 {
            assert!(tries.after_refusal(None, true).is_some_and(|pause| pause <= ELECTION_PAUSE));
        }
    }

    #[test]
    fn a_quota_is_no_election() {
        let mut tries = Retry::new(1, 3);
        assert!(tries.after_refusal(None, false).is_some());
        assert_eq!(tries.after_refusal(None, false), None);
    }

    #[test]
    fn a_second_redirect_in_a_row_is_followed_after_a_pause_only() {
        let mut tries = Retry::new(1, 1);
        assert_eq!(tries.after_redirect(), Some(Duration::ZERO));
        assert!(tries.after_redirect().is_some_and(|pause| pause <= FIRST_PAUSE));
        assert_eq!(tries.after_redirect(), Some(Duration::ZERO));
        assert_eq!(tries.after_redirect(), None);
    }

    #[test]
    fn a_try_leaves_time_for_those_that_may_follow() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::new(2, 1).patience(minute, Effect::Read), minute / 3);
        assert_eq!(Retry::new(2, 3).patience(minute, Effect::Read), LONGEST_NODE_PATIENCE);
        let second = Duration::from_secs(1);
        assert_eq!(Retry::new(2, 1).patience(second, Effect::Read), second);
        assert_eq!(Retry::new(2, 3).patience(second, Effect::Read), second / 3);
    }

    #[test]
    fn what_cannot_be_repeated_elsewhere_has_all_the_time_there_is() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retry::new(2, 1).patience(minute, Effect::Once), minute);
        assert_eq!(Retry::new(2, 3).patience(minute, Effect::Once), LONGEST_NODE_PATIENCE);
    }
}
