//! A child process checks certificate files although threads of its parent were checking them during the fork.

#![cfg(test)]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::Status;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Nginx, Relay, Stop, Tls, eventually};

const CHILDREN: usize = 50;
const TIME_FOR_A_CHILD: Duration = Duration::from_secs(20);

/// A get that fails because the server is not trusted. Each such failure checks the certificate files.
fn is_refused(manager: &dyn SecretManager) -> bool {
    manager.get("vault://a", &Call::default()).is_err_and(|error| error.status() == Status::Tls)
}

/// A manager that trusts many CAs, and whose server was replaced by one that is not trusted.
fn manager(tls: &Tls, server: &Nginx, stranger: &Nginx) -> (Relay, Arc<dyn SecretManager>) {
    for number in 0..200 {
        fs::copy(tls.ca_file(), tls.folder().join(format!("{number}.pem"))).unwrap();
    }
    let relay = Relay::to(server.port());
    let address = format!("https://127.0.0.1:{}", relay.port());
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", "t"),
        ("VAULT_CAPATH", tls.folder().to_str().unwrap()),
        ("VAULT_MAX_CONNECTION_AGE", "0"),
    ] {
        options.set(name, value).unwrap();
    }
    let manager = open::open(Some(&options), &Call::default()).unwrap().secrets().clone();
    relay.lead_to(stranger.port());
    eventually("the stranger", Duration::from_secs(20), || is_refused(&*manager).then_some(()));
    (relay, manager)
}

/// The exit status of the child. If it hangs it is ended, and the result is `None`.
fn wait_for(child: libc::pid_t) -> Option<i32> {
    let start = Instant::now();
    let mut status = 0;
    while start.elapsed() < TIME_FOR_A_CHILD {
        // SAFETY: the pointer is to an integer of ours, the child is ours.
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: the child is ours and not yet waited for, so its number is still its own.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &mut status, 0);
    }
    None
}

#[test]
fn a_child_looks_at_certificates_that_other_threads_were_looking_at_at_the_fork() {
    let (tls, other) = (Tls::new(), Tls::new());
    let server = Nginx::start("here", Some(&tls.server()));
    let stranger = Nginx::start("stranger", Some(&other.server()));
    let (_relay, manager) = manager(&tls, &server, &stranger);
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let _guard = stop.guard();
        for _ in 0..4 {
            let (manager, stop) = (&manager, &stop);
            scope.spawn(move || {
                while !stop.is_set() {
                    assert!(is_refused(&**manager));
                }
            });
        }
        let outcomes: Vec<_> = (0..CHILDREN)
            .map(|_| {
                // SAFETY: the child calls the library, which promises to work here, and then ends at once.
                match unsafe { libc::fork() } {
                    0 => {
                        let outcome = i32::from(!is_refused(&*manager));
                        // SAFETY: ends the child without running the destructors and tests of the parent.
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
