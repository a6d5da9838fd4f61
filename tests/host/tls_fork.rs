//! A child process makes TLS connections although threads of its parent were making some during the fork.

#![cfg(test)]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::Status;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Nginx, Relay, Stop, Tls, eventually, fork_children};

const CHILDREN: usize = 50;

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

#[test]
fn a_child_can_check_certificates_that_other_threads_were_checking_at_the_fork() {
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
        let outcomes = fork_children(CHILDREN, || i32::from(!is_refused(&*manager)));
        assert_eq!(outcomes, vec![Some(0); CHILDREN]);
    });
}

/// Gets a secret over a connection of its own, with a handshake.
fn is_served(manager: &dyn SecretManager) -> bool {
    manager.get("vault://a", &Call::default()).is_ok_and(|value| value.is_some_and(|value| value.as_str() == "here"))
}

#[test]
fn a_child_can_connect_and_exit_while_threads_of_its_parent_connect_and_end() {
    const FORKS: usize = 300;
    let tls = Tls::new();
    let server = Nginx::start("here", Some(&tls.server()));
    let address = format!("https://127.0.0.1:{}", server.port());
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", "t"),
        ("VAULT_CACERT", tls.ca_file().to_str().unwrap()),
        ("VAULT_MAX_CONNECTION_AGE", "0"),
    ] {
        options.set(name, value).unwrap();
    }
    let manager = open::open(Some(&options), &Call::default()).unwrap().secrets().clone();
    let stop = Stop::default();
    std::thread::scope(|scope| {
        let _guard = stop.guard();
        for _ in 0..4 {
            let (manager, stop) = (&manager, &stop);
            // Each get is made by a thread of its own, so that threads end all the time.
            scope.spawn(move || {
                while !stop.is_set() {
                    assert!(std::thread::scope(|threads| threads.spawn(|| is_served(&**manager)).join()).unwrap());
                }
            });
        }
        let outcomes = fork_children(FORKS, || {
            let is_served = is_served(&*manager);
            // SAFETY: runs the handlers of the C libraries, AWS-LC's among them, and ends the process.
            unsafe { libc::exit(i32::from(!is_served)) }
        });
        assert_eq!(outcomes, vec![Some(0); FORKS]);
    });
}
