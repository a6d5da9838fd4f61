//! A source of credentials that are always valid.
//!
//! There is no thread. Whoever finds the credentials due renews or replaces them, while others go on with what there is.
//! If that fails, they are handed out until their end, with a pause between attempts; after it, the calls fail and tell
//! why. A generation that was replaced is left to run out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::answer::{Kind, are_same};
use super::effort::Effort;
use super::generation::{Lease, Renewal, renew, revoke};
use super::schedule;
use super::source::{Obtained, Source};
use super::term::Term;
use super::trouble::Troubles;
use crate::error::{Error, Result, Status};
use crate::host::fork_lock::ForkLock;
use crate::moment::Moment;
use crate::observe::log;
use crate::observe::metrics::{LeaseState, Leases};
use crate::vault::client::Context;

/// What has no lease is read again no more often than this because it was refused.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// A source of credentials.
pub struct Credentials {
    source: Source,
    /// How often what has no end is looked at (`VAULT_WATCH_INTERVAL`).
    interval: Duration,
    current: ArcSwapOption<Lease>,
    /// The number of the current generation; 0 if there is none.
    current_number: AtomicU64,
    /// The number of the latest generation.
    latest_number: AtomicU64,
    /// The leases that may be alive, replaced ones included.
    terms: ArcSwap<Vec<Arc<Term>>>,
    troubles: Troubles,
    effort: Effort,
    /// Until then a failure makes no new lease.
    patience: Moment,
    /// Held by whoever renews or replaces.
    turn: ForkLock,
}

/// Why credentials are replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// They end.
    Time,
    /// They were refused, or their renewal was. That must not make one user after another.
    Failure,
}

impl Credentials {
    /// Obtains the first credentials; `None`: there is nothing at the path.
    pub fn open(context: Context<'_>, source: Source, interval: Duration) -> Result<Option<Credentials>> {
        context.deadline.remaining_when_set()?;
        let credentials = Credentials {
            source,
            interval,
            current: ArcSwapOption::empty(),
            current_number: AtomicU64::new(0),
            latest_number: AtomicU64::new(0),
            terms: ArcSwap::default(),
            troubles: Troubles::default(),
            effort: Effort::default(),
            patience: Moment::new(Some(Instant::now())),
            turn: ForkLock::default(),
        };
        context.client.prolong_token(Duration::ZERO, context.deadline);
        Ok(credentials.replace(context, None, Cause::Time)?.is_some().then_some(credentials))
    }

    /// Whether `lease` is the current one, and nothing has to be done for it.
    pub fn is_fresh(&self, lease: &Lease, now: Instant) -> bool {
        self.current_number.load(Ordering::Acquire) == lease.number && lease.term.is_fresh(now)
    }

    /// The current credentials, if nothing has to be done for them.
    pub fn fresh(&self, now: Instant) -> Option<Arc<Lease>> {
        self.current.load_full().filter(|lease| lease.term.is_fresh(now))
    }

    /// The current credentials, if they can be handed out.
    pub fn usable(&self, now: Instant) -> Option<Arc<Lease>> {
        self.current.load_full().filter(|lease| lease.term.is_usable(now))
    }

    /// The current credentials, renewed or replaced if that is due; `None`: there is nothing at the path any more.
    pub fn get(&self, context: Context<'_>) -> Result<Option<Arc<Lease>>> {
        let usable = self.usable(Instant::now());
        if usable.is_some() && self.turn.is_held() {
            return Ok(usable);
        }
        context.deadline.remaining_when_set()?;
        match usable {
            Some(lease) => self.get_due(context, lease),
            None => self.get_new(context),
        }
    }

    /// Renews or replaces credentials that can still be handed out, unless somebody else does so.
    fn get_due(&self, context: Context<'_>, lease: Arc<Lease>) -> Result<Option<Arc<Lease>>> {
        let _lines = log::hold_back();
        let Some(turn) = self.turn.try_lock() else { return Ok(Some(lease)) };
        let lease = match self.current.load_full() {
            Some(current) if current.term.is_fresh(Instant::now()) => return Ok(Some(current)),
            Some(current) => current,
            None => return Ok(Some(lease)),
        };
        match self.keep_usable(context, &lease) {
            Err(_) if self.current.load().is_some() && lease.term.is_usable(Instant::now()) => Ok(Some(lease)),
            Err(_) => {
                // They have ended meanwhile. The limit was that of the attempt, and the call has the rest of its time.
                drop(turn);
                self.get_new(context)
            }
            outcome => outcome,
        }
    }

    /// As [`Credentials::keep`], for credentials that can be handed out, with a part of the call's time.
    fn keep_usable(&self, context: Context<'_>, lease: &Arc<Lease>) -> Result<Option<Arc<Lease>>> {
        let left = lease.term.usable_until().map(|until| until.saturating_duration_since(Instant::now()));
        let deadline = self.effort.attempt(left, context.deadline)?;
        self.keep(Context { deadline: &deadline, ..context }, lease)
    }

    /// Makes credentials where none can be handed out. One call does so, and the others wait for it.
    fn get_new(&self, context: Context<'_>) -> Result<Option<Arc<Lease>>> {
        let _lines = log::hold_back();
        let _turn = self.turn.lock(context.deadline)?;
        let last = self.current.load_full();
        if let Some(lease) = last.as_ref().filter(|lease| lease.term.is_usable(Instant::now())) {
            return Ok(Some(Arc::clone(lease)));
        }
        let ended = last.as_ref().and_then(|last| last.term.usable_until());
        if let Some(trouble) = self.troubles.active(context.deadline) {
            let explain = |error: &Error| self.troubles.explain(self.source.shown(), error.clone(), ended);
            return trouble.error.as_ref().map_or(Ok(None), |error| Err(explain(error)));
        }
        self.keep(context, last.as_ref()).map_err(|error| self.troubles.explain(self.source.shown(), error, ended))
    }

    /// Whether credentials without an end must not be used any more, because the server does not give them out now.
    fn is_over(&self, lease: &Lease, error: &Error) -> bool {
        use Status::{Auth, Config, InvalidArgument, PermissionDenied, Unsupported};
        let is_final = matches!(error.status(), Auth | Config | InvalidArgument | PermissionDenied | Unsupported);
        let is_over = lease.term.kind == Kind::Plain && is_final;
        if is_over {
            self.set_current(None);
        }
        is_over
    }

    /// Does what is due, and records a failure of it. The caller has the turn.
    fn keep<'l>(&self, context: Context<'_>, lease: impl Into<Option<&'l Arc<Lease>>>) -> Result<Option<Arc<Lease>>> {
        let (lease, began) = (lease.into(), Instant::now());
        let outcome = match lease.filter(|lease| lease.term.is_usable(began) && !lease.term.is_of_parent()) {
            Some(lease) => self.keep_alive(context, lease),
            None => {
                context.client.prolong_token(lease.map(|lease| lease.term.ttl).unwrap_or_default(), context.deadline);
                // What the parent has made, and can still be used, is replaced because it was refused.
                let is_usable = lease.is_some_and(|lease| lease.term.is_usable(began));
                self.replace(context, lease, if is_usable { Cause::Failure } else { Cause::Time })
            }
        };
        match &outcome {
            Ok(Some(_)) => self.troubles.clear(),
            Ok(None) => {
                let kept = self.keep_or_drop(lease);
                self.failed(kept.as_ref(), None, began);
                return Ok(kept);
            }
            Err(error) => {
                // Without credentials the next attempt comes soon.
                let kept = lease.filter(|lease| !self.is_over(lease, error));
                self.failed(kept, Some(error), began);
                let path = self.source.shown();
                context.client.logger().warn(format_args!("{path}: the credentials could not be kept valid: {error}"));
            }
        }
        outcome
    }

    fn failed(&self, lease: Option<&Arc<Lease>>, error: Option<&Error>, began: Instant) {
        let term = lease.map(|lease| &*lease.term);
        let next = self.troubles.add(error, term, began);
        if let (Some(term), Some(next)) = (term, next) {
            term.postpone(next);
        }
    }

    /// There is nothing at the path any more: a lease lives on, and what was only read does not.
    fn keep_or_drop(&self, lease: Option<&Arc<Lease>>) -> Option<Arc<Lease>> {
        let kept = lease.filter(|lease| lease.term.kind != Kind::Plain && lease.term.is_usable(Instant::now()));
        if kept.is_none() {
            self.set_current(None);
        }
        kept.cloned()
    }

    /// Renews or replaces credentials that can still be handed out.
    fn keep_alive(&self, context: Context<'_>, lease: &Arc<Lease>) -> Result<Option<Arc<Lease>>> {
        let term = &lease.term;
        let cause = if term.is_refused() { Cause::Failure } else { Cause::Time };
        if cause == Cause::Time && !context.client.has_spare_uses() {
            return Ok(Some(self.left_alone(context, lease)));
        }
        if term.kind != Kind::Leased {
            return self.replace(context, Some(lease), cause);
        }
        let is_prolonged = context.client.prolong_token(term.ttl, context.deadline);
        let outcome = self.keep_leased(context, lease, cause);
        if !is_prolonged {
            term.look_soon(Instant::now());
        }
        outcome
    }

    /// Renews or replaces a lease, of which something is due, although that may be its token only.
    fn keep_leased(&self, context: Context<'_>, lease: &Arc<Lease>, cause: Cause) -> Result<Option<Arc<Lease>>> {
        let term = &lease.term;
        let is_of_present_token = term.is_of(context.client.present_token(context.deadline)?.end());
        if cause == Cause::Failure || !is_of_present_token {
            return self.replace(context, Some(lease), cause);
        }
        let now = Instant::now();
        if term.is_limited_by_token() || !term.is_own_due(now) {
            term.reschedule(now);
            return Ok(Some(Arc::clone(lease)));
        }
        if !term.is_renewable() {
            return self.replace(context, Some(lease), Cause::Time);
        }
        self.renew(context, lease)
    }

    /// The last uses of a token from outside are left for calls that need them.
    fn left_alone(&self, context: Context<'_>, lease: &Arc<Lease>) -> Arc<Lease> {
        let path = self.source.shown();
        let why = "the token has few uses left (num_uses), which are kept for other calls";
        context.client.logger().warn(format_args!("{path}: the credentials are neither renewed nor replaced: {why}"));
        lease.term.postpone(Instant::now() + schedule::LONGEST_PAUSE);
        Arc::clone(lease)
    }

    fn renew(&self, context: Context<'_>, lease: &Arc<Lease>) -> Result<Option<Arc<Lease>>> {
        let term = &lease.term;
        match renew(context, term) {
            Ok(Renewal::Extended) => Ok(Some(Arc::clone(lease))),
            Ok(Renewal::Capped) => {
                term.never_renew();
                self.replace(context, Some(lease), Cause::Time)
            }
            Ok(Renewal::OfAnotherToken) => self.replace(context, Some(lease), Cause::Time),
            Ok(Renewal::Gone) => self.replace_unrenewable(context, lease, "the server does not know the lease"),
            Err(error) if is_refusal(&error) => self.replace_unrenewable(context, lease, error.message()),
            Err(error) => Err(error),
        }
    }

    fn replace_unrenewable(&self, context: Context<'_>, lease: &Arc<Lease>, why: &str) -> Result<Option<Arc<Lease>>> {
        let path = self.source.shown();
        context.client.logger().warn(format_args!("{path}: the lease is not renewed, and is replaced: {why}"));
        lease.term.never_renew();
        lease.term.refuse(Instant::now());
        self.replace(context, Some(lease), Cause::Failure)
    }

    /// Obtains credentials and makes them the current ones. `last` stays if what it holds has not changed, or if a failure
    /// has made a new lease shortly before.
    fn replace(&self, context: Context<'_>, last: Option<&Arc<Lease>>, cause: Cause) -> Result<Option<Arc<Lease>>> {
        let now = Instant::now();
        if let (Some(last), Cause::Failure) = (last, cause)
            && !self.patience.has_come(now)
            && last.term.is_usable(now)
        {
            last.term.postpone(self.patience.get().unwrap_or(now));
            return Ok(Some(Arc::clone(last)));
        }
        let past_caches = self.latest_number.load(Ordering::Relaxed) > 0;
        let began = Instant::now();
        let Some(obtained) = self.source.obtain(context, past_caches, self.interval)? else { return Ok(None) };
        self.effort.record(began.elapsed());
        if cause == Cause::Failure {
            let is_made = obtained.grant.kind == Kind::Leased || obtained.grant.kind == Kind::Certificate;
            let half = obtained.grant.ttl.filter(|_| is_made).map_or(SHORTEST_LOOK, |ttl| ttl / 2);
            self.patience.set(Instant::now().checked_add(half));
        }
        match last.filter(|last| is_unchanged(last, &obtained)) {
            Some(last) => Ok(Some(unchanged(last, &obtained))),
            None => self.install(context, obtained).map(Some),
        }
    }

    fn install(&self, context: Context<'_>, obtained: Obtained) -> Result<Arc<Lease>> {
        let (document, term) = obtained.split();
        if !term.is_read() && !term.is_usable(Instant::now()) {
            return Err(over_at_once(self.source.shown(), &term));
        }
        let number = self.latest_number.fetch_add(1, Ordering::Relaxed) + 1;
        let lease = Arc::new(Lease { number, document: Arc::new(document), term: Arc::new(term) });
        self.set_current(Some(Arc::clone(&lease)));
        if !lease.term.id.is_empty() {
            let now = Instant::now();
            self.terms.rcu(|terms| {
                let alive = terms.iter().filter(|term| term.is_alive(now)).chain([&lease.term]);
                alive.cloned().collect::<Vec<_>>()
            });
        }
        let path = self.source.shown();
        context.client.logger().info(format_args!("{path}: new credentials, generation {number}"));
        Ok(lease)
    }

    fn set_current(&self, lease: Option<Arc<Lease>>) {
        let number = lease.as_ref().map_or(0, |lease| lease.number);
        self.current.store(lease);
        self.current_number.store(number, Ordering::Release);
    }

    /// The program reports that these credentials were not accepted. Those of an earlier generation are replaced already.
    pub fn refused(&self, lease: &Arc<Lease>) {
        if self.current.load_full().is_some_and(|current| Arc::ptr_eq(&current, lease)) {
            // If it is known already, an attempt to replace them may have failed, and is not made again at once.
            let pause = self.troubles.until().filter(|_| lease.term.is_refused());
            let earliest = [self.patience.get(), pause].into_iter().flatten().fold(Instant::now(), Instant::max);
            lease.term.refuse(earliest);
        }
    }

    /// Revokes every generation that is alive and was made by this process. The next [`Credentials::get`] makes another.
    pub fn revoke(&self, context: Context<'_>) -> Result<()> {
        context.deadline.remaining_when_set()?;
        let _lines = log::hold_back();
        let _turn = self.turn.lock(context.deadline)?;
        self.set_current(None);
        self.troubles.clear();
        let now = Instant::now();
        let mut outcome = Ok(());
        for term in self.terms.load_full().iter().filter(|term| term.is_alive(now) && !term.is_inherited()) {
            outcome = outcome.and(revoke(context, term));
        }
        outcome
    }

    /// Does what is due.
    pub fn maintain(&self, context: Context<'_>) -> Result<()> {
        let Some(lease) = self.current.load_full() else { return self.maintain_without(context) };
        if lease.term.is_fresh(Instant::now()) {
            return Ok(());
        }
        // Others of the manager may have taken all of the time.
        context.deadline.remaining()?;
        let _lines = log::hold_back();
        let Some(_turn) = self.turn.try_lock() else { return Ok(()) };
        let is_current = self.current_number.load(Ordering::Acquire) == lease.number;
        if !is_current || lease.term.is_fresh(Instant::now()) || self.troubles.active(context.deadline).is_some() {
            return Ok(());
        }
        let is_usable = lease.term.is_usable(Instant::now());
        let outcome = if is_usable { self.keep_usable(context, &lease) } else { self.keep(context, &lease) };
        outcome.map(|_| ())
    }

    /// Credentials that the server has refused are tried again after a pause. Those that were revoked are not.
    fn maintain_without(&self, context: Context<'_>) -> Result<()> {
        if self.troubles.until().is_none_or(|until| Instant::now() < until) {
            return Ok(());
        }
        context.deadline.remaining()?;
        self.get_new(context).map(|_| ())
    }

    /// Counts the leases by their state.
    pub fn count(&self, leases: &mut Leases) {
        let (now, current) = (Instant::now(), self.current.load_full());
        leases.count(match &current {
            Some(lease) if lease.term.is_usable(now) && self.troubles.until().is_none() => LeaseState::Valid,
            Some(lease) if lease.term.is_usable(now) => LeaseState::Failing,
            _ => LeaseState::Expired,
        });
        let is_current = |term: &Arc<Term>| current.as_ref().is_some_and(|lease| Arc::ptr_eq(&lease.term, term));
        let terms = self.terms.load();
        let replaced = terms.iter().filter(|term| term.is_alive(now) && !is_current(term));
        replaced.for_each(|_| leases.count(LeaseState::Replaced));
    }

    /// When [`Credentials::maintain`] has something to do; `None`: never.
    pub fn due(&self) -> Option<Instant> {
        let until = self.troubles.until();
        let Some(current) = self.current.load_full() else { return until };
        let due = current.term.due()?;
        Some(until.map_or(due, |until| due.max(until)))
    }
}

/// Whether what was obtained is what `last` has. A new lease is never the same.
fn is_unchanged(last: &Lease, obtained: &Obtained) -> bool {
    let is_read = matches!(obtained.grant.kind, Kind::Plain | Kind::Rotated) && obtained.grant.id.is_empty();
    is_read && last.term.kind == obtained.grant.kind && are_same(&last.document, &obtained.document)
}

/// The same credentials live on. A password that should have been rotated by now may be so at any time, although the server
/// has set its clock anew.
fn unchanged(last: &Arc<Lease>, obtained: &Obtained) -> Arc<Lease> {
    let (now, grant) = (Instant::now(), &obtained.grant);
    let is_overdue = grant.kind == Kind::Rotated && !last.term.is_usable(now + SHORTEST_LOOK / 2);
    let ttl = if is_overdue { Some(SHORTEST_LOOK) } else { grant.ttl };
    let look = grant.look.map(|look| if is_overdue { look.min(now + SHORTEST_LOOK) } else { look });
    last.term.forget_refusal();
    last.term.extend(if is_overdue { now } else { grant.began }, ttl, look);
    Arc::clone(last)
}

/// New credentials that cannot be used are a failure: else each call would make other ones.
#[cold]
fn over_at_once(path: &str, term: &Term) -> Error {
    if term.is_limited_by_token() {
        let why = "the token is about to end, and what is made with it ends then, too; use one that lives longer";
        return Error::new(Status::Auth, format!("{path}: {why}"));
    }
    let why =
        "the new credentials are over as they arrive; compare the clocks of both machines, and the TTL of the role";
    Error::new(Status::Unavailable, format!("{path}: {why}"))
}

/// Whether the server has refused, and is not merely unavailable.
fn is_refusal(error: &Error) -> bool {
    !matches!(error.http_status(), 0 | 412 | 429 | 502..=504)
}
