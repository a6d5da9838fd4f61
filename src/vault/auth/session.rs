//! The token: where it comes from, when it is renewed, and when it is replaced.
//!
//! There is no background thread. A call that finds the token past two thirds of its life renews it while the others
//! go on with the old one; a token that is dead, or about to be, is replaced by one login, however many calls noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::token::{Need, Token};
use super::wrapping::UnwrappedSecretId;
use super::{credential, login};
use crate::call::Deadline;
use crate::config::{Auth, Named, Source};
use crate::error::{Error, Result, Status};
use crate::host::fork_lock::ForkLock;
use crate::observe::log;
use crate::vault::api::requester::Requester;
use crate::vault::api::response::ErrorResponse;
use arc_swap::ArcSwapOption;

/// The pause after a failed login, doubled with each that follows, up to the longest.
const FIRST_LOGIN_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_LOGIN_PAUSE: Duration = Duration::from_secs(60);

/// Renewing a token that can still be used may take this share of a call's time, and no more than the longest: the call
/// itself needs the rest.
const RENEWAL_SHARE: u32 = 3;
const LONGEST_RENEWAL: Duration = Duration::from_secs(5);

/// A login that failed, or whose token was refused at once, and until when no other is tried.
struct Setback {
    error: Error,
    until: Instant,
    pause: Duration,
    credentials: u64,
    /// The newest token at that time. Only a newer one that Vault takes ends the trouble.
    serial: u64,
    /// How long it waited, where it ended because its time was up: who has more may try.
    waited: Option<Duration>,
}

/// The credentials of one manager, and the token that they gave.
pub struct Session {
    auth: Auth,
    unwrapped: UnwrappedSecretId,
    token: ArcSwapOption<Token>,
    setback: ArcSwapOption<Setback>,
    /// Whether there has been a setback that no token has ended yet.
    in_trouble: AtomicBool,
    serial: AtomicU64,
    login_lock: ForkLock,
}

impl Session {
    /// A session without a token yet.
    pub fn new(auth: Auth) -> Session {
        Session {
            auth,
            unwrapped: UnwrappedSecretId::default(),
            token: ArcSwapOption::empty(),
            setback: ArcSwapOption::empty(),
            in_trouble: AtomicBool::new(false),
            serial: AtomicU64::new(0),
            login_lock: ForkLock::default(),
        }
    }

    /// The token for the next request, which takes one of its uses if it `is_counted`.
    pub fn token(&self, requester: &Requester, is_counted: bool, deadline: &Deadline) -> Result<Arc<Token>> {
        let Some(token) = self.token.load_full() else {
            return self.login(requester, |_| true, is_counted, deadline);
        };
        let newer = |present: &Token| present.serial > token.serial;
        let replacement = match token.need() {
            Need::Nothing => None,
            Need::Renewal => self.refresh(requester, &token, true, deadline),
            Need::EarlyReplacement => self.refresh(requester, &token, false, deadline),
            Need::Replacement => return self.login(requester, newer, is_counted, deadline),
        };
        let token = replacement.unwrap_or_else(|| token.clone());
        if !is_counted || token.claim() { Ok(token) } else { self.login(requester, newer, is_counted, deadline) }
    }

    /// Another token in place of one that Vault refused; the present one if it is another. A renewal that ended while
    /// the refused request was under way is none: it made the dead token's lease newer, not the token.
    pub fn replace(
        &self,
        requester: &Requester,
        dead: &Token,
        is_counted: bool,
        deadline: &Deadline,
    ) -> Result<Arc<Token>> {
        self.login(requester, |present| present.text() != dead.text(), is_counted, deadline)
    }

    /// Takes note that Vault took `token`: the next failure starts with a short pause again.
    pub fn accepted(&self, token: &Token) {
        if self.in_trouble.load(Ordering::Acquire)
            && self.setback.load().as_ref().is_some_and(|setback| token.serial > setback.serial)
        {
            self.in_trouble.store(false, Ordering::Release);
            self.setback.store(None);
        }
    }

    /// The error of a token that Vault refuses although it is the newest there is. Logging in once more would not
    /// help: until the pause is over calls fail without that, or each of them would make a token that nobody can use.
    pub fn refused(&self, complaint: &ErrorResponse) -> Error {
        let error = self.refusal(complaint);
        if !self.has_no_login() {
            self.note_setback(&error, credential::fingerprint(&self.auth), None);
        }
        error
    }

    /// Tokens come from outside.
    fn has_no_login(&self) -> bool {
        matches!(self.auth, Auth::Token(_) | Auth::Agent)
    }

    fn refusal(&self, complaint: &ErrorResponse) -> Error {
        let text = &complaint.text;
        let advice = match &self.auth {
            Auth::Token(Named { value: Source::Text(_), variable }) => {
                format!("it has expired or was revoked; set {variable} to a valid one")
            }
            Auth::Token(Named { value: Source::File(path), .. }) => {
                format!("it has expired or was revoked; write a valid one to {}", path.display())
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
            .with_http_status(complaint.http_status)
    }

    /// Renews or replaces a token that can still be used, unless another thread is at it. A failure costs a part of the
    /// call's time, and nothing else yet.
    fn refresh(&self, requester: &Requester, token: &Token, renew: bool, deadline: &Deadline) -> Option<Arc<Token>> {
        let _lines = log::hold_back();
        let _guard = self.login_lock.try_lock()?;
        if let Some(newer) = self.present(|present| present.serial > token.serial) {
            return Some(newer);
        }
        let share = deadline.remaining().ok()? / RENEWAL_SHARE;
        let deadline = &deadline.within(share.min(LONGEST_RENEWAL));
        if self.held_back(deadline).is_some() {
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

    /// A refused renewal is answered by a login. One that Vault did not answer is not: a login would fare no better.
    fn renew_or_replace(&self, requester: &Requester, token: &Token, deadline: &Deadline) -> Result<Token> {
        let asked = Instant::now();
        let credentials = credential::fingerprint(&self.auth);
        match login::renew(requester, token, deadline) {
            Ok(grant) if !grant.ttl.is_zero() => Ok(token.renewed(asked, &grant, self.next_serial())),
            Ok(_) => self.login_now(requester, deadline),
            Err(error) if is_refusal(&error) => {
                requester.logger().info(format_args!("the token is not renewed, logging in again: {error}"));
                self.login_now(requester, deadline)
            }
            Err(error) => {
                self.note_failure(&error, credentials, asked);
                Err(error.in_context("the token could not be renewed"))
            }
        }
    }

    /// One login for all who need one: those who come while it runs get its token, or its error. `good` tells a token
    /// that will do from the one that will not.
    fn login(
        &self,
        requester: &Requester,
        good: impl Fn(&Token) -> bool,
        is_counted: bool,
        deadline: &Deadline,
    ) -> Result<Arc<Token>> {
        let _lines = log::hold_back();
        let _guard = self.login_lock.lock(deadline)?;
        if let Some(token) = self.present(|token| good(token) && (!is_counted || token.claim())) {
            return Ok(token);
        }
        if let Some(setback) = self.held_back(deadline) {
            let rest = setback.until.saturating_duration_since(Instant::now());
            requester.logger().debug(format_args!("no new login for {} ms", rest.as_millis()));
            return Err(setback.error.clone());
        }
        let token = self.login_now(requester, deadline)?;
        // Its first use is the caller's, who may be one of many that wait for it.
        let _ = is_counted && token.claim();
        Ok(self.install(token))
    }

    /// The present token, if it is good enough.
    fn present(&self, good: impl Fn(&Token) -> bool) -> Option<Arc<Token>> {
        self.token.load_full().filter(|token| good(token))
    }

    /// The last failure, while its pause lasts and the credentials are the same. One that was due to little time says
    /// nothing to those who have half as much again.
    fn held_back(&self, deadline: &Deadline) -> Option<Arc<Setback>> {
        let setback = self.setback.load_full()?;
        let hastier = |waited| deadline.remaining().is_ok_and(|left| left > waited * 3 / 2);
        let lasts = Instant::now() < setback.until && !setback.waited.is_some_and(hastier);
        (lasts && credential::fingerprint(&self.auth) == setback.credentials).then_some(setback)
    }

    fn login_now(&self, requester: &Requester, deadline: &Deadline) -> Result<Token> {
        let asked = Instant::now();
        let credentials = credential::fingerprint(&self.auth);
        match login::login(&self.auth, &self.unwrapped, requester, deadline) {
            Ok((text, grant)) => {
                if !self.has_no_login() {
                    requester.logger().info(format_args!("logged in ({})", login::name(&self.auth)));
                }
                Ok(Token::new(&text, self.next_serial(), asked, grant))
            }
            Err(error) => {
                self.note_failure(&error, credentials, asked);
                Err(error)
            }
        }
    }

    /// Remembers a failed login or renewal. Who cancels says nothing about Vault, and must not hold others back; who gives
    /// it little time holds back those who give it no more.
    fn note_failure(&self, error: &Error, credentials: u64, began: Instant) {
        match error.status() {
            Status::Cancelled => {}
            Status::Timeout => self.note_setback(error, credentials, Some(began.elapsed())),
            _ => self.note_setback(error, credentials, None),
        }
    }

    fn note_setback(&self, error: &Error, credentials: u64, waited: Option<Duration>) {
        let before = self.setback.load_full().filter(|setback| setback.credentials == credentials);
        let pause = before.map_or(FIRST_LOGIN_PAUSE, |setback| (setback.pause * 2).min(LONGEST_LOGIN_PAUSE));
        let until = Instant::now() + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        let serial = self.serial.load(Ordering::Relaxed);
        self.setback.store(Some(Arc::new(Setback { error: error.clone(), until, pause, credentials, serial, waited })));
        self.in_trouble.store(true, Ordering::Release);
    }

    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn install(&self, token: Token) -> Arc<Token> {
        let token = Arc::new(token);
        self.token.store(Some(token.clone()));
        token
    }
}

/// Whether Vault answered, and meant it: a role that is gone is a 500.
fn is_refusal(error: &Error) -> bool {
    !matches!(error.http_status(), 0 | 412 | 429 | 502..=504)
}
