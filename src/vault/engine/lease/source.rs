//! Where credentials come from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::{Granted, Kind};
use super::endpoint;
use super::schedule;
use super::term::{Grant, Term};
use crate::document::Document;
use crate::error::Result;
use crate::fields::Fields;
use crate::host::random;
use crate::moment::Moment;
use crate::reference::request_path;
use crate::vault::auth::token::Token;
use crate::vault::client::Context;

/// What has no end of its own is looked at no more often, whatever the server advises.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// Where credentials come from.
pub enum Source {
    /// A path of the API, with the parameters of a POST.
    Path(String, Option<Arc<Fields>>),
    /// A secret, which is read.
    Secret(Box<dyn Look>),
}

/// Reads a secret.
pub trait Look: Send + Sync {
    /// All fields of the secret; `None` if it does not exist.
    fn look(&self, context: Context<'_>) -> Result<Option<Document>>;

    /// The reference, for messages.
    fn reference(&self) -> &str;
}

/// Credentials with their times.
pub struct Obtained {
    /// The credentials.
    pub document: Document,
    /// How long they live.
    pub grant: Grant,
    /// The end of the token that they end with.
    pub token: Arc<Moment>,
}

impl Obtained {
    /// The times of a lease of its own.
    pub fn split(self) -> (Document, Term) {
        (self.document, Term::new(self.grant, self.token))
    }
}

impl Source {
    /// A path of the API. `HF_ERR_INVALID_ARGUMENT` if it cannot be sent.
    pub fn of_path(path: &str, parameters: Option<Arc<Fields>>) -> Result<Source> {
        Ok(Source::Path(request_path(path)?, parameters))
    }

    /// The path for messages: without a query, which may hold a secret.
    pub fn shown(&self) -> &str {
        match self {
            Source::Path(path, _) => path.split('?').next().unwrap_or_default(),
            Source::Secret(secret) => secret.reference(),
        }
    }

    /// Obtains credentials; `None`: there is nothing at the path. `past_caches`: a cache between here and the server must
    /// not answer. What has no end is looked at again after `interval`.
    pub fn obtain(&self, context: Context<'_>, past_caches: bool, interval: Duration) -> Result<Option<Obtained>> {
        let began = Instant::now();
        match self {
            Source::Secret(secret) => {
                let Some(document) = secret.look(context)? else { return Ok(None) };
                let look = Some(schedule::look(began, interval, random::fraction()));
                let (id, kind) = (String::new(), Kind::Plain);
                let grant = Grant { id, kind, began, ttl: None, renewable: false, look };
                Ok(Some(Obtained { document, grant, token: Arc::new(Moment::new(None)) }))
            }
            Source::Path(path, parameters) => {
                let Some((granted, token)) = send(context, path, parameters.as_deref(), past_caches)? else {
                    return Ok(None);
                };
                let half_over = granted.ttl.is_some_and(|ttl| granted.age > ttl / 2);
                if !past_caches && granted.is_cached && half_over {
                    return self.obtain(context, true, interval);
                }
                let is_read = parameters.is_none();
                Ok(Some(with_times(granted, &token, began, is_read.then_some(interval))))
            }
        }
    }
}

fn send(
    context: Context<'_>,
    path: &str,
    parameters: Option<&Fields>,
    past_caches: bool,
) -> Result<Option<(Granted, Arc<Token>)>> {
    let request = endpoint::obtain(path, parameters, past_caches)?;
    let (response, token) = context.client.send_and_tell(&request, context.deadline)?;
    Ok(endpoint::obtained(&request, &response)?.map(|granted| (granted, token)))
}

/// `interval`: how often to look at what has no lease, if that makes nothing.
fn with_times(granted: Granted, token: &Token, began: Instant, interval: Option<Duration>) -> Obtained {
    let Granted { kind, id, ttl, hint, renewable, document, age, .. } = granted;
    let look = interval.filter(|_| matches!(kind, Kind::Plain | Kind::Rotated)).map(|interval| {
        let interval = hint.map_or(interval, |hint| interval.min(hint)).max(SHORTEST_LOOK);
        schedule::look(Instant::now(), interval, random::fraction())
    });
    // Only what has a lease is revoked with its token.
    let token = if id.is_empty() { Arc::new(Moment::new(None)) } else { Arc::clone(token.end()) };
    let began = began.checked_sub(age).unwrap_or(began);
    Obtained { document, grant: Grant { id, kind, began, ttl, renewable, look }, token }
}
