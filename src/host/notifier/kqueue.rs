//! The descriptor of systems with kqueue.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use crate::call::WAIT_SLICE;
use crate::host::descriptors::{checked, owned};

/// The numbers of the two events.
const LEVEL: usize = 1;
const TIMER: usize = 2;

/// A kqueue.
pub struct Notifier(OwnedFd);

impl Notifier {
    /// A notifier that is not raised and has no alarm.
    pub fn new() -> io::Result<Notifier> {
        // SAFETY: the call takes no arguments, and nobody else owns the descriptor that it creates.
        let queue = unsafe { owned(libc::kqueue())? };
        // SAFETY: the command takes an integer.
        checked(unsafe { libc::fcntl(queue.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
        Ok(Notifier(queue))
    }

    /// The descriptor for the program.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Makes the descriptor readable until [`Notifier::lower`].
    pub fn raise(&self) {
        self.change(LEVEL, libc::EVFILT_USER, libc::EV_ADD, 0, 0);
        self.change(LEVEL, libc::EVFILT_USER, 0, libc::NOTE_TRIGGER, 0);
    }

    /// Takes back [`Notifier::raise`].
    pub fn lower(&self) {
        self.change(LEVEL, libc::EVFILT_USER, libc::EV_DELETE, 0, 0);
    }

    /// Makes the descriptor readable from a moment on, in place of an earlier one, and again and again; `None`: not at
    /// all. The moment comes soon enough to look for an announcement.
    pub fn set_alarm(&self, after: Option<Duration>) {
        match after {
            Some(after) => {
                let milliseconds = after.min(WAIT_SLICE).as_millis().max(1);
                self.change(TIMER, libc::EVFILT_TIMER, libc::EV_ADD, 0, milliseconds as _);
            }
            None => self.change(TIMER, libc::EVFILT_TIMER, libc::EV_DELETE, 0, 0),
        }
    }

    /// Waits until the descriptor is readable. Ends early when a signal interrupts it.
    pub fn wait(&self, timeout: Option<Duration>) {
        let mut events = [event(0, 0, 0, 0, 0), event(0, 0, 0, 0, 0)];
        let seconds = |timeout: Duration| libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX);
        let time =
            timeout.map(|timeout| libc::timespec { tv_sec: seconds(timeout), tv_nsec: timeout.subsec_nanos().into() });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the pointers and the number are those of live values; there are no changes.
        unsafe { libc::kevent(self.0.as_raw_fd(), std::ptr::null(), 0, events.as_mut_ptr(), events.len() as _, time) };
    }

    fn change(&self, number_of_event: usize, filter: i16, flags: u16, notes: u32, data: i64) {
        let change = event(number_of_event, filter, flags, notes, data);
        // SAFETY: the pointer is that of a live value; no events are asked for.
        unsafe { libc::kevent(self.0.as_raw_fd(), &change, 1, std::ptr::null_mut(), 0, std::ptr::null()) };
    }
}

fn event(ident: usize, filter: i16, flags: u16, fflags: u32, data: i64) -> libc::kevent {
    // SAFETY: zeros are a value of each field.
    let mut event: libc::kevent = unsafe { std::mem::zeroed() };
    (event.ident, event.filter, event.flags, event.fflags, event.data) = (ident, filter, flags, fflags, data as _);
    event
}

/// The timer notices announcements.
pub(super) fn wake_all() {}
