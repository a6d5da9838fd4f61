//! The env backend in the child of a process whose other threads were writing at the moment of the fork.

use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::EnvConfig;
use handsfree_secrets::env::EnvSecretManager;
use handsfree_secrets::observe::log::Logger;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::Stop;
use log::LevelFilter;

const CHILDREN: usize = 50;
const TIME_FOR_A_CHILD: Duration = Duration::from_secs(20);

fn manager() -> EnvSecretManager {
    let config = EnvConfig { prefix: "T_FORK_".to_owned(), isolated: true };
    EnvSecretManager::new(config, Logger::new(None, LevelFilter::Off))
}

/// Runs in the child. Returns 0 if the inherited overlay is usable.
fn use_the_overlay(manager: &EnvSecretManager) -> i32 {
    let call = Call::default();
    let inherited = manager.get("env://T_FORK_FIRST", &call);
    let stored = manager.store("of_the_child", "v", None, &call);
    let deleted = manager.delete("env://T_FORK_FIRST", &call);
    let found = inherited.is_ok_and(|value| value.is_some_and(|value| value.as_str() == "v"));
    if found && stored.is_ok() && deleted == Ok(true) { 0 } else { 1 }
}

/// The child's exit status. A child that hangs is killed; then `None`.
fn wait_for(child: libc::pid_t) -> Option<i32> {
    let start = Instant::now();
    let mut status = 0;
    while start.elapsed() < TIME_FOR_A_CHILD {
        // SAFETY: the pointer is to a live integer.
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: the child has not been waited for, so its pid has not been reused.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &mut status, 0);
    }
    None
}

#[test]
fn a_child_can_use_the_overlay_that_threads_were_writing_at_the_fork() {
    let manager = manager();
    manager.store("first", "v", None, &Call::default()).unwrap();
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let _guard = stop.guard();
        for thread in 0..4 {
            let (manager, stop) = (&manager, &stop);
            scope.spawn(move || {
                let mut number = 0_u32;
                while !stop.is_set() {
                    number += 1;
                    let key = format!("{thread}_{}", number % 20);
                    manager.store(&key, "v", None, &Call::default()).unwrap();
                }
            });
        }
        let outcomes: Vec<_> = (0..CHILDREN)
            .map(|_| {
                // SAFETY: the child only calls the library, which supports this, and exits.
                match unsafe { libc::fork() } {
                    0 => {
                        let outcome = use_the_overlay(&manager);
                        // SAFETY: exits the child without running destructors and tests of the parent.
                        unsafe { libc::_exit(outcome) }
                    }
                    -1 => None,
                    child => wait_for(child),
                }
            })
            .collect();
        assert_eq!(outcomes, vec![Some(0); CHILDREN]);
    });
}
