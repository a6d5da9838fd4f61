//! The settings of one call: how long it may take, and whether somebody has cancelled it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};

/// The settings of one call. `Call::default()` has the manager's timeout, and nobody can cancel it.
#[derive(Clone, Debug, Default)]
pub struct Call {
    timeout: Option<Duration>,
    cancelled: Option<Arc<AtomicBool>>,
}

/// Ends calls from any thread, or from a signal handler.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<AtomicBool>);

impl Canceller {
    /// Ends the calls with these settings within 100 ms, and every later one at once. Async-signal-safe: one atomic
    /// store.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Call {
    /// The manager's timeout, and what the call can be cancelled with.
    pub fn cancellable() -> (Call, Canceller) {
        let flag = Arc::new(AtomicBool::new(false));
        (Call { timeout: None, cancelled: Some(flag.clone()) }, Canceller(flag))
    }

    /// Limits the call to `timeout`, in place of the manager's `VAULT_CLIENT_TIMEOUT`.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
    }

    /// The limit, where one was set.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Starts the clock: the deadline of a call that begins now, `default_timeout` where the call sets none.
    pub fn start(&self, default_timeout: Duration) -> Deadline {
        let timeout = self.timeout.unwrap_or(default_timeout);
        let set = Instant::now();
        Deadline { set, at: set.checked_add(timeout).unwrap_or(set + FAR), timeout, cancelled: self.cancelled.clone() }
    }
}

/// Stands in for "never" where a timeout is too large for the clock.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// How long a wait may last before it looks again whether the call was cancelled.
pub const WAIT_SLICE: Duration = Duration::from_millis(50);

/// The one moment by which a call has to be over, retries, logins and waits included.
#[derive(Clone, Debug)]
pub struct Deadline {
    set: Instant,
    at: Instant,
    timeout: Duration,
    cancelled: Option<Arc<AtomicBool>>,
}

impl Deadline {
    /// What is left, or why nothing is: `HF_ERR_CANCELLED` or `HF_ERR_TIMEOUT`.
    pub fn remaining(&self) -> Result<Duration> {
        self.remaining_at(Instant::now())
    }

    /// What was left when it was set: for a step that begins with it, and need not look at the clock once more.
    pub fn remaining_when_set(&self) -> Result<Duration> {
        self.remaining_at(self.set)
    }

    /// What is left now that it is `now`.
    pub fn remaining_at(&self, now: Instant) -> Result<Duration> {
        if self.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::Acquire)) {
            return Err(Error::new(Status::Cancelled, "the call was cancelled"));
        }
        let left = self.at.saturating_duration_since(now);
        if left.is_zero() { Err(self.timed_out()) } else { Ok(left) }
    }

    /// The same deadline, or one that is `limit` away if that is sooner: the time of one try out of several.
    pub fn within(&self, limit: Duration) -> Deadline {
        self.within_at(limit, Instant::now())
    }

    fn within_at(&self, limit: Duration, now: Instant) -> Deadline {
        let mut shorter = Deadline { set: now, ..self.clone() };
        if let Some(at) = now.checked_add(limit).filter(|&at| at < self.at) {
            shorter.at = at;
            shorter.timeout = limit;
        }
        shorter
    }

    /// The error of a call whose time is up.
    #[cold]
    pub fn timed_out(&self) -> Error {
        let message = format!(
            "no answer within {:.3} s; a longer limit can be set for the call or with VAULT_CLIENT_TIMEOUT",
            self.timeout.as_secs_f64()
        );
        Error::new(Status::Timeout, message)
    }

    /// Waits for `pause`, less if the deadline comes first or the call is cancelled, which are errors.
    pub fn sleep(&self, pause: Duration) -> Result<()> {
        let end = Instant::now() + pause;
        loop {
            let left = self.remaining()?;
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            std::thread::sleep(rest.min(left).min(WAIT_SLICE));
        }
    }
}

/// How an exchange with a peer is timed: it has to be over by the deadline, and the peer may not be silent for longer
/// than its patience, so that a node that hangs costs one try and a slow one is heard out.
#[derive(Clone, Copy, Debug)]
pub struct IoTimeout<'d> {
    /// The end of the call.
    pub deadline: &'d Deadline,
    /// How long one step may take: connecting, or until more bytes move.
    pub patience: Duration,
    /// When it began.
    pub began: Instant,
}

impl IoTimeout<'_> {
    /// The same for what begins now.
    pub fn again(&self) -> Self {
        IoTimeout { began: Instant::now(), ..*self }
    }

    /// By when the step has to be done that it begins with.
    pub fn first_step(&self) -> Deadline {
        self.deadline.within_at(self.patience, self.began)
    }

    /// By when the next step has to be done.
    pub fn step(&self) -> Deadline {
        self.deadline.within(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_with_its_patience_or_with_the_call() {
        let deadline = Call::default().start(Duration::from_secs(60));
        let pace = |patience| IoTimeout { deadline: &deadline, patience, began: deadline.set };
        let short = pace(Duration::from_secs(1));
        assert_eq!(short.first_step().remaining_when_set().unwrap(), Duration::from_secs(1));
        assert_eq!(pace(Duration::from_secs(90)).first_step().remaining_when_set().unwrap(), Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
        assert!(short.step().at > short.first_step().at, "a later step has patience of its own");
        assert!(short.again().first_step().at > short.first_step().at);
        assert!(short.first_step().remaining().unwrap() < Duration::from_secs(1), "and time goes on");
    }

    #[test]
    fn who_is_cancelled_has_no_time_left_at_any_moment() {
        let (call, canceller) = Call::cancellable();
        let deadline = call.start(Duration::from_secs(60));
        let step = deadline.within(Duration::from_secs(1));
        canceller.cancel();
        for left in [deadline.remaining(), deadline.remaining_when_set(), step.remaining(), call.start(FAR).remaining()]
        {
            assert_eq!(left.unwrap_err().status(), Status::Cancelled);
        }
    }
}
