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

#[cfg(any(target_os = "linux", target_os = "android"))]
use self::epoll as system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use self::kqueue as system;
pub use system::Notifier;

/// The number of cancellations that were announced.
static CANCELLATIONS: AtomicU64 = AtomicU64::new(0);

/// Announces that calls were cancelled. Async-signal-safe: at most one `write`, and `errno` is kept.
pub fn announce_cancellation() {
    CANCELLATIONS.fetch_add(1, Ordering::AcqRel);
    system::wake_all();
}

/// The number of cancellations so far: another number tells that calls may have been cancelled.
pub fn cancellations() -> u64 {
    CANCELLATIONS.load(Ordering::Acquire)
}
