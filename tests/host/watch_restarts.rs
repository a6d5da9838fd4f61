//! A watch over restarts of the server, and in children that are forked meanwhile: each version is told once, and in order.
//! `make soak-watch` has 100 of both.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::open::{self, Manager};
use handsfree_secrets::watch::{Kind, Watch};
use handsfree_secrets_test_support::{Api, Stop, StoredServer, eventually, figure, fork_children};
use serde_json::{Value, json};

const SECRETS: usize = 20;
/// How long a restart and all looks after it may take.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a child looks for changes. It would be killed later.
const LIMIT_OF_CHILD: Duration = Duration::from_secs(18);
/// Long enough for several looks.
const QUIET: Duration = Duration::from_millis(200);

/// What a child has seen, as its exit status.
const EXACT: i32 = 0;
const ONE_IN_HAND: i32 = 10;

fn rounds() -> u64 {
    std::env::var("WATCH_SOAK_ROUNDS").map_or(4, |text| text.parse().expect("a number"))
}

fn name(number: usize) -> String {
    format!("app/{number:02}")
}

fn within(limit: Duration) -> Call {
    let mut call = Call::default();
    call.set_timeout(limit);
    call
}

fn manager(server: &StoredServer) -> Arc<Manager> {
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*server.addr()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", "kv"),
        ("VAULT_WATCH_INTERVAL", "40ms"),
    ] {
        options.set(name, value).unwrap();
    }
    Arc::new(open::open(Some(&options), &Call::default()).unwrap())
}

/// Writes this version of each secret, one after the other, while the server may be gone.
fn write_all(api: &Api, version: u64) {
    for number in 0..SECRETS {
        let path = format!("kv/data/{}", name(number));
        // A write without an answer may have happened; the condition keeps it from happening twice.
        let body = json!({"data": {"value": version.to_string()}, "options": {"cas": version - 1}});
        eventually("a write", LIMIT, || {
            let answer = api.try_send("POST", &path, &body).ok()?;
            let is_there = || {
                let found = api.try_send("GET", &path, &Value::Null).ok()?;
                (found.body["data"]["metadata"]["version"] == version).then_some(())
            };
            if answer.status == 200 { Some(()) } else { is_there() }
        });
    }
}

/// The watch, and what its parent process was told.
struct Watched {
    manager: Arc<Manager>,
    watch: Watch,
    /// The version of each secret that was told last.
    told: Vec<AtomicU64>,
    /// The version that is being written, if the thread that waits for changes has to fork; else 0.
    fork_at: AtomicU64,
}

impl Watched {
    fn new(server: &StoredServer) -> Watched {
        let manager = manager(server);
        let watch = Watch::new(manager.clone()).unwrap();
        watch.add("vault://app/", 0).unwrap();
        let told = (0..SECRETS).map(|_| AtomicU64::new(0)).collect();
        Watched { manager, watch, told, fork_at: AtomicU64::new(0) }
    }

    fn were_told(&self, version: u64) -> usize {
        self.told.iter().filter(|told| told.load(Ordering::Acquire) == version).count()
    }

    /// Takes changes until `stop`, and checks that each version comes once, after the one before. Forks where it is asked
    /// to, and returns what the children have seen.
    fn take(&self, stop: &Stop) -> Vec<Option<i32>> {
        let mut seen = Vec::new();
        while !stop.is_set() {
            // A failure is that of a look while the server was gone.
            if let Ok(Some(change)) = self.watch.next(&within(QUIET)) {
                let number = (0..SECRETS).find(|&number| change.reference == format!("vault://{}", name(number)));
                let told = &self.told[number.expect("one of the secrets")];
                let expected = (Kind::Written, told.load(Ordering::Acquire) + 1);
                assert_eq!((change.kind, change.version), expected, "{change:?}");
                told.store(change.version, Ordering::Release);
            }
            let version = self.fork_at.load(Ordering::Acquire);
            if version != 0 {
                seen.extend(fork_children(1, || self.take_the_rest(version)));
                self.fork_at.store(0, Ordering::Release);
            }
        }
        seen
    }

    /// Runs in a child: takes changes until nothing more comes after the last secret was written.
    fn take_the_rest(&self, version: u64) -> i32 {
        let (start, taken) = (Instant::now(), self.were_told(version));
        let (mut told, mut quiet) = (BTreeSet::new(), 0);
        while quiet < 3 || !self.is_written(version) {
            match self.watch.next(&within(QUIET)) {
                Ok(Some(change)) if (change.kind, change.version) != (Kind::Written, version) => return 2,
                Ok(Some(change)) if !told.insert(change.reference.clone()) => return 3,
                Ok(None) => quiet += 1,
                Ok(Some(_)) | Err(_) => quiet = 0,
            }
            if start.elapsed() > LIMIT_OF_CHILD {
                return 4;
            }
        }
        match SECRETS.checked_sub(told.len() + taken) {
            Some(0) => EXACT,
            Some(1) => ONE_IN_HAND,
            Some(_) => 5,
            None => 6,
        }
    }

    /// Whether the last secret has this version.
    fn is_written(&self, version: u64) -> bool {
        let reference = format!("vault://{}", name(SECRETS - 1));
        let value = self.manager.secrets().get(&reference, &within(QUIET)).ok().flatten();
        value.is_some_and(|value| value.as_str() == version.to_string())
    }
}

#[test]
fn restarts_and_forks_lose_and_double_nothing() {
    let mut server = StoredServer::start();
    server.api().enable_kv2("kv");
    let (watched, stop, start) = (Watched::new(&server), Stop::default(), Instant::now());
    let (watched, mut in_hand) = (&watched, 0);
    let mut forked_between = Vec::new();
    thread::scope(|scope| {
        let guard = stop.guard();
        let taking = scope.spawn(|| watched.take(&stop));
        for version in 1..=rounds() {
            // The moments of the kill and of the fork go through the writes and the restart.
            let [kill_after, fork_after] = [version * 7 % 31, version * 173 % 701].map(Duration::from_millis);
            let api = server.api();
            let writing = scope.spawn(move || write_all(&api, version));
            let forking = scope.spawn(move || {
                thread::sleep(fork_after);
                if version % 2 == 0 {
                    watched.fork_at.store(version, Ordering::Release);
                    return Vec::new();
                }
                // The other thread is anywhere in its work. It may have a change in its hands that it has not counted.
                fork_children(1, || watched.take_the_rest(version))
            });
            thread::sleep(kill_after);
            server.kill();
            server.restart();
            writing.join().unwrap();
            let seen = forking.join().unwrap();
            assert!(seen.iter().all(|seen| matches!(seen, Some(EXACT | ONE_IN_HAND))), "{version}: {seen:?}");
            in_hand += seen.iter().filter(|&&seen| seen == Some(ONE_IN_HAND)).count() as u64;
            eventually("all changes", LIMIT, || {
                assert!(!taking.is_finished(), "a change that was not expected");
                (watched.were_told(version) == SECRETS && watched.fork_at.load(Ordering::Acquire) == 0).then_some(())
            });
        }
        drop(guard);
        forked_between = taking.join().unwrap();
    });
    assert!(forked_between.iter().all(|&seen| seen == Some(EXACT)), "{forked_between:?}");
    assert_eq!(forked_between.len() as u64, rounds() / 2);
    assert!(in_hand <= rounds() / 4, "{in_hand} children have missed a change");
    figure("restarts of the server, and forks", rounds());
    figure("changes told in the parent, each once and in order", rounds() * SECRETS as u64);
    figure("children that a thread with a change in its hands was forked from", in_hand);
    figure("seconds", format!("{:.1}", start.elapsed().as_secs_f64()));
}
