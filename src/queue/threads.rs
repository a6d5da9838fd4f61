//! The threads of a queue: started when they are needed.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::thread::JoinHandleExt as _;
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result, Status};

/// The name of each thread, of 15 bytes at most.
const NAME: &str = "hf_queue";

/// The stack of each thread. A call takes up to 128 KiB of it.
const STACK: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Threads {
    started: Vec<JoinHandle<()>>,
    /// How many of them wait for a call.
    pub(super) idle: usize,
}

impl Threads {
    /// Whether `waiting` calls need one more thread.
    pub(super) fn are_needed(&self, waiting: usize, limit: usize) -> bool {
        waiting > self.idle && self.started.len() < limit
    }

    pub(super) fn are_idle(&self) -> bool {
        self.idle > 0
    }

    /// Starts a thread. Fails only if there is none that could do its work.
    pub(super) fn start(&mut self, work: impl FnOnce() + Send + 'static) -> Result<()> {
        match without_signals(|| thread::Builder::new().name(NAME.to_owned()).stack_size(STACK).spawn(work)) {
            Ok(thread) => self.started.push(thread),
            Err(error) if self.started.is_empty() => {
                return Err(exhausted(format!("no thread for a queue: {error}")));
            }
            Err(_) => {}
        }
        Ok(())
    }

    pub(super) fn take(&mut self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.started)
    }
}

/// Waits for the threads to end, except for the calling one: a log callback may free the queue.
pub(super) fn join(threads: Vec<JoinHandle<()>>) {
    // SAFETY: the call has no arguments. `thread::current` would allocate what a thread of the program frees late.
    let own = unsafe { libc::pthread_self() };
    // The standard library and libc have different types for musl.
    for thread in threads.into_iter().filter(|thread| thread.as_pthread_t() as libc::pthread_t != own) {
        let _ = thread.join();
    }
}

/// Runs `f` with all signals blocked: a thread that it starts never handles one.
fn without_signals<T>(f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` fills the set before `pthread_sigmask` reads it, which fills the old one where it succeeds.
    let before = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        match libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) {
            0 => before.assume_init(),
            failed => return Err(io::Error::from_raw_os_error(failed)),
        }
    };
    let result = f();
    // SAFETY: the set is one that `pthread_sigmask` has filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    result
}

/// The error of a limit of the process.
#[cold]
pub(super) fn exhausted(message: String) -> Error {
    Error::new(Status::TooLarge, message)
}
