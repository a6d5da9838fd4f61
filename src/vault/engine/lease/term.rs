//! How long a lease lives, as all owners of one generation see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::answer::Kind;
use super::schedule;
use crate::call::FOR_EVER;
use crate::host::fork;
use crate::host::random;
use crate::moment::{Moment, earlier};

/// Servers count in whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

/// Credentials are not handed out in the last part of their life, because a login takes time and must not find its user
/// removed: the TTL divided by this, and at most this long.
const RESERVE_DIVISOR: u32 = 40;
const LONGEST_RESERVE: Duration = Duration::from_millis(250);

/// The times of a lease. Renewals move them; they hold no credentials.
pub struct Term {
    /// The id of the lease; empty if there is none.
    pub id: String,
    /// What tells that the credentials end.
    pub kind: Kind,
    /// How long the lease lived at first; zero: it has no end of its own.
    pub ttl: Duration,
    /// The end by the server's word about the lease.
    end: Moment,
    /// The end of the token that the lease was made with.
    token: Arc<Moment>,
    /// When the lease itself has to be renewed or replaced.
    own_due: Moment,
    /// When something has to be done, because of the lease or of its token, or of a failure before.
    due: Moment,
    /// A renewal could extend it.
    renewable: AtomicBool,
    /// The program has found that it is not accepted.
    refused: AtomicBool,
    /// It is over before its time, whatever a renewal says that was under way.
    finished: AtomicBool,
    /// The process that it was made in.
    process: u32,
}

impl Term {
    /// The times of a lease that begins at `began`. `due`: when it has to be looked at again, if it has no end.
    pub fn new(grant: Grant, token: Arc<Moment>) -> Term {
        let Grant { id, kind, began, ttl, renewable, look } = grant;
        let end = ttl.and_then(|ttl| began.checked_add(ttl));
        let term = Term {
            id,
            kind,
            ttl: ttl.unwrap_or_default(),
            end: Moment::new(end),
            token,
            own_due: Moment::new(None),
            due: Moment::new(None),
            renewable: AtomicBool::new(renewable),
            refused: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            process: fork::generation(),
        };
        term.schedule(began, end.map(|end| end.saturating_duration_since(began)), look);
        term
    }

    /// Extends the lease: it lives for `ttl` from `began`.
    pub fn extend(&self, began: Instant, ttl: Option<Duration>, look: Option<Instant>) {
        self.end.set(ttl.and_then(|ttl| began.checked_add(ttl)));
        self.schedule(began, ttl, look);
        if self.finished.load(Ordering::SeqCst) {
            self.finish(Instant::now());
        }
    }

    fn schedule(&self, began: Instant, ttl: Option<Duration>, look: Option<Instant>) {
        let renewal = match self.kind {
            // A rotated password is valid until its end, and there is no other before.
            Kind::Rotated => self.end.get(),
            Kind::Leased | Kind::Certificate | Kind::Plain => {
                ttl.map(|ttl| schedule::renewal(began, ttl, random::fraction()))
            }
        };
        self.own_due.set(earlier(renewal, look));
        self.reschedule(Instant::now());
    }

    /// Calculates anew when something is due: the token may live longer now.
    pub fn reschedule(&self, now: Instant) {
        self.due.set(Some(match self.end().filter(|_| self.is_limited_by_token()) {
            Some(end) => schedule::of_token(end, now, random::fraction()),
            None => self.own_due.get().unwrap_or_else(|| now + FOR_EVER),
        }));
    }

    /// The token that the lease ends with could not be renewed: that is tried again in a part of what is left.
    pub fn look_soon(&self, now: Instant) {
        if let Some(end) = self.end().filter(|_| self.is_limited_by_token()) {
            let left = end.saturating_duration_since(now);
            self.due.advance(now + schedule::pause(left, self.ttl, 1, random::fraction()));
        }
    }

    /// Nothing is done before this time.
    pub fn postpone(&self, until: Instant) {
        self.due.set(Some(until));
    }

    /// The lease is over.
    pub fn finish(&self, now: Instant) {
        self.finished.store(true, Ordering::SeqCst);
        self.end.advance(now);
        self.due.advance(now);
    }

    /// It is not renewed any more.
    pub fn never_renew(&self) {
        self.renewable.store(false, Ordering::Release);
    }

    /// Whether a renewal could extend it.
    pub fn is_renewable(&self) -> bool {
        self.renewable.load(Ordering::Acquire)
    }

    /// The credentials were refused: something has to be done from `since` on.
    pub fn refuse(&self, since: Instant) {
        self.refused.store(true, Ordering::Release);
        self.due.advance(since);
    }

    /// Whether the credentials were refused.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// They were looked at again, after they had been refused.
    pub fn forget_refusal(&self) {
        self.refused.store(false, Ordering::Release);
    }

    /// Whether the lease itself has to be renewed or replaced.
    pub fn is_own_due(&self, now: Instant) -> bool {
        self.own_due.has_come(now)
    }

    /// The end of the credentials: that of the lease or of its token. `None`: they have none.
    pub fn end(&self) -> Option<Instant> {
        earlier(self.end.get(), self.token.get())
    }

    /// Whether the lease ends with its token, or just before, so that neither its renewal nor another one would live longer.
    pub fn is_limited_by_token(&self) -> bool {
        let most = self.end.get().map(|end| end + ROUNDING);
        self.token.get().is_some_and(|token| most.is_none_or(|most| token <= most))
    }

    /// Whether they are read, and not made for this program: there are no others before their end.
    pub fn is_read(&self) -> bool {
        matches!(self.kind, Kind::Rotated | Kind::Plain)
    }

    /// Until when they are handed out.
    pub fn usable_until(&self) -> Option<Instant> {
        let reserve = if self.is_read() { Duration::ZERO } else { (self.ttl / RESERVE_DIVISOR).min(LONGEST_RESERVE) };
        self.end().map(|end| end.checked_sub(reserve).unwrap_or(end))
    }

    /// Whether they can be handed out.
    pub fn is_usable(&self, now: Instant) -> bool {
        self.usable_until().is_none_or(|until| now < until)
    }

    /// Whether they have not ended.
    pub fn is_alive(&self, now: Instant) -> bool {
        !self.end.has_come(now) && !self.token.has_come(now)
    }

    /// Whether they can be handed out, and nothing has to be done.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.is_usable(now) && (!self.due.has_come(now) || self.is_left_alone())
    }

    /// When something has to be done.
    pub fn due(&self) -> Option<Instant> {
        let due = self.due.get().filter(|_| !self.is_left_alone());
        earlier(due, self.usable_until())
    }

    /// Whether a parent of this process keeps it valid. What is read is read by each process.
    pub fn is_of_parent(&self) -> bool {
        self.is_inherited() && !self.is_read()
    }

    /// Nothing is done for what the parent keeps valid, unless it was refused.
    fn is_left_alone(&self) -> bool {
        self.is_of_parent() && !self.is_refused()
    }

    /// Whether the lease was made by a parent of this process.
    pub fn is_inherited(&self) -> bool {
        self.process != fork::generation()
    }

    /// Whether it was made with the token that ends at `token`.
    pub fn is_of(&self, token: &Arc<Moment>) -> bool {
        Arc::ptr_eq(&self.token, token)
    }
}

/// What the server grants.
pub struct Grant {
    /// The id of the lease; empty if there is none.
    pub id: String,
    /// What tells that the credentials end.
    pub kind: Kind,
    /// From when the time counts, which is never later than the server's begin.
    pub began: Instant,
    /// How long it lives; `None`: it has no end of its own.
    pub ttl: Option<Duration>,
    /// Whether a renewal can extend it.
    pub renewable: bool,
    /// When it has to be looked at again, although it has not ended.
    pub look: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn term(ttl: Option<Duration>, token_end: Option<Instant>) -> Term {
        let began = Instant::now();
        let grant = Grant { id: "id".into(), kind: Kind::Leased, began, ttl, renewable: true, look: None };
        Term::new(grant, Arc::new(Moment::new(token_end)))
    }

    #[test]
    fn a_lease_ends_with_its_token() {
        let now = Instant::now();
        let short = term(Some(SECOND * 60), Some(now + SECOND * 10));
        assert_eq!(short.end(), Some(now + SECOND * 10));
        assert!(short.is_fresh(now + SECOND * 5) && !short.is_fresh(now + SECOND * 8), "due because of the token");
        assert!(short.is_alive(now + SECOND * 8) && !short.is_alive(now + SECOND * 10));
        short.token.set(Some(now + SECOND * 100));
        assert!(short.is_alive(now + SECOND * 30), "the token was renewed");
        assert!(!short.is_alive(now + SECOND * 70));
    }

    #[test]
    fn a_token_that_could_not_be_renewed_is_tried_again_soon() {
        let now = Instant::now();
        let short = term(Some(SECOND * 60), Some(now + SECOND * 30));
        assert!(short.is_fresh(now + SECOND * 15));
        short.look_soon(now);
        assert!(short.is_fresh(now + SECOND * 7) && !short.is_fresh(now + SECOND * 13));
        let own = term(Some(SECOND * 60), Some(now + SECOND * 300));
        own.look_soon(now);
        assert!(own.is_fresh(now + SECOND * 39), "its token lives longer");
    }

    #[test]
    fn a_lease_that_ends_a_little_before_its_token_is_looked_at_in_time() {
        let now = Instant::now();
        // Servers round down what is left of a batch token.
        let short = term(Some(SECOND * 3), Some(now + SECOND * 39 / 10));
        assert!(short.is_fresh(now + SECOND * 19 / 10) && !short.is_fresh(now + SECOND * 23 / 10));
    }

    #[test]
    fn what_is_about_to_end_is_not_handed_out() {
        let long = term(Some(SECOND * 60), None);
        let end = long.end().unwrap();
        long.postpone(end + SECOND);
        assert!(long.is_fresh(end - LONGEST_RESERVE * 2));
        let last = end - LONGEST_RESERVE;
        assert!(long.is_alive(last) && !long.is_usable(last) && !long.is_fresh(last), "a login would come too late");
        assert_eq!(long.due(), Some(last));
        let short = term(Some(SECOND * 2), None);
        let end = short.end().unwrap();
        assert!(short.is_usable(end - SECOND / 19) && !short.is_usable(end - SECOND / 20), "a fortieth of two seconds");
    }

    #[test]
    fn what_never_ends_is_never_due() {
        let endless = term(None, None);
        assert!(endless.end().is_none() && endless.is_fresh(Instant::now() + SECOND * 1_000_000));
    }

    #[test]
    fn a_lease_that_was_finished_is_over_at_once() {
        let term = term(Some(SECOND * 60), None);
        term.finish(Instant::now());
        assert!(!term.is_alive(Instant::now()) && !term.is_fresh(Instant::now()));
        term.extend(Instant::now(), Some(SECOND * 60), None);
        assert!(!term.is_alive(Instant::now()), "a renewal that was under way");
    }
}
