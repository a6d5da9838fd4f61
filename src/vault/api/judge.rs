//! Which answers and failures are worth a repeat, and where.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::consistency;
use super::explain::unexpected_encoding;
use super::outcome::{Asked, Others, Outcome, Trouble};
use super::redirect;
use super::request::Effect;
use super::requester::{INDEX, Requester};
use super::response::ErrorResponse;
use super::sanitize::described;
use super::token::TokenHeader;
use crate::call::Deadline;
use crate::error::{Error, Status};
use crate::http::{Failure, Response, header};
use crate::observe::redact::RequestSecrets;

impl Requester {
    /// What an answer means for the request.
    pub(super) fn judge(&self, asked: &Asked<'_>, mut reply: Response, deadline: &Deadline) -> Outcome {
        let (ask, from, status) = (asked.ask, &reply.from, reply.status);
        self.heard(asked.node);
        self.logger().debug(format_args!("{} {}: HTTP {status} from {from}", ask.method.as_str(), ask.path));
        let index = reply.header(&INDEX);
        let falls_short = |(given, required): (&str, &Arc<str>)| consistency::falls_short(given, required);
        if index.zip(asked.index.as_ref()).is_some_and(falls_short) {
            return self.outdated(asked, &reply);
        }
        // A refusal is no news, and an index that came with every refusal of an index would be refused for ever.
        if let Some(index) = index.filter(|_| status < 300) {
            self.index.note(index);
        }
        if reply.status != 200 {
            let given = self.given_headers.iter().map(|value| value.expose_secret());
            let headers = asked.token.map(TokenHeader::text).into_iter().chain(given);
            reply.secrets = RequestSecrets::of(headers, ask.body.as_ref().map(|body| body.as_slice()));
        }
        if let Some(error) = unexpected_encoding(&reply, &ask.path) {
            return self.packed(ask.effect, &reply, error);
        }
        match reply.status {
            200..=299 | 403 | 404 => {
                if !self.was_unsealed.load(Ordering::Relaxed) {
                    self.was_unsealed.store(true, Ordering::Relaxed);
                }
                Outcome::Answer(reply)
            }
            301 | 302 | 307 | 308 => match self.destination(asked, &reply, deadline) {
                Ok(other) => {
                    let (error, others) = (redirect::endless(&ask.path), Others::Named(other));
                    Outcome::Again(Trouble { error, pause: None, may_have_acted: false, others })
                }
                Err(outcome) => outcome,
            },
            _ => self.refused(asked, reply, deadline),
        }
    }

    /// An answer in a coding that was not asked for. It is repeated where its status alone says so.
    #[cold]
    fn packed(&self, effect: Effect, reply: &Response, error: Error) -> Outcome {
        let again = |may_have_acted| {
            let pause = retry_after(reply);
            Outcome::Again(Trouble { error: error.clone(), pause, may_have_acted, others: Others::None })
        };
        match reply.status {
            429 => again(false),
            502..=504 if effect != Effect::Once => again(true),
            _ => Outcome::Failed(error),
        }
    }

    /// An answer that is older than what this manager has written or read: another node, or the same one later, knows
    /// more.
    #[cold]
    fn outdated(&self, asked: &Asked<'_>, reply: &Response) -> Outcome {
        self.cluster.pass_over(asked.node);
        self.transport.leave_address(asked.node, asked.turn);
        let message = format!(
            "{}: the answer of {} ({}) is older than what was written; is that node cut off from its cluster?",
            asked.ask.path,
            reply.from,
            described(reply)
        );
        let error = Error::new(Status::Unavailable, message).with_http_status(reply.status);
        Outcome::Again(Trouble { error, pause: None, may_have_acted: false, others: Others::Leader })
    }

    fn refused(&self, asked: &Asked<'_>, reply: Response, deadline: &Deadline) -> Outcome {
        let (ask, mut complaint) = (asked.ask, ErrorResponse::of(&reply));
        let pause = retry_after(&reply);
        if complaint.is_mount_upgrading() {
            return Outcome::Upgrading(complaint.into_error(&ask.path, "this"));
        }
        if let Some(index) = asked.index.as_ref().filter(|_| complaint.is_index_unreadable()) {
            self.index.forget(index);
            return Outcome::IndexRefused(complaint.into_error(&ask.path, "this"));
        }
        let did_not_act = complaint.did_not_act();
        let is_repeatable = match ask.effect {
            Effect::Read => complaint.is_transient_for_read(),
            Effect::Repeatable => complaint.is_transient(),
            Effect::Once => did_not_act,
        };
        if !is_repeatable {
            return Outcome::Answer(reply);
        }
        complaint.is_uninitialised = complaint.is_sealed() && self.is_uninitialised(asked.node, deadline);
        let others = match complaint.is_transient() && !complaint.is_behind() {
            _ if complaint.is_quota() => Others::None,
            true => Others::Leader,
            false => Others::Any,
        };
        if others != Others::None {
            self.transport.leave_address(asked.node, asked.turn);
        }
        if others != Others::None && complaint.is_transient() {
            self.cluster.pass_over(asked.node);
        }
        let error = complaint.into_error(&ask.path, "this");
        Outcome::Again(Trouble { error, pause, may_have_acted: !did_not_act, others })
    }

    /// Why there is no answer, and whether another try could bring one. `patience` is for how long the node could be
    /// silent.
    #[cold]
    pub(super) fn after_failure(
        &self,
        asked: &Asked<'_>,
        failure: Failure,
        patience: Duration,
        deadline: &Deadline,
    ) -> Outcome {
        let Failure { error, sent, stale, may_pass, .. } = failure;
        if !may_pass {
            return Outcome::Failed(error);
        }
        let is_once = asked.ask.effect == Effect::Once;
        if stale && (!sent || !is_once) {
            return Outcome::Stale(error);
        }
        // Whatever becomes of this call, the next one should not meet the same node again.
        self.cluster.lost(asked.node);
        self.transport.leave_address(asked.node, asked.turn);
        // The try's own limit is not the call's.
        let error = match (error.status(), deadline.remaining()) {
            (Status::Timeout, Err(over)) => return Outcome::Failed(over),
            (_, Err(_)) => return Outcome::Failed(error),
            (Status::Timeout, Ok(_)) => self.no_answer(asked.node, patience),
            (_, Ok(_)) => error,
        };
        if sent && is_once {
            return Outcome::Failed(error);
        }
        Outcome::Again(Trouble { error, pause: None, may_have_acted: sent, others: Others::Leader })
    }

    fn no_answer(&self, node: usize, patience: Duration) -> Error {
        let target = self.transport.target(node);
        let message = format!("{target} gave no answer within {:.3} s; is it overloaded?", patience.as_secs_f64());
        Error::new(Status::Timeout, message)
    }
}

/// `Retry-After`. Servers round it down to whole seconds, so a second is added, give or take a tenth: those who were
/// told the same do not all come back at once.
fn retry_after(reply: &Response) -> Option<Duration> {
    let seconds = reply.header(&header::RETRY_AFTER)?;
    let seconds = seconds.parse().ok().filter(|_| seconds.bytes().all(|byte| byte.is_ascii_digit()))?;
    let rounding = Duration::from_millis(900 + fastrand::u64(..200));
    Some(Duration::from_secs(seconds).saturating_add(rounding))
}
