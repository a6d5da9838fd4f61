//! A counter shared by threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts calls of `next`, from any thread.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// Counts a call, and returns the number of calls before.
    pub fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::AcqRel)
    }

    /// The number of calls of `next`.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}
