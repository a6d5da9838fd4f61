//! Obtains, renews and replaces the token of a manager.
//!
//! There is no background thread. A call that finds the token past two thirds of its TTL renews it, while other calls
//! go on using it. A token that has expired or is about to expire is replaced by one login, however many calls need it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::token::{Need, Token};
use super::wrapping::UnwrappedSecretId;
use super::{credential, login, lookup};
use crate::call::Deadline;
use crate::config::{Auth, Named, Source};
use crate::error::{Error, Result, Status};
use crate::host::fork_lock::ForkLock;
use crate::host::random;
use crate::observe::log;
use crate::observe::metrics::Login;
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::request::Cost;
use crate::vault::api::requester::Requester;
use arc_swap::ArcSwapOption;

/// The bounds of the pause after a failed login, which doubles with each failure.
const FIRST_LOGIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_LOGIN_PAUSE: Duration = Duration::from_secs(60);

/// The renewal of a token that can still be used may take this fraction of the time left for a call, and at most
/// `MAX_RENEWAL_TIME`: the call itself needs the rest.
const RENEWAL_FRACTION: u32 = 3;
const MAX_RENEWAL_TIME: Duration = Duration::from_secs(5);

/// A failed login, or one whose token was refused at once, and the time before which no other login is tried.
struct Backoff {
    error: Error,
    until: Instant,
    pause: Duration,
    /// The fingerprint of the credentials.
    credentials: u64,
    /// The serial number of the newest token at that time. A newer token that Vault accepts ends the backoff.
    serial: u64,
    /// How long the login took if it timed out: a call with more time may try again.
    timed_out_after: Option<Duration>,
}

/// The credentials of one manager, and its current token.
pub struct Session {
    auth: Auth,
    unwrapped: UnwrappedSecretId,
    token: ArcSwapOption<Token>,
    backoff: ArcSwapOption<Backoff>,
    /// Whether `backoff` is set. Requests check this flag only.
    has_backoff: AtomicBool,
    serial: AtomicU64,
    /// How many tokens there have been, renewals not counted.
    logins: AtomicU64,
    login_lock: ForkLock,
}

impl Session {
    /// A session that has not logged in yet.
    pub fn new(auth: Auth) -> Session {
        Session {
            auth,
            unwrapped: UnwrappedSecretId::default(),
            token: ArcSwapOption::empty(),
            backoff: ArcSwapOption::empty(),
            has_backoff: AtomicBool::new(false),
            serial: AtomicU64::new(0),
            logins: AtomicU64::new(0),
            login_lock: ForkLock::default(),
        }
    }

    /// The token for the next request, which takes its `cost` of the token's uses.
    pub fn token(&self, requester: &Requester, cost: Cost, deadline: &Deadline) -> Result<Arc<Token>> {
        let Some(token) = self.token.load_full() else {
            return self.login(requester, |_| true, cost, deadline);
        };
        let newer = |current: &Token| current.serial > token.serial;
        let replacement = match token.need() {
            Need::Nothing => None,
            Need::Renewal => self.refresh(requester, &token, true, deadline),
            Need::EarlyReplacement => self.refresh(requester, &token, false, deadline),
            Need::Replacement => return self.login(requester, newer, cost, deadline),
        };
        let token = replacement.unwrap_or_else(|| token.clone());
        if self.takes(&token, cost) {
            return Ok(token);
        }
        self.check_last_use(&token, cost)?;
        self.login(requester, newer, cost, deadline)
    }

    /// The token for the next request, as [`Session::token`]; `None` if a request has to be sent for it.
    pub fn token_at_hand(&self, cost: Cost) -> Option<Arc<Token>> {
        let token = self.current(|token| matches!(token.need(), Need::Nothing))?;
        self.takes(&token, cost).then_some(token)
    }

    /// A token to replace one that Vault refused: the current one if it differs, else a new one. The same token with a
    /// renewed lease does not count as different.
    pub fn replace(
        &self,
        requester: &Requester,
        invalid: &Token,
        cost: Cost,
        deadline: &Deadline,
    ) -> Result<Arc<Token>> {
        self.login(requester, |current| current.text() != invalid.text(), cost, deadline)
    }

    /// Takes what a request costs of the token's uses; `false` if another token is needed for that. Where another can be had,
    /// the last use of a token is not taken while there are leases of it, which would end with it.
    fn takes(&self, token: &Token, cost: Cost) -> bool {
        cost == Cost::Free || token.take_use(cost, !self.is_token_external())
    }

    /// The last use of a token from outside is left for another call, because a lease would end with it at once.
    fn check_last_use(&self, token: &Token, cost: Cost) -> Result<()> {
        if cost == Cost::Lease && self.is_token_external() && token.uses_left() == Some(1) {
            let what = "the token has one use left (num_uses), with which a lease would end at once";
            return Err(Error::new(Status::Auth, format!("{what}; use a token without num_uses")));
        }
        Ok(())
    }

    /// Whether the token has uses for what no call needs at once. Of others than those from outside there are always more.
    pub fn has_spare_uses(&self) -> bool {
        !self.is_token_external() || self.token.load().as_ref().is_none_or(|token| token.has_spare_uses())
    }

    /// How many tokens there have been, renewals not counted.
    pub fn logins(&self) -> u64 {
        self.logins.load(Ordering::Acquire)
    }

    /// How long the token lives, if it expires.
    pub fn token_ttl(&self) -> Option<Duration> {
        self.token.load().as_ref().and_then(|token| token.ttl())
    }

    /// Before a lease is made or renewed: renews or replaces the token unless it lives for `wanted` from now, since a lease
    /// ends with its token. Of a token that was supplied from outside, asks the server when it ends. `false` after a
    /// failure, which is logged: it should be tried again soon.
    pub fn prolong(&self, requester: &Requester, wanted: Duration, deadline: &Deadline) -> bool {
        if self.is_token_external() {
            self.look_up(requester, deadline);
            return true;
        }
        // A renewal may show that the token is at its maximum, so that it has to be replaced.
        for _ in 0..2 {
            let Some(token) = self.token.load_full() else { return true };
            let refreshed = match token.prolongation(wanted) {
                Need::Renewal => self.refresh(requester, &token, true, deadline),
                Need::EarlyReplacement => self.refresh(requester, &token, false, deadline),
                Need::Nothing | Need::Replacement => return true,
            };
            if refreshed.is_none() {
                return false;
            }
        }
        true
    }

    /// Finds out when the token from outside ends, and whether there is another one now.
    fn look_up(&self, requester: &Requester, deadline: &Deadline) {
        let Ok(mut token) = self.token(requester, Cost::Free, deadline) else { return };
        let is_agent = matches!(self.auth, Auth::Agent);
        if token.is_endless() && !is_agent {
            return;
        }
        let _lines = log::hold_back();
        let Some(_guard) = self.login_lock.try_lock() else { return };
        let is_file = matches!(self.auth, Auth::Token(Named { value: Source::File(_), .. }));
        if let Some(other) = is_file.then(|| self.login_now(requester, deadline).ok()).flatten()
            && other.text() != token.text()
        {
            token = self.install(other);
        }
        // To look it up takes a use, too.
        if token.uses_left().is_some() && !token.end().has_come(Instant::now()) {
            return;
        }
        match lookup::look_up(requester, &token, deadline) {
            Ok(description) => {
                self.install(token.described(&description, self.next_serial()));
            }
            Err(error) => {
                requester.logger().info(format_args!("the end of the token is not known: {error}"));
            }
        }
    }

    /// When the token has to be renewed or replaced; `None`: never, or it is not known.
    pub fn due(&self) -> Option<Instant> {
        let due = self.token.load().as_ref()?.due()?;
        let pause = self.backoff.load().as_ref().map(|backoff| backoff.until);
        Some(pause.map_or(due, |until| due.max(until)))
    }

    /// Records that Vault accepted `token`: the next failure starts with a short pause again.
    pub fn token_accepted(&self, token: &Token) {
        if self.has_backoff.load(Ordering::Acquire)
            && self.backoff.load().as_ref().is_some_and(|backoff| token.serial > backoff.serial)
        {
            self.has_backoff.store(false, Ordering::Release);
            self.backoff.store(None);
        }
    }

    /// The error for the newest token when Vault refuses it. Another login would not help, so calls fail without one
    /// until the pause is over: else each of them would create a token that cannot be used.
    pub fn token_refused(&self, refusal: &ErrorResponse) -> Error {
        let error = self.refusal_error(refusal);
        if !self.is_token_external() {
            self.set_backoff(&error, credential::fingerprint(&self.auth), None);
        }
        error
    }

    /// Whether the token is supplied from outside, so that there is no login.
    fn is_token_external(&self) -> bool {
        matches!(self.auth, Auth::Token(_) | Auth::Agent)
    }

    fn refusal_error(&self, refusal: &ErrorResponse) -> Error {
        let text = &refusal.text;
        let advice = match &self.auth {
            Auth::Token(Named { value: Source::Text(_), variable }) => {
                format!("it is wrong, has expired or was revoked; set {variable} to a valid one")
            }
            Auth::Token(Named { value: Source::File(path), .. }) => {
                format!("it is wrong, has expired or was revoked; write a valid one to {}", path.display())
            }
            Auth::Agent => "that of the agent, if it adds one; check its auto_auth and use_auto_auth_token, or set \
                            VAULT_TOKEN"
                .to_owned(),
            other => format!(
                "although it is new: check the token's bound addresses, and that its entity is enabled ({})",
                login::name(other)
            ),
        };
        Error::new(Status::Auth, format!("Failed to authenticate with Vault: the token is refused ({text}): {advice}"))
            .with_http_status(refusal.http_status)
    }

    /// Renews or replaces a token that can still be used, unless another thread is doing so. A failure costs a part of
    /// the call's time only: the call goes on with the present token.
    fn refresh(&self, requester: &Requester, token: &Token, renew: bool, deadline: &Deadline) -> Option<Arc<Token>> {
        let _lines = log::hold_back();
        let _guard = self.login_lock.try_lock()?;
        if let Some(newer) = self.current(|current| current.serial > token.serial) {
            return Some(newer);
        }
        let limit = deadline.remaining().ok()? / RENEWAL_FRACTION;
        let deadline = &deadline.part(limit.min(MAX_RENEWAL_TIME));
        if self.active_backoff(deadline).is_some() {
            return None;
        }
        let replacement = match renew {
            true => self.renew_or_replace(requester, token, deadline),
            false => self.login_now(requester, deadline),
        };
        replacement
            .map(|token| self.install(token))
            .inspect_err(|error| requester.logger().warn(format_args!("the token is used until it expires: {error}")))
            .ok()
    }

    /// Renews the token, and logs in if Vault refuses that. If Vault did not answer, a login would fail, too, and is
    /// not tried.
    fn renew_or_replace(&self, requester: &Requester, token: &Token, deadline: &Deadline) -> Result<Token> {
        let started = Instant::now();
        let credentials = credential::fingerprint(&self.auth);
        match login::renew(requester, token, deadline) {
            Ok(grant) if !grant.ttl.is_zero() => Ok(token.renewed(started, &grant, self.next_serial())),
            Ok(_) => self.login_now(requester, deadline),
            Err(error) if is_refusal(&error) => {
                requester.logger().info(format_args!("the token is not renewed, logging in again: {error}"));
                self.login_now(requester, deadline)
            }
            Err(error) => {
                self.record_failure(&error, credentials, started);
                Err(error.in_context("the token could not be renewed"))
            }
        }
    }

    /// Logs in once for all calls that need a token: calls that arrive meanwhile get the same token or error. A current
    /// token that `is_usable` is returned without a login.
    fn login(
        &self,
        requester: &Requester,
        is_usable: impl Fn(&Token) -> bool,
        cost: Cost,
        deadline: &Deadline,
    ) -> Result<Arc<Token>> {
        let _lines = log::hold_back();
        let _guard = self.login_lock.lock(deadline)?;
        if let Some(token) = self.current(|token| is_usable(token) && self.takes(token, cost)) {
            return Ok(token);
        }
        if let Some(backoff) = self.active_backoff(deadline) {
            let rest = backoff.until.saturating_duration_since(Instant::now());
            requester.logger().debug(format_args!("no new login for {} ms", rest.as_millis()));
            return Err(backoff.error.clone());
        }
        let token = self.login_now(requester, deadline)?;
        // The first use belongs to this call, whatever it needs. Others may be waiting for the token.
        let _ = self.takes(&token, cost) || self.takes(&token, Cost::Use);
        Ok(self.install(token))
    }

    /// The current token, if it `is_usable`.
    fn current(&self, is_usable: impl Fn(&Token) -> bool) -> Option<Arc<Token>> {
        self.token.load_full().filter(|token| is_usable(token))
    }

    /// The last failure, while its pause lasts and the credentials are unchanged. A failure by timeout is skipped by
    /// calls that have more than 1.5 times that time left.
    fn active_backoff(&self, deadline: &Deadline) -> Option<Arc<Backoff>> {
        let backoff = self.backoff.load_full()?;
        let has_more_time = |limit| deadline.remaining().is_ok_and(|left| left > limit * 3 / 2);
        let is_active = Instant::now() < backoff.until && !backoff.timed_out_after.is_some_and(has_more_time);
        (is_active && credential::fingerprint(&self.auth) == backoff.credentials).then_some(backoff)
    }

    fn login_now(&self, requester: &Requester, deadline: &Deadline) -> Result<Token> {
        let started = Instant::now();
        let credentials = credential::fingerprint(&self.auth);
        match login::login(&self.auth, &self.unwrapped, requester, deadline) {
            Ok((text, grant)) => {
                if !self.is_token_external() {
                    requester.metrics().logged_in(Login::Success);
                    requester.logger().info(format_args!("logged in ({})", login::name(&self.auth)));
                }
                Ok(Token::new(&text, self.next_serial(), started, grant))
            }
            Err(error) => {
                if !self.is_token_external() && error.status() != Status::Cancelled {
                    requester.metrics().logged_in(Login::of(error.status()));
                }
                self.record_failure(&error, credentials, started);
                Err(error)
            }
        }
    }

    /// Records a failed login or renewal. A cancellation does not affect other calls; a timeout affects only calls that
    /// have no more time.
    fn record_failure(&self, error: &Error, credentials: u64, began: Instant) {
        match error.status() {
            Status::Cancelled => {}
            Status::Timeout => self.set_backoff(error, credentials, Some(began.elapsed())),
            _ => self.set_backoff(error, credentials, None),
        }
    }

    fn set_backoff(&self, error: &Error, credentials: u64, timed_out_after: Option<Duration>) {
        let before = self.backoff.load_full().filter(|backoff| backoff.credentials == credentials);
        let pause = before.map_or(FIRST_LOGIN_PAUSE, |backoff| (backoff.pause * 2).min(MAX_LOGIN_PAUSE));
        let until = Instant::now() + pause.mul_f64(0.5 + random::fraction() / 2.0);
        let serial = self.serial.load(Ordering::Relaxed);
        self.backoff.store(Some(Arc::new(Backoff {
            error: error.clone(),
            until,
            pause,
            credentials,
            serial,
            timed_out_after,
        })));
        self.has_backoff.store(true, Ordering::Release);
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn install(&self, token: Token) -> Arc<Token> {
        let token = Arc::new(token);
        let before = self.token.swap(Some(token.clone()));
        // After the swap: what is read with the old token meanwhile counts as the old login's.
        if before.is_none_or(|before| before.text() != token.text()) {
            self.logins.fetch_add(1, Ordering::AcqRel);
        }
        token
    }
}

/// Whether Vault has refused the request, and is not merely unavailable. A deleted role is a 500.
fn is_refusal(error: &Error) -> bool {
    !matches!(error.http_status(), 0 | 412 | 429 | 502..=504)
}
