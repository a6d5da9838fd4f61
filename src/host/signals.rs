//! Writes to descriptors that raise no signals, whatever the program does with signals.

use std::io;
use std::mem::MaybeUninit;

/// The signals that a write can raise: for a pipe without a reader, and for a file at its size limit.
const SIGNALS: [libc::c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Runs `f` with `SIGPIPE` and `SIGXFSZ` blocked on this thread, and consumes those that `f` raised.
pub fn without_signals<T>(f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before_it = SIGNALS.map(is_pending);
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let all = set_of(&SIGNALS);
    // SAFETY: `pthread_sigmask` reads the set and fills the old one.
    let failed = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &all, before.as_mut_ptr()) };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    let outcome = f();
    for (signal, was_pending) in SIGNALS.into_iter().zip(before_it) {
        if !was_pending && is_pending(signal) {
            let mut number = 0;
            // SAFETY: the set is live, and the signal in it is pending, so that this does not wait.
            unsafe { libc::sigwait(&set_of(&[signal]), &mut number) };
        }
    }
    // SAFETY: `pthread_sigmask` has filled `before`.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    outcome
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
