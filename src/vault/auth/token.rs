//! A token with its lease and its remaining uses.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::vault::api::token::TokenHeader;

/// A token that cannot be renewed is replaced shortly before it expires: by a tenth of its TTL, within these bounds.
const MIN_MARGIN: Duration = Duration::from_millis(100);
const MAX_MARGIN: Duration = Duration::from_secs(30);

/// A renewal that extends a token by no more than this has reached the token's maximum TTL.
const MIN_EXTENSION: Duration = Duration::from_millis(250);

/// The lease that a login or a renewal grants.
pub struct Grant {
    /// The TTL of the token; zero: it does not expire.
    pub ttl: Duration,
    /// Whether the token can be renewed.
    pub renewable: bool,
    /// The number of requests that the token is valid for, if limited (`num_uses`).
    pub uses: Option<u64>,
    /// The server granted less than requested, because the token is near its maximum TTL.
    pub capped: bool,
}

/// A token with its lease and its remaining uses.
pub struct Token {
    header: TokenHeader,
    /// Later tokens have higher numbers.
    pub serial: u64,
    lease: Option<Lease>,
    /// The remaining uses; `None` if they are not limited.
    uses: Option<AtomicU64>,
}

/// The lease of a token.
#[derive(Clone, Copy)]
struct Lease {
    /// When the request for it was sent, which is never later than the server's start of the lease.
    granted: Instant,
    ttl: Duration,
    renewable: bool,
}

impl Token {
    /// A token that was granted at `granted`. Without a `grant` it does not expire, and its uses are not limited.
    pub fn new(text: &SecretString, serial: u64, granted: Instant, grant: Option<Grant>) -> Token {
        let lease = grant.as_ref().and_then(|grant| Lease::of(granted, grant));
        let uses = grant.and_then(|grant| grant.uses).map(AtomicU64::new);
        Token { header: TokenHeader::new(text), serial, lease, uses }
    }

    /// The header for requests.
    pub fn header(&self) -> &TokenHeader {
        &self.header
    }

    /// The text of the token.
    pub fn text(&self) -> &str {
        self.header.text()
    }

    /// The same token after a renewal. If the renewal has hardly extended it, the token has reached its maximum TTL and
    /// is not renewed again.
    pub fn renewed(&self, granted: Instant, grant: &Grant, serial: u64) -> Token {
        let mut lease = Lease { granted, ttl: grant.ttl, renewable: grant.renewable };
        lease.renewable &= self.lease.is_none_or(|before| lease.end() > before.end() + MIN_EXTENSION);
        Token { header: self.header.clone(), serial, lease: Some(lease), uses: None }
    }

    /// Takes one of the token's limited uses for the next request; `false` if none is left. A token without uses would
    /// be refused, so the caller logs in first.
    pub fn take_use(&self) -> bool {
        let Some(uses) = &self.uses else { return true };
        uses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// How long it lives, if it expires.
    pub fn ttl(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.end().saturating_duration_since(Instant::now()))
    }

    /// What has to be done before the token is used.
    pub fn need(&self) -> Need {
        let Some(lease) = &self.lease else { return Need::Nothing };
        let age = lease.granted.elapsed();
        let margin = (lease.ttl / 10).clamp(MIN_MARGIN, MAX_MARGIN).min(lease.ttl / 2);
        if age >= lease.ttl {
            Need::Replacement
        } else if !lease.renewable {
            if age >= lease.ttl - margin { Need::EarlyReplacement } else { Need::Nothing }
        } else if age >= lease.ttl * 2 / 3 {
            Need::Renewal
        } else {
            Need::Nothing
        }
    }
}

/// What has to be done before a token is used.
pub enum Need {
    /// The token can be used.
    Nothing,
    /// It can be used, and should be renewed.
    Renewal,
    /// It can be used, and should be replaced by a login.
    EarlyReplacement,
    /// It cannot be used before it is replaced.
    Replacement,
}

impl Lease {
    /// `None` for a token that does not expire.
    fn of(granted: Instant, grant: &Grant) -> Option<Lease> {
        if grant.ttl.is_zero() {
            return None;
        }
        Some(Lease { granted, ttl: grant.ttl, renewable: grant.renewable && !grant.capped })
    }

    fn end(&self) -> Instant {
        self.granted + self.ttl
    }
}
