//! What is known of a cluster's nodes, and which of them a call asks next.
//!
//! Nothing here sends: the requester reports what it saw. Nodes are numbered, the configured ones first, then those
//! that the cluster named. All of it is kept in atomics, which a fork cannot leave locked.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::request::Effect;

/// A node that answered within this time is taken to be there.
const FRESH: Duration = Duration::from_secs(1);

/// What all calls of one manager know of the nodes.
pub struct Cluster {
    configured: usize,
    /// One more than the highest number so far.
    known: AtomicUsize,
    /// The node that the next call asks first.
    present: AtomicUsize,
    /// The configured ones, then as many as can be learned. The oldest of those makes room for a new one.
    nodes: Box<[Node]>,
    began: Instant,
}

#[derive(Default)]
struct Node {
    /// When it last answered: milliseconds since the cluster's `began`, plus one. 0: never.
    heard: AtomicU64,
    /// It gave no answer when it was last asked.
    silent: AtomicBool,
}

/// The way of one call through the nodes. A round ends when there is none left that was not asked in it.
#[derive(Debug)]
pub struct Route {
    /// The node to ask now.
    pub node: usize,
    asked: Vec<usize>,
    /// A redirect named `node`.
    is_hinted: bool,
    /// A node of this round has redirected.
    has_redirects: bool,
    /// Addresses of `node` that were left in this round.
    left_addresses: usize,
    /// The call's first node is no longer the one to ask.
    has_moved: bool,
}

impl Route {
    /// Beginning at `node`.
    pub fn from(node: usize) -> Route {
        Route { node, asked: Vec::new(), is_hinted: false, has_redirects: false, left_addresses: 0, has_moved: false }
    }

    /// Whether a node of this round has redirected.
    pub fn has_redirects(&self) -> bool {
        self.has_redirects
    }

    /// Stays at the node, whose name has `addresses`, for another one of them; `false` once each was asked.
    pub fn turn_to_next_address(&mut self, addresses: usize) -> bool {
        let another = self.left_addresses + 1 < addresses;
        self.left_addresses += usize::from(another);
        another
    }

    /// Notes that the present node was asked, to no avail, and whether it has redirected.
    pub fn leave(&mut self, redirects: bool) {
        self.asked.push(self.node);
        self.has_redirects |= redirects;
    }

    /// Goes on with `node`; `is_hinted`: because a redirect named it.
    pub fn go_to(&mut self, node: usize, is_hinted: bool) {
        (self.node, self.is_hinted, self.left_addresses, self.has_moved) = (node, is_hinted, 0, true);
    }

    fn has_asked(&self, node: usize) -> bool {
        self.asked.contains(&node)
    }
}

impl Cluster {
    /// `configured` nodes, and room for the `learnable` ones that they may name.
    pub fn new(configured: usize, learnable: usize) -> Cluster {
        Cluster {
            configured,
            known: AtomicUsize::new(configured),
            present: AtomicUsize::new(0),
            nodes: (0..configured + learnable).map(|_| Node::default()).collect(),
            began: Instant::now(),
        }
    }

    /// The node that a call asks first.
    pub fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed)
    }

    /// Whether there is more than one node.
    pub fn has_several(&self) -> bool {
        self.known.load(Ordering::Relaxed) > 1
    }

    /// Takes in a node that the cluster has named.
    pub fn admit(&self, node: usize) {
        let is_new = self.known.fetch_max(node + 1, Ordering::Relaxed) <= node;
        if let Some(node) = self.node(node).filter(|_| is_new) {
            node.heard.store(0, Ordering::Relaxed);
            node.silent.store(false, Ordering::Relaxed);
        }
    }

    /// `node` has answered.
    pub fn heard(&self, node: usize, now: Instant) {
        let Some(node) = self.node(node) else { return };
        node.heard.store(self.since_beginning(now), Ordering::Relaxed);
        node.silent.store(false, Ordering::Relaxed);
    }

    /// `node` gave no answer, or broke off. Calls begin elsewhere from now on.
    pub fn lost(&self, node: usize) {
        if let Some(node) = self.node(node) {
            node.heard.store(0, Ordering::Relaxed);
            node.silent.store(true, Ordering::Relaxed);
        }
        self.pass_over(node);
    }

    /// Lets calls begin at another node than `node`, unless another thread has seen to that.
    pub fn pass_over(&self, node: usize) {
        let mut route = Route::from(node);
        route.leave(false);
        if let Some(next) = self.next(&route, None) {
            let _ = self.present.compare_exchange(node, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Lets calls begin where this one got its answer, if that was not where it began.
    pub fn settle(&self, route: &Route) {
        if route.has_moved {
            self.present.store(route.node, Ordering::Relaxed);
        }
    }

    /// Whether `route`'s node has to answer a question that changes nothing before it gets a request: it was silent, or
    /// was not heard of lately and is only hearsay, or the request could not be sent to another node after it.
    pub fn needs_proof(&self, route: &Route, effect: Effect, now: Instant) -> bool {
        let Some(node) = self.node(route.node) else { return false };
        let heard = node.heard.load(Ordering::Relaxed);
        let fresh = heard != 0 && self.since_beginning(now).saturating_sub(heard) < FRESH.as_millis() as u64;
        node.silent.load(Ordering::Relaxed) || (!fresh && (route.is_hinted || effect == Effect::Once))
    }

    /// Whether a redirect to `node` is worth following: it was not asked in this round, and was not silent.
    pub fn is_promising(&self, node: usize, route: &Route) -> bool {
        route.asked.len() < self.nodes.len() && !route.has_asked(node) && !self.is_silent(node)
    }

    /// The nodes that were neither asked in this round nor silent: the configured ones in their order, beginning behind
    /// the present one, then those that the cluster named.
    pub fn promising<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = usize> + 'a {
        let known = self.known.load(Ordering::Relaxed);
        let learned = self.configured.max(known.saturating_sub(self.learnable()))..known;
        self.ring(route.node).chain(learned).filter(|&node| self.is_promising(node, route))
    }

    /// The node to ask next in this round: those that were silent come last, the `hinted` one before the others. None of
    /// the silent ones that only the cluster named, which it would name again if they still belonged to it.
    pub fn next(&self, route: &Route, hinted: Option<usize>) -> Option<usize> {
        // Nodes that name ever new ones are no cluster.
        if route.asked.len() >= self.nodes.len() {
            return None;
        }
        let any_left = || hinted.into_iter().chain(self.ring(route.node)).find(|&node| !route.has_asked(node));
        self.promising(route).next().or_else(any_left)
    }

    /// Begins another round, at another node than the last one's if there is one.
    pub fn begin_round(&self, route: &mut Route) {
        let mut last = Route::from(route.node);
        last.leave(false);
        let first = self.promising(&last).next().unwrap_or(route.node);
        let has_moved = route.has_moved || first != route.node;
        *route = Route { has_moved, ..Route::from(first) };
    }

    fn ring(&self, from: usize) -> impl Iterator<Item = usize> + use<> {
        let (configured, behind) = (self.configured, if from < self.configured { from + 1 } else { 0 });
        (0..configured).map(move |step| (behind + step) % configured)
    }

    fn learnable(&self) -> usize {
        self.nodes.len() - self.configured
    }

    /// What is known of a node; nothing where it made room for another one.
    fn node(&self, node: usize) -> Option<&Node> {
        let Some(learned) = node.checked_sub(self.configured) else { return self.nodes.get(node) };
        let known = self.known.load(Ordering::Relaxed);
        let is_known = node < known && known - node <= self.learnable();
        is_known.then(|| self.nodes.get(self.configured + learned % self.learnable())).flatten()
    }

    /// Whether `node` gave no answer when it was last asked.
    pub fn is_silent(&self, node: usize) -> bool {
        self.node(node).is_none_or(|node| node.silent.load(Ordering::Relaxed))
    }

    fn since_beginning(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.began).as_millis();
        u64::try_from(elapsed).unwrap_or(u64::MAX - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes that one call asks in a round, each to no avail.
    fn round(cluster: &Cluster, from: usize) -> Vec<usize> {
        let mut route = Route::from(from);
        let mut asked = vec![from];
        route.leave(false);
        while let Some(next) = cluster.next(&route, None) {
            route.go_to(next, false);
            route.leave(false);
            asked.push(next);
        }
        asked
    }

    #[test]
    fn every_configured_node_is_asked_once_a_round_and_the_silent_ones_last() {
        let cluster = Cluster::new(4, 2);
        assert_eq!(round(&cluster, 1), [1, 2, 3, 0]);
        cluster.lost(2);
        assert_eq!(round(&cluster, 1), [1, 3, 0, 2]);
        cluster.heard(2, Instant::now());
        assert_eq!(round(&cluster, 1), [1, 2, 3, 0]);
    }

    #[test]
    fn a_learned_node_is_asked_unless_it_was_silent() {
        let cluster = Cluster::new(2, 2);
        cluster.admit(2);
        assert_eq!(round(&cluster, 0), [0, 1, 2]);
        assert_eq!(round(&cluster, 2), [2, 0, 1]);
        cluster.lost(2);
        assert_eq!(round(&cluster, 0), [0, 1]);
        assert_eq!(cluster.next(&Route { asked: vec![0, 1], ..Route::from(1) }, Some(2)), Some(2), "where it is named");
    }

    #[test]
    fn the_oldest_learned_node_makes_room_and_is_not_taken_for_the_new_one() {
        let (cluster, now) = (Cluster::new(1, 2), Instant::now());
        cluster.admit(1);
        cluster.admit(2);
        cluster.lost(1);
        cluster.admit(3);
        assert_eq!(round(&cluster, 0), [0, 2, 3]);
        cluster.lost(1);
        cluster.heard(1, now);
        cluster.admit(2);
        assert_eq!(round(&cluster, 0), [0, 2, 3], "nothing is noted of a forgotten node");
        assert!(cluster.needs_proof(&Route::from(3), Effect::Once, now));
        assert_eq!(round(&cluster, 1), [1, 0, 2, 3][..3], "a round is no longer than there are nodes");
    }

    #[test]
    fn a_redirect_to_a_silent_node_is_followed_once_the_others_were_asked() {
        let cluster = Cluster::new(3, 0);
        cluster.lost(0);
        let mut route = Route::from(1);
        route.leave(true);
        assert!(!cluster.is_promising(0, &route));
        assert_eq!(cluster.next(&route, Some(0)), Some(2));
        route.go_to(2, false);
        route.leave(true);
        assert_eq!(cluster.next(&route, Some(0)), Some(0));
        route.go_to(0, true);
        route.leave(false);
        assert_eq!(cluster.next(&route, None), None, "the round is over");
    }

    #[test]
    fn a_redirect_back_to_a_node_of_the_round_is_not_worth_following() {
        let cluster = Cluster::new(3, 0);
        let mut route = Route::from(0);
        route.leave(true);
        assert!(cluster.is_promising(1, &route));
        route.go_to(1, true);
        route.leave(true);
        assert!(!cluster.is_promising(0, &route));
        assert_eq!(cluster.next(&route, Some(0)), Some(2));
    }

    #[test]
    fn calls_begin_where_the_last_one_got_its_answer_and_never_at_a_silent_node() {
        let cluster = Cluster::new(3, 0);
        cluster.lost(0);
        assert_eq!(cluster.present(), 1);
        let mut route = Route::from(1);
        cluster.settle(&route);
        assert_eq!(cluster.present(), 1);
        route.go_to(2, false);
        cluster.settle(&route);
        assert_eq!(cluster.present(), 2);
        cluster.lost(2);
        assert_eq!(cluster.present(), 1, "not the first, which is silent, too");
        cluster.lost(0);
        assert_eq!(cluster.present(), 1, "it was no longer there");
    }

    #[test]
    fn who_was_not_heard_of_proves_to_be_there_before_what_cannot_be_repeated() {
        let cluster = Cluster::new(2, 0);
        let (route, now) = (Route::from(0), Instant::now());
        let needs_proof = |effect, now| cluster.needs_proof(&route, effect, now);
        assert!(needs_proof(Effect::Once, now) && !needs_proof(Effect::Read, now));
        cluster.heard(0, now);
        assert!(!needs_proof(Effect::Once, now));
        assert!(needs_proof(Effect::Once, now + FRESH));
        cluster.lost(0);
        assert!(needs_proof(Effect::Once, now) && needs_proof(Effect::Read, now));
    }

    #[test]
    fn hearsay_is_proved_before_anything_is_sent_there() {
        let cluster = Cluster::new(2, 0);
        let (mut route, now) = (Route::from(0), Instant::now());
        route.leave(true);
        route.go_to(1, true);
        assert!(cluster.needs_proof(&route, Effect::Read, now));
        cluster.heard(1, now);
        assert!(!cluster.needs_proof(&route, Effect::Read, now));
    }

    #[test]
    fn another_round_begins_at_another_node_where_there_is_one() {
        let cluster = Cluster::new(2, 0);
        let mut route = Route::from(0);
        cluster.begin_round(&mut route);
        assert_eq!(route.node, 1);
        cluster.lost(0);
        cluster.begin_round(&mut route);
        assert_eq!(route.node, 1);
        let alone = Cluster::new(1, 0);
        let mut route = Route::from(0);
        alone.begin_round(&mut route);
        assert_eq!((route.node, route.has_moved), (0, false));
    }

    #[test]
    fn each_address_of_a_name_is_turned_to_once_a_round() {
        let mut route = Route::from(0);
        assert!(route.turn_to_next_address(3) && route.turn_to_next_address(3));
        assert!(!route.turn_to_next_address(3));
        assert!(!Route::from(0).turn_to_next_address(1) && !Route::from(0).turn_to_next_address(0));
    }
}
