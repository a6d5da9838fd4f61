//! What the threads of a queue share, and the descriptor that tells of it.

use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::pending;
use super::state::{Calls, Stage};
use super::threads::Threads;
use crate::error::{Error, Result, Status};
use crate::host::fork;
use crate::host::notifier::{Announcements, Notifier};

/// What the threads of a queue share.
pub(super) struct Shared<E> {
    pub(super) state: Mutex<State<E>>,
    /// Signalled for a thread that waits for a call.
    pub(super) submitted: Condvar,
    pub(super) concurrency: usize,
    pub(super) descriptor: RawFd,
    pub(super) generation: u32,
}

pub(super) struct State<E> {
    pub(super) calls: Calls<E>,
    /// How many calls the metrics of the process know of.
    pub(super) counted: usize,
    pub(super) threads: Threads,
    /// `None` once the queue was freed.
    pub(super) notifier: Option<Arc<Notifier>>,
    /// Whether the descriptor was raised, or is about to be, since it was lowered last.
    pub(super) is_raised: bool,
    pub(super) alarm: Option<Instant>,
    pub(super) announcements: Announcements,
}

impl<E> Shared<E> {
    pub(super) fn check_process(&self) -> Result<()> {
        if self.generation == fork::generation() {
            return Ok(());
        }
        Err(Error::new(Status::Unsupported, "queue: belongs to the parent of this process; make another one"))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what a child of fork has inherited. If a thread of the parent was changing it, it is left as it is.
    pub(super) fn leave_in_child(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            std::mem::forget(state.threads.take());
            let (discarded, notifier) = (state.calls.clear(), state.notifier.take());
            drop(state);
            drop((discarded, notifier));
        }
    }
}

impl<E> State<E> {
    /// Ends the calls that were cancelled or whose time is over, and has those go on that have rested. Returns what is not
    /// needed any more.
    pub(super) fn look(&mut self) -> Vec<Stage> {
        let now = Instant::now();
        let is_new = |notifier: &Arc<Notifier>| self.announcements.have_come(notifier);
        let mut discarded = Vec::new();
        if self.notifier.as_ref().is_some_and(is_new) {
            discarded = self.calls.cancel(now);
            self.calls.wake(now);
        }
        discarded.extend(self.calls.expire(now));
        discarded
    }

    /// Brings the descriptor in line with the calls, which have changed: sets the alarm, and tells whether the descriptor
    /// has to be raised.
    pub(super) fn notify(&mut self, now: Instant) -> Raise {
        self.set_alarm(now);
        if self.counted != self.calls.len() {
            pending::count(self.counted, self.calls.len());
            self.counted = self.calls.len();
        }
        if self.is_raised || !self.calls.is_ready() {
            return Raise(None);
        }
        self.is_raised = true;
        Raise(self.notifier.clone())
    }

    fn set_alarm(&mut self, now: Instant) {
        // An alarm that is too early costs one look, and setting it costs a system call. It is turned off when nothing is
        // left to be waited for.
        let wanted = self.calls.next_alarm();
        let is_wrong = match (self.alarm, wanted) {
            (Some(set), Some(wanted)) => wanted < set || set <= now,
            (set, wanted) => set.is_some() != wanted.is_some(),
        };
        if let Some(notifier) = self.notifier.as_ref().filter(|_| is_wrong) {
            notifier.set_alarm(wanted.map(|at| at.saturating_duration_since(now)));
            self.alarm = wanted;
        }
    }
}

/// The descriptor, if it has to be raised. Done without the lock, which whoever is woken takes.
#[must_use]
pub(super) struct Raise(Option<Arc<Notifier>>);

impl Raise {
    pub(super) fn send(self) {
        if let Some(notifier) = self.0 {
            notifier.raise();
        }
    }
}
