//! A lock-free cache of TLS sessions for resumption.
//!
//! rustls' own store is a map behind a mutex. In the child of a fork such a mutex can stay locked for ever by a thread
//! that exists only in the parent.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU16, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{ServerName, UnixTime};

/// The most tickets that are kept. Servers send two to four per connection, and a connection uses one.
const TICKETS: usize = 8;

/// The sessions of one manager's nodes. All of them share one name or one cluster, so the name is kept beside each
/// value and compared, not looked up.
pub struct SessionCache {
    slots: [AtomicPtr<(ServerName<'static>, Tls13ClientSessionValue)>; TICKETS],
    tls12: ArcSwapOption<(ServerName<'static>, Tls12ClientSessionValue)>,
    group: AtomicU16,
    /// The earliest expiry of the certificates that verified these servers, in seconds since 1970.
    end: AtomicU64,
}

impl Default for SessionCache {
    fn default() -> Self {
        let (slots, end) = (Default::default(), AtomicU64::new(u64::MAX));
        SessionCache { slots, tls12: ArcSwapOption::empty(), group: AtomicU16::new(0), end }
    }
}

impl SessionCache {
    /// Records the verification of a server by certificates the first of which expires at `end`. A resumed session
    /// relies on that verification.
    pub fn note_proof(&self, end: u64) {
        self.end.fetch_min(end, Ordering::Relaxed);
    }

    /// Whether a certificate has expired at `now`. It is not known which sessions rely on it, so all of them become
    /// invalid.
    pub fn is_over(&self, now: UnixTime) -> bool {
        now.as_secs() > self.end.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for SessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCache")
    }
}

impl ClientSessionStore for SessionCache {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.group.store(u16::from(group), Ordering::Relaxed);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        match self.group.load(Ordering::Relaxed) {
            0 => None,
            group => Some(NamedGroup::from(group)),
        }
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.tls12.store(Some(std::sync::Arc::new((name, value))));
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let session = self.tls12.load();
        session.as_ref().filter(|s| s.0 == *name).map(|s| s.1.clone())
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.tls12.store(None);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut carried = Box::into_raw(Box::new((name, value)));
        // The newest ticket goes into the first slot, the others move by one, and the last one is dropped.
        for slot in &self.slots {
            carried = slot.swap(carried, Ordering::AcqRel);
            if carried.is_null() {
                return;
            }
        }
        drop_ticket(carried);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        for slot in &self.slots {
            let taken = slot.swap(ptr::null_mut(), Ordering::AcqRel);
            if taken.is_null() {
                continue;
            }
            // SAFETY: every non-null pointer in a slot comes from `Box::into_raw`, and the swap made it ours alone.
            let (of, ticket) = *unsafe { Box::from_raw(taken) };
            if of == *name {
                return Some(ticket);
            }
        }
        None
    }
}

fn drop_ticket(ticket: *mut (ServerName<'static>, Tls13ClientSessionValue)) {
    if !ticket.is_null() {
        // SAFETY: as above: from `Box::into_raw`, and taken out of its slot.
        drop(unsafe { Box::from_raw(ticket) });
    }
}

impl Drop for SessionCache {
    fn drop(&mut self) {
        for slot in &self.slots {
            drop_ticket(slot.swap(ptr::null_mut(), Ordering::AcqRel));
        }
    }
}
