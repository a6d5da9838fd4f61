//! The settings of one call: its timeout, and whether it was cancelled.

mod interrupt;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq_proto::http::HeaderValue;

use self::interrupt::Interrupt;
pub use self::interrupt::{Submission, Waker};
use crate::error::{Error, Result};

/// The settings of one call. `Call::default()` uses the manager's timeout and cannot be cancelled.
#[derive(Clone, Debug, Default)]
pub struct Call {
    timeout: Option<Duration>,
    interrupt: Option<Arc<Interrupt>>,
    cas: Option<u64>,
    wrap_ttl: Option<Duration>,
    trace_parent: Option<Arc<TraceParent>>,
    max_age: Option<Duration>,
}

/// What a function does, which decides the settings that it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It reads: a check-and-set condition has no effect.
    Read,
    /// It writes one secret, for which a condition may be set.
    ConditionalWrite,
    /// It changes something else: a condition would be ignored, so it is refused.
    Change,
    /// It sends a request of the program, whose answer may be wrapped. `true`: one that reads.
    Request(bool),
}

/// Cancels calls, from any thread or from a signal handler.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<Interrupt>);

impl Canceller {
    /// Ends the calls with these settings within 100 ms, and every later one at once. Async-signal-safe: one atomic
    /// store.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Tells those that live at the same time apart: two with the same address cancel the same calls.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl Call {
    /// A call with the manager's timeout, and its canceller.
    pub fn cancellable() -> (Call, Canceller) {
        Call::default().copy()
    }

    /// A copy of the settings, and its canceller. To cancel the original cancels the copy, too.
    pub fn copy(&self) -> (Call, Canceller) {
        let interrupt = Interrupt::beneath(self.interrupt.clone());
        (Call { interrupt: Some(Arc::clone(&interrupt)), ..self.clone() }, Canceller(interrupt))
    }

    /// A call with these settings that is submitted now, for its trial.
    pub fn submit(&self) -> (Call, Submission) {
        let submission = Submission::beneath(self.interrupt.clone());
        (Call { interrupt: Some(Arc::clone(&submission.0)), ..self.clone() }, submission)
    }

    /// Whether the trial of the call has found that it has to wait, so that its result says nothing.
    pub fn has_to_wait(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|interrupt| interrupt.has_to_wait())
    }

    /// Has the timeout of a submitted call count from now on, in place of its submission.
    pub fn count_from_now(&self) {
        if let Some(interrupt) = &self.interrupt {
            interrupt.set_waited(Duration::ZERO);
        }
    }

    /// Fails if the call was cancelled.
    pub fn check_cancelled(&self) -> Result<()> {
        match &self.interrupt {
            Some(interrupt) if interrupt.is_cancelled() => Err(interrupt::cancelled()),
            _ => Ok(()),
        }
    }

    /// Fails if the call was cancelled, or is tried out and would have to wait: asked before what cannot be done twice.
    pub fn may_wait(&self) -> Result<()> {
        self.interrupt.as_ref().map_or(Ok(()), |interrupt| interrupt.may_wait())
    }

    /// Limits the call to `timeout`, in place of the manager's `VAULT_CLIENT_TIMEOUT`.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
        self.count_from_now();
    }

    /// The timeout set with [`Call::set_timeout`].
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Sets the check-and-set condition of writes: the latest version has this number; 0: there is no version yet.
    pub fn set_cas(&mut self, cas: Option<u64>) {
        self.cas = cas;
    }

    /// The condition set with [`Call::set_cas`].
    pub fn cas(&self) -> Option<u64> {
        self.cas
    }

    /// Has the answer of a request wrapped, in a token that lives this long.
    pub fn set_wrap_ttl(&mut self, ttl: Duration) {
        self.wrap_ttl = Some(ttl);
    }

    /// The time set with [`Call::set_wrap_ttl`].
    pub fn wrap_ttl(&self) -> Option<Duration> {
        self.wrap_ttl
    }

    /// Sends a W3C trace parent with every request of the call; `None`: none. See [`TraceParent`].
    pub fn set_trace_parent(&mut self, parent: Option<Arc<TraceParent>>) {
        self.trace_parent = parent;
    }

    /// How old a cached answer may be for this call; zero: the server is asked. `None`: as the manager is set.
    pub fn set_max_age(&mut self, age: Option<Duration>) {
        self.max_age = age;
    }

    /// The age set with [`Call::set_max_age`].
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// `HF_ERR_INVALID_ARGUMENT` if there is a setting that a function with this purpose would ignore, although it
    /// matters.
    pub fn check(&self, purpose: Purpose) -> Result<()> {
        let takes_cas = !matches!(purpose, Purpose::Change | Purpose::Request(false));
        if self.cas.is_some() && !takes_cas {
            return Err(Error::invalid_argument(
                "call: a check-and-set condition counts for store and update only; use another hf_call here",
            ));
        }
        if self.wrap_ttl.is_some() && !matches!(purpose, Purpose::Request(_)) {
            return Err(Error::invalid_argument(
                "call: a wrapping time counts for hf_request only; use another hf_call here",
            ));
        }
        Ok(())
    }

    /// The deadline of a call that begins now. `default_timeout` applies if the call sets no timeout.
    pub fn start(&self, default_timeout: Duration) -> Deadline {
        let timeout = self.timeout.unwrap_or(default_timeout);
        let now = Instant::now();
        let left = self.interrupt.as_ref().map_or(timeout, |interrupt| timeout.saturating_sub(interrupt.waited()));
        let at = now.checked_add(left).unwrap_or(now + FOR_EVER);
        if let Some(interrupt) = &self.interrupt {
            interrupt.begin_step(at);
        }
        let (interrupt, trace_parent) = (self.interrupt.clone(), self.trace_parent.clone());
        Deadline { at, left_when_set: left, timeout, interrupt, trace_parent, is_hurried: false }
    }
}

/// A `traceparent` of W3C Trace Context, version 00: the trace and the span that a request belongs to.
#[derive(Debug)]
pub struct TraceParent(HeaderValue);

impl TraceParent {
    /// Checks the text of a trace parent.
    pub fn parse(text: &str) -> Result<TraceParent> {
        const LENGTHS: [usize; 4] = [2, 32, 16, 2];
        let parts: Vec<_> = text.split('-').collect();
        let is_hexadecimal = |part: &&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
        let has_form = parts.iter().map(|part| part.len()).eq(LENGTHS) && parts.iter().all(is_hexadecimal);
        match *parts {
            ["00", trace, span, _] if has_form && !is_zero(trace) && !is_zero(span) => {
                HeaderValue::from_str(text).map(TraceParent).map_err(|_| no_trace_parent())
            }
            _ => Err(no_trace_parent()),
        }
    }
}

fn no_trace_parent() -> Error {
    Error::invalid_argument(
        "traceparent is none of W3C Trace Context: write 00-, 32 digits of the trace, 16 of the span and 2 of flags, \
         hexadecimal, in lower case, with '-' between; neither trace nor span may be zero",
    )
}

/// A time that no program waits for: it stands for never, and for a timeout that is too large for the clock.
pub const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// The longest wait between two checks for cancellation.
pub const WAIT_SLICE: Duration = Duration::from_millis(50);

/// The time by which a call has to end, including retries, logins and waits.
#[derive(Clone, Debug)]
pub struct Deadline {
    at: Instant,
    /// The time that was left when it was set.
    left_when_set: Duration,
    timeout: Duration,
    interrupt: Option<Arc<Interrupt>>,
    trace_parent: Option<Arc<TraceParent>>,
    /// Whether the call rather fails than waits for a server that cannot answer now.
    is_hurried: bool,
}

impl Deadline {
    /// The same deadline, or `limit` from now, for a request that is sent again at once or not at all.
    pub fn hurried(&self, limit: Duration) -> Deadline {
        Deadline { is_hurried: true, ..self.part(limit) }
    }

    /// As [`Deadline::within`], for requests of the call: with its trace parent.
    pub fn part(&self, limit: Duration) -> Deadline {
        Deadline { trace_parent: self.trace_parent.clone(), ..self.within(limit) }
    }

    /// Whether there is time for a pause before a request is sent again.
    pub fn allows(&self, pause: Duration) -> bool {
        (pause.is_zero() || !self.is_hurried) && self.remaining().is_ok_and(|left| pause < left)
    }

    /// The trace parent of the call.
    pub fn trace_parent(&self) -> Option<&HeaderValue> {
        self.trace_parent.as_ref().map(|parent| &parent.0)
    }

    /// The time left. Errors: `HF_ERR_CANCELLED`, `HF_ERR_TIMEOUT`.
    pub fn remaining(&self) -> Result<Duration> {
        self.remaining_at(Instant::now())
    }

    /// The time left, 0 if it has passed. Does not look for a cancellation.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The time that was left when the deadline was set: spares the first step of a call a second look at the clock.
    pub fn remaining_when_set(&self) -> Result<Duration> {
        self.may_wait()?;
        if self.left_when_set.is_zero() { Err(self.timed_out()) } else { Ok(self.left_when_set) }
    }

    /// The time left at `now`.
    pub fn remaining_at(&self, now: Instant) -> Result<Duration> {
        self.may_wait()?;
        let left = self.at.saturating_duration_since(now);
        if left.is_zero() { Err(self.timed_out()) } else { Ok(left) }
    }

    /// Fails if the call was cancelled, or is tried out: asked before what cannot be done twice.
    pub fn may_wait(&self) -> Result<()> {
        self.interrupt.as_ref().map_or(Ok(()), |interrupt| interrupt.may_wait())
    }

    /// The same deadline, or `limit` from now if that is sooner: the deadline of one of several attempts. It has no trace
    /// parent.
    pub fn within(&self, limit: Duration) -> Deadline {
        self.within_at(limit, Instant::now())
    }

    #[inline(always)]
    fn within_at(&self, limit: Duration, now: Instant) -> Deadline {
        let left = self.at.saturating_duration_since(now);
        let (at, left_when_set, timeout) = match now.checked_add(limit) {
            Some(sooner) if limit < left => (sooner, limit, limit),
            _ => (self.at, left, self.timeout),
        };
        Deadline {
            at,
            left_when_set,
            timeout,
            interrupt: self.interrupt.clone(),
            trace_parent: None,
            is_hurried: false,
        }
    }

    /// The error of a call that has reached its deadline.
    #[cold]
    pub fn timed_out(&self) -> Error {
        interrupt::timed_out(self.timeout)
    }

    /// Has a queue ask the call what it comes to, in place of failing it, when its time is over and no thread has it. Returns
    /// whether it is asked now; it must not wait then.
    pub fn decides_when_over(&self) -> bool {
        self.interrupt.as_ref().is_some_and(|interrupt| interrupt.decides_when_over())
    }

    /// Ends the rest of this call; `None` if it is in no queue.
    pub fn waker(&self) -> Option<Waker> {
        self.interrupt.as_ref().and_then(Waker::of)
    }

    /// Waits until `at`. In a queue the call waits without a thread: this fails, and the job of the call runs again from its
    /// start at that time, or when it is woken. Otherwise this returns after a moment, so that the caller sees what other
    /// threads have changed. Returns an error early at the deadline or when the call is cancelled.
    pub fn rest_until(&self, at: Instant) -> Result<()> {
        self.remaining()?;
        match self.interrupt.as_ref().and_then(|interrupt| interrupt.rest_until(at)) {
            Some(rests) => Err(rests),
            None => self.sleep(at.saturating_duration_since(Instant::now()).min(WAIT_SLICE)),
        }
    }

    /// Sleeps for `pause`. Returns an error early at the deadline or when the call is cancelled.
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

/// The time limits of an exchange with a peer: the whole exchange ends by the deadline, and no single step takes longer
/// than `patience`. So a node that hangs costs one attempt, and a slow one that makes progress is not interrupted.
#[derive(Clone, Copy, Debug)]
pub struct IoTimeout<'d> {
    /// The end of the call.
    pub deadline: &'d Deadline,
    /// The limit of one step: connecting, or waiting until more bytes can be read or written.
    pub patience: Duration,
    /// When the first step began.
    pub began: Instant,
}

impl IoTimeout<'_> {
    /// The same limits for an exchange that begins now.
    pub fn again(&self) -> Self {
        IoTimeout { began: Instant::now(), ..*self }
    }

    /// The deadline of the first step.
    #[inline(always)]
    pub fn first_step(&self) -> Deadline {
        self.deadline.within_at(self.patience, self.began)
    }

    /// The deadline of a step that begins now.
    pub fn step(&self) -> Deadline {
        self.deadline.within(self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn the_time_in_a_queue_counts() {
        let (mut call, submission) = Call::default().submit();
        assert!(call.may_wait().is_err());
        submission.resume();
        submission.0.set_waited(Duration::from_secs(7));
        assert_eq!(call.start(Duration::from_secs(10)).remaining_when_set().unwrap(), Duration::from_secs(3));
        call.set_timeout(Duration::from_secs(9));
        assert_eq!(call.start(Duration::from_secs(10)).remaining_when_set().unwrap(), Duration::from_secs(9));
    }

    #[test]
    fn a_step_ends_after_its_patience_or_with_the_call() {
        let deadline = Call::default().start(Duration::from_secs(60));
        let timeout =
            |patience| IoTimeout { deadline: &deadline, patience, began: deadline.at - Duration::from_secs(60) };
        let short = timeout(Duration::from_secs(1));
        assert_eq!(short.first_step().remaining_when_set().unwrap(), Duration::from_secs(1));
        assert_eq!(
            timeout(Duration::from_secs(90)).first_step().remaining_when_set().unwrap(),
            Duration::from_secs(60)
        );
        std::thread::sleep(Duration::from_millis(2));
        assert!(short.step().at > short.first_step().at, "patience starts again with each step");
        assert!(short.again().first_step().at > short.first_step().at);
        assert!(short.first_step().remaining().unwrap() < Duration::from_secs(1), "the clock runs");
    }

    #[test]
    fn a_setting_that_would_be_ignored_is_refused() {
        let (mut conditional, mut wrapping) = (Call::default(), Call::default());
        conditional.set_cas(Some(0));
        wrapping.set_wrap_ttl(Duration::from_secs(1));
        for (purpose, takes_cas, takes_wrap) in [
            (Purpose::Read, true, false),
            (Purpose::ConditionalWrite, true, false),
            (Purpose::Change, false, false),
            (Purpose::Request(true), true, true),
            (Purpose::Request(false), false, true),
        ] {
            assert!(Call::default().check(purpose).is_ok());
            assert_eq!((conditional.check(purpose).is_ok(), wrapping.check(purpose).is_ok()), (takes_cas, takes_wrap));
        }
    }

    #[test]
    fn a_trace_parent_is_that_of_the_standard() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceParent::parse(good).unwrap().0, good);
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Vault-Token: x",
            "00-0af7651916cd43dd8448eb211c8031\u{ff10}c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(bad).unwrap_err().status(), Status::InvalidArgument, "{bad}");
        }
    }

    #[test]
    fn a_cancelled_call_has_no_time_left() {
        let (call, canceller) = Call::cancellable();
        let deadline = call.start(Duration::from_secs(60));
        let step = deadline.within(Duration::from_secs(1));
        canceller.cancel();
        for left in
            [deadline.remaining(), deadline.remaining_when_set(), step.remaining(), call.start(FOR_EVER).remaining()]
        {
            assert_eq!(left.unwrap_err().status(), Status::Cancelled);
        }
    }
}
