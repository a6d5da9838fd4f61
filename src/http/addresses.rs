//! The addresses of one host name, and which of them to prefer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

/// The state of the addresses of one name. The server at one of them may be sealed, or accept connections without
/// responding, while the others work.
#[derive(Default)]
pub struct Addresses {
    /// The number of addresses at the last lookup.
    count: AtomicUsize,
    /// How often the preference has changed.
    turn: AtomicUsize,
    /// The address of the last connection.
    used: ArcSwapOption<SocketAddr>,
    /// The address that was given up last.
    left: ArcSwapOption<SocketAddr>,
}

impl Addresses {
    /// The number of addresses at the last lookup; 0 before the first one.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Identifies the current preference, for [`Addresses::leave`].
    pub fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    /// The order in which to try `found`: that of the resolver or, once an address was given up, the sorted order
    /// rotated to start after that address, which does not depend on how a name server shuffles them.
    pub fn order(&self, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        if let Some(left) = self.left.load().as_deref() {
            found.sort_unstable();
            found.dedup();
            let behind = found.partition_point(|address| address <= left);
            found.rotate_left(behind);
        }
        self.count.store(found.len(), Ordering::Relaxed);
        found
    }

    /// Records that a connection was made to `address`.
    pub fn used(&self, address: Option<SocketAddr>) {
        self.used.store(address.map(Arc::new));
    }

    /// Gives up the address used last in favour of the others, unless the preference has changed since `turn`.
    pub fn leave(&self, turn: usize) {
        if self.turn.compare_exchange(turn, turn.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.left.store(self.used.load_full());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(hosts: &[u8]) -> Vec<SocketAddr> {
        hosts.iter().map(|&host| ([127, 0, 0, host], 8200).into()).collect()
    }

    #[test]
    fn the_resolvers_order_is_kept_until_an_address_is_given_up() {
        let addresses = Addresses::default();
        assert_eq!(addresses.count(), 0);
        assert_eq!(addresses.order(list(&[3, 1, 2])), list(&[3, 1, 2]));
        assert_eq!(addresses.count(), 3);
        addresses.used(list(&[3]).pop());
        addresses.leave(addresses.turn());
        assert_eq!(addresses.order(list(&[3, 1, 2])), list(&[1, 2, 3]));
        assert_eq!(addresses.order(list(&[2, 3, 1])), list(&[1, 2, 3]), "however they are shuffled");
        addresses.used(list(&[1]).pop());
        addresses.leave(addresses.turn());
        assert_eq!(addresses.order(list(&[3, 1, 2])), list(&[2, 3, 1]));
    }

    #[test]
    fn two_calls_that_fail_at_the_same_address_change_the_preference_once() {
        let addresses = Addresses::default();
        let turn = addresses.turn();
        addresses.order(list(&[1, 2]));
        addresses.used(list(&[1]).pop());
        addresses.leave(turn);
        addresses.used(list(&[2]).pop());
        addresses.leave(turn);
        assert_eq!(addresses.order(list(&[1, 2])), list(&[2, 1]));
    }
}
