//! Detects forks.
//!
//! A child process inherits the parent's connections: its descriptors refer to the same sockets, so anything it sends
//! would be mixed with the parent's traffic. Therefore everything that belongs to one process stores the fork
//! generation in which it was created, and is discarded if the generation has changed. The generation is a counter
//! incremented by a `pthread_atfork` handler: reading it costs one load, while `getpid` costs a system call.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Not a `Once`: a child forked while another thread is inside `call_once` would wait forever. Two threads may both
/// register the handler, which only makes the generation grow in larger steps.
static REGISTERED: AtomicBool = AtomicBool::new(false);

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// The fork generation of this process. It differs from that of its parent if the parent has called this function.
pub fn generation() -> u32 {
    if !REGISTERED.load(Ordering::Acquire) {
        // SAFETY: the handler only changes an atomic, which is allowed in the child of a threaded process, and the
        // library is never unmapped (`-z nodelete`), so the pointer stays valid. Registration fails only if there is no
        // memory for a list entry; then the library goes on without fork detection.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        REGISTERED.store(true, Ordering::Release);
    }
    GENERATION.load(Ordering::Relaxed)
}
