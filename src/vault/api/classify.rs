//! Decides which responses and failures are retried, and where.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use log::Level;
use secrecy::ExposeSecret;

use super::consistency;
use super::error_response::{ErrorResponse, is_missing};
use super::explain::unexpected_encoding;
use super::outcome::{Attempt, Failover, Outcome, TransientFailure};
use super::redirect;
use super::request::Effect;
use super::requester::{INDEX, Requester};
use super::response::Response;
use super::sanitize::described;
use super::token::TokenHeader;
use crate::call::Deadline;
use crate::error::{Error, Status};
use crate::host::random;
use crate::http::{self, Failure, header};
use crate::observe::redact::RequestSecrets;

/// The pause before nodes are asked again that are behind what a watch has told.
const CATCH_UP: Duration = Duration::from_millis(250);

impl Requester {
    /// Classifies the response to an attempt.
    pub(super) fn classify(&self, attempt: &Attempt<'_>, response: http::Response, deadline: &Deadline) -> Outcome {
        let secrets = if response.status == 200 { RequestSecrets::default() } else { self.secrets_of(attempt) };
        let response = Response::new(response, secrets, attempt.is_repeat);
        let (request, from, status) = (attempt.request, &response.from, response.status);
        self.mark_responsive(attempt.node);
        if self.logger().enabled(Level::Debug) {
            let (method, path) = (request.method.as_str(), request.shown_path());
            self.logger().debug(format_args!("{method} {path}: HTTP {status} from {from}"));
        }
        let index = response.header(&INDEX);
        let is_older = |(given, required): (&str, &Arc<str>)| consistency::is_older(given, required);
        if request.effect == Effect::Read && index.zip(attempt.index.as_ref()).is_some_and(is_older) {
            return self.stale_response(attempt, &response);
        }
        let is_behind = request.special.as_ref().and_then(|special| special.is_behind.as_ref());
        if is_behind.is_some_and(|is_behind| is_behind(&response)) {
            return self.response_behind(attempt, response);
        }
        // The index of an error is not recorded: an index that came with the refusal of an index would be refused
        // again, for ever.
        if let Some(index) = index.filter(|_| status < 300) {
            self.index.record(index);
        }
        if let Some(error) = unexpected_encoding(&response, request.shown_path()) {
            return self.encoded_response(request.effect, &response, error);
        }
        match response.status {
            200..=299 | 403 | 404 => {
                if !self.is_initialised.load(Ordering::Relaxed) {
                    self.is_initialised.store(true, Ordering::Relaxed);
                }
                Outcome::Response(response)
            }
            status if request.special.as_ref().is_some_and(|special| special.answers.contains(&status)) => {
                Outcome::Response(response)
            }
            301 | 302 | 307 | 308 => match self.destination(attempt, &response, deadline) {
                Ok(other) => {
                    let (error, failover) = (redirect::redirect_loop(request.shown_path()), Failover::Redirect(other));
                    Outcome::Retry(TransientFailure { error, retry_after: None, may_have_acted: false, failover })
                }
                Err(outcome) => outcome,
            },
            _ => self.classify_refusal(attempt, response, deadline),
        }
    }

    /// The secrets of a request: its token, its custom headers and the values of its body.
    #[cold]
    fn secrets_of(&self, attempt: &Attempt<'_>) -> RequestSecrets {
        let custom = self.custom_header_values.iter().map(|value| value.expose_secret());
        let headers = attempt.token.map(TokenHeader::text).into_iter().chain(custom);
        RequestSecrets::of(headers, attempt.request.body.as_ref().map(|body| body.as_slice()))
    }

    /// A response with a content encoding that was not requested. The status alone decides whether the request is
    /// retried.
    #[cold]
    fn encoded_response(&self, effect: Effect, response: &Response, error: Error) -> Outcome {
        let retry = |may_have_acted| {
            let retry_after = retry_after(response);
            Outcome::Retry(TransientFailure {
                error: error.clone(),
                retry_after,
                may_have_acted,
                failover: Failover::None,
            })
        };
        match response.status {
            429 => retry(false),
            502..=504 if effect != Effect::Once => retry(true),
            _ => Outcome::Failed(error),
        }
    }

    /// A response that is older than what this manager has written or read. Another node, or the same one later, has
    /// newer data.
    #[cold]
    fn stale_response(&self, attempt: &Attempt<'_>, response: &Response) -> Outcome {
        self.cluster.move_away_from(attempt.node);
        self.transport.leave_address(attempt.node, attempt.address_turn);
        let message = format!(
            "{}: the answer of {} ({}) is older than what was written; is that node cut off from its cluster?",
            attempt.request.shown_path(),
            response.from,
            described(response)
        );
        let error = Error::new(Status::Unavailable, message).with_http_status(response.status);
        Outcome::Retry(TransientFailure { error, retry_after: None, may_have_acted: false, failover: Failover::Leader })
    }

    /// A response that is older than what a watch has told, from a node that does not say how far it is.
    #[cold]
    fn response_behind(&self, attempt: &Attempt<'_>, response: Response) -> Outcome {
        self.cluster.move_away_from(attempt.node);
        self.transport.leave_address(attempt.node, attempt.address_turn);
        let message = format!(
            "{}: the answer of {} ({}) is older than what a watch has told; is that node cut off from its cluster?",
            attempt.request.shown_path(),
            response.from,
            described(&response)
        );
        let error = Error::new(Status::Unavailable, message).with_http_status(response.status);
        let (retry_after, failover) = (Some(CATCH_UP), Failover::Any);
        let failure = TransientFailure { error, retry_after, may_have_acted: false, failover };
        if is_missing(&response) { Outcome::Missing(failure, Box::new(response)) } else { Outcome::Retry(failure) }
    }

    fn classify_refusal(&self, attempt: &Attempt<'_>, response: Response, deadline: &Deadline) -> Outcome {
        let (request, mut refusal) = (attempt.request, ErrorResponse::of(&response));
        let retry_after = retry_after(&response);
        if refusal.is_mount_upgrading() {
            return Outcome::Upgrading(refusal.into_error(request.shown_path(), "this"));
        }
        if let Some(index) = attempt.index.as_ref().filter(|_| refusal.is_index_unreadable()) {
            self.index.forget(index);
            return Outcome::IndexRefused(refusal.into_error(request.shown_path(), "this"));
        }
        let did_not_act = refusal.did_not_act();
        let is_retryable = match request.effect {
            Effect::Read => refusal.is_transient_for_read(),
            Effect::Repeatable => refusal.is_transient(),
            Effect::Once => did_not_act,
        };
        if !is_retryable {
            return Outcome::Response(response);
        }
        refusal.is_uninitialised = refusal.is_sealed() && self.is_uninitialised(attempt.node, deadline);
        let failover = match refusal.is_transient() && !refusal.is_behind() {
            _ if refusal.is_quota() => Failover::None,
            true => Failover::Leader,
            false => Failover::Any,
        };
        if failover != Failover::None {
            self.transport.leave_address(attempt.node, attempt.address_turn);
        }
        if failover != Failover::None && refusal.is_transient() {
            self.cluster.move_away_from(attempt.node);
        }
        let error = refusal.into_error(request.shown_path(), "this");
        Outcome::Retry(TransientFailure { error, retry_after, may_have_acted: !did_not_act, failover })
    }

    /// Classifies an attempt without a response. `idle_timeout` is how long the node could be silent.
    #[cold]
    pub(super) fn classify_failure(
        &self,
        attempt: &Attempt<'_>,
        failure: Failure,
        idle_timeout: Duration,
        deadline: &Deadline,
    ) -> Outcome {
        let Failure { error, sent, stale, is_transient, .. } = failure;
        if !is_transient {
            return Outcome::Failed(error);
        }
        let is_once = attempt.request.effect == Effect::Once;
        if stale && (!sent || !is_once) {
            return Outcome::Stale(error);
        }
        // The next call should start at another node, whatever the outcome of this one.
        self.mark_failed(attempt.node, &error);
        self.transport.leave_address(attempt.node, attempt.address_turn);
        // The attempt has a timeout of its own, which does not end the call.
        let error = match (error.status(), deadline.remaining()) {
            (Status::Timeout, Err(over)) => return Outcome::Failed(over),
            (_, Err(_)) => return Outcome::Failed(error),
            (Status::Timeout, Ok(_)) => self.idle_timeout_error(attempt.node, idle_timeout),
            (_, Ok(_)) => error,
        };
        if sent && is_once {
            return Outcome::Failed(error);
        }
        Outcome::Retry(TransientFailure { error, retry_after: None, may_have_acted: sent, failover: Failover::Leader })
    }

    /// Classifies an attempt that was given up because the leader that got the request leads no more. The node is fine.
    #[cold]
    pub(super) fn classify_lost_leader(&self, attempt: &Attempt<'_>, deadline: &Deadline) -> Outcome {
        if let Err(over) = deadline.remaining() {
            return Outcome::Failed(over);
        }
        let target = self.transport.target(attempt.node);
        let message = format!("{target} gave no answer, and the leader of the cluster has changed or is gone");
        let error = Error::new(Status::Timeout, message);
        if attempt.request.effect == Effect::Once {
            return Outcome::Failed(error);
        }
        Outcome::Retry(TransientFailure { error, retry_after: None, may_have_acted: true, failover: Failover::Leader })
    }

    fn idle_timeout_error(&self, node: usize, idle_timeout: Duration) -> Error {
        let target = self.transport.target(node);
        let message = format!("{target} gave no answer within {:.3} s; is it overloaded?", idle_timeout.as_secs_f64());
        Error::new(Status::Timeout, message)
    }
}

/// The pause that `Retry-After` asks for. Servers round it down to whole seconds, so a second is added, with a jitter
/// of a tenth: clients that got the same value do not all retry at the same time.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.header(&header::RETRY_AFTER)?;
    let seconds = seconds.parse().ok().filter(|_| seconds.bytes().all(|byte| byte.is_ascii_digit()))?;
    let rounding = Duration::from_millis(900 + random::number() % 200);
    Some(Duration::from_secs(seconds).saturating_add(rounding))
}
