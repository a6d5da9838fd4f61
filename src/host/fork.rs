//! Detects forks, and holds them off while code runs whose locks a child must not inherit locked.
//!
//! A child process inherits the parent's connections: its descriptors refer to the same sockets, so anything it sends
//! would be mixed with the parent's traffic. Therefore everything that belongs to one process stores the fork
//! generation in which it was created, and is discarded if the generation has changed. The generation is a counter
//! incremented by a `pthread_atfork` handler: reading it costs one load, while `getpid` costs a system call.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Not a `Once`: a child forked while another thread is inside `call_once` would wait forever. Two threads may both
/// register the handlers, which only makes the generation grow in larger steps.
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// The number of threads in a [`Section`], plus [`FORK`] for each fork in progress.
static SECTIONS: AtomicU64 = AtomicU64::new(0);
const FORK: u64 = 1 << 32;

/// How long a fork and a section wait for each other. Sections take a few milliseconds at the most; the limit ends a wait
/// that two libraries of the host cause by waiting for each other in their fork handlers.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

thread_local! {
    /// The number of sections that this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Holds off forks until it is dropped, in the thread that created it.
pub struct Section(PhantomData<*const ()>);

/// Holds off forks by other threads until the section is dropped. Must be short and must not wait for anything: forks
/// wait for it.
pub fn hold_off() -> Section {
    generation();
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    if depth == 0 {
        enter();
    }
    Section(PhantomData)
}

impl Drop for Section {
    fn drop(&mut self) {
        let depth = DEPTH.get() - 1;
        DEPTH.set(depth);
        if depth == 0 {
            // In the child of a fork by a signal handler that interrupted this section, the count is 0.
            let leave = |sections: u64| (sections % FORK > 0).then(|| sections - 1);
            let _ = SECTIONS.fetch_update(Ordering::AcqRel, Ordering::Relaxed, leave);
        }
    }
}

/// Waits until no fork is in progress, and counts this thread.
fn enter() {
    const POLL_INTERVAL: Duration = Duration::from_micros(50);
    let mut give_up = None;
    let count = |sections: u64| (sections < FORK).then_some(sections + 1);
    while SECTIONS.fetch_update(Ordering::AcqRel, Ordering::Relaxed, count).is_err() {
        if Instant::now() > *give_up.get_or_insert_with(|| Instant::now() + LONGEST_WAIT) {
            SECTIONS.fetch_add(1, Ordering::AcqRel);
            return;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Lets no thread enter a section, and waits until the other threads have left theirs. Yields and does not sleep: a
/// sleep is a point of thread cancellation, and `fork` is none.
extern "C" fn before_fork() {
    let own = u64::from(DEPTH.get() > 0);
    if SECTIONS.fetch_add(FORK, Ordering::AcqRel) % FORK <= own {
        return;
    }
    let give_up = Instant::now() + LONGEST_WAIT;
    while SECTIONS.load(Ordering::Acquire) % FORK > own && Instant::now() < give_up {
        thread::yield_now();
    }
}

/// Runs `work` while no other thread is in a section.
pub(super) fn outside_sections(work: impl FnOnce()) {
    before_fork();
    work();
    in_parent();
}

extern "C" fn in_parent() {
    SECTIONS.fetch_sub(FORK, Ordering::AcqRel);
}

extern "C" fn in_child() {
    SECTIONS.store(0, Ordering::Release);
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// The fork generation of this process. It differs from that of its parent if the parent has called this function.
pub fn generation() -> u32 {
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: the handlers only use atomics, the clock and a `Cell` without a destructor, which is allowed around a
        // fork and in the child of a threaded process. The library is never unmapped (`-z nodelete`), so the pointers
        // stay valid. Registration fails only if there is no memory for a list entry; then the library goes on without
        // fork detection.
        let _ = unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
        REGISTERED.store(true, Ordering::Release);
    }
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_one_thread_may_be_nested() {
        let outer = hold_off();
        drop(hold_off());
        assert_eq!(DEPTH.get(), 1, "the outer section goes on");
        drop(outer);
        assert_eq!(DEPTH.get(), 0);
    }
}
