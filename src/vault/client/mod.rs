//! The authenticated client, which engines use: sends requests with the session's token, one at a time or in a batch.
//!
//! It does not depend on any engine or mount. [`Client::run`] runs an operation of an engine, [`Context::call`] one
//! request of it.

pub mod batch;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api::endpoint::Endpoint;
use super::api::error_response::{Denial, ErrorResponse};
use super::api::request::{ApiRequest, Cost};
use super::api::requester::Requester;
use super::api::token::TokenHeader;
use super::auth::session::Session;
use super::auth::token::Token;
use crate::call::{Call, Deadline};
use crate::config::{Spellings, VaultConfig};
use crate::error::{Error, Result, Status};
use crate::observe::log::Logger;
use crate::observe::metrics::{Gauges, Metrics, Reason};
use crate::vault::api::response::Response;

/// A path whose response tells whether a token is valid: it requires no policy and does not count against `num_uses`.
/// Every namespace has this mount.
pub const VALIDITY_PROBE: &str = "sys/internal/ui/mounts/cubbyhole";

/// Sends requests authenticated with one set of credentials.
pub struct Client {
    requester: Requester,
    session: Session,
    timeout: Duration,
    spellings: Spellings,
}

/// A client with the deadline of the call that uses it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Sends the requests.
    pub client: &'a Client,
    /// The deadline of the call.
    pub deadline: &'a Deadline,
}

impl Context<'_> {
    /// Calls one endpoint.
    pub fn call<E: Endpoint>(&self, endpoint: &E) -> Result<E::Output> {
        let request = endpoint.request()?;
        let response = self.client.send(&request, self.deadline)?;
        endpoint.parse(&request.path, response)
    }
}

impl Client {
    /// The gauges of the connections and the token.
    pub fn gauges(&self) -> Gauges {
        let (active, idle) = self.requester.connections();
        Gauges { active, idle, token_ttl: self.session.token_ttl(), ..Gauges::default() }
    }

    /// Creates a client for the configured nodes and credentials. Opens no connection.
    pub fn new(config: &mut VaultConfig, logger: Logger, deadline: &Deadline) -> Result<Client> {
        let session = Session::new(config.auth.clone());
        let (timeout, spellings) = (config.timeout, std::mem::take(&mut config.spellings));
        Ok(Client { requester: Requester::new(config, logger, deadline)?, session, timeout, spellings })
    }

    /// Runs one operation of an engine, with all of its requests, within the time limit of `call`. A failure is logged
    /// with the prefix `failed`, such as "Failed to store secret".
    pub fn run<T>(&self, failed: &str, call: &Call, operation: impl FnOnce(Context<'_>) -> Result<T>) -> Result<T> {
        self.run_until(failed, &self.start(call), operation)
    }

    /// As [`Client::run`], for a call that has begun.
    pub fn run_until<T>(
        &self,
        failed: &str,
        deadline: &Deadline,
        operation: impl FnOnce(Context<'_>) -> Result<T>,
    ) -> Result<T> {
        operation(Context { client: self, deadline }).map_err(|error| self.failed(failed, error))
    }

    /// The deadline of one of many steps of a call that may wait for ever: `VAULT_CLIENT_TIMEOUT` from now, or that of
    /// the call.
    pub fn step(&self, deadline: &Deadline) -> Deadline {
        deadline.part(self.timeout)
    }

    /// The deadline of a call that begins now: `VAULT_CLIENT_TIMEOUT` from now where it has no limit of its own.
    pub fn start(&self, call: &Call) -> Deadline {
        call.start(self.timeout)
    }

    /// Adds the prefix `what` to the error of an operation, and logs it. An invalid argument is returned unchanged and
    /// not logged.
    #[cold]
    pub fn failed(&self, what: &str, error: Error) -> Error {
        if matches!(error.status(), Status::InvalidArgument | Status::InvalidReference) {
            return error;
        }
        self.report(error.in_context(what))
    }

    /// Logs an error. Its message then names settings as they were set.
    #[cold]
    pub fn report(&self, error: Error) -> Error {
        let error = self.spellings.apply(error);
        self.logger().error(format_args!("{error}"));
        error
    }

    /// The destination of log lines.
    pub fn logger(&self) -> &Logger {
        self.requester.logger()
    }

    /// How often it has logged in.
    pub fn logins(&self) -> u64 {
        self.session.logins()
    }

    /// What this client has counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        self.requester.metrics()
    }

    /// The limit of retries (`VAULT_MAX_RETRIES`).
    pub fn max_retries(&self) -> u32 {
        self.requester.max_retries()
    }

    /// Opens connections until `count` are idle.
    pub fn warm(&self, count: usize, call: &Call) -> Result<()> {
        let deadline = self.start(call);
        self.requester.warm(count, &deadline).map_err(|error| self.failed("Failed to open connections", error))
    }

    /// Sends `request` with the session's token. Returns any response that a retry would not change, error responses
    /// included. A 403 is returned only if the token is valid.
    pub fn send(&self, request: &ApiRequest, deadline: &Deadline) -> Result<Response> {
        self.exchange(request, deadline, drop)
    }

    /// As [`Client::send`], with the token that the request went out with.
    pub fn send_and_tell(&self, request: &ApiRequest, deadline: &Deadline) -> Result<(Response, Arc<Token>)> {
        let mut used = None;
        let response = self.exchange(request, deadline, |token| used = Some(token))?;
        let used = used.ok_or_else(|| Error::new(Status::Internal, "a response without a token"))?;
        Ok((response, used))
    }

    /// Sends a request, and hands the token over that it went out with.
    fn exchange(
        &self,
        request: &ApiRequest,
        deadline: &Deadline,
        hand_over: impl FnOnce(Arc<Token>),
    ) -> Result<Response> {
        let token = self.token(request.cost, deadline)?;
        let response = self.requester.send_as(Some(token.header()), request, deadline)?;
        if response.status != 403 || !self.is_token_invalid(&token, &response, deadline)? {
            self.session.token_accepted(&token);
            hand_over(token);
            return Ok(response);
        }
        self.metrics().retried(Reason::Token);
        token.end().advance(Instant::now());
        let fresh = self.session.replace(&self.requester, &token, request.cost, deadline)?;
        if fresh.text() == token.text() {
            return Err(self.session.token_refused(&ErrorResponse::of(&response)));
        }
        let response = self.requester.send_as(Some(fresh.header()), request, deadline)?;
        if response.status == 403 && self.is_token_invalid(&fresh, &response, deadline)? {
            return Err(self.session.token_refused(&ErrorResponse::of(&response)));
        }
        self.session.token_accepted(&fresh);
        hand_over(fresh);
        Ok(response)
    }

    /// Renews or replaces the token unless it lives for `wanted` from now, for a lease, which ends with its token. `false`
    /// after a failure, which is logged: it should be tried again soon.
    pub fn prolong_token(&self, wanted: Duration, deadline: &Deadline) -> bool {
        self.session.prolong(&self.requester, wanted, deadline)
    }

    /// Whether the token has uses for what no call needs at once. Of others than those from outside there are always more.
    pub fn has_spare_uses(&self) -> bool {
        self.session.has_spare_uses()
    }

    /// Renews or replaces the token if that is due.
    pub fn maintain_token(&self, deadline: &Deadline) -> Result<()> {
        match self.token_due() {
            Some(due) if due <= Instant::now() => self.token(Cost::Free, deadline).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// When the token has to be renewed or replaced; `None`: never, or it is not known.
    pub fn token_due(&self) -> Option<Instant> {
        self.session.due()
    }

    /// The token for a request, if there is one that needs no request of its own.
    pub fn token_at_hand(&self, cost: Cost) -> Option<Arc<Token>> {
        self.session.token_at_hand(cost)
    }

    /// The token that the next request goes out with.
    pub fn present_token(&self, deadline: &Deadline) -> Result<Arc<Token>> {
        self.token(Cost::Free, deadline)
    }

    /// Sends `request` with another token than the session's. Returns any response that a retry would not change.
    pub fn send_as(&self, token: &TokenHeader, request: &ApiRequest, deadline: &Deadline) -> Result<Response> {
        self.requester.send_as(Some(token), request, deadline)
    }

    /// Whether a 403 means that the token is invalid. If its text does not tell, a request that requires no policy
    /// does.
    fn is_token_invalid(&self, token: &Token, response: &Response, deadline: &Deadline) -> Result<bool> {
        match ErrorResponse::of(response).denial() {
            Denial::Token => Ok(true),
            Denial::Policy => Ok(false),
            Denial::Unclear => {
                let probe =
                    self.requester.send_as(Some(token.header()), &ApiRequest::probe(VALIDITY_PROBE), deadline)?;
                Ok(probe.status == 403 && ErrorResponse::of(&probe).denial() == Denial::Token)
            }
        }
    }

    fn token(&self, cost: Cost, deadline: &Deadline) -> Result<Arc<Token>> {
        deadline.may_wait()?;
        self.session.token(&self.requester, cost, deadline)
    }
}
