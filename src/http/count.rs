//! The number of open connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::host::fork;

/// Counts the open connections of one manager. A child of a fork counts its own only.
#[derive(Debug, Default)]
pub struct OpenCount {
    /// The fork generation in the upper half, the number in the lower one.
    state: AtomicU64,
}

const GENERATION: u64 = 1 << 32;

/// One open connection, until it is dropped.
pub struct Counted {
    count: Arc<OpenCount>,
    fork: u32,
}

impl OpenCount {
    /// Counts one more connection.
    pub fn count(self: Arc<OpenCount>) -> Counted {
        let fork = fork::generation();
        let one_more = |state| Some(OpenCount::in_generation(state, fork) + 1);
        let _ = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        Counted { count: self, fork }
    }

    /// How many are open.
    pub fn get(&self) -> usize {
        (OpenCount::in_generation(self.state.load(Ordering::Relaxed), fork::generation()) % GENERATION) as usize
    }

    /// The state as this process sees it.
    fn in_generation(state: u64, fork: u32) -> u64 {
        let start = u64::from(fork) * GENERATION;
        if state / GENERATION == u64::from(fork) { state } else { start }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let fork = u64::from(self.fork);
        let one_less = |state: u64| (state / GENERATION == fork && state % GENERATION > 0).then(|| state - 1);
        let _ = self.count.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_while_they_live_and_in_their_process() {
        let count = Arc::new(OpenCount::default());
        let (first, second) = (count.clone().count(), count.clone().count());
        assert_eq!(count.get(), 2);
        drop(first);
        assert_eq!(count.get(), 1);
        drop(Counted { count: count.clone(), fork: second.fork.wrapping_sub(1) });
        assert_eq!(count.get(), 1, "a connection of the parent does not count");
    }
}
