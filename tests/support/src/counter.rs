//! A counter that threads share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts, from whatever thread.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// How often it was called before.
    pub fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::AcqRel)
    }

    /// How often `next` was called.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}
