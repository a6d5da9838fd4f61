//! The number of calls in all queues of the process, for its metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::host::fork;

/// The number, with the fork generation plus one in the upper half; 0 if there was no queue yet.
static PENDING: AtomicU64 = AtomicU64::new(0);

fn mark() -> u64 {
    (u64::from(fork::generation()) + 1) << 32
}

/// Begins to count in this process, unless it does so already. What a child has inherited is forgotten.
pub(super) fn begin() {
    let reset = |present: u64| (present & !u64::from(u32::MAX) != mark()).then(mark);
    let _ = PENDING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reset);
}

/// Counts a change of a queue of this process.
pub(super) fn count(before: usize, now: usize) {
    PENDING.fetch_add(now as u64, Ordering::Relaxed);
    PENDING.fetch_sub(before as u64, Ordering::Relaxed);
}

/// The number of calls; `None` if this process has made no queue.
pub fn pending() -> Option<u32> {
    let present = PENDING.load(Ordering::Relaxed);
    (present & !u64::from(u32::MAX) == mark()).then_some(present as u32)
}
