//! Sends one request: the deadline, the retries, and the nodes that it goes to.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use log::Level;
use secrecy::SecretString;

use super::cluster::{Cluster, Route};
use super::consistency::HighestIndex;
use super::outcome::{Attempt, Failover, Outcome, Sent, SlowNode, TransientFailure};
use super::rate_limit::RateLimiter;
use super::request::{ApiRequest, Effect, PREFIX, check_size, common_headers};
use super::response::Response;
use super::retry::{MAX_NODE_TIMEOUT, Retry};
use super::token::TokenHeader;
use crate::call::{Deadline, IoTimeout};
use crate::config::VaultConfig;
use crate::error::{Error, Result, Status};
use crate::http::{
    Failure, HeaderName, HeaderValue, InFlight, MAX_LEARNED, Method, Permit, Request, Transport, header,
};
use crate::observe::log::Logger;
use crate::observe::metrics::{Metrics, Reason};

pub(super) static INDEX: HeaderName = HeaderName::from_static("x-vault-index");
static TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
static INCONSISTENT: HeaderName = HeaderName::from_static("x-vault-inconsistent");
static FORWARD: HeaderValue = HeaderValue::from_static("forward-active-node");
static JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What servers require of a PATCH.
static MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");

/// Sends requests to the nodes of one cluster, with the headers that all of them carry.
pub struct Requester {
    pub(super) transport: Transport,
    pub(super) cluster: Cluster,
    /// A server has answered a request, so the cluster is initialised, which cannot be undone.
    pub(super) is_initialised: AtomicBool,
    /// Headers that every request has.
    common: Vec<(HeaderName, HeaderValue)>,
    /// The same without a trace parent, for requests with another one.
    common_without_trace: Vec<(HeaderName, HeaderValue)>,
    /// Those of questions about the server itself: without a namespace, and with no trace parent but that of the call.
    pub(super) common_without_namespace: Vec<(HeaderName, HeaderValue)>,
    max_retries: u32,
    pub(super) disable_redirects: bool,
    limiter: Option<RateLimiter>,
    pub(super) index: HighestIndex,
    /// The values of `VAULT_HEADERS`, which may be credentials.
    pub(super) custom_header_values: Vec<SecretString>,
    pub(super) metrics: Arc<Metrics>,
    logger: Logger,
}

impl Requester {
    /// Creates a requester for the configured nodes. Opens no connection.
    pub fn new(config: &mut VaultConfig, logger: Logger, deadline: &Deadline) -> Result<Requester> {
        let transport = Transport::new(config, PREFIX, &logger, deadline)?;
        let common = common_headers(config, config.namespace.as_deref())?;
        let common_without_trace = without_trace(common.clone());
        Ok(Requester {
            cluster: Cluster::new(transport.nodes(), MAX_LEARNED),
            transport,
            is_initialised: AtomicBool::new(false),
            common,
            common_without_trace,
            common_without_namespace: without_trace(common_headers(config, None)?),
            max_retries: config.max_retries,
            disable_redirects: config.disable_redirects,
            limiter: config.rate_limit.map(RateLimiter::new),
            index: HighestIndex::default(),
            custom_header_values: config.headers.iter().map(|(_, value)| value.clone()).collect(),
            metrics: Arc::default(),
            logger,
        })
    }

    /// The destination of log lines.
    pub fn logger(&self) -> &Logger {
        &self.logger
    }

    /// What this requester has counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The numbers of connections in use and idle.
    pub fn connections(&self) -> (usize, usize) {
        self.transport.connections()
    }

    /// Why the client certificate is not valid now, if it has expired or is not valid yet.
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

    /// Opens connections until `count` are idle, to the first node that takes them.
    pub fn warm(&self, count: usize, deadline: &Deadline) -> Result<()> {
        let most = self.transport.max_idle();
        if count > most {
            let message = format!(
                "connections is {count}, but only {most} are kept; see VAULT_MAX_IDLE_CONNECTIONS and \
                 VAULT_MAX_CONNECTIONS"
            );
            return Err(Error::invalid_argument(message));
        }
        let mut route = Route::from(self.cluster.current());
        loop {
            let began = Instant::now();
            let left = deadline.remaining_at(began)?;
            let patience =
                Retry::new(self.max_retries).idle_timeout(left, Effect::Read, self.has_alternatives(route.node));
            let failure = match self.transport.warm(route.node, count, IoTimeout { deadline, patience, began }) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            if !failure.is_transient || !self.fail_over(Failover::Any, &mut route, deadline) {
                return Err(failure.error);
            }
        }
    }

    /// Waits until `VAULT_MAX_CONNECTIONS` allows one more request.
    pub fn permit(&self, deadline: &Deadline) -> Result<Option<Permit>> {
        self.transport.permit(deadline)
    }

    /// As [`Requester::permit`], without waiting: `Err` if no request is allowed at present.
    pub fn permit_now(&self) -> Result<Option<Permit>, ()> {
        self.transport.permit_now()
    }

    /// Whether `VAULT_MAX_CONNECTIONS` is set.
    pub fn is_limited(&self) -> bool {
        self.transport.is_limited()
    }

    /// `VAULT_MAX_RETRIES`: how often a request is repeated.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// Sends `request` with `token`, or without one. Retries it as the policy and the deadline allow.
    pub fn send_as(&self, token: Option<&TokenHeader>, request: &ApiRequest, deadline: &Deadline) -> Result<Response> {
        check_size(request)?;
        let mut retry = Retry::new(self.max_retries);
        let mut route = Route::from(self.cluster.current());
        loop {
            let failed = match self.attempt(&route, token, request, &retry, deadline) {
                Outcome::Response(response) => {
                    self.cluster.set_current(&route);
                    return Ok(response);
                }
                failed => failed,
            };
            if let Some(end) = self.prepare_retry(failed, &mut route, &mut retry, deadline) {
                return end;
            }
        }
    }

    /// Decides where and when a request is sent again, and waits until then. `Some`: it is not, and the call comes to this.
    #[cold]
    fn prepare_retry(
        &self,
        failed: Outcome,
        route: &mut Route,
        retry: &mut Retry,
        deadline: &Deadline,
    ) -> Option<Result<Response>> {
        let mut missing = None;
        let (error, pause, reason) = match failed {
            Outcome::Response(response) => return Some(Ok(response)),
            Outcome::Failed(error) => return Some(Err(error)),
            Outcome::Upgrading(error) => (error, retry.pause_while_upgrading(), Reason::Upgrading),
            // These do not count against VAULT_MAX_RETRIES: the server did not process the request.
            Outcome::Stale(error) => (error, Some(Duration::ZERO), Reason::StaleConnection),
            Outcome::IndexRefused(error) => (error, Some(Duration::ZERO), Reason::Index),
            Outcome::Retry(failure) => self.handle_transient(failure, route, retry, deadline),
            Outcome::Missing(failure, response) => {
                missing = Some(response);
                self.handle_transient(failure, route, retry, deadline)
            }
        };
        let Some(pause) = pause.filter(|&pause| deadline.allows(pause)) else {
            return Some(missing.map_or(Err(error), |response| Ok(*response)));
        };
        route.is_repeat |= error.http_status() != 0;
        if !pause.is_zero() {
            self.logger.info(format_args!("{error}; trying again in {} ms", pause.as_millis()));
            if let Err(error) = deadline.sleep(pause) {
                return Some(Err(error));
            }
        }
        self.metrics.retried(reason);
        None
    }

    /// Fails over to the next address or node of the round, at once, or begins another round after a pause.
    fn handle_transient(
        &self,
        failure: TransientFailure,
        route: &mut Route,
        retry: &mut Retry,
        deadline: &Deadline,
    ) -> (Error, Option<Duration>, Reason) {
        let reason = failure.reason();
        let TransientFailure { error, retry_after, may_have_acted, failover } = failure;
        let may_fail_over = match failover {
            Failover::None => false,
            Failover::Any => !may_have_acted,
            Failover::Leader | Failover::Redirect(_) => !may_have_acted || retry.may_repeat(),
        };
        if may_fail_over && self.fail_over(failover, route, deadline) {
            return (error, Some(Duration::ZERO), reason);
        }
        if failover != Failover::None {
            self.cluster.begin_round(route);
        }
        let is_leaderless = matches!(failover, Failover::Leader | Failover::Redirect(_));
        (error, retry.pause_after_round(retry_after, is_leaderless && self.cluster.has_several()), reason)
    }

    /// Selects where to send the request next in this round: to another address of the name, to the node that a
    /// redirect names, to the node that reports itself as the leader, or to one that was not tried yet. `false` if
    /// there is none.
    fn fail_over(&self, failover: Failover, route: &mut Route, deadline: &Deadline) -> bool {
        let redirect_target = if let Failover::Redirect(node) = failover { Some(node) } else { None };
        if redirect_target.is_none() && route.next_address(self.transport.addresses(route.node)) {
            return true;
        }
        let left = route.node;
        route.mark_tried(redirect_target.is_some());
        let candidate = redirect_target.filter(|&node| self.cluster.is_candidate(node, route));
        // If the target was tried already or is unresponsive, the node that reports itself as the leader comes first.
        let leader = || route.has_redirects().then(|| self.find_leader(route, deadline)).flatten();
        let any = || self.cluster.next_node(route, redirect_target);
        let Some(next) = candidate.or_else(leader).or_else(any) else { return false };
        route.go_to(next, redirect_target == Some(next));
        let (left, next) = (self.transport.target(left), self.transport.target(next));
        self.logger.info(format_args!("failing over from {left} to {next}"));
        true
    }

    fn attempt(
        &self,
        route: &Route,
        token: Option<&TokenHeader>,
        request: &ApiRequest,
        retry: &Retry,
        deadline: &Deadline,
    ) -> Outcome {
        let attempt = self.new_attempt(route, token, request);
        // The timeout starts after this line, because a log callback may be slow.
        self.trace_attempt(&attempt);
        let timeout = match self.limit_rate(deadline).and_then(|()| self.io_timeout(&attempt, retry, deadline)) {
            Ok(timeout) => timeout,
            Err(error) => return Outcome::Failed(error),
        };
        let timeout = match self.probe_if_needed(&attempt, route, timeout) {
            Ok(timeout) => timeout,
            Err(outcome) => return outcome,
        };
        let permit = match self.transport.permit(deadline) {
            Ok(permit) => permit,
            Err(error) => return Outcome::Failed(error),
        };
        let timeout = if permit.is_some() { timeout.again() } else { timeout };
        let index = attempt.index_header();
        let request = self.http_request(token, request, index.as_ref(), deadline);
        match self.transport.send(attempt.node, &request, timeout, permit) {
            Ok(in_flight) => {
                let timeout = in_flight.pace(timeout);
                self.await_response(&attempt, in_flight, timeout)
            }
            Err(failure) => self.not_sent(&attempt, failure, timeout),
        }
    }

    /// The outcome of a request that could not be sent.
    #[cold]
    fn not_sent(&self, attempt: &Attempt<'_>, failure: Failure, timeout: IoTimeout<'_>) -> Outcome {
        self.metrics.unanswered(attempt.request.operation, failure.error.status(), timeout.began);
        self.classify_failure(attempt, failure, timeout.patience, timeout.deadline)
    }

    /// Sends `request` to the current node and does not wait for the response. The error says whether a retry could
    /// help, as for a single request.
    pub fn start(
        &self,
        token: &TokenHeader,
        request: &ApiRequest,
        permit: Option<Permit>,
        deadline: &Deadline,
    ) -> Result<(Sent, InFlight), Outcome> {
        self.limit_rate(deadline).and_then(|()| check_size(request)).map_err(Outcome::Failed)?;
        let route = Route::from(self.cluster.current());
        let attempt = self.new_attempt(&route, Some(token), request);
        self.trace_attempt(&attempt);
        let timeout = self.io_timeout(&attempt, &Retry::new(self.max_retries), deadline).map_err(Outcome::Failed)?;
        let timeout = self.probe_if_needed(&attempt, &route, timeout)?;
        let index = attempt.index_header();
        let request = self.http_request(Some(token), request, index.as_ref(), deadline);
        match self.transport.send(route.node, &request, timeout, permit) {
            Ok(in_flight) => {
                Ok((Sent { node: route.node, address_turn: attempt.address_turn, index: attempt.index }, in_flight))
            }
            Err(failure) => Err(self.not_sent(&attempt, failure, timeout)),
        }
    }

    /// Waits for the response to a request that `start` has sent.
    pub fn receive(
        &self,
        sent: Sent,
        in_flight: InFlight,
        token: &TokenHeader,
        request: &ApiRequest,
        deadline: &Deadline,
    ) -> Outcome {
        let attempt = Attempt {
            node: sent.node,
            address_turn: sent.address_turn,
            token: Some(token),
            request,
            index: sent.index,
            is_repeat: false,
        };
        match self.io_timeout(&attempt, &Retry::new(self.max_retries), deadline) {
            Ok(timeout) => self.await_response(&attempt, in_flight, timeout),
            Err(error) => {
                self.metrics.unanswered(request.operation, error.status(), in_flight.sent());
                Outcome::Failed(error)
            }
        }
    }

    fn await_response(&self, attempt: &Attempt<'_>, in_flight: InFlight, timeout: IoTimeout<'_>) -> Outcome {
        // The number of addresses of the name may have become known since the timeout was computed.
        let idle_timeout = match self.has_alternatives(attempt.node) {
            true => timeout.patience.min(MAX_NODE_TIMEOUT),
            false => timeout.patience,
        };
        let timeout = IoTimeout { patience: idle_timeout, ..timeout };
        let operation = attempt.request.operation;
        let (sent, state) = (in_flight.sent(), Cell::new(SlowNode::Working));
        let result = in_flight.receive(&self.transport, timeout, || {
            state.set(self.probe_slow(attempt.node, sent, idle_timeout, timeout.deadline));
            state.get() == SlowNode::Working
        });
        let failure = match result {
            Ok(response) => {
                self.metrics.answered(operation, response.status, sent);
                return self.classify(attempt, response, timeout.deadline);
            }
            Err(failure) => failure,
        };
        self.metrics.unanswered(operation, failure.error.status(), sent);
        match state.get() {
            SlowNode::LostLeader => self.classify_lost_leader(attempt, timeout.deadline),
            _ => self.classify_failure(attempt, failure, idle_timeout, timeout.deadline),
        }
    }

    fn new_attempt<'a>(&self, route: &Route, token: Option<&'a TokenHeader>, request: &'a ApiRequest) -> Attempt<'a> {
        let index = self.index.required();
        let (node, is_repeat) = (route.node, route.is_repeat);
        Attempt { node, address_turn: self.transport.turn(node), token, request, index, is_repeat }
    }

    /// The timeout of an attempt that begins now.
    fn io_timeout<'d>(&self, attempt: &Attempt<'_>, retry: &Retry, deadline: &'d Deadline) -> Result<IoTimeout<'d>> {
        let began = Instant::now();
        let left = deadline.remaining_at(began)?;
        let idle_timeout = retry.idle_timeout(left, attempt.request.effect, self.has_alternatives(attempt.node));
        Ok(IoTimeout { deadline, patience: idle_timeout, began })
    }

    /// Whether there is another node, or another address of this node's name, to fail over to.
    pub(super) fn has_alternatives(&self, node: usize) -> bool {
        self.cluster.has_several() || self.transport.addresses(node) > 1
    }

    /// Records that a node has responded, if there are alternatives to it.
    pub(super) fn mark_responsive(&self, node: usize) {
        if self.has_alternatives(node) {
            self.cluster.mark_responsive(node, Instant::now());
        }
    }

    /// Records that a node did not respond. A broken connection is no sign that the node was frozen; anything else may be.
    pub(super) fn mark_failed(&self, node: usize, error: &Error) {
        match error.status() {
            Status::Connection | Status::Tls => self.cluster.mark_unresponsive(node),
            _ => self.cluster.mark_silent(node),
        }
    }

    #[inline(always)]
    fn trace_attempt(&self, attempt: &Attempt<'_>) {
        if self.logger.enabled(Level::Trace) {
            self.trace(attempt);
        }
    }

    #[cold]
    fn trace(&self, attempt: &Attempt<'_>) {
        let (target, method) = (self.transport.target(attempt.node), attempt.request.method.as_str());
        self.logger.trace(format_args!("asking {target}: {method} {}", attempt.request.shown_path()));
    }

    #[inline(always)]
    fn limit_rate(&self, deadline: &Deadline) -> Result<()> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.wait(deadline))
    }

    /// The HTTP request for an API request.
    pub(super) fn http_request<'a>(
        &'a self,
        token: Option<&'a TokenHeader>,
        request: &'a ApiRequest,
        index: Option<&'a HeaderValue>,
        deadline: &'a Deadline,
    ) -> Request<'a> {
        let content_type = |_: &_| match request.method {
            Method::PATCH => (&header::CONTENT_TYPE, &MERGE_PATCH),
            _ => (&header::CONTENT_TYPE, &JSON),
        };
        let special = request.special.as_ref().and_then(|special| special.header.as_ref());
        Request {
            method: request.method.clone(),
            path: &request.path,
            common: if deadline.trace_parent().is_some() { &self.common_without_trace } else { &self.common },
            headers: [
                token.and_then(TokenHeader::header),
                request.body.as_ref().map(content_type),
                special.map(|(name, value)| (*name, value)),
                index.map(|index| (&INDEX, index)),
                index.map(|_| (&INCONSISTENT, &FORWARD)),
                deadline.trace_parent().map(|parent| (&TRACE_PARENT, parent)),
            ],
            body: request.body.as_ref().map(|body| body.as_slice()),
        }
    }
}

/// The headers but for a trace parent.
fn without_trace(mut headers: Vec<(HeaderName, HeaderValue)>) -> Vec<(HeaderName, HeaderValue)> {
    headers.retain(|(name, _)| *name != TRACE_PARENT);
    headers
}
