//! Keeps forks away from AWS-LC's locks, and threads away from AWS-LC when the process exits.
//!
//! AWS-LC's random generator takes locks of the whole process. A child that is forked while another thread has one of
//! them waits for it forever: in its next handshake, or in `exit`, where AWS-LC wipes the states of all threads.
//! AWS-LC has no fork handler that prevents this.

use std::thread::LocalKey;

use crate::error::{Error, Result};
use crate::host::{exit, fork};
use crate::status::Status;

/// Runs `work`, which uses AWS-LC's random generator: handshakes and keys do. Forks wait for it, so it must not wait for
/// the peer, a file or the host. Fails if the process is exiting.
pub fn with_random_numbers<T>(work: impl FnOnce() -> T) -> Result<T> {
    let _section = fork::hold_off();
    if exit::is_near() {
        return Err(exiting());
    }
    Ok(without_forks(work))
}

#[cold]
fn exiting() -> Error {
    Error::new(
        Status::Cancelled,
        "the process is exiting: no TLS connection can be made, and nothing encrypted, any more",
    )
}

/// Runs `work`, which uses AWS-LC but no random numbers. Forks wait for it, as above.
pub fn without_forks<T>(work: impl FnOnce() -> T) -> T {
    let _section = fork::hold_off();
    // Fails in a thread that has freed the state already, because it is ending; then AWS-LC frees the state.
    let _ = LocalKey::try_with(&THREAD, |_| ());
    work()
}

/// Frees AWS-LC's state of a thread when the thread ends. AWS-LC does so itself, but later, without holding off forks.
struct ThreadState;

thread_local! {
    static THREAD: ThreadState = const { ThreadState };
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        let _section = fork::hold_off();
        // The bindings for other processors lack this function.
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        // SAFETY: frees what AWS-LC keeps for this thread, which it creates again if it needs it once more.
        unsafe {
            aws_lc_sys::AWSLC_thread_local_clear();
        }
    }
}
