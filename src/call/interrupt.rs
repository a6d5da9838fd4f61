//! What ends a call early, and the trial of a call that is going to a queue.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};

const RUNNING: u8 = 0;
const CANCELLED: u8 = 1;
/// The call is tried out, and must not wait.
const TRIED: u8 = 2;
/// The call was tried out, and needed to wait.
const HAS_TO_WAIT: u8 = 3;
/// The time of the call is over, and it is asked what it comes to. It must not wait.
const OVER: u8 = 4;

/// The flag of calls that end together. Those of copies and of submitted calls end with that of the original, too.
#[derive(Debug)]
pub(super) struct Interrupt {
    state: AtomicU8,
    original: Option<Arc<Interrupt>>,
    submission: Option<Times>,
}

/// The times of a submitted call.
#[derive(Debug)]
struct Times {
    submitted: Instant,
    /// The deadline of the step that the call has begun last, in nanoseconds after `submitted`.
    deadline: AtomicU64,
    /// How much of the timeout has passed in the queue, in nanoseconds.
    waited: AtomicU64,
    /// When a call that rests goes on, in nanoseconds after `submitted`.
    resumes: AtomicU64,
    /// Whether the call goes on before, because somebody has woken it.
    is_woken: AtomicBool,
    /// Whether the call decides what it comes to when its time is over.
    decides: AtomicBool,
}

impl Interrupt {
    /// The flag of calls that end with those of `original`, too.
    pub(super) fn beneath(original: Option<Arc<Interrupt>>) -> Arc<Interrupt> {
        Arc::new(Interrupt { state: AtomicU8::new(RUNNING), original, submission: None })
    }

    /// Ends the calls. Async-signal-safe: one atomic store.
    pub(super) fn cancel(&self) {
        self.state.store(CANCELLED, Ordering::Release);
    }

    /// Fails if the call was cancelled, or is tried out.
    pub(super) fn may_wait(&self) -> Result<()> {
        if self.chain().all(|interrupt| interrupt.state.load(Ordering::Acquire) == RUNNING) {
            return Ok(());
        }
        Err(self.refusal())
    }

    #[cold]
    fn refusal(&self) -> Error {
        if !self.is_cancelled() && !self.is_over() {
            self.state.store(HAS_TO_WAIT, Ordering::Release);
        }
        cancelled()
    }

    fn is_over(&self) -> bool {
        self.state.load(Ordering::Acquire) == OVER
    }

    /// Has a submitted call asked what it comes to when its time is over. Returns whether it is asked now.
    pub(super) fn decides_when_over(&self) -> bool {
        if let Some(times) = &self.submission {
            times.decides.store(true, Ordering::Relaxed);
        }
        self.is_over()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.chain().any(|interrupt| interrupt.state.load(Ordering::Acquire) == CANCELLED)
    }

    pub(super) fn has_to_wait(&self) -> bool {
        self.state.load(Ordering::Acquire) == HAS_TO_WAIT
    }

    /// Records the deadline of a step of a submitted call.
    pub(super) fn begin_step(&self, deadline: Instant) {
        if let Some(times) = &self.submission {
            let after = deadline.saturating_duration_since(times.submitted);
            times.deadline.store(nanoseconds(after), Ordering::Release);
        }
    }

    /// Has a submitted call leave its thread until `at`. Returns the error with which it leaves it; `None` if the call
    /// was not submitted.
    pub(super) fn rest_until(&self, at: Instant) -> Option<Error> {
        let times = self.submission.as_ref()?;
        times.resumes.store(nanoseconds(at.saturating_duration_since(times.submitted)), Ordering::Release);
        let _ = self.state.compare_exchange(RUNNING, HAS_TO_WAIT, Ordering::AcqRel, Ordering::Relaxed);
        Some(cancelled())
    }

    /// How much of the timeout has passed in a queue.
    pub(super) fn waited(&self) -> Duration {
        let times = self.submission.as_ref();
        times.map_or(Duration::ZERO, |times| Duration::from_nanos(times.waited.load(Ordering::Relaxed)))
    }

    pub(super) fn set_waited(&self, waited: Duration) {
        if let Some(times) = &self.submission {
            times.waited.store(nanoseconds(waited), Ordering::Relaxed);
        }
    }

    /// This flag and those that it ends with.
    fn chain(&self) -> impl Iterator<Item = &Interrupt> {
        std::iter::successors(Some(self), |interrupt| interrupt.original.as_deref())
    }
}

impl Drop for Interrupt {
    /// Drops the flags of a copy of a copy and so on one after the other, because each would take stack for the next one.
    fn drop(&mut self) {
        let mut next = self.original.take();
        while let Some(mut original) = next.and_then(Arc::into_inner) {
            next = original.original.take();
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The error of a call that was cancelled.
#[cold]
pub(super) fn cancelled() -> Error {
    Error::new(Status::Cancelled, "the call was cancelled")
}

/// A call that was submitted to a queue. It is tried out first: a call that needs no traffic does not need the queue.
#[derive(Clone, Debug)]
pub struct Submission(pub(super) Arc<Interrupt>);

impl Submission {
    /// A call that is submitted now and may end with those of `original`.
    pub(super) fn beneath(original: Option<Arc<Interrupt>>) -> Submission {
        let times = Times {
            submitted: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            waited: AtomicU64::new(0),
            resumes: AtomicU64::new(0),
            is_woken: AtomicBool::new(false),
            decides: AtomicBool::new(false),
        };
        Submission(Arc::new(Interrupt { state: AtomicU8::new(TRIED), original, submission: Some(times) }))
    }

    /// Whether the trial has found that the call has to wait, or the call rests: its result says nothing.
    pub fn has_to_wait(&self) -> bool {
        self.0.has_to_wait()
    }

    /// Lets a call that has to wait go on. Returns when.
    pub fn resume(&self) -> Instant {
        // Where it was cancelled meanwhile, it stays cancelled.
        let _ = self.0.state.compare_exchange(HAS_TO_WAIT, RUNNING, Ordering::AcqRel, Ordering::Relaxed);
        let now = Instant::now();
        let at =
            |times: &Times| times.submitted.checked_add(Duration::from_nanos(times.resumes.swap(0, Ordering::AcqRel)));
        self.times().and_then(at).unwrap_or(now)
    }

    /// Whether somebody has woken the call since it began to run last.
    pub fn is_woken(&self) -> bool {
        self.times().is_some_and(|times| times.is_woken.load(Ordering::Acquire))
    }

    /// Counts the time in the queue, when a thread begins the call.
    pub fn begin(&self) {
        self.times().iter().for_each(|times| times.is_woken.store(false, Ordering::Release));
        self.0.set_waited(self.times().map_or(Duration::ZERO, |times| times.submitted.elapsed()));
    }

    /// Tells a call that its time is over. Returns whether it decides what it comes to, which its job tells now.
    pub fn is_asked_when_over(&self) -> bool {
        let decides = self.times().is_some_and(|times| times.decides.load(Ordering::Relaxed)) && !self.is_cancelled();
        if decides {
            // Where it is cancelled meanwhile, it stays cancelled.
            let _ = self.0.state.compare_exchange(RUNNING, OVER, Ordering::AcqRel, Ordering::Relaxed);
        }
        decides
    }

    /// Ends the call.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether the call, or those that it ends with, were cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// When the step ends that the call has begun last; `None` if that is never.
    pub fn deadline(&self) -> Option<Instant> {
        let times = self.times()?;
        times.submitted.checked_add(Duration::from_nanos(times.deadline.load(Ordering::Acquire)))
    }

    /// The error of a call that was ended by `deadline`, or before.
    pub fn error_at(&self, deadline: Instant) -> Error {
        match self.times() {
            Some(times) if !self.is_cancelled() => timed_out(deadline.saturating_duration_since(times.submitted)),
            _ => cancelled(),
        }
    }

    fn times(&self) -> Option<&Times> {
        self.0.submission.as_ref()
    }
}

/// Ends the rest of a call that was submitted to a queue.
#[derive(Clone, Debug)]
pub struct Waker(Weak<Interrupt>);

impl Waker {
    pub(super) fn of(interrupt: &Arc<Interrupt>) -> Option<Waker> {
        interrupt.submission.as_ref().map(|_| Waker(Arc::downgrade(interrupt)))
    }

    /// Has the call go on at once, if it rests or is about to. Returns whether its queue has to be told, by an announcement.
    pub fn wake(&self) -> bool {
        let is_new = |times: &Times| !times.is_woken.swap(true, Ordering::AcqRel);
        self.0.upgrade().is_some_and(|interrupt| interrupt.submission.as_ref().is_some_and(is_new))
    }

    /// Whether the call may still rest.
    pub fn is_needed(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// Whether the call was ended, though its thread may still work on it.
    pub fn is_over(&self) -> bool {
        self.0.upgrade().is_none_or(|interrupt| interrupt.is_cancelled())
    }

    /// Whether both wake the same call.
    pub fn is_same(&self, other: &Waker) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// The error of a call that had this much time.
#[cold]
pub(super) fn timed_out(timeout: Duration) -> Error {
    let message = format!(
        "no answer within {:.3} s; a longer limit can be set for the call or with VAULT_CLIENT_TIMEOUT",
        timeout.as_secs_f64()
    );
    Error::new(Status::Timeout, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_with_its_original_and_not_the_original_with_it() {
        let original = Interrupt::beneath(None);
        let (first, second) = (Interrupt::beneath(Some(original.clone())), Interrupt::beneath(Some(original.clone())));
        first.cancel();
        assert_eq!([&original, &first, &second].map(|interrupt| interrupt.is_cancelled()), [false, true, false]);
        original.cancel();
        assert!(second.is_cancelled() && second.may_wait().is_err());
    }

    #[test]
    fn copies_of_copies_are_dropped_whatever_their_number() {
        let first = Interrupt::beneath(None);
        let mut last = first.clone();
        for _ in 0..if cfg!(miri) { 1_000 } else { 500_000 } {
            last = Interrupt::beneath(Some(last));
        }
        first.cancel();
        assert!(last.is_cancelled());
        drop(last);
        assert_eq!(Arc::strong_count(&first), 1);
    }

    #[test]
    fn a_trial_tells_whether_the_call_has_to_wait() {
        let submission = Submission::beneath(None);
        assert!(!submission.has_to_wait());
        assert!(submission.0.may_wait().is_err() && submission.has_to_wait());
        submission.resume();
        assert!(submission.0.may_wait().is_ok() && !submission.has_to_wait());
    }

    #[test]
    fn a_call_that_is_cancelled_during_its_trial_is_cancelled() {
        let original = Interrupt::beneath(None);
        let submission = Submission::beneath(Some(original.clone()));
        original.cancel();
        assert!(submission.0.may_wait().is_err());
        assert!(!submission.has_to_wait(), "the result of the trial is final");
    }

    #[test]
    fn the_deadline_is_that_of_the_step_begun_last() {
        let submission = Submission::beneath(None);
        assert!(submission.deadline().is_none_or(|at| at > Instant::now() + Duration::from_secs(1_000_000_000)));
        let at = Instant::now() + Duration::from_secs(5);
        submission.0.begin_step(at);
        assert_eq!(submission.deadline(), Some(at));
        assert_eq!(submission.error_at(at).status(), Status::Timeout);
        submission.cancel();
        assert_eq!(submission.error_at(at).status(), Status::Cancelled);
    }
}
