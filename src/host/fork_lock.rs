//! A lock for one thread at a time that respects deadlines, cancellation and forks.
//!
//! `std::sync::Mutex` does none of the three: a waiter cannot give up, and a child of a fork waits for ever for a
//! thread that exists only in its parent. Those who wait here look every few milliseconds; what they wait for is a
//! request to a server, so that costs nothing that counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fork;
use crate::call::Deadline;
use crate::error::Result;

const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// 0 while free, else the fork generation of the holder's process plus one.
#[derive(Default)]
pub struct ForkLock(AtomicU64);

/// Holds the lock; releases it when dropped.
pub struct ForkLockGuard<'g> {
    lock: &'g ForkLock,
    mark: u64,
}

impl ForkLock {
    /// Takes the lock if nobody holds it; holders in a parent process do not count.
    pub fn try_lock(&self) -> Option<ForkLockGuard<'_>> {
        let mark = u64::from(fork::generation()) + 1;
        let held = self.0.load(Ordering::Relaxed);
        if held == mark {
            return None;
        }
        self.0.compare_exchange(held, mark, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(ForkLockGuard { lock: self, mark })
    }

    /// Waits until it can take the lock.
    pub fn lock(&self, deadline: &Deadline) -> Result<ForkLockGuard<'_>> {
        loop {
            if let Some(guard) = self.try_lock() {
                return Ok(guard);
            }
            deadline.sleep(LOOK_AGAIN)?;
        }
    }
}

impl Drop for ForkLockGuard<'_> {
    fn drop(&mut self) {
        // A guard that a child inherited on a surviving thread's stack is marked with its parent's generation.
        let _ = self.lock.0.compare_exchange(self.mark, 0, Ordering::Release, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    #[test]
    fn one_thread_holds_the_lock_at_a_time() {
        let lock = ForkLock::default();
        let first = lock.try_lock();
        assert!(first.is_some());
        assert!(lock.try_lock().is_none());
        drop(first);
        assert!(lock.try_lock().is_some());
    }

    #[test]
    fn whoever_waits_gives_up_at_the_deadline() {
        let lock = ForkLock::default();
        let _held = lock.try_lock();
        let deadline = Call::default().start(Duration::from_millis(20));
        assert!(lock.lock(&deadline).is_err());
    }
}
