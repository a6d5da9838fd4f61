//! A lock for one thread at a time that respects deadlines, cancellation and forks.
//!
//! `std::sync::Mutex` does none of the three: a waiter cannot give up, and a child of a fork waits for ever for a
//! thread that exists only in its parent. Those who wait here look every few milliseconds; what they wait for is a
//! request to a server, so that costs nothing that counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::call::Deadline;
use crate::error::Result;
use crate::fork;

const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// 0 while open, else the fork generation of the holder's process plus one.
#[derive(Default)]
pub struct Gate(AtomicU64);

/// Holds the gate; opens it when dropped.
pub struct Passage<'g> {
    gate: &'g Gate,
    mark: u64,
}

impl Gate {
    /// Passes if nobody holds the gate; nobody of a parent process counts.
    pub fn try_pass(&self) -> Option<Passage<'_>> {
        let mark = u64::from(fork::generation()) + 1;
        let held = self.0.load(Ordering::Relaxed);
        if held == mark {
            return None;
        }
        self.0.compare_exchange(held, mark, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(Passage { gate: self, mark })
    }

    /// Waits until it can pass.
    pub fn pass(&self, deadline: &Deadline) -> Result<Passage<'_>> {
        loop {
            if let Some(passage) = self.try_pass() {
                return Ok(passage);
            }
            deadline.sleep(LOOK_AGAIN)?;
        }
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        // A guard that a child inherited on a surviving thread's stack is marked with its parent's generation.
        let _ = self.gate.0.compare_exchange(self.mark, 0, Ordering::Release, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    #[test]
    fn the_gate_lets_one_through_at_a_time() {
        let gate = Gate::default();
        let first = gate.try_pass();
        assert!(first.is_some());
        assert!(gate.try_pass().is_none());
        drop(first);
        assert!(gate.try_pass().is_some());
    }

    #[test]
    fn whoever_waits_gives_up_at_the_deadline() {
        let gate = Gate::default();
        let _held = gate.try_pass();
        let deadline = Call::default().start(Duration::from_millis(20));
        assert!(gate.pass(&deadline).is_err());
    }
}
