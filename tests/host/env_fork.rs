//! The env backend in the child of a process whose other threads were writing at the moment of the fork.

use handsfree_secrets::call::Call;
use handsfree_secrets::config::EnvConfig;
use handsfree_secrets::env::EnvSecretManager;
use handsfree_secrets::observe::log::Logger;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Stop, fork_children};
use log::LevelFilter;

const CHILDREN: usize = 50;

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
        let outcomes = fork_children(CHILDREN, || use_the_overlay(&manager));
        assert_eq!(outcomes, vec![Some(0); CHILDREN]);
    });
}
