//! The authenticated client: requests with the session's token, one at a time or many at once.
//!
//! This is what an engine is given. It knows no engine, no mount and no secret. [`Client::run`] does an operation of an
//! engine, [`Context::call`] one request of it.

pub mod batch;

use std::sync::Arc;
use std::time::Duration;

use super::api::endpoint::Endpoint;
use super::api::request::ApiRequest;
use super::api::requester::Requester;
use super::api::response::{Denial, ErrorResponse};
use super::auth::session::Session;
use super::auth::token::Token;
use crate::call::{Call, Deadline};
use crate::config::{Spellings, VaultConfig};
use crate::error::{Error, Result, Status};
use crate::http::Response;
use crate::observe::log::Logger;

/// A path whose answer tells whether a token is alive: it needs no policy and uses up no use. Every namespace has this
/// mount.
const LIVENESS: &str = "sys/internal/ui/mounts/cubbyhole";

/// Sends requests as the holder of one set of credentials.
pub struct Client {
    requester: Requester,
    session: Session,
    timeout: Duration,
    spellings: Spellings,
}

/// A client, and the end of the call that it is used for.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Sends the requests.
    pub client: &'a Client,
    /// The end of the call.
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
    /// Prepares for the configured nodes and credentials. Opens no connection.
    pub fn new(config: &mut VaultConfig, logger: Logger, deadline: &Deadline) -> Result<Client> {
        let session = Session::new(config.auth.clone());
        let (timeout, spellings) = (config.timeout, std::mem::take(&mut config.spellings));
        Ok(Client { requester: Requester::new(config, logger, deadline)?, session, timeout, spellings })
    }

    /// Does one operation of an engine, with all of its requests, within the time of `call`. A failure is logged, with
    /// `failed` in front, such as "Failed to store secret".
    pub fn run<T>(&self, failed: &str, call: &Call, operation: impl FnOnce(Context<'_>) -> Result<T>) -> Result<T> {
        let deadline = self.start(call);
        operation(Context { client: self, deadline: &deadline }).map_err(|error| self.failed(failed, error))
    }

    /// The deadline of a call that begins now: `VAULT_CLIENT_TIMEOUT` from now where it has no limit of its own.
    pub fn start(&self, call: &Call) -> Deadline {
        call.start(self.timeout)
    }

    /// The error of an operation, for the caller and the log. A bad argument is the caller's alone, and told as it is.
    #[cold]
    pub fn failed(&self, what: &str, error: Error) -> Error {
        if matches!(error.status(), Status::InvalidArgument | Status::InvalidReference) {
            return error;
        }
        self.told(error.in_context(what))
    }

    /// Logs an error, whose message then names settings as they were set.
    #[cold]
    pub fn told(&self, error: Error) -> Error {
        let error = self.spellings.apply(error);
        self.logger().error(format_args!("{error}"));
        error
    }

    /// Where messages go.
    pub fn logger(&self) -> &Logger {
        self.requester.logger()
    }

    /// `VAULT_MAX_RETRIES`: how often a request is repeated.
    pub fn max_retries(&self) -> u32 {
        self.requester.max_retries()
    }

    /// Sends `request` with the session's token. Any answer that no repeat can better comes back, errors included; a 403
    /// only once it is sure that the token is alive.
    pub fn send(&self, request: &ApiRequest, deadline: &Deadline) -> Result<Response> {
        let token = self.token(request.is_counted, deadline)?;
        let response = self.requester.send_as(Some(token.header()), request, deadline)?;
        if response.status != 403 || !self.is_dead(&token, &response, deadline)? {
            self.session.accepted(&token);
            return Ok(response);
        }
        let fresh = self.session.replace(&self.requester, &token, request.is_counted, deadline)?;
        if fresh.text() == token.text() {
            return Err(self.session.refused(&ErrorResponse::of(&response)));
        }
        let response = self.requester.send_as(Some(fresh.header()), request, deadline)?;
        if response.status == 403 && self.is_dead(&fresh, &response, deadline)? {
            return Err(self.session.refused(&ErrorResponse::of(&response)));
        }
        self.session.accepted(&fresh);
        Ok(response)
    }

    /// Whether a 403 was about the token. Where its text does not tell, a request that needs no policy does.
    fn is_dead(&self, token: &Token, response: &Response, deadline: &Deadline) -> Result<bool> {
        match ErrorResponse::of(response).denial() {
            Denial::Token => Ok(true),
            Denial::Policy => Ok(false),
            Denial::Unclear => {
                let probe = self.requester.send_as(Some(token.header()), &ApiRequest::probe(LIVENESS), deadline)?;
                Ok(probe.status == 403 && ErrorResponse::of(&probe).denial() == Denial::Token)
            }
        }
    }

    fn token(&self, is_counted: bool, deadline: &Deadline) -> Result<Arc<Token>> {
        self.session.token(&self.requester, is_counted, deadline)
    }
}
