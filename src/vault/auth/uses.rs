//! The remaining uses of a token that is valid for a number of requests only (`num_uses`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::vault::api::request::Cost;

/// With fewer uses nothing is done that no call needs at once: two are left after it, for another lease or for other calls.
pub const SPARE: u64 = 3;

/// How many uses have to be left for what a lease is made with: the last one would end it.
const LEASE: u64 = 2;

/// The remaining uses of a token, as the client counts them. The server ends the token with the last one, and all leases
/// that were made with it.
pub struct Uses {
    granted: u64,
    left: AtomicU64,
    /// A lease was made with it.
    has_leases: AtomicBool,
}

impl Uses {
    /// So many uses.
    pub fn new(granted: u64) -> Uses {
        Uses { granted, left: AtomicU64::new(granted), has_leases: AtomicBool::new(false) }
    }

    /// How many are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Whether there are none to spare, and fewer than a new token would have.
    pub fn are_few(&self) -> bool {
        self.left() < SPARE.min(self.granted)
    }

    /// Takes one for a request, and returns how many there were before; `None`: too few. With `spares_leases` the last one is
    /// not taken if there are leases.
    pub fn take(&self, cost: Cost, spares_leases: bool) -> Option<u64> {
        let is_last_spared = spares_leases && self.has_leases.load(Ordering::Relaxed);
        let least = if cost == Cost::Lease || is_last_spared { LEASE } else { 1 };
        let less = |left: u64| if left >= least { left.checked_sub(1) } else { None };
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok()?;
        if cost == Cost::Lease {
            self.has_leases.store(true, Ordering::Relaxed);
        }
        Some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_not_made_with_the_last_use() {
        let uses = Uses::new(2);
        assert_eq!((uses.take(Cost::Lease, false), uses.take(Cost::Lease, false)), (Some(2), None));
        assert_eq!((uses.take(Cost::Use, false), uses.take(Cost::Use, false)), (Some(1), None));
    }

    #[test]
    fn the_last_use_is_spared_where_leases_would_end_with_it() {
        let uses = Uses::new(3);
        assert_eq!((uses.take(Cost::Lease, true), uses.take(Cost::Use, true)), (Some(3), Some(2)));
        assert_eq!((uses.take(Cost::Use, true), uses.left()), (None, 1));
        let without = Uses::new(1);
        assert_eq!((without.take(Cost::Use, true), without.left()), (Some(1), 0));
    }

    #[test]
    fn a_new_token_has_never_few_uses() {
        for granted in 1..5 {
            let uses = Uses::new(granted);
            assert!(!uses.are_few(), "{granted}");
            uses.take(Cost::Use, false);
            assert_eq!(uses.are_few(), granted < 4, "{granted}");
        }
    }
}
