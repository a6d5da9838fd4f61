//! The settings of one call: how long it may take, and whether somebody has cancelled it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};

/// The settings of one call. `Call::default()` has the manager's timeout and nobody who cancels.
#[derive(Clone, Debug, Default)]
pub struct Call {
    timeout: Option<Duration>,
    cancelled: Arc<AtomicBool>,
}

impl Call {
    /// Limits the call to `timeout`, in place of the manager's `VAULT_CLIENT_TIMEOUT`.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
    }

    /// The limit, where one was set.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Ends the call within 100 ms, and every later call with these settings. Any thread may do this.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// Starts the clock: the deadline of a call that begins now, `default_timeout` where the call sets none.
    pub fn start(&self, default_timeout: Duration) -> Deadline {
        let timeout = self.timeout.unwrap_or(default_timeout);
        let now = Instant::now();
        Deadline { at: now.checked_add(timeout).unwrap_or(now + FAR), timeout, cancelled: self.cancelled.clone() }
    }
}

/// Stands in for "never" where a timeout is too large for the clock.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// How long a wait may last before it looks again whether the call was cancelled.
pub const WAIT_SLICE: Duration = Duration::from_millis(50);

/// The one moment by which a call has to be over, retries, logins and waits included.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    timeout: Duration,
    cancelled: Arc<AtomicBool>,
}

impl Deadline {
    /// What is left, or why nothing is: `HF_ERR_CANCELLED` or `HF_ERR_TIMEOUT`.
    pub fn remaining(&self) -> Result<Duration> {
        if self.cancelled.load(Ordering::Acquire) {
            return Err(Error::new(Status::Cancelled, "the call was cancelled"));
        }
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(self.timed_out()) } else { Ok(left) }
    }

    /// The same deadline, or one that is `limit` away if that is sooner: the time of one try out of several.
    pub fn within(&self, limit: Duration) -> Deadline {
        let mut shorter = self.clone();
        if let Some(at) = Instant::now().checked_add(limit).filter(|&at| at < self.at) {
            shorter.at = at;
            shorter.timeout = limit;
        }
        shorter
    }

    /// The error of a call whose time is up.
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

/// How an exchange with a peer is timed: it has to be over by the deadline, and the peer may not be silent for longer than
/// its patience, so that a node that hangs costs one try and a slow one is heard out.
#[derive(Clone, Copy, Debug)]
pub struct Pace<'d> {
    /// The end of the call.
    pub deadline: &'d Deadline,
    /// How long one step may take: connecting, or until more bytes move.
    pub patience: Duration,
}

impl Pace<'_> {
    /// By when the next step has to be done.
    pub fn step(&self) -> Deadline {
        self.deadline.within(self.patience)
    }
}
