//! A token with its lease and its remaining uses.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::uses::{self, Uses};
use crate::moment::Moment;
use crate::vault::api::request::Cost;
use crate::vault::api::token::TokenHeader;

/// A token that cannot be renewed is replaced shortly before it expires: by a tenth of its TTL, within these bounds.
const MIN_MARGIN: Duration = Duration::from_millis(100);
const MAX_MARGIN: Duration = Duration::from_secs(30);

/// A renewal that extends a token by no more than this has reached the token's maximum TTL.
const MIN_EXTENSION: Duration = Duration::from_millis(250);

/// Servers round the TTL of a renewal up to seconds, also when the token ends at its maximum before.
const MAX_ROUNDING: Duration = Duration::from_secs(1);

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

/// What the server says about a token.
pub struct Description {
    /// When it ends; `None`: never.
    pub end: Option<Instant>,
    /// What identifies it, besides its text.
    pub accessor: String,
    /// How many uses are left; `None`: they are not limited.
    pub uses: Option<u64>,
}

/// A token with its lease and its remaining uses.
pub struct Token {
    header: TokenHeader,
    /// Later tokens have higher numbers.
    pub serial: u64,
    lease: Option<Lease>,
    /// The remaining uses; `None` if they are not limited, or not known.
    uses: Option<Uses>,
    /// When the token ends, and what was made with it: shared with its successors by renewal.
    end: Arc<Moment>,
    /// What the server identifies the token by, if it was asked about it.
    accessor: Option<Arc<str>>,
}

/// The lease of a token.
#[derive(Clone, Copy)]
struct Lease {
    /// When the request for it was sent, which is never later than the server's start of the lease.
    granted: Instant,
    ttl: Duration,
    renewable: bool,
    /// When the token was obtained by a login.
    obtained: Instant,
    /// How much earlier than granted it may end.
    rounding: Duration,
}

impl Token {
    /// A token that was granted at `granted`. Without a `grant` it does not expire, and its uses are not limited.
    pub fn new(text: &SecretString, serial: u64, granted: Instant, grant: Option<Grant>) -> Token {
        let lease = grant.as_ref().and_then(|grant| Lease::of(granted, grant));
        let uses = grant.and_then(|grant| grant.uses).map(Uses::new);
        let end = Arc::new(Moment::new(lease.map(|lease| lease.end())));
        Token { header: TokenHeader::new(text), serial, lease, uses, end, accessor: None }
    }

    /// The header for requests.
    pub fn header(&self) -> &TokenHeader {
        &self.header
    }

    /// The text of the token.
    pub fn text(&self) -> &str {
        self.header.text()
    }

    /// The same token after a renewal. If the server has granted less than the TTL of the role, or the renewal has hardly
    /// extended it, the token has reached its maximum TTL and is not renewed again.
    pub fn renewed(&self, granted: Instant, grant: &Grant, serial: u64) -> Token {
        let obtained = self.lease.map_or(granted, |before| before.obtained);
        let rounding = MAX_ROUNDING.min(if grant.capped { grant.ttl } else { grant.ttl / 3 });
        let renewable = grant.renewable && !grant.capped;
        let mut lease = Lease { granted, ttl: grant.ttl, renewable, obtained, rounding };
        lease.renewable &= self.lease.is_none_or(|before| lease.end() > before.end() + MIN_EXTENSION);
        self.end.set(Some(lease.end()));
        let (header, end) = (self.header.clone(), Arc::clone(&self.end));
        Token { header, serial, lease: Some(lease), uses: None, end, accessor: self.accessor.clone() }
    }

    /// The same token, supplied from outside, after the server was asked about it. Behind the same text an agent may have
    /// put another token, which the accessor tells.
    pub fn described(&self, description: &Description, serial: u64) -> Token {
        let Description { end, accessor, uses } = description;
        let is_another = self.accessor.as_deref().is_some_and(|known| known != accessor);
        let shared = if is_another { Arc::new(Moment::new(*end)) } else { Arc::clone(&self.end) };
        shared.set(*end);
        let (header, accessor) = (self.header.clone(), Some(Arc::from(accessor.as_str())));
        let uses = uses.map(Uses::new);
        Token { header, serial, lease: None, uses, end: shared, accessor }
    }

    /// When the token ends. What was made with it ends no later. The same object for the token after a renewal.
    pub fn end(&self) -> &Arc<Moment> {
        &self.end
    }

    /// Whether the server has said that this token, which was supplied from outside, never ends.
    pub fn is_endless(&self) -> bool {
        self.accessor.is_some() && self.end.get().is_none()
    }

    /// What has to be done so that the token lives for `wanted` from now, or at least for a third of its TTL. A token in the
    /// first half of its life that cannot be renewed is no worse than another. One with few uses left is.
    pub fn prolongation(&self, wanted: Duration) -> Need {
        if self.uses.as_ref().is_some_and(|uses| uses.are_few()) {
            return Need::EarlyReplacement;
        }
        let Some(lease) = &self.lease else { return Need::Nothing };
        let age = lease.granted.elapsed();
        if lease.end().saturating_duration_since(Instant::now()) >= wanted.max(lease.ttl / 3) {
            Need::Nothing
        } else if lease.renewable {
            if age >= lease.ttl / 10 { Need::Renewal } else { Need::Nothing }
        } else if lease.obtained.elapsed() >= (lease.end() - lease.obtained) / 2 {
            Need::EarlyReplacement
        } else {
            Need::Nothing
        }
    }

    /// When [`Token::need`] becomes something else than nothing; `None`: never.
    pub fn due(&self) -> Option<Instant> {
        let lease = self.lease.as_ref()?;
        Some(lease.granted + if lease.renewable { lease.ttl * 2 / 3 } else { lease.replacement() })
    }

    /// Takes what a request costs of the token's uses; `false` if they do not suffice, or if the last one is spared for the
    /// leases of the token.
    pub fn take_use(&self, cost: Cost, spares_leases: bool) -> bool {
        let Some(uses) = &self.uses else { return true };
        let before = uses.take(cost, spares_leases);
        if before == Some(1) {
            // The server revokes the token with this request, and what was made with it.
            self.end.advance(Instant::now());
        }
        before.is_some()
    }

    /// How many uses are left, if they are limited.
    pub fn uses_left(&self) -> Option<u64> {
        self.uses.as_ref().map(|uses| uses.left())
    }

    /// Whether there are uses for what no call needs at once.
    pub fn has_spare_uses(&self) -> bool {
        self.uses.as_ref().is_none_or(|uses| uses.left() >= uses::SPARE)
    }

    /// How long it lives, if it expires.
    pub fn ttl(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.end().saturating_duration_since(Instant::now()))
    }

    /// What has to be done before the token is used.
    pub fn need(&self) -> Need {
        let Some(lease) = &self.lease else { return Need::Nothing };
        let age = lease.granted.elapsed();
        if age >= lease.ttl {
            Need::Replacement
        } else if !lease.renewable {
            if age >= lease.replacement() { Need::EarlyReplacement } else { Need::Nothing }
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
        let (ttl, renewable) = (grant.ttl, grant.renewable && !grant.capped);
        Some(Lease { granted, ttl, renewable, obtained: granted, rounding: Duration::ZERO })
    }

    fn end(&self) -> Instant {
        self.granted + self.ttl - self.rounding
    }

    /// After what time a token that cannot be renewed is replaced.
    fn replacement(&self) -> Duration {
        let margin = (self.ttl / 10).clamp(MIN_MARGIN, MAX_MARGIN).min(self.ttl / 2);
        (self.ttl - margin).saturating_sub(self.rounding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn grant(ttl: Duration, capped: bool) -> Option<Grant> {
        Some(Grant { ttl, renewable: true, uses: None, capped })
    }

    #[test]
    fn a_token_at_its_maximum_ends_up_to_a_second_before_the_server_says() {
        let obtained = Instant::now();
        let token = Token::new(&SecretString::from("t"), 1, obtained, grant(SECOND * 3, false));
        let now = obtained + SECOND * 2;
        for (ttl, capped, least) in [(3, false, 2000), (2, true, 1000), (1, true, 0)] {
            let renewed = token.renewed(now, &grant(SECOND * ttl, capped).unwrap(), 2);
            assert_eq!(renewed.end().get(), Some(now + Duration::from_millis(least)), "{ttl} s");
            assert_eq!(renewed.lease.unwrap().renewable, !capped);
            assert!(renewed.due().unwrap() <= renewed.end().get().unwrap());
        }
    }
}
