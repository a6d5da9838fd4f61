//! One set of credentials, and the renewal and revocation of its lease.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::endpoint::{self, Renewed};
use super::source::Source;
use super::term::Term;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::vault::client::Context;

/// One set of credentials. The times move with renewals; the rest never changes.
pub struct Lease {
    /// The number of the generation of [`super::Credentials`]; 0 for a lease of its own.
    pub number: u64,
    /// The credentials.
    pub document: Arc<Document>,
    /// How long they live.
    pub term: Arc<Term>,
}

/// The outcome of a renewal.
pub enum Renewal {
    /// The lease lives longer.
    Extended,
    /// It lives longer, but not as long as at first: it is near its maximum.
    Capped,
    /// The server does not know it.
    Gone,
    /// The session has another token now. A renewal with that one would succeed, and not help.
    OfAnotherToken,
}

impl Lease {
    /// Obtains credentials; `None`: there is nothing at the path.
    pub fn open(context: Context<'_>, source: &Source) -> Result<Option<Lease>> {
        context.deadline.remaining_when_set()?;
        context.client.prolong_token(Duration::ZERO, context.deadline);
        let Some(obtained) = source.obtain(context, false, Duration::ZERO)? else { return Ok(None) };
        let (document, term) = obtained.split();
        Ok(Some(Lease { number: 0, document: Arc::new(document), term: Arc::new(term) }))
    }

    /// The time left, 0 if they are over; `None`: they have no end.
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.term.end().map(|end| end.saturating_duration_since(now))
    }

    /// Renews the lease. `false`: the server does not know it any more.
    pub fn renew(&self, context: Context<'_>) -> Result<bool> {
        self.check_own("renews")?;
        if !self.term.is_renewable() {
            return Err(Error::unsupported("the lease cannot be renewed; open another one before it ends"));
        }
        context.deadline.remaining_when_set()?;
        context.client.prolong_token(self.term.ttl, context.deadline);
        match renew(context, &self.term)? {
            Renewal::Extended | Renewal::Capped => Ok(true),
            Renewal::Gone => {
                self.term.finish(Instant::now());
                Ok(false)
            }
            Renewal::OfAnotherToken => Err(Error::unsupported(
                "the lease ends with the token that it was made with, which a login has replaced; open another one",
            )),
        }
    }

    /// Revokes the lease: its credentials are of no use any more.
    pub fn revoke(&self, context: Context<'_>) -> Result<()> {
        self.check_own("revokes")?;
        revoke(context, &self.term)
    }

    fn check_own(&self, what: &str) -> Result<()> {
        if self.term.id.is_empty() {
            return Err(Error::unsupported("the credentials have no lease that could be renewed or revoked"));
        }
        if self.term.is_inherited() {
            return Err(Error::unsupported(format!("the lease was made before a fork: the parent process {what} it")));
        }
        Ok(())
    }
}

/// Renews a lease with the token that it was made with.
pub fn renew(context: Context<'_>, term: &Term) -> Result<Renewal> {
    if !term.is_of(context.client.present_token(context.deadline)?.end()) {
        return Ok(Renewal::OfAnotherToken);
    }
    let began = Instant::now();
    let (response, token) = context.client.send_and_tell(&endpoint::renewal(&term.id)?, context.deadline)?;
    if !term.is_of(token.end()) {
        return Ok(Renewal::OfAnotherToken);
    }
    match endpoint::renewed(&response, term.ttl)? {
        Renewed::Unknown => Ok(Renewal::Gone),
        Renewed::For { ttl, is_capped } => {
            term.extend(began, Some(ttl), None);
            Ok(if is_capped { Renewal::Capped } else { Renewal::Extended })
        }
    }
}

/// Revokes a lease.
pub fn revoke(context: Context<'_>, term: &Term) -> Result<()> {
    let response = context.client.send(&endpoint::revocation(&term.id)?, context.deadline)?;
    endpoint::revoked(&response)?;
    term.finish(Instant::now());
    Ok(())
}
