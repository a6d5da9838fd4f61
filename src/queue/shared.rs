//! What the threads of a queue share, and the descriptor that tells of it.

use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::state::{Calls, Stage};
use super::threads::Threads;
use crate::error::{Error, Result, Status};
use crate::host::fork;
use crate::host::notifier::{Notifier, cancellations};

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
    pub(super) threads: Threads,
    /// `None` once the queue was freed.
    pub(super) notifier: Option<Arc<Notifier>>,
    pub(super) is_raised: bool,
    pub(super) alarm: Option<Instant>,
    pub(super) cancellations: u64,
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
    /// Ends the calls that were cancelled or whose time is over. Returns what is not needed any more.
    pub(super) fn look(&mut self) -> Vec<Stage> {
        let (now, mut discarded) = (Instant::now(), Vec::new());
        if self.cancellations != cancellations() {
            // First the descriptor takes note, then the number is read: the other way round, one could be missed.
            let _ = self.notifier.as_ref().map(|notifier| notifier.wait(Some(Duration::ZERO)));
            self.cancellations = cancellations();
            discarded = self.calls.cancel(now);
        }
        discarded.extend(self.calls.expire(now));
        discarded
    }

    /// Brings the descriptor in line with the calls.
    pub(super) fn notify(&mut self, now: Instant) {
        let Some(notifier) = &self.notifier else { return };
        let is_ready = self.calls.is_ready();
        if is_ready != self.is_raised {
            if is_ready {
                notifier.raise()
            } else {
                notifier.lower()
            }
            self.is_raised = is_ready;
        }
        // An alarm that is too early costs one look, and setting it costs a system call. It is turned off when nothing is
        // left to be waited for.
        let wanted = self.calls.next_alarm();
        let is_wrong = match (self.alarm, wanted) {
            (Some(set), Some(wanted)) => wanted < set || set <= now,
            (set, wanted) => set.is_some() != wanted.is_some(),
        };
        if is_wrong {
            notifier.set_alarm(wanted.map(|at| at.saturating_duration_since(now)));
            self.alarm = wanted;
        }
    }
}
