//! A mutual-exclusion lock that supports deadlines, cancellation and forks.
//!
//! `std::sync::Mutex` supports none of the three: a waiter cannot give up, and a forked child waits forever for a
//! thread that exists only in its parent. Waiters of this lock poll every few milliseconds, which is negligible
//! compared to the request to a server that the holder makes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::fork;
use crate::call::Deadline;
use crate::error::Result;

const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// 0 if free, else the fork generation of the holder's process plus one.
#[derive(Default)]
pub struct ForkLock(AtomicU64);

/// Holds the lock, and releases it when it is dropped.
pub struct ForkLockGuard<'g> {
    lock: &'g ForkLock,
    mark: u64,
}

impl ForkLock {
    /// Takes the lock if it is free. A holder in a parent process is ignored.
    pub fn try_lock(&self) -> Option<ForkLockGuard<'_>> {
        let mark = u64::from(fork::generation()) + 1;
        let held = self.0.load(Ordering::Relaxed);
        if held == mark {
            return None;
        }
        self.0.compare_exchange(held, mark, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(ForkLockGuard { lock: self, mark })
    }

    /// Whether somebody in this process holds it at present.
    pub fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) == u64::from(fork::generation()) + 1
    }

    /// Waits for the lock and takes it.
    pub fn lock(&self, deadline: &Deadline) -> Result<ForkLockGuard<'_>> {
        loop {
            if let Some(guard) = self.try_lock() {
                return Ok(guard);
            }
            deadline.sleep(POLL_INTERVAL)?;
        }
    }
}

impl Drop for ForkLockGuard<'_> {
    fn drop(&mut self) {
        // A guard that a child inherited on the stack of the forking thread has the parent's generation, and does not
        // match.
        let _ = self.lock.0.compare_exchange(self.mark, 0, Ordering::Release, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    #[test]
    fn only_one_thread_holds_the_lock() {
        let lock = ForkLock::default();
        let first = lock.try_lock();
        assert!(first.is_some() && lock.is_held());
        assert!(lock.try_lock().is_none());
        drop(first);
        assert!(!lock.is_held());
        assert!(lock.try_lock().is_some());
    }

    #[test]
    fn lock_fails_at_the_deadline() {
        let lock = ForkLock::default();
        let _held = lock.try_lock();
        let deadline = Call::default().start(Duration::from_millis(20));
        assert!(lock.lock(&deadline).is_err());
    }
}
