//! A descriptor for the event loop of a program: readable while there is something to take, after an announcement
//! anywhere in the process, and from a moment on. A cancellation is announced, and that a call goes on that rests.
//!
//! On Linux it is an epoll descriptor with an eventfd, a timerfd, and the eventfd of announcements in it. On the other
//! systems it is a kqueue; there an announcement is noticed by a timer, which ticks while calls are pending.

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

/// The numbers of announcements that have begun, and have ended.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Announces that calls were cancelled or woken. Async-signal-safe: at most one `write`, and `errno` is kept.
pub fn announce() {
    BEGUN.fetch_add(1, Ordering::AcqRel);
    system::wake_all();
    ENDED.fetch_add(1, Ordering::AcqRel);
}

/// What somebody knows of the announcements in the process: how many have begun, and have ended. In a child of fork one
/// that a thread of the parent was about to make never ends.
pub struct Announcements {
    seen: (u64, u64),
}

impl Announcements {
    /// Knows of all so far.
    pub fn new() -> Announcements {
        Announcements { seen: present() }
    }

    /// Whether there may be new ones. Then the descriptor takes note of them, so that it is not readable for their sake,
    /// unless one is not complete.
    pub fn have_come(&mut self, notifier: &Notifier) -> bool {
        let present = present();
        if present == self.seen {
            return false;
        }
        self.seen = present;
        notifier.wait(Some(Duration::ZERO));
        true
    }
}

fn present() -> (u64, u64) {
    (BEGUN.load(Ordering::Acquire), ENDED.load(Ordering::Acquire))
}

#[cfg(not(miri))]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_that_a_fork_has_cut_short_comes_once() {
        let (notifier, mut announcements) = (Notifier::new().unwrap(), Announcements::new());
        BEGUN.fetch_add(1, Ordering::AcqRel);
        assert!(announcements.have_come(&notifier));
        // Those of other tests come, too.
        assert!((0..1000).any(|_| !announcements.have_come(&notifier)));
        announce();
        assert!(announcements.have_come(&notifier));
    }
}
