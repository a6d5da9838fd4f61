//! One authenticated request: the deadline, the tries, and the nodes that it goes to.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use log::Level;
use secrecy::SecretString;

use super::cluster::{Cluster, Route};
use super::consistency::HighestIndex;
use super::outcome::{Asked, Others, Outcome, Sent, Trouble};
use super::rate_limit::RateLimiter;
use super::request::{ApiRequest, Effect, PREFIX, check_size, common_headers};
use super::retry::{LONGEST_NODE_PATIENCE, Retry};
use super::token::TokenHeader;
use crate::call::{Deadline, IoTimeout};
use crate::config::VaultConfig;
use crate::error::{Error, Result};
use crate::http::{HeaderMap, HeaderName, HeaderValue, InFlight, MAX_LEARNED, Request, Response, Transport, header};
use crate::observe::log::Logger;

pub(super) static INDEX: HeaderName = HeaderName::from_static("x-vault-index");
static INCONSISTENT: HeaderName = HeaderName::from_static("x-vault-inconsistent");
static FORWARD: HeaderValue = HeaderValue::from_static("forward-active-node");
static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Sends requests to the nodes of one cluster, with the headers that all of them carry.
pub struct Requester {
    pub(super) transport: Transport,
    pub(super) cluster: Cluster,
    /// A server has answered a request. So it had been initialised, which nothing undoes.
    pub(super) was_unsealed: AtomicBool,
    /// Headers that every request has.
    common: HeaderMap,
    /// The same for what lies outside of all namespaces.
    pub(super) common_outside: HeaderMap,
    max_retries: u32,
    pub(super) disable_redirects: bool,
    limiter: Option<RateLimiter>,
    pub(super) index: HighestIndex,
    /// The values of `VAULT_HEADERS`, which may be credentials.
    pub(super) given_headers: Vec<SecretString>,
    logger: Logger,
}

impl Requester {
    /// Prepares for the configured nodes. Opens no connection.
    pub fn new(config: &mut VaultConfig, logger: Logger, deadline: &Deadline) -> Result<Requester> {
        let transport = Transport::new(config, PREFIX, &logger, deadline)?;
        Ok(Requester {
            cluster: Cluster::new(transport.nodes(), MAX_LEARNED),
            transport,
            was_unsealed: AtomicBool::new(false),
            common: common_headers(config, config.namespace.as_deref())?,
            common_outside: common_headers(config, None)?,
            max_retries: config.max_retries,
            disable_redirects: config.disable_redirects,
            limiter: config.rate_limit.map(RateLimiter::new),
            index: HighestIndex::default(),
            given_headers: config.headers.iter().map(|(_, value)| value.clone()).collect(),
            logger,
        })
    }

    /// Where messages go.
    pub fn logger(&self) -> &Logger {
        &self.logger
    }

    /// What is wrong with our client certificate, by its dates.
    pub fn identity_flaw(&self) -> Option<String> {
        self.transport.identity_flaw()
    }

    /// The number of the certificates that requests go out with, for [`Requester::has_successor`].
    pub fn certificates(&self) -> u32 {
        self.transport.certificates()
    }

    /// Whether other certificates have come in place of these, which a server has refused.
    pub fn has_successor(&self, certificates: u32, deadline: &Deadline) -> bool {
        self.transport.has_successor(certificates, deadline)
    }

    /// `VAULT_MAX_RETRIES`: how often a request is repeated.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// Sends `ask` with `token`, or without one, as often as it takes and the deadline allows.
    pub fn send_as(&self, token: Option<&TokenHeader>, ask: &ApiRequest, deadline: &Deadline) -> Result<Response> {
        check_size(ask)?;
        let mut tries = Retry::new(self.max_retries);
        let mut route = Route::from(self.cluster.present());
        loop {
            let (error, pause) = match self.attempt(&route, token, ask, &tries, deadline) {
                Outcome::Answer(reply) => {
                    self.cluster.settle(&route);
                    return Ok(reply);
                }
                Outcome::Failed(error) => return Err(error),
                Outcome::Upgrading(error) => (error, tries.while_upgrading()),
                // No try: the server never saw it, or not for what it is.
                Outcome::Stale(error) | Outcome::IndexRefused(error) => (error, Some(Duration::ZERO)),
                Outcome::Again(trouble) => self.after_trouble(trouble, &mut route, &mut tries, deadline),
            };
            let Some(pause) = pause.filter(|&pause| deadline.remaining().is_ok_and(|left| pause < left)) else {
                return Err(error);
            };
            if !pause.is_zero() {
                self.logger.info(format_args!("{error}; trying again in {} ms", pause.as_millis()));
                deadline.sleep(pause)?;
            }
        }
    }

    /// Goes on with the next address or node of the round, at once, or begins another round after a pause.
    fn after_trouble(
        &self,
        trouble: Trouble,
        route: &mut Route,
        tries: &mut Retry,
        deadline: &Deadline,
    ) -> (Error, Option<Duration>) {
        let Trouble { error, pause, may_have_acted, others } = trouble;
        let may_go_on = match others {
            Others::None => false,
            Others::Any => !may_have_acted,
            Others::Leader | Others::Named(_) => !may_have_acted || tries.may_repeat(),
        };
        if may_go_on && self.go_on(others, route, deadline) {
            return (error, Some(Duration::ZERO));
        }
        if others != Others::None {
            self.cluster.begin_round(route);
        }
        let is_leaderless = matches!(others, Others::Leader | Others::Named(_));
        (error, tries.after_round(pause, is_leaderless && self.cluster.has_several()))
    }

    /// Finds what to ask next in this round: another address of the name, the node that a redirect has named, the one
    /// that says of itself that it leads, or one that was not asked yet. `false` where there is none.
    fn go_on(&self, others: Others, route: &mut Route, deadline: &Deadline) -> bool {
        let named = if let Others::Named(node) = others { Some(node) } else { None };
        if named.is_none() && route.turn_to_next_address(self.transport.addresses(route.node)) {
            return true;
        }
        let left = route.node;
        route.leave(named.is_some());
        let hinted = named.filter(|&node| self.cluster.is_promising(node, route));
        // Whoever a redirect names may be gone, or know no more: a node that says of itself that it leads knows.
        let leader = || route.has_redirects().then(|| self.self_proclaimed_leader(route, deadline)).flatten();
        let Some(next) = hinted.or_else(leader).or_else(|| self.cluster.next(route, named)) else { return false };
        route.go_to(next, named == Some(next));
        let (left, next) = (self.transport.target(left), self.transport.target(next));
        self.logger.info(format_args!("going on with {next} in place of {left}"));
        true
    }

    fn attempt(
        &self,
        route: &Route,
        token: Option<&TokenHeader>,
        ask: &ApiRequest,
        tries: &Retry,
        deadline: &Deadline,
    ) -> Outcome {
        let asked = self.asked(route.node, token, ask);
        // A callback may take its time with a line: the pace begins behind it.
        self.trace_ask(&asked);
        let pace = match self.limit_rate(deadline).and_then(|()| self.pace(&asked, tries, deadline)) {
            Ok(pace) => pace,
            Err(error) => return Outcome::Failed(error),
        };
        let pace = match self.prove(&asked, route, pace) {
            Ok(pace) => pace,
            Err(outcome) => return outcome,
        };
        let index = asked.index_header();
        let request = self.request(token, ask, index.as_ref());
        match self.transport.send(asked.node, &request, pace) {
            Ok(underway) => {
                let pace = underway.pace(pace);
                self.await_answer(&asked, underway, pace)
            }
            Err(failure) => self.after_failure(&asked, failure, pace.patience, deadline),
        }
    }

    /// Sends `ask` to the present node and does not wait for the answer. An error says whether a repeat could help, as
    /// for a single request.
    pub fn start(
        &self,
        token: &TokenHeader,
        ask: &ApiRequest,
        deadline: &Deadline,
    ) -> Result<(Sent, InFlight), Outcome> {
        self.limit_rate(deadline).and_then(|()| check_size(ask)).map_err(Outcome::Failed)?;
        let route = Route::from(self.cluster.present());
        let asked = self.asked(route.node, Some(token), ask);
        self.trace_ask(&asked);
        let pace = self.pace(&asked, &Retry::new(self.max_retries), deadline).map_err(Outcome::Failed)?;
        let pace = self.prove(&asked, &route, pace)?;
        let index = asked.index_header();
        let request = self.request(Some(token), ask, index.as_ref());
        match self.transport.send(route.node, &request, pace) {
            Ok(underway) => Ok((Sent { node: route.node, turn: asked.turn, index: asked.index }, underway)),
            Err(failure) => Err(self.after_failure(&asked, failure, pace.patience, deadline)),
        }
    }

    /// Waits for the answer to what was started.
    pub fn receive(
        &self,
        sent: Sent,
        underway: InFlight,
        token: &TokenHeader,
        ask: &ApiRequest,
        deadline: &Deadline,
    ) -> Outcome {
        let asked = Asked { node: sent.node, turn: sent.turn, token: Some(token), ask, index: sent.index };
        match self.pace(&asked, &Retry::new(self.max_retries), deadline) {
            Ok(pace) => self.await_answer(&asked, underway, pace),
            Err(error) => Outcome::Failed(error),
        }
    }

    fn await_answer(&self, asked: &Asked<'_>, underway: InFlight, pace: IoTimeout<'_>) -> Outcome {
        // How many addresses a name has may have come to light only now.
        let patience = match self.has_others(asked.node) {
            true => pace.patience.min(LONGEST_NODE_PATIENCE),
            false => pace.patience,
        };
        let pace = IoTimeout { patience, ..pace };
        match underway.receive(&self.transport, pace, || self.is_there(asked.node, patience, pace.deadline)) {
            Ok(reply) => self.judge(asked, reply, pace.deadline),
            Err(failure) => self.after_failure(asked, failure, patience, pace.deadline),
        }
    }

    fn asked<'a>(&self, node: usize, token: Option<&'a TokenHeader>, ask: &'a ApiRequest) -> Asked<'a> {
        let index = if ask.effect == Effect::Read { self.index.required() } else { None };
        Asked { node, turn: self.transport.turn(node), token, ask, index }
    }

    /// The pace of the next of `tries`, which begins now.
    fn pace<'d>(&self, asked: &Asked<'_>, tries: &Retry, deadline: &'d Deadline) -> Result<IoTimeout<'d>> {
        let began = Instant::now();
        let left = deadline.remaining_at(began)?;
        let patience = tries.patience(left, asked.ask.effect, self.has_others(asked.node));
        Ok(IoTimeout { deadline, patience, began })
    }

    /// Whether there is another node to go to, or another address of this one's name.
    pub(super) fn has_others(&self, node: usize) -> bool {
        self.cluster.has_several() || self.transport.addresses(node) > 1
    }

    /// Notes that a node has answered, where that can make a difference.
    pub(super) fn heard(&self, node: usize) {
        if self.has_others(node) {
            self.cluster.heard(node, Instant::now());
        }
    }

    fn trace_ask(&self, asked: &Asked<'_>) {
        if self.logger.enabled(Level::Trace) {
            let (target, method) = (self.transport.target(asked.node), asked.ask.method.as_str());
            self.logger.trace(format_args!("asking {target}: {method} {}", asked.ask.path));
        }
    }

    fn limit_rate(&self, deadline: &Deadline) -> Result<()> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.wait(deadline))
    }

    pub(super) fn request<'a>(
        &'a self,
        token: Option<&'a TokenHeader>,
        ask: &'a ApiRequest,
        index: Option<&'a HeaderValue>,
    ) -> Request<'a> {
        Request {
            method: ask.method.clone(),
            path: &ask.path,
            common: &self.common,
            headers: [
                token.and_then(TokenHeader::header),
                ask.body.as_ref().map(|_| (&header::CONTENT_TYPE, &JSON)),
                index.map(|index| (&INDEX, index)),
                index.map(|_| (&INCONSISTENT, &FORWARD)),
            ],
            body: ask.body.as_ref().map(|body| body.as_slice()),
        }
    }
}
