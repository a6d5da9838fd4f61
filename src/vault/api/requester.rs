//! One authenticated request: the deadline, the tries, redirects, and which answers are worth a repeat.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use log::Level;
use secrecy::{ExposeSecret, SecretString};

use super::consistency::HighestIndex;
use super::rate_limit::RateLimiter;
use super::redirect;
use super::request::{ApiRequest, Effect, check_size, common_headers};
use super::response::ErrorResponse;
use super::retry::{Retry, SIGN_OF_LIFE};
use super::token::TokenHeader;
use crate::call::{Deadline, IoTimeout};
use crate::config::{Address, VaultConfig};
use crate::error::{Error, Result, Status};
use crate::http::{Failure, InFlight, Request, Response, Transport};
use crate::observe::log::Logger;
use crate::observe::redact;
use crate::secret::Buffer;

/// What a try came to.
pub enum Outcome {
    /// This is the answer.
    Answer(Response),
    /// No answer, and no repeat that could help.
    Failed(Error),
    /// Worth a repeat after a pause, `Retry-After` if the server named one; else this error.
    Again(Error, Option<Duration>),
    /// The same, because the cluster has no leader at the moment.
    Leaderless(Error, Option<Duration>),
    /// An idle connection was closed: a new one will do.
    Stale(Error),
    /// The node did not answer: another one may.
    Unreachable(Error),
    /// A new mount is being prepared: worth many repeats.
    Upgrading(Error),
    /// Another node is to be asked, at once.
    Elsewhere(usize),
}

/// Sends requests to the nodes of one cluster, with the headers that all of them carry.
pub struct Requester {
    transport: Transport,
    /// Header lines that every request has.
    common: Buffer,
    /// The same for what lies outside of all namespaces.
    common_outside: Buffer,
    node: AtomicUsize,
    max_retries: u32,
    disable_redirects: bool,
    limiter: Option<RateLimiter>,
    index: HighestIndex,
    /// The values of `VAULT_HEADERS`, which may be credentials.
    given_headers: Vec<SecretString>,
    logger: Logger,
}

impl Requester {
    /// Prepares for the configured nodes. Opens no connection.
    pub fn new(config: &mut VaultConfig, logger: Logger, deadline: &Deadline) -> Result<Requester> {
        Ok(Requester {
            transport: Transport::new(config, deadline)?,
            common: common_headers(config, config.namespace.as_deref())?,
            common_outside: common_headers(config, None)?,
            node: AtomicUsize::new(0),
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

    /// `VAULT_MAX_RETRIES`: how often a request is repeated.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// Sends `ask` with `token`, or without one, as often as it takes and the deadline allows.
    pub fn send_as(&self, token: Option<&TokenHeader>, ask: &ApiRequest<'_>, deadline: &Deadline) -> Result<Response> {
        check_size(ask)?;
        let mut tries = Retry::new(self.max_retries, self.transport.nodes());
        loop {
            let node = self.node.load(Ordering::Relaxed);
            let (error, pause) = match self.attempt(node, token, ask, &tries, deadline) {
                Outcome::Answer(reply) => return Ok(reply),
                Outcome::Failed(error) => return Err(error),
                Outcome::Elsewhere(other) => {
                    self.move_to(node, other);
                    (redirect::endless(ask.path), tries.after_redirect())
                }
                Outcome::Upgrading(error) => (error, tries.while_upgrading()),
                // No try: the server never saw it.
                Outcome::Stale(error) => (error, Some(Duration::ZERO)),
                Outcome::Unreachable(error) => (error, tries.after_unreachable()),
                Outcome::Again(error, wanted) => (error, tries.after_refusal(wanted, false)),
                Outcome::Leaderless(error, wanted) => (error, tries.after_refusal(wanted, true)),
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

    fn attempt(
        &self,
        node: usize,
        token: Option<&TokenHeader>,
        ask: &ApiRequest<'_>,
        tries: &Retry,
        deadline: &Deadline,
    ) -> Outcome {
        // A callback may take its time with a line: the pace begins behind it.
        self.trace_ask(node, ask);
        let pace = match self.limit_rate(deadline).and_then(|()| self.pace(tries, ask, deadline)) {
            Ok(pace) => pace,
            Err(error) => return Outcome::Failed(error),
        };
        let index = self.required_index(ask);
        let request = self.request(token, ask, index.as_deref());
        let outcome = self.transport.send(node, &request, pace).and_then(|underway| {
            let pace = underway.pace(pace);
            underway.receive(&self.transport, pace, || self.is_there(node, deadline))
        });
        match outcome {
            Ok(reply) => self.judge(node, reply, token, ask, deadline),
            Err(failure) => self.after_failure(node, failure, ask, pace.patience, deadline),
        }
    }

    /// Sends `ask` to the present node and does not wait for the answer. An error says whether a repeat could help, as
    /// for a single request.
    pub fn start(
        &self,
        token: &TokenHeader,
        ask: &ApiRequest<'_>,
        deadline: &Deadline,
    ) -> Result<(usize, InFlight), Outcome> {
        self.limit_rate(deadline).and_then(|()| check_size(ask)).map_err(Outcome::Failed)?;
        let node = self.node.load(Ordering::Relaxed);
        self.trace_ask(node, ask);
        let index = self.required_index(ask);
        let request = self.request(Some(token), ask, index.as_deref());
        let pace = self.first_pace(ask, deadline).map_err(Outcome::Failed)?;
        match self.transport.send(node, &request, pace) {
            Ok(underway) => Ok((node, underway)),
            Err(failure) => Err(self.after_failure(node, failure, ask, pace.patience, deadline)),
        }
    }

    /// Waits for the answer to what was started.
    pub fn receive(
        &self,
        node: usize,
        underway: InFlight,
        token: &TokenHeader,
        ask: &ApiRequest<'_>,
        deadline: &Deadline,
    ) -> Outcome {
        let pace = match self.first_pace(ask, deadline) {
            Ok(pace) => pace,
            Err(error) => return Outcome::Failed(error),
        };
        match underway.receive(&self.transport, pace, || self.is_there(node, deadline)) {
            Ok(reply) => self.judge(node, reply, Some(token), ask, deadline),
            Err(failure) => self.after_failure(node, failure, ask, pace.patience, deadline),
        }
    }

    /// The pace of a first try that begins now.
    fn first_pace<'d>(&self, ask: &ApiRequest<'_>, deadline: &'d Deadline) -> Result<IoTimeout<'d>> {
        self.pace(&Retry::new(self.max_retries, self.transport.nodes()), ask, deadline)
    }

    /// The pace of the next of `tries`, which begins now.
    fn pace<'d>(&self, tries: &Retry, ask: &ApiRequest<'_>, deadline: &'d Deadline) -> Result<IoTimeout<'d>> {
        let began = Instant::now();
        let left = deadline.remaining_at(began)?;
        Ok(IoTimeout { deadline, patience: tries.patience(left, ask.effect), began })
    }

    /// Whether a node that takes its time is at work, and not frozen or gone: it answers another question meanwhile.
    fn is_there(&self, node: usize, deadline: &Deadline) -> bool {
        let there = self.ask_for_leader(node, &deadline.within(SIGN_OF_LIFE)).is_ok();
        let (target, how) = (self.transport.target(node), if there { "is there, and is" } else { "is not" });
        self.logger.debug(format_args!("{target} takes its time; it {how} waited for"));
        there
    }

    fn trace_ask(&self, node: usize, ask: &ApiRequest<'_>) {
        if self.logger.enabled(Level::Trace) {
            let (target, method) = (self.transport.target(node), ask.method.as_str());
            self.logger.trace(format_args!("asking {target}: {method} {}", ask.path));
        }
    }

    fn limit_rate(&self, deadline: &Deadline) -> Result<()> {
        self.limiter.as_ref().map_or(Ok(()), |limiter| limiter.wait(deadline))
    }

    fn required_index(&self, ask: &ApiRequest<'_>) -> Option<Arc<str>> {
        if ask.effect == Effect::Read { self.index.required() } else { None }
    }

    fn request<'a>(
        &'a self,
        token: Option<&'a TokenHeader>,
        ask: &ApiRequest<'a>,
        index: Option<&'a str>,
    ) -> Request<'a> {
        Request {
            method: ask.method,
            path: ask.path,
            common: &self.common,
            token: token.map(TokenHeader::line).unwrap_or_default(),
            headers: [
                index.map(|index| ("X-Vault-Index", index)),
                index.map(|_| ("X-Vault-Inconsistent", "forward-active-node")),
            ],
            body: ask.body,
        }
    }

    fn judge(
        &self,
        node: usize,
        mut reply: Response,
        token: Option<&TokenHeader>,
        ask: &ApiRequest<'_>,
        deadline: &Deadline,
    ) -> Outcome {
        let (method, from, status) = (ask.method.as_str(), &reply.from, reply.status);
        self.logger.debug(format_args!("{method} {}: HTTP {status} from {from}", ask.path));
        if let Some(index) = reply.hints.as_ref().and_then(|hints| hints.index.as_deref()) {
            self.index.note(index);
        }
        if reply.status != 200 {
            let given = self.given_headers.iter().map(|value| value.expose_secret());
            reply.secrets = redact::secrets(token.map(TokenHeader::text).into_iter().chain(given), ask.body);
        }
        match reply.status {
            200..=299 | 403 | 404 => return Outcome::Answer(reply),
            301 | 302 | 307 | 308 => return self.redirected(node, &reply, ask, deadline),
            _ => {}
        }
        let complaint = ErrorResponse::of(&reply);
        let pause = retry_after(&reply);
        if complaint.is_mount_upgrading() {
            return Outcome::Upgrading(complaint.into_error(ask.path, "this"));
        }
        let repeatable = complaint.did_not_act() || (complaint.may_pass() && ask.effect != Effect::Once);
        if !repeatable {
            return Outcome::Answer(reply);
        }
        if complaint.is_quota() {
            return Outcome::Again(complaint.into_error(ask.path, "this"), pause);
        }
        self.next_node(node);
        match complaint.is_behind() {
            true => Outcome::Again(complaint.into_error(ask.path, "this"), pause),
            false => Outcome::Leaderless(complaint.into_error(ask.path, "this"), pause),
        }
    }

    fn redirected(&self, node: usize, reply: &Response, ask: &ApiRequest<'_>, deadline: &Deadline) -> Outcome {
        match self.destination(node, reply, ask, deadline) {
            Ok(other) => Outcome::Elsewhere(other),
            Err(Outcome::Failed(error)) if error.http_status() == 0 => {
                Outcome::Failed(error.with_http_status(reply.status))
            }
            Err(outcome) => outcome,
        }
    }

    /// The node that a redirect leads to: one of ours, or the one that the cluster calls its active node.
    fn destination(
        &self,
        node: usize,
        reply: &Response,
        ask: &ApiRequest<'_>,
        deadline: &Deadline,
    ) -> Result<usize, Outcome> {
        let path = ask.path;
        if self.disable_redirects {
            return Err(Outcome::Failed(redirect::disabled(&reply.from, path)));
        }
        let from = self.transport.address(node).ok_or_else(|| Outcome::Failed(redirect::endless(path)))?;
        let location = reply.hints.as_ref().and_then(|hints| hints.location.as_deref());
        let address = redirect::destination(&from, location, path).map_err(Outcome::Failed)?;
        if let Some(known) = self.transport.node_at(&address) {
            return Ok(known);
        }
        // Who leads may be unknown for a moment; what was asked for was not done, so it may be asked for again.
        let leader = self.leader_named_by(node, deadline).map_err(|error| match error.status() {
            Status::Connection | Status::Timeout | Status::Unavailable => Outcome::Leaderless(error, None),
            _ => Outcome::Failed(error),
        })?;
        if !leader.same_origin(&address) {
            return Err(Outcome::Failed(redirect::stranger(&reply.from, &address, path)));
        }
        self.transport.learn(&address).map_err(Outcome::Failed)
    }

    /// Who the active node is.
    fn leader_named_by(&self, node: usize, deadline: &Deadline) -> Result<Address> {
        let reply = self.ask_for_leader(node, deadline).map_err(|failure| failure.error)?;
        redirect::leader(&reply)
    }

    /// A node is asked for its leader without a token; namespaces have no leader of their own.
    fn ask_for_leader(&self, node: usize, deadline: &Deadline) -> Result<Response, Failure> {
        let ask = ApiRequest::get(redirect::LEADER);
        let request = Request { common: &self.common_outside, ..self.request(None, &ask, None) };
        let pace = self.first_pace(&ask, deadline).map_err(Failure::before_sending)?;
        self.transport.exchange(node, &request, pace)
    }

    #[cold]
    fn after_failure(
        &self,
        node: usize,
        failure: Failure,
        ask: &ApiRequest<'_>,
        patience: Duration,
        deadline: &Deadline,
    ) -> Outcome {
        let Failure { error, sent, stale, may_pass, .. } = failure;
        if !may_pass {
            return Outcome::Failed(error);
        }
        if stale && ask.effect != Effect::Once {
            return Outcome::Stale(error);
        }
        // Whatever becomes of this call, the next one should not meet the same node again.
        self.next_node(node);
        // The try's own limit is not the call's.
        let error = match (error.status(), deadline.remaining()) {
            (Status::Timeout, Err(over)) => return Outcome::Failed(over),
            (_, Err(_)) => return Outcome::Failed(error),
            (Status::Timeout, Ok(_)) => self.no_answer(node, patience),
            (_, Ok(_)) => error,
        };
        if sent && ask.effect == Effect::Once { Outcome::Failed(error) } else { Outcome::Unreachable(error) }
    }

    fn no_answer(&self, node: usize, patience: Duration) -> Error {
        let target = self.transport.target(node);
        let message = format!("{target} gave no answer within {:.3} s; is it overloaded?", patience.as_secs_f64());
        Error::new(Status::Timeout, message)
    }

    /// Leaves a node that failed, unless another thread has done so already.
    fn next_node(&self, failed: usize) {
        let configured = self.transport.nodes();
        // A node that the cluster named is left for one that is configured: who is active now they know.
        self.move_to(failed, if failed < configured { (failed + 1) % configured } else { 0 });
    }

    fn move_to(&self, from: usize, to: usize) {
        let moved = self.node.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() && from != to {
            let (from, to) = (self.transport.target(from), self.transport.target(to));
            self.logger.info(format_args!("going on with {to} in place of {from}"));
        }
    }
}

/// `Retry-After`. Servers round it down to whole seconds, so a second is added, give or take a tenth: those who were
/// told the same do not all come back at once.
fn retry_after(reply: &Response) -> Option<Duration> {
    let rounding = Duration::from_millis(900 + fastrand::u64(..200));
    Some(Duration::from_secs(reply.hints.as_ref()?.retry_after?).saturating_add(rounding))
}
