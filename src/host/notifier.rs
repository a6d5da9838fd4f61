//! A descriptor for the event loop of a program: readable while there is something to take, after a cancellation
//! anywhere in the process, and from a moment on.
//!
//! On Linux it is an epoll descriptor with an eventfd, a timerfd, and the eventfd of cancellations in it. On the other
//! systems it is a kqueue; there a cancellation is noticed by a timer, which ticks while calls are pending.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kqueue;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[cfg(any(target_os = "linux", target_os = "android"))]
use self::epoll as system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use self::kqueue as system;
pub use system::Notifier;

/// The numbers of cancellations whose announcements have begun, and have ended.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Announces that calls were cancelled. Async-signal-safe: at most one `write`, and `errno` is kept.
pub fn announce_cancellation() {
    BEGUN.fetch_add(1, Ordering::AcqRel);
    system::wake_all();
    ENDED.fetch_add(1, Ordering::AcqRel);
}

/// What somebody knows of the cancellations in the process.
pub struct Cancellations {
    seen: u64,
}

impl Cancellations {
    /// Knows of all that were announced.
    pub fn new() -> Cancellations {
        Cancellations { seen: ENDED.load(Ordering::Acquire) }
    }

    /// Whether there may be new ones. Then the descriptor takes note of them, so that it is not readable for their sake,
    /// unless an announcement is not complete.
    pub fn have_come(&mut self, notifier: &Notifier) -> bool {
        if BEGUN.load(Ordering::Acquire) == self.seen {
            return false;
        }
        self.seen = ENDED.load(Ordering::Acquire);
        notifier.wait(Some(Duration::ZERO));
        true
    }
}
