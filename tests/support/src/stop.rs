//! Ends threads that run as long as a test.

use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that tells threads to end. `std::thread::scope` waits for its threads even while a failed assertion unwinds,
/// so a flag set after the last assertion would make a failing test hang.
#[derive(Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Whether the threads have to end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sets the flag when the guard is dropped: at the end of its block, or when a panic leaves it.
    pub fn guard(&self) -> StopGuard<'_> {
        StopGuard(self)
    }
}

/// Sets the flag of its `Stop` when it is dropped.
#[must_use = "dropped at once it stops the threads at once"]
pub struct StopGuard<'s>(&'s Stop);

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn threads_of_a_scope_end_when_an_assertion_fails() {
        let stop = Stop::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            std::thread::scope(|scope| {
                let _guard = stop.guard();
                scope.spawn(|| {
                    while !stop.is_set() {
                        std::thread::yield_now();
                    }
                });
                panic!("the assertion");
            })
        }));
        assert!(outcome.is_err() && stop.is_set());
    }
}
