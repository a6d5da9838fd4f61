//! Writes to descriptors that raise no signals, whatever the program does with signals.

use std::io;
use std::mem::MaybeUninit;

/// The signals that a write can raise: for a pipe without a reader, and for a file at its size limit.
const SIGNALS: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Runs `f` with `SIGPIPE` and `SIGXFSZ` blocked on this thread, and consumes those that `f` raised.
pub fn without_signals<T>(f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _blocked = Blocked::new()?;
    f()
}

/// The signals are blocked until this is dropped, also by a panic.
struct Blocked {
    /// Which of [`SIGNALS`] the program has pending itself.
    were_pending: [bool; SIGNALS.len()],
    before: libc::sigset_t,
}

impl Blocked {
    fn new() -> io::Result<Blocked> {
        let were_pending = SIGNALS.map(is_pending);
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `pthread_sigmask` reads the set and fills the old one.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set_of(&SIGNALS), before.as_mut_ptr()) } {
            // SAFETY: `pthread_sigmask` has filled it.
            0 => Ok(Blocked { were_pending, before: unsafe { before.assume_init() } }),
            failed => Err(io::Error::from_raw_os_error(failed)),
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        for (signal, was_pending) in SIGNALS.into_iter().zip(self.were_pending) {
            if !was_pending && is_pending(signal) {
                consume(signal);
            }
        }
        // SAFETY: the set is one that `pthread_sigmask` has filled.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}

/// Takes a pending signal. It does not wait, even if another thread has taken the signal meanwhile.
#[cfg(not(target_vendor = "apple"))]
fn consume(signal: libc::c_int) {
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the set and the time are live.
    unsafe { libc::sigtimedwait(&set_of(&[signal]), std::ptr::null_mut(), &now) };
}

/// Takes a pending signal. It waits for another one if another thread has taken it meanwhile: there is no call that does
/// not.
#[cfg(target_vendor = "apple")]
fn consume(signal: libc::c_int) {
    let mut number = 0;
    // SAFETY: the set and the place are live.
    unsafe { libc::sigwait(&set_of(&[signal]), &mut number) };
}

fn set_of(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` fills the set before it is added to and read.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for &signal in signals {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

fn is_pending(signal: libc::c_int) -> bool {
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigpending` fills the set where it returns 0, and only then is it read.
    unsafe { libc::sigpending(pending.as_mut_ptr()) == 0 && libc::sigismember(pending.as_ptr(), signal) == 1 }
}
