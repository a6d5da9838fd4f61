//! Questions that a node answers to anybody: whether it is there, who leads, so where a redirect may lead, and whether
//! it was ever initialised.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::cluster::Route;
use super::explain::not_as_documented;
use super::outcome::{Asked, Others, Outcome, Trouble};
use super::redirect;
use super::request::ApiRequest;
use super::requester::Requester;
use super::response::ErrorResponse;
use super::retry::SIGN_OF_LIFE;
use crate::call::{Deadline, IoTimeout};
use crate::config::Address;
use crate::error::{Error, Result, Status};
use crate::http::{Failure, Request, Response, header};

/// Tells who the active node is.
const LEADER: &str = "sys/leader";

/// Tells whether the storage of the server was initialised.
const INIT: &str = "sys/init";

/// A leader that was frozen believes for a moment that it still leads, and would answer with what was then.
const AWAKENING: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
struct InitAnswer {
    initialized: bool,
}

#[derive(Deserialize)]
struct LeaderAnswer {
    #[serde(default)]
    is_self: bool,
    #[serde(default)]
    leader_address: String,
}

impl Requester {
    /// Whether a node that takes its time is at work, and not frozen or gone: it answers another question meanwhile. One
    /// that passes requests on to a leader that is frozen is not waited for either.
    pub(super) fn is_there(&self, node: usize, patience: Duration, deadline: &Deadline) -> bool {
        let reply = self.ask_for_leader(node, patience, deadline);
        let there = reply.is_ok_and(|reply| !self.names_a_silent_leader(&reply, patience, deadline));
        let (target, how) = (self.transport.target(node), if there { "is there, and is" } else { "is not" });
        self.logger().debug(format_args!("{target} takes its time; it {how} waited for"));
        there
    }

    fn names_a_silent_leader(&self, reply: &Response, patience: Duration, deadline: &Deadline) -> bool {
        let Ok(LeaderAnswer { is_self: false, leader_address }) = answer(reply) else { return false };
        let address = crate::config::parse_address(&leader_address).ok();
        let Some(leader) = address.and_then(|address| self.transport.node_at(&address)) else { return false };
        let is_silent = self.ask_for_leader(leader, patience, deadline).is_err() && deadline.remaining().is_ok();
        if is_silent {
            self.cluster.lost(leader);
        }
        is_silent
    }

    /// Makes sure that a node is there before it gets a request, where that is needed; the pace of what follows. What is
    /// wrong otherwise: nothing was sent then that could not be sent to another node.
    pub(super) fn prove<'d>(
        &self,
        asked: &Asked<'_>,
        route: &Route,
        pace: IoTimeout<'d>,
    ) -> Result<IoTimeout<'d>, Outcome> {
        if !self.has_others(asked.node) || !self.cluster.needs_proof(route, asked.ask.effect, pace.began) {
            return Ok(pace);
        }
        if let Err(failure) = self.ask_for_leader(asked.node, pace.patience, pace.deadline) {
            let failure = Failure { sent: false, stale: false, ..failure };
            return Err(self.after_failure(asked, failure, pace.patience.min(SIGN_OF_LIFE), pace.deadline));
        }
        if self.cluster.is_silent(asked.node) {
            pace.deadline.sleep(AWAKENING).map_err(Outcome::Failed)?;
        }
        self.heard(asked.node);
        Ok(pace.again())
    }

    /// The first of the nodes that were not asked yet in this round that says of itself that it leads.
    pub(super) fn self_proclaimed_leader(&self, route: &Route, deadline: &Deadline) -> Option<usize> {
        self.cluster.promising(route).find(|&node| match self.ask_for_leader(node, SIGN_OF_LIFE, deadline) {
            Ok(reply) => {
                self.heard(node);
                reply.status == 200 && answer(&reply).is_ok_and(|answer| answer.is_self)
            }
            Err(_) => {
                self.cluster.lost(node);
                false
            }
        })
    }

    /// The node that a redirect leads to: one of ours, or the one that the cluster calls its active node.
    pub(super) fn destination(
        &self,
        asked: &Asked<'_>,
        reply: &Response,
        deadline: &Deadline,
    ) -> Result<usize, Outcome> {
        let path = asked.ask.path.as_str();
        let failed = |error: Error| Outcome::Failed(error.with_http_status(reply.status));
        let from = self.transport.address(asked.node).ok_or_else(|| failed(redirect::endless(path)))?;
        let location = reply.header(&header::LOCATION);
        let known = |address: &Address| self.transport.node_at(address);
        if let Some(https) = redirect::only_to_https(&from, location).filter(|address| known(address).is_none()) {
            return Err(failed(redirect::speaks_https(&reply.from, &https, self.transport.variable())));
        }
        if self.disable_redirects {
            return Err(failed(redirect::disabled(&reply.from, path)));
        }
        let address =
            redirect::destination(&from, location, path).map_err(|why| failed(redirect::refused(reply, path, why)))?;
        if let Some(known) = known(&address) {
            return Ok(known);
        }
        // Who leads may be unknown for a moment; what was asked for was not done, so it may be asked for again.
        let again = |error, others| Outcome::Again(Trouble { error, pause: None, may_have_acted: false, others });
        let leader = self.leader_named_by(asked.node, deadline).map_err(|error| match error.status() {
            Status::Connection | Status::Timeout | Status::Unavailable => again(error, Others::Leader),
            _ => failed(error),
        })?;
        if !leader.same_origin(&address) {
            let error = redirect::stranger(&reply.from, &address, path).with_http_status(reply.status);
            // Another node may know better.
            return Err(if self.cluster.has_several() { again(error, Others::Any) } else { failed(error) });
        }
        let learned = self.transport.learn(&address).map_err(failed)?;
        self.cluster.admit(learned);
        Ok(learned)
    }

    /// Who the active node is.
    fn leader_named_by(&self, node: usize, deadline: &Deadline) -> Result<Address> {
        let reply = self.ask_for_leader(node, SIGN_OF_LIFE, deadline).map_err(|failure| failure.error)?;
        if reply.status != 200 {
            return Err(ErrorResponse::of(&reply).into_error(LEADER, "\"read\""));
        }
        let named = answer(&reply)?.leader_address;
        crate::config::parse_address(&named).map_err(|_| {
            Error::new(
                Status::Unavailable,
                format!("{}: the cluster has no active node; wait until one leads", reply.from),
            )
        })
    }

    /// Whether a server that calls itself sealed is in truth not initialised, which is said in the same words.
    pub(super) fn is_uninitialised(&self, node: usize, deadline: &Deadline) -> bool {
        if self.was_unsealed.load(Ordering::Relaxed) {
            return false;
        }
        let reply = self.ask_as_nobody(node, INIT, SIGN_OF_LIFE, deadline);
        reply.is_ok_and(|reply| serde_json::from_slice(&reply.body).is_ok_and(|answer: InitAnswer| !answer.initialized))
    }

    fn ask_for_leader(&self, node: usize, patience: Duration, deadline: &Deadline) -> Result<Response, Failure> {
        self.ask_as_nobody(node, LEADER, patience, deadline)
    }

    /// Asks without a token and outside of all namespaces: these questions are about the server. It has no longer than
    /// `patience`, and a second, for an answer.
    fn ask_as_nobody(
        &self,
        node: usize,
        path: &'static str,
        patience: Duration,
        deadline: &Deadline,
    ) -> Result<Response, Failure> {
        let ask = ApiRequest::get(path);
        let request = Request { common: &self.common_outside, ..self.request(None, &ask, None) };
        let limit = patience.min(SIGN_OF_LIFE);
        let deadline = deadline.within(limit);
        let pace = || IoTimeout { deadline: &deadline, patience: limit, began: Instant::now() };
        match self.transport.exchange(node, &request, pace()) {
            // An idle connection was closed: that says nothing about the node.
            Err(failure) if failure.stale => self.transport.exchange(node, &request, pace()),
            outcome => outcome,
        }
    }
}

fn answer(reply: &Response) -> Result<LeaderAnswer> {
    serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(reply, LEADER, "names no leader"))
}
