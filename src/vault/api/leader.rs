//! Unauthenticated requests to a node: whether it is responsive, which node leads, hence which redirects may be
//! followed, and whether the server was ever initialised.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::cluster::Route;
use super::error_response::ErrorResponse;
use super::explain::not_as_documented;
use super::outcome::{Attempt, Failover, Outcome, SlowNode, TransientFailure};
use super::redirect;
use super::request::ApiRequest;
use super::requester::Requester;
use super::response::Response;
use super::retry::PROBE_TIMEOUT;
use crate::call::{Deadline, IoTimeout};
use crate::config::Address;
use crate::error::{Error, Result, Status};
use crate::http::{Failure, Request, header};
use crate::observe::metrics::Operation;
use crate::observe::redact::RequestSecrets;

/// Returns the active node.
const LEADER: &str = "sys/leader";

/// Returns whether the server was initialised.
const INIT: &str = "sys/init";

/// The pause after a silent node responds again. A leader that was frozen believes for a moment that it still leads, and would
/// return stale data.
const RESUME_PAUSE: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct InitResponse {
    initialized: bool,
}

#[derive(Deserialize)]
struct LeaderResponse {
    #[serde(default)]
    ha_enabled: bool,
    #[serde(default)]
    is_self: bool,
    #[serde(default)]
    leader_address: String,
    /// Since when the node leads, if it does.
    #[serde(default)]
    active_time: String,
}

impl Requester {
    /// Finds out what a node does that has not responded to a request that was sent at `sent`.
    pub(super) fn probe_slow(
        &self,
        node: usize,
        sent: Instant,
        idle_timeout: Duration,
        deadline: &Deadline,
    ) -> SlowNode {
        let state = match self.get_leader(node, idle_timeout, deadline) {
            Ok(response) => self.probe_leader_of(&response, sent, idle_timeout, deadline),
            Err(_) => SlowNode::Unresponsive,
        };
        let target = self.transport.target(node);
        let result = match state {
            SlowNode::Working => "the probe succeeded, waiting on",
            SlowNode::Unresponsive => "the probe failed, giving up on it",
            SlowNode::LostLeader => "its leader has changed since the request was sent, giving up on it",
        };
        self.logger().debug(format_args!("{target} is slow to answer; {result}"));
        state
    }

    /// `response` is of a slow node. If that node forwards requests, their fate depends on the leader.
    fn probe_leader_of(
        &self,
        response: &Response,
        sent: Instant,
        idle_timeout: Duration,
        deadline: &Deadline,
    ) -> SlowNode {
        let Ok(named) = parse_leader(response) else { return SlowNode::Working };
        if named.ha_enabled && !named.is_self && named.leader_address.is_empty() {
            return SlowNode::LostLeader;
        }
        if named.is_self {
            return named.state_at_leader(response, sent);
        }
        let address = crate::config::parse_address(&named.leader_address).ok();
        let Some(leader) = address.and_then(|address| self.transport.node_at(&address)) else {
            return SlowNode::Working;
        };
        match self.get_leader(leader, idle_timeout, deadline) {
            Ok(response) => {
                parse_leader(&response).map_or(SlowNode::Working, |named| named.state_at_leader(&response, sent))
            }
            Err(failure) if deadline.remaining().is_ok() => {
                self.mark_failed(leader, &failure.error);
                SlowNode::Unresponsive
            }
            Err(_) => SlowNode::Working,
        }
    }

    /// Probes a node before a request is sent to it, if that is needed, and returns the timeout for the request. On
    /// failure the request was not sent, so it can be sent to another node.
    pub(super) fn probe_if_needed<'d>(
        &self,
        attempt: &Attempt<'_>,
        route: &Route,
        timeout: IoTimeout<'d>,
    ) -> Result<IoTimeout<'d>, Outcome> {
        if !self.has_alternatives(attempt.node)
            || !self.cluster.needs_probe(route, attempt.request.effect, timeout.began)
        {
            return Ok(timeout);
        }
        if let Err(failure) = self.get_leader(attempt.node, timeout.patience, timeout.deadline) {
            let failure = Failure { sent: false, stale: false, ..failure };
            return Err(self.classify_failure(attempt, failure, timeout.patience.min(PROBE_TIMEOUT), timeout.deadline));
        }
        if self.cluster.was_silent(attempt.node) {
            timeout.deadline.sleep(RESUME_PAUSE).map_err(Outcome::Failed)?;
        }
        self.mark_responsive(attempt.node);
        Ok(timeout.again())
    }

    /// The first of the untried candidates of this round that reports itself as the leader.
    pub(super) fn find_leader(&self, route: &Route, deadline: &Deadline) -> Option<usize> {
        self.cluster.candidates(route).find(|&node| match self.get_leader(node, PROBE_TIMEOUT, deadline) {
            Ok(response) => {
                self.mark_responsive(node);
                response.status == 200 && parse_leader(&response).is_ok_and(|leader| leader.is_self)
            }
            Err(failure) => {
                self.mark_failed(node, &failure.error);
                false
            }
        })
    }

    /// The node that a redirect leads to: a known one, or the one that the cluster reports as its active node.
    pub(super) fn destination(
        &self,
        attempt: &Attempt<'_>,
        response: &Response,
        deadline: &Deadline,
    ) -> Result<usize, Outcome> {
        let (path, shown) = (attempt.request.path.as_str(), attempt.request.shown_path());
        let failed = |error: Error| Outcome::Failed(error.with_http_status(response.status));
        let from = self.transport.address(attempt.node).ok_or_else(|| failed(redirect::redirect_loop(shown)))?;
        let location = response.header(&header::LOCATION);
        let known = |address: &Address| self.transport.node_at(address);
        if let Some(https) = redirect::https_upgrade(&from, location).filter(|address| known(address).is_none()) {
            return Err(failed(redirect::requires_https(&response.from, &https, self.transport.variable())));
        }
        if self.disable_redirects {
            return Err(failed(redirect::disabled(&response.from, shown)));
        }
        let address = redirect::destination(&from, location, path)
            .map_err(|why| failed(redirect::refused(response, path, why)))?;
        if let Some(known) = known(&address) {
            return Ok(known);
        }
        // The leader may be unknown for a moment. The request was not executed, so it may be retried.
        let retry = |error, failover| {
            Outcome::Retry(TransientFailure { error, retry_after: None, may_have_acted: false, failover })
        };
        let leader = self.leader_address(attempt.node, deadline).map_err(|error| match error.status() {
            Status::Connection | Status::Timeout | Status::Unavailable => retry(error, Failover::Leader),
            _ => failed(error),
        })?;
        if !leader.same_origin(&address) {
            let error = redirect::unknown_server(&response.from, &address, path).with_http_status(response.status);
            // Another node may name a known server.
            return Err(if self.cluster.has_several() { retry(error, Failover::Any) } else { failed(error) });
        }
        let learned = self.transport.learn(&address).map_err(failed)?;
        self.cluster.add_learned(learned);
        Ok(learned)
    }

    /// The address of the active node, as `node` reports it.
    fn leader_address(&self, node: usize, deadline: &Deadline) -> Result<Address> {
        let response = self.get_leader(node, PROBE_TIMEOUT, deadline).map_err(|failure| failure.error)?;
        if response.status != 200 {
            return Err(ErrorResponse::of(&response).into_error(LEADER, "\"read\""));
        }
        let named = parse_leader(&response)?.leader_address;
        crate::config::parse_address(&named).map_err(|_| {
            Error::new(
                Status::Unavailable,
                format!("{}: the cluster has no active node; wait until one leads", response.from),
            )
        })
    }

    /// Whether a server that reports itself as sealed is not initialised, which servers report in the same words.
    pub(super) fn is_uninitialised(&self, node: usize, deadline: &Deadline) -> bool {
        if self.is_initialised.load(Ordering::Relaxed) {
            return false;
        }
        let response = self.send_unauthenticated(node, INIT, PROBE_TIMEOUT, deadline);
        response.is_ok_and(|response| {
            serde_json::from_slice(&response.body).is_ok_and(|init: InitResponse| !init.initialized)
        })
    }

    fn get_leader(&self, node: usize, idle_timeout: Duration, deadline: &Deadline) -> Result<Response, Failure> {
        self.send_unauthenticated(node, LEADER, idle_timeout, deadline)
    }

    /// Sends a request about the server itself: without a token and in the root namespace. The limit is `idle_timeout`,
    /// at most `PROBE_TIMEOUT`.
    fn send_unauthenticated(
        &self,
        node: usize,
        path: &'static str,
        idle_timeout: Duration,
        deadline: &Deadline,
    ) -> Result<Response, Failure> {
        let request = ApiRequest::probe(path);
        let limit = idle_timeout.min(PROBE_TIMEOUT);
        let common = &self.common_without_namespace;
        let request = Request { common, ..self.http_request(None, &request, None, deadline) };
        let deadline = deadline.within(limit);
        let ask = || {
            let began = Instant::now();
            let answer =
                self.transport.probe(node, &request, IoTimeout { deadline: &deadline, patience: limit, began });
            match &answer {
                Ok(response) => self.metrics.answered(Operation::Probe, response.status, began),
                Err(failure) => self.metrics.unanswered(Operation::Probe, failure.error.status(), began),
            }
            answer
        };
        let response = match ask() {
            // The server had closed the idle connection, which does not mean that the node is unresponsive.
            Err(failure) if failure.stale => ask(),
            result => result,
        };
        // The request has no secrets.
        Ok(Response::new(response?, RequestSecrets::default(), false))
    }
}

impl LeaderResponse {
    /// What has become of a request that was sent at `sent`, given the answer `response` of the node that leads now.
    fn state_at_leader(&self, response: &Response, sent: Instant) -> SlowNode {
        let began = OffsetDateTime::parse(&self.active_time, &Rfc3339).ok().filter(|_| self.is_self);
        // Both times are of the server's clock.
        let leads_for = response.date().zip(began).map(|(now, began)| now - began);
        match leads_for {
            Some(time) if time < sent.elapsed() => SlowNode::LostLeader,
            _ => SlowNode::Working,
        }
    }
}

fn parse_leader(response: &Response) -> Result<LeaderResponse> {
    serde_json::from_slice(&response.body).map_err(|_| not_as_documented(response, LEADER, "names no leader"))
}
