//! Which side of a `fork` this process is on.
//!
//! A child inherits every connection of its parent as a second descriptor of the same socket: whatever it sends there
//! lands in the middle of the parent's conversation. So everything that belongs to one process remembers the
//! generation that it was made in, and is thrown away unused when that is not the current one. A counter that a
//! `pthread_atfork` handler raises costs one load, where `getpid` costs a system call.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Not a `Once`: a child that is forked while another thread is inside of one waits for it for ever. Two threads that
/// meet here register twice, which only makes the generation rise in larger steps.
static REGISTERED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Changes with each fork between the first process that used the library and this one.
pub fn generation() -> u32 {
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: the handler only touches an atomic, which is all that a child of a threaded process may do, and the
        // library is never unmapped (`-z nodelete`), so the pointer stays good. Failure means no memory for one list
        // entry; there is no better answer to it than going on without fork detection.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        REGISTERED.store(true, Ordering::Release);
    }
    GENERATION.load(Ordering::Relaxed)
}
