//! Child processes that are forked without executing another program.

use std::thread;
use std::time::{Duration, Instant};

/// A child that runs longer hangs.
const TIME_FOR_A_CHILD: Duration = Duration::from_secs(20);

/// Forks `count` children, one after the other, which run `job` and exit with its result. Returns their exit statuses;
/// `None` for a child that hung, and was killed, or that could not be forked. `job` may use only what works in the child
/// of a process with threads.
pub fn fork_children(count: usize, job: impl Fn() -> i32) -> Vec<Option<i32>> {
    let fork = || {
        // SAFETY: the child runs the job, which the caller vouches for, and exits.
        match unsafe { libc::fork() } {
            0 => {
                let status = job();
                // SAFETY: exits the child without running destructors and tests of the parent.
                unsafe { libc::_exit(status) }
            }
            -1 => None,
            child => wait_for(child),
        }
    };
    (0..count).map(|_| fork()).collect()
}

fn wait_for(child: libc::pid_t) -> Option<i32> {
    let start = Instant::now();
    let mut status = 0;
    while start.elapsed() < TIME_FOR_A_CHILD {
        // SAFETY: the pointer is to a live integer.
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        }
        thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: the child has not been waited for, so its pid has not been reused.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &mut status, 0);
    }
    None
}
