//! A token, and what is known of its life.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use crate::vault::api::token::TokenHeader;

/// A token that can only be replaced is used until shortly before its end: a tenth of its life, within these bounds.
const SHORTEST_MARGIN: Duration = Duration::from_millis(100);
const LONGEST_MARGIN: Duration = Duration::from_secs(30);

/// A renewal that moves a token's end by no more than this has met the token's maximum.
const WORTH_RENEWING: Duration = Duration::from_millis(250);

/// What a login or a renewal grants.
pub struct Grant {
    /// How long the token lives from now; zero: for ever.
    pub ttl: Duration,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// How many requests the token is good for, where that is limited.
    pub uses: Option<u64>,
    /// The server said that it granted less than was asked for: the token's maximum is near.
    pub capped: bool,
}

/// A token, and what is known of its life.
pub struct Token {
    header: TokenHeader,
    /// Later tokens have higher numbers.
    pub serial: u64,
    lease: Option<Lease>,
    /// How many requests it is still good for; `None` where nobody counts.
    uses: Option<AtomicU64>,
}

/// How long a token lives.
#[derive(Clone, Copy)]
struct Lease {
    /// When the request was sent that it was granted to: never later than the server's own beginning.
    granted: Instant,
    ttl: Duration,
    renewable: bool,
}

impl Token {
    /// A token that was granted at `granted`, for as long and as many requests as `grant` says; for ever where there is
    /// none.
    pub fn new(text: &SecretString, serial: u64, granted: Instant, grant: Option<Grant>) -> Token {
        let lease = grant.as_ref().and_then(|grant| Lease::of(granted, grant));
        let uses = grant.and_then(|grant| grant.uses).map(AtomicU64::new);
        Token { header: TokenHeader::new(text), serial, lease, uses }
    }

    /// The header of every request that it goes with.
    pub fn header(&self) -> &TokenHeader {
        &self.header
    }

    /// The token itself.
    pub fn text(&self) -> &str {
        self.header.text()
    }

    /// The same token after a renewal. Near its maximum a renewal moves the end no further: then there is no other.
    pub fn renewed(&self, granted: Instant, grant: &Grant, serial: u64) -> Token {
        let mut lease = Lease { granted, ttl: grant.ttl, renewable: grant.renewable };
        lease.renewable &= self.lease.is_none_or(|before| lease.end() > before.end() + WORTH_RENEWING);
        Token { header: self.header.clone(), serial, lease: Some(lease), uses: None }
    }

    /// Takes one use of a token whose uses the server counts, for the request that follows; `false` where none is left.
    /// A token that was used up would be refused, so those who find it so log in first.
    pub fn claim(&self) -> bool {
        let Some(uses) = &self.uses else { return true };
        uses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    pub fn need(&self) -> Need {
        let Some(lease) = &self.lease else { return Need::Nothing };
        let age = lease.granted.elapsed();
        let margin = (lease.ttl / 10).clamp(SHORTEST_MARGIN, LONGEST_MARGIN).min(lease.ttl / 2);
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
    Nothing,
    /// It can be used, and somebody should renew it.
    Renewal,
    /// It can be used, and somebody should log in again.
    EarlyReplacement,
    /// It cannot be used.
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
