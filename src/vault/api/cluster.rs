//! The state of a cluster's nodes, and the order in which a call tries them.
//!
//! Nothing here sends requests: the requester reports what it observes. Nodes are numbered, the configured ones first,
//! then those that the cluster named. The state is kept in atomics, which a fork cannot leave locked.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::request::Effect;

/// A node that responded within this time is assumed to be responsive.
const RECENT: Duration = Duration::from_secs(1);

/// The state of the nodes, shared by all calls of one manager.
pub struct Cluster {
    configured: usize,
    /// One more than the highest node number so far.
    known: AtomicUsize,
    /// The node that the next call tries first.
    current: AtomicUsize,
    /// The configured nodes, then the slots for learned ones, in which a new node replaces the oldest.
    nodes: Box<[Node]>,
    epoch: Instant,
}

#[derive(Default)]
struct Node {
    /// When it last responded: milliseconds since the cluster's `epoch`, plus one. 0: never.
    last_response: AtomicU64,
    /// It did not respond to the last request.
    unresponsive: AtomicBool,
    /// It was silent, and has not responded since. It may have been frozen.
    silent: AtomicBool,
}

/// The order in which one call tries the nodes. A round ends when every node was tried in it.
#[derive(Debug)]
pub struct Route {
    /// The node to try now.
    pub node: usize,
    /// The nodes that were tried in this round.
    tried: Vec<usize>,
    /// A redirect named `node`.
    is_redirect_target: bool,
    /// A node of this round has redirected.
    has_redirects: bool,
    /// How many addresses of `node` failed in this round.
    failed_addresses: usize,
    /// The call has failed over from its first node.
    has_moved: bool,
    /// A server or a gateway has answered that it did not execute the request, and it is sent again.
    pub is_repeat: bool,
}

impl Route {
    /// A route that begins at `node`.
    pub fn from(node: usize) -> Route {
        Route {
            node,
            tried: Vec::new(),
            is_redirect_target: false,
            has_redirects: false,
            failed_addresses: 0,
            has_moved: false,
            is_repeat: false,
        }
    }

    /// Whether a node of this round has redirected.
    pub fn has_redirects(&self) -> bool {
        self.has_redirects
    }

    /// Moves on to the next of the `addresses` of the node's name; `false` once each was tried.
    pub fn next_address(&mut self, addresses: usize) -> bool {
        let another = self.failed_addresses + 1 < addresses;
        self.failed_addresses += usize::from(another);
        another
    }

    /// Records that the present node was tried without success, and whether it has redirected.
    pub fn mark_tried(&mut self, has_redirected: bool) {
        self.tried.push(self.node);
        self.has_redirects |= has_redirected;
    }

    /// Fails over to `node`; `is_redirect_target`: because a redirect named it.
    pub fn go_to(&mut self, node: usize, is_redirect_target: bool) {
        (self.node, self.is_redirect_target, self.failed_addresses, self.has_moved) =
            (node, is_redirect_target, 0, true);
    }

    fn has_tried(&self, node: usize) -> bool {
        self.tried.contains(&node)
    }
}

impl Cluster {
    /// A cluster of `configured` nodes, with room for the `learnable` ones that they may name.
    pub fn new(configured: usize, learnable: usize) -> Cluster {
        Cluster {
            configured,
            known: AtomicUsize::new(configured),
            current: AtomicUsize::new(0),
            nodes: (0..configured + learnable).map(|_| Node::default()).collect(),
            epoch: Instant::now(),
        }
    }

    /// The node that a call tries first.
    pub fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// Whether there is more than one node.
    pub fn has_several(&self) -> bool {
        self.known.load(Ordering::Relaxed) > 1
    }

    /// Adds a node that the cluster has named.
    pub fn add_learned(&self, node: usize) {
        let is_new = self.known.fetch_max(node + 1, Ordering::Relaxed) <= node;
        if let Some(node) = self.node(node).filter(|_| is_new) {
            node.last_response.store(0, Ordering::Relaxed);
            node.unresponsive.store(false, Ordering::Relaxed);
            node.silent.store(false, Ordering::Relaxed);
        }
    }

    /// Records that `node` has responded.
    pub fn mark_responsive(&self, node: usize, now: Instant) {
        let Some(node) = self.node(node) else { return };
        node.last_response.store(self.since_epoch(now), Ordering::Relaxed);
        node.unresponsive.store(false, Ordering::Relaxed);
        node.silent.store(false, Ordering::Relaxed);
    }

    /// Records that `node` did not respond, or closed the connection. Later calls begin at another node.
    pub fn mark_unresponsive(&self, node: usize) {
        if let Some(node) = self.node(node) {
            node.last_response.store(0, Ordering::Relaxed);
            node.unresponsive.store(true, Ordering::Relaxed);
        }
        self.move_away_from(node);
    }

    /// Records that `node` did not respond in time, although it may still be running.
    pub fn mark_silent(&self, node: usize) {
        if let Some(node) = self.node(node) {
            node.silent.store(true, Ordering::Relaxed);
        }
        self.mark_unresponsive(node);
    }

    /// Has later calls begin at another node than `node`, unless another thread has changed the current node already.
    pub fn move_away_from(&self, node: usize) {
        let mut route = Route::from(node);
        route.mark_tried(false);
        if let Some(next) = self.next_node(&route, None) {
            let _ = self.current.compare_exchange(node, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Has later calls begin at the node that answered this one, if it has failed over.
    pub fn set_current(&self, route: &Route) {
        if route.has_moved {
            self.current.store(route.node, Ordering::Relaxed);
        }
    }

    /// Whether `route`'s node has to answer a probe before a request is sent to it. It does if it was unresponsive. It
    /// does, too, if it has not responded recently, and either is known from a redirect only, or the request could not
    /// be sent to another node afterwards.
    pub fn needs_probe(&self, route: &Route, effect: Effect, now: Instant) -> bool {
        let Some(node) = self.node(route.node) else { return false };
        let last_response = node.last_response.load(Ordering::Relaxed);
        let is_recent =
            last_response != 0 && self.since_epoch(now).saturating_sub(last_response) < RECENT.as_millis() as u64;
        node.unresponsive.load(Ordering::Relaxed)
            || (!is_recent && (route.is_redirect_target || effect == Effect::Once))
    }

    /// Whether `node` is worth trying: it was neither tried in this round nor found unresponsive.
    pub fn is_candidate(&self, node: usize, route: &Route) -> bool {
        route.tried.len() < self.nodes.len() && !route.has_tried(node) && !self.is_unresponsive(node)
    }

    /// The nodes that were neither tried in this round nor found unresponsive: the configured ones in their order,
    /// beginning after the route's node, then those that the cluster named.
    pub fn candidates<'a>(&'a self, route: &'a Route) -> impl Iterator<Item = usize> + 'a {
        let known = self.known.load(Ordering::Relaxed);
        let learned = self.configured.max(known.saturating_sub(self.learnable()))..known;
        self.ring(route.node).chain(learned).filter(|&node| self.is_candidate(node, route))
    }

    /// The node to try next in this round. Unresponsive nodes come last, `redirect_target` before the others.
    /// Unresponsive learned nodes are left out: the cluster names them again if they still belong to it.
    pub fn next_node(&self, route: &Route, redirect_target: Option<usize>) -> Option<usize> {
        // Bounds a round in which nodes keep naming new ones.
        if route.tried.len() >= self.nodes.len() {
            return None;
        }
        let any_left = || redirect_target.into_iter().chain(self.ring(route.node)).find(|&node| !route.has_tried(node));
        self.candidates(route).next().or_else(any_left)
    }

    /// Begins another round, at another node than the last one if there is one.
    pub fn begin_round(&self, route: &mut Route) {
        let mut last = Route::from(route.node);
        last.mark_tried(false);
        let first = self.candidates(&last).next().unwrap_or(route.node);
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

    /// The state of a node; `None` if a newer one has replaced it.
    fn node(&self, node: usize) -> Option<&Node> {
        let Some(learned) = node.checked_sub(self.configured) else { return self.nodes.get(node) };
        let known = self.known.load(Ordering::Relaxed);
        let is_known = node < known && known - node <= self.learnable();
        is_known.then(|| self.nodes.get(self.configured + learned % self.learnable())).flatten()
    }

    /// Whether `node` did not respond to the last request.
    pub fn is_unresponsive(&self, node: usize) -> bool {
        self.node(node).is_none_or(|node| node.unresponsive.load(Ordering::Relaxed))
    }

    /// Whether `node` was silent since its last response.
    pub fn was_silent(&self, node: usize) -> bool {
        self.node(node).is_none_or(|node| node.silent.load(Ordering::Relaxed))
    }

    fn since_epoch(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.epoch).as_millis();
        u64::try_from(elapsed).unwrap_or(u64::MAX - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes that one call tries in a round in which each fails.
    fn round(cluster: &Cluster, from: usize) -> Vec<usize> {
        let mut route = Route::from(from);
        let mut tried = vec![from];
        route.mark_tried(false);
        while let Some(next) = cluster.next_node(&route, None) {
            route.go_to(next, false);
            route.mark_tried(false);
            tried.push(next);
        }
        tried
    }

    #[test]
    fn every_configured_node_is_tried_once_a_round_and_unresponsive_ones_last() {
        let cluster = Cluster::new(4, 2);
        assert_eq!(round(&cluster, 1), [1, 2, 3, 0]);
        cluster.mark_unresponsive(2);
        assert_eq!(round(&cluster, 1), [1, 3, 0, 2]);
        cluster.mark_responsive(2, Instant::now());
        assert_eq!(round(&cluster, 1), [1, 2, 3, 0]);
    }

    #[test]
    fn a_learned_node_is_tried_unless_it_was_unresponsive() {
        let cluster = Cluster::new(2, 2);
        cluster.add_learned(2);
        assert_eq!(round(&cluster, 0), [0, 1, 2]);
        assert_eq!(round(&cluster, 2), [2, 0, 1]);
        cluster.mark_unresponsive(2);
        assert_eq!(round(&cluster, 0), [0, 1]);
        assert_eq!(
            cluster.next_node(&Route { tried: vec![0, 1], ..Route::from(1) }, Some(2)),
            Some(2),
            "where it is named"
        );
    }

    #[test]
    fn a_new_learned_node_replaces_the_oldest_and_does_not_inherit_its_state() {
        let (cluster, now) = (Cluster::new(1, 2), Instant::now());
        cluster.add_learned(1);
        cluster.add_learned(2);
        cluster.mark_unresponsive(1);
        cluster.add_learned(3);
        assert_eq!(round(&cluster, 0), [0, 2, 3]);
        cluster.mark_unresponsive(1);
        cluster.mark_responsive(1, now);
        cluster.add_learned(2);
        assert_eq!(round(&cluster, 0), [0, 2, 3], "no state is kept for a replaced node");
        assert!(cluster.needs_probe(&Route::from(3), Effect::Once, now));
        assert_eq!(round(&cluster, 1), [1, 0, 2, 3][..3], "a round is no longer than there are nodes");
    }

    #[test]
    fn a_redirect_to_an_unresponsive_node_is_followed_after_the_others_were_tried() {
        let cluster = Cluster::new(3, 0);
        cluster.mark_unresponsive(0);
        let mut route = Route::from(1);
        route.mark_tried(true);
        assert!(!cluster.is_candidate(0, &route));
        assert_eq!(cluster.next_node(&route, Some(0)), Some(2));
        route.go_to(2, false);
        route.mark_tried(true);
        assert_eq!(cluster.next_node(&route, Some(0)), Some(0));
        route.go_to(0, true);
        route.mark_tried(false);
        assert_eq!(cluster.next_node(&route, None), None, "the round is over");
    }

    #[test]
    fn a_redirect_back_to_a_node_of_the_round_is_not_worth_following() {
        let cluster = Cluster::new(3, 0);
        let mut route = Route::from(0);
        route.mark_tried(true);
        assert!(cluster.is_candidate(1, &route));
        route.go_to(1, true);
        route.mark_tried(true);
        assert!(!cluster.is_candidate(0, &route));
        assert_eq!(cluster.next_node(&route, Some(0)), Some(2));
    }

    #[test]
    fn calls_begin_at_the_node_that_answered_last_and_not_at_an_unresponsive_one() {
        let cluster = Cluster::new(3, 0);
        cluster.mark_unresponsive(0);
        assert_eq!(cluster.current(), 1);
        let mut route = Route::from(1);
        cluster.set_current(&route);
        assert_eq!(cluster.current(), 1);
        route.go_to(2, false);
        cluster.set_current(&route);
        assert_eq!(cluster.current(), 2);
        cluster.mark_unresponsive(2);
        assert_eq!(cluster.current(), 1, "not the first, which is unresponsive, too");
        cluster.mark_unresponsive(0);
        assert_eq!(cluster.current(), 1, "node 0 was not the current one");
    }

    #[test]
    fn a_node_without_a_recent_response_is_probed_before_a_request_that_cannot_be_repeated() {
        let cluster = Cluster::new(2, 0);
        let (route, now) = (Route::from(0), Instant::now());
        let needs_probe = |effect, now| cluster.needs_probe(&route, effect, now);
        assert!(needs_probe(Effect::Once, now) && !needs_probe(Effect::Read, now));
        cluster.mark_responsive(0, now);
        assert!(!needs_probe(Effect::Once, now));
        assert!(needs_probe(Effect::Once, now + RECENT));
        cluster.mark_unresponsive(0);
        assert!(needs_probe(Effect::Once, now) && needs_probe(Effect::Read, now));
    }

    #[test]
    fn silence_is_remembered_until_the_node_responds_and_a_broken_connection_is_not_silence() {
        let cluster = Cluster::new(2, 0);
        cluster.mark_unresponsive(0);
        assert!(!cluster.was_silent(0));
        cluster.mark_silent(0);
        cluster.mark_unresponsive(0);
        assert!(cluster.was_silent(0) && cluster.is_unresponsive(0));
        cluster.mark_responsive(0, Instant::now());
        assert!(!cluster.was_silent(0) && !cluster.is_unresponsive(0));
    }

    #[test]
    fn a_redirect_target_is_probed_before_any_request() {
        let cluster = Cluster::new(2, 0);
        let (mut route, now) = (Route::from(0), Instant::now());
        route.mark_tried(true);
        route.go_to(1, true);
        assert!(cluster.needs_probe(&route, Effect::Read, now));
        cluster.mark_responsive(1, now);
        assert!(!cluster.needs_probe(&route, Effect::Read, now));
    }

    #[test]
    fn another_round_begins_at_another_node_where_there_is_one() {
        let cluster = Cluster::new(2, 0);
        let mut route = Route::from(0);
        cluster.begin_round(&mut route);
        assert_eq!(route.node, 1);
        cluster.mark_unresponsive(0);
        cluster.begin_round(&mut route);
        assert_eq!(route.node, 1);
        let alone = Cluster::new(1, 0);
        let mut route = Route::from(0);
        alone.begin_round(&mut route);
        assert_eq!((route.node, route.has_moved), (0, false));
    }

    #[test]
    fn each_address_of_a_name_is_tried_once_a_round() {
        let mut route = Route::from(0);
        assert!(route.next_address(3) && route.next_address(3));
        assert!(!route.next_address(3));
        assert!(!Route::from(0).next_address(1) && !Route::from(0).next_address(0));
    }
}
