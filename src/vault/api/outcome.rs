//! One attempt to send a request, and its outcome.

use std::sync::Arc;
use std::time::Duration;

use super::consistency;
use super::request::ApiRequest;
use super::response::Response;
use super::token::TokenHeader;
use crate::error::Error;
use crate::http::HeaderValue;
use crate::observe::metrics::Reason;

/// The outcome of an attempt.
pub enum Outcome {
    /// The response, which is final.
    Response(Response),
    /// No response, and a retry would not help.
    Failed(Error),
    /// A failure that a retry may resolve.
    Retry(TransientFailure),
    /// The node does not have what is there according to a watch. Where no other node has it, it was deleted since, and
    /// this response is final.
    Missing(TransientFailure, Box<Response>),
    /// The server had closed the idle connection: a new connection is enough.
    Stale(Error),
    /// The server could not parse the `X-Vault-Index` of the request, which has been forgotten.
    IndexRefused(Error),
    /// A new mount is being prepared: many retries are worthwhile.
    Upgrading(Error),
}

/// A failure that a retry may resolve.
pub struct TransientFailure {
    /// The error to return if the retries fail, too.
    pub error: Error,
    /// The pause that the server asked for with `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The server may have executed the request, so that a retry may execute it a second time.
    pub may_have_acted: bool,
    /// Where to send the retry.
    pub failover: Failover,
}

impl TransientFailure {
    /// The reason of a retry, for metrics.
    pub fn reason(&self) -> Reason {
        match self.failover {
            Failover::Redirect(_) => Reason::Redirect,
            _ => Reason::of(self.error.status()),
        }
    }
}

/// Where to send a request again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failover {
    /// To the same server, later.
    None,
    /// To another address of the same name, or to another node; at once if this server did not execute the request.
    Any,
    /// Likewise, at once. If no node accepts the request, the cluster has no leader.
    Leader,
    /// To this node, which a redirect names.
    Redirect(usize),
}

/// What a node does that is slow to respond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SlowNode {
    /// It works on the request.
    Working,
    /// It does not answer, or forwards requests to a leader that does not.
    Unresponsive,
    /// It answers, but the leader that the request was meant for leads no more.
    LostLeader,
}

/// What has to be kept of a request that was sent until its response is received.
pub struct Sent {
    pub(super) node: usize,
    pub(super) address_turn: usize,
    pub(super) index: Option<Arc<str>>,
}

/// One attempt to send a request to a node.
pub(super) struct Attempt<'a> {
    pub(super) node: usize,
    /// Identifies which address of the node's name was preferred.
    pub(super) address_turn: usize,
    pub(super) token: Option<&'a TokenHeader>,
    pub(super) request: &'a ApiRequest,
    /// The `X-Vault-Index` of the request.
    pub(super) index: Option<Arc<str>>,
    /// The request was sent before, and was not executed according to an answer.
    pub(super) is_repeat: bool,
}

impl Attempt<'_> {
    /// The `X-Vault-Index` of the request as a header value.
    pub(super) fn index_header(&self) -> Option<HeaderValue> {
        let index = self.index.as_ref()?;
        let beyond = if self.request.needs_leader() { consistency::beyond(index) } else { None };
        HeaderValue::from_str(beyond.as_deref().unwrap_or(index)).ok()
    }
}
