//! A lock-free pool of idle connections: threads do not block each other, and a fork cannot leave it locked.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::{Duration, Instant};

use super::connection::{Connection, Era};

/// The idle connections of one manager.
pub struct Pool {
    slots: Box<[AtomicPtr<Connection>]>,
    idle_timeout: Duration,
}

impl Pool {
    /// An empty pool, for up to `most` connections. They are not used again after `idle_timeout` without a request.
    pub fn new(most: usize, idle_timeout: Duration) -> Pool {
        let slots = (0..most).map(|_| AtomicPtr::new(ptr::null_mut())).collect();
        Pool { slots, idle_timeout }
    }

    /// How many connections it can keep.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many connections are idle.
    pub fn idle(&self) -> usize {
        self.slots.iter().filter(|slot| !slot.load(Ordering::Relaxed).is_null()).count()
    }

    /// Closes one idle connection.
    pub fn close_one(&self) {
        let mut connections = self.slots.iter().map(|slot| unboxed(slot.swap(ptr::null_mut(), Ordering::AcqRel)));
        drop(connections.find_map(|connection| connection));
    }

    /// An idle connection to `node`, open and with nothing on it: an answer that came unasked would be taken for that
    /// of the next request. Those that cannot be used any more are closed on the way: the old ones, the ones that the
    /// server closed or spoke on, those of other certificates, and, after a fork, the parent's, without a byte to them.
    pub fn take(&self, node: usize, era: Era, now: Instant) -> Option<Box<Connection>> {
        for slot in &*self.slots {
            if slot.load(Ordering::Relaxed).is_null() {
                continue;
            }
            let Some(connection) = unboxed(slot.swap(ptr::null_mut(), Ordering::AcqRel)) else { continue };
            if connection.node() == node && is_usable(&connection, era, now) {
                return Some(connection);
            }
        }
        None
    }

    /// Closes the idle connections to `node`; after a fork the parent's, too, without a byte to them.
    pub fn close_all(&self, node: usize) {
        self.retain(|connection| connection.node() != node);
    }

    /// Closes the idle connections that requests to `node` cannot use, as [`Pool::take`] does on its way.
    pub fn keep_usable(&self, node: usize, era: Era, now: Instant) {
        self.retain(|connection| connection.node() == node && is_usable(connection, era, now));
    }

    /// Closes the idle connections of other eras.
    pub fn close_others(&self, era: Era) {
        self.retain(|connection| connection.era() == era);
    }

    fn retain(&self, is_wanted: impl Fn(&Connection) -> bool) {
        for slot in &*self.slots {
            let Some(connection) = unboxed(slot.swap(ptr::null_mut(), Ordering::AcqRel)) else { continue };
            if is_wanted(&connection) {
                self.put(connection);
            }
        }
    }

    /// Returns a connection whose last request was sent at `used` to the pool. Closes it if the pool is full.
    #[inline(always)]
    pub fn put_back(&self, mut connection: Box<Connection>, used: Instant) {
        connection.expire(self.idle_timeout, used);
        self.put(connection);
    }

    #[inline(always)]
    fn put(&self, connection: Box<Connection>) {
        let connection = Box::into_raw(connection);
        for slot in &*self.slots {
            let empty = ptr::null_mut();
            if slot.load(Ordering::Relaxed).is_null()
                && slot.compare_exchange(empty, connection, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return;
            }
        }
        drop(unboxed(connection));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for slot in &*self.slots {
            drop(unboxed(slot.swap(ptr::null_mut(), Ordering::AcqRel)));
        }
    }
}

#[inline(always)]
fn is_usable(connection: &Connection, era: Era, now: Instant) -> bool {
    connection.era() == era && now < connection.expires() && connection.is_ready()
}

fn unboxed(connection: *mut Connection) -> Option<Box<Connection>> {
    if connection.is_null() {
        return None;
    }
    // SAFETY: every non-null pointer here comes from `Box::into_raw` in `put`, and whoever calls this has just taken it
    // out of its slot by an atomic swap, or never put it in: it has one owner.
    Some(unsafe { Box::from_raw(connection) })
}
