//! A lock for short changes of shared state, which holds off forks while it is held.
//!
//! A child process never finds it locked, and never finds the state half changed: a fork waits until the change is
//! complete. So what is done under the lock must be short and must not wait for anything.

use std::sync::{Mutex, PoisonError};

use super::fork;

/// State that threads change one at a time.
#[derive(Debug, Default)]
pub struct Held<T>(Mutex<T>);

impl<T> Held<T> {
    /// Protects `state`.
    pub const fn new(state: T) -> Held<T> {
        Held(Mutex::new(state))
    }

    /// Runs `change` with the state, and lets neither another thread at it nor a fork happen meanwhile.
    pub fn with<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let _no_fork = fork::hold_off();
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
