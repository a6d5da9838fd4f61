//! The descriptor of Linux.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::host::descriptors::{checked, owned};
use crate::host::fork;

/// The eventfd of this process that every announcement writes to, with the fork generation plus one in the upper half;
/// 0 if there is none yet. It is never closed and never read: every write wakes every notifier.
static ANNOUNCED: AtomicU64 = AtomicU64::new(0);

/// An epoll descriptor, and what is in it.
pub struct Notifier {
    epoll: OwnedFd,
    level: OwnedFd,
    timer: OwnedFd,
}

impl Notifier {
    /// A notifier that is not raised and has no alarm.
    pub fn new() -> io::Result<Notifier> {
        // SAFETY: the calls take no pointers, and nobody else owns the descriptors that they create.
        let (epoll, level, timer) = unsafe {
            let timer_flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
            (
                owned(libc::epoll_create1(libc::EPOLL_CLOEXEC))?,
                owned(eventfd())?,
                owned(libc::timerfd_create(libc::CLOCK_MONOTONIC, timer_flags))?,
            )
        };
        add(&epoll, level.as_raw_fd(), libc::EPOLLIN)?;
        add(&epoll, timer.as_raw_fd(), libc::EPOLLIN)?;
        add(&epoll, announcement_descriptor()?, libc::EPOLLIN | libc::EPOLLET)?;
        let notifier = Notifier { epoll, level, timer };
        // Earlier announcements are none of its calls.
        notifier.wait(Some(Duration::ZERO));
        Ok(notifier)
    }

    /// The descriptor for the program.
    pub fn descriptor(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// Makes the descriptor readable until [`Notifier::lower`].
    pub fn raise(&self) {
        write_one(self.level.as_raw_fd());
    }

    /// Takes back [`Notifier::raise`].
    pub fn lower(&self) {
        let mut count = 0_u64;
        // SAFETY: the place has the size that is read.
        unsafe { libc::read(self.level.as_raw_fd(), (&raw mut count).cast(), size_of::<u64>()) };
    }

    /// Makes the descriptor readable from a moment on, in place of an earlier one; `None`: not at all.
    pub fn set_alarm(&self, after: Option<Duration>) {
        // 0 would turn the timer off.
        let after = after.map_or(Duration::ZERO, |after| after.max(Duration::from_nanos(1)));
        let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // At most 68 years, which the `time_t` of every system holds.
        let seconds = after.as_secs().min(i32::MAX as u64);
        let moment = libc::timespec { tv_sec: seconds as _, tv_nsec: after.subsec_nanos() as libc::c_long };
        let alarm = libc::itimerspec { it_interval: zero, it_value: moment };
        // SAFETY: the pointer is that of a live value; NULL for the old one is allowed.
        unsafe { libc::timerfd_settime(self.timer.as_raw_fd(), 0, &alarm, std::ptr::null_mut()) };
    }

    /// Waits until the descriptor is readable, and takes note of an announcement. Ends early after 24 days, and when a signal
    /// interrupts it.
    pub fn wait(&self, timeout: Option<Duration>) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 3];
        // SAFETY: the pointer and the number are those of the array.
        unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), events.len() as c_int, milliseconds(timeout))
        };
    }
}

/// Milliseconds, -1 for ever. Rounded up, so that nobody wakes too early.
fn milliseconds(timeout: Option<Duration>) -> c_int {
    let up = |timeout: Duration| timeout.as_nanos().div_ceil(1_000_000);
    timeout.map_or(-1, |timeout| c_int::try_from(up(timeout)).unwrap_or(c_int::MAX))
}

fn eventfd() -> c_int {
    // SAFETY: no pointers.
    unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }
}

fn add(epoll: &OwnedFd, descriptor: RawFd, events: c_int) -> io::Result<()> {
    let mut event = libc::epoll_event { events: events as u32, u64: 0 };
    // SAFETY: the pointer is that of a live value.
    checked(unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, descriptor, &mut event) }).map(|_| ())
}

/// Adds 1 to an eventfd. It fails only where the number is at its maximum, and so is not 0. The C library's `write` would
/// be a point at which the thread can be cancelled.
fn write_one(descriptor: RawFd) {
    let one = 1_u64;
    // SAFETY: the pointer and the size are those of a live value.
    unsafe { libc::syscall(libc::SYS_write, descriptor, &raw const one, size_of::<u64>()) };
}

/// The eventfd of announcements, which is created where this process has none.
fn announcement_descriptor() -> io::Result<RawFd> {
    let mark = (u64::from(fork::generation()) + 1) << 32;
    loop {
        let present = ANNOUNCED.load(Ordering::Acquire);
        if present & !u64::from(u32::MAX) == mark {
            return Ok(present as u32 as RawFd);
        }
        // SAFETY: nobody else owns the new descriptor.
        let fresh = unsafe { owned(eventfd())? };
        let entry = mark | u64::from(fresh.as_raw_fd() as u32);
        if ANNOUNCED.compare_exchange(present, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return Ok(fresh.into_raw_fd());
        }
    }
}

/// Wakes every notifier of this process. Async-signal-safe.
pub(super) fn wake_all() {
    let present = ANNOUNCED.load(Ordering::Acquire);
    // In a child, the number may belong to another file by now.
    if present == 0 || present >> 32 != u64::from(fork::generation()) + 1 {
        return;
    }
    // SAFETY: the address is that of the calling thread's own variable.
    unsafe {
        let before = *libc::__errno_location();
        if is_anonymous(present as u32 as RawFd) {
            write_one(present as u32 as RawFd);
        }
        *libc::__errno_location() = before;
    }
}

/// Whether a descriptor is of no file, pipe or socket. A program that has closed all descriptors may have reused the number.
fn is_anonymous(descriptor: RawFd) -> bool {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the place has the size of the structure, which is read only where the call has filled it.
    unsafe { libc::fstat(descriptor, status.as_mut_ptr()) == 0 && status.assume_init().st_mode & libc::S_IFMT == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_program_is_told_from_an_eventfd() {
        // SAFETY: nobody else owns the new descriptor.
        let ours = unsafe { owned(eventfd()).unwrap() };
        let file = tempfile::tempfile().unwrap();
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(is_anonymous(ours.as_raw_fd()));
        assert!(!is_anonymous(file.as_raw_fd()) && !is_anonymous(socket.as_raw_fd()) && !is_anonymous(-1));
    }
}
