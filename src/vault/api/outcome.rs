//! What was asked of whom, and what it came to.

use std::sync::Arc;
use std::time::Duration;

use super::request::ApiRequest;
use super::token::TokenHeader;
use crate::error::Error;
use crate::http::{HeaderValue, Response};

/// What a try came to.
pub enum Outcome {
    /// This is the answer.
    Answer(Response),
    /// No answer, and no repeat that could help.
    Failed(Error),
    /// Worth a repeat.
    Again(Trouble),
    /// An idle connection was closed: a new one will do.
    Stale(Error),
    /// The server could not read the `X-Vault-Index` that went along, which is forgotten.
    IndexRefused(Error),
    /// A new mount is being prepared: worth many repeats.
    Upgrading(Error),
}

/// What stands against a request for now.
pub struct Trouble {
    /// The error, if it stays like that.
    pub error: Error,
    /// `Retry-After`, if the server named it.
    pub pause: Option<Duration>,
    /// The server may have acted on the request: another try is a repeat.
    pub may_have_acted: bool,
    /// Where others may do better.
    pub others: Others,
}

/// Who may do better than the server that was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Others {
    /// Nobody: the same is to be asked again later.
    None,
    /// Another address of the same name, or another node; at once if this server did not act.
    Any,
    /// The same, at once; if none does, the cluster has no leader.
    Leader,
    /// This node, which a redirect has named.
    Named(usize),
}

/// What is to be known of a request until its answer is there.
pub struct Sent {
    pub(super) node: usize,
    pub(super) turn: usize,
    pub(super) index: Option<Arc<str>>,
}

/// One try: what was asked of whom.
pub(super) struct Asked<'a> {
    pub(super) node: usize,
    /// Which of the addresses of the node's name was the preferred one.
    pub(super) turn: usize,
    pub(super) token: Option<&'a TokenHeader>,
    pub(super) ask: &'a ApiRequest,
    /// The `X-Vault-Index` that went along.
    pub(super) index: Option<Arc<str>>,
}

impl Asked<'_> {
    /// The `X-Vault-Index` that goes along, as a header.
    pub(super) fn index_header(&self) -> Option<HeaderValue> {
        self.index.as_ref().and_then(|index| HeaderValue::from_str(index).ok())
    }
}
