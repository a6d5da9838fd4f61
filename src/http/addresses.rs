//! The addresses that one name stands for, and which of them to prefer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

/// What is known of the addresses of one name. A server behind the first of them may be sealed, or accept connections
/// and say nothing, while the others are well.
#[derive(Default)]
pub struct Addresses {
    /// How many there were when the name was last looked up.
    count: AtomicUsize,
    /// How often one was left.
    turn: AtomicUsize,
    /// The one that the last connection leads to.
    used: ArcSwapOption<SocketAddr>,
    /// The one that was left last.
    left: ArcSwapOption<SocketAddr>,
}

impl Addresses {
    /// How many there were when the name was last looked up; 0 before that.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Identifies the present preference, for [`Addresses::leave`].
    pub fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    /// The order to try `found` in: as the resolver has them, or, once one was left, all of them in a circle that begins
    /// behind it, however a name server shuffles them.
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

    /// A connection was made to `address`.
    pub fn used(&self, address: Option<SocketAddr>) {
        self.used.store(address.map(Arc::new));
    }

    /// Prefers another address than the one used last, unless that was done since `turn`.
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
    fn the_resolvers_order_holds_until_an_address_is_left() {
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
    fn two_calls_that_failed_at_the_same_address_leave_it_once() {
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
