//! Watches and caches in children that were forked while other threads of the parent used them.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::open::{self, Manager};
use handsfree_secrets::watch::{Change, Kind, Watch};
use handsfree_secrets_test_support::{Gateway, Server, Stop, Verdict, fork_children};
use serde_json::json;

const SECRETS: usize = 300;
const ROUNDS: u64 = 8;
/// How long a change may take, and how long a child waits for one that it must not be told.
const LIMIT: Duration = Duration::from_secs(15);
const QUIET: Duration = Duration::from_millis(150);

/// A gateway in front of the shared server that counts requests, and can hold looks back.
struct Front {
    gateway: Gateway,
    looks: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
    holds: Arc<AtomicBool>,
}

impl Front {
    fn new() -> Front {
        let (looks, reads) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let holds = Arc::<AtomicBool>::default();
        let (looked, read, held) = (looks.clone(), reads.clone(), holds.clone());
        let gateway = Gateway::to(Server::shared().port(), move |request| {
            read.fetch_add(usize::from(request.path.contains("/data/")), Ordering::AcqRel);
            if request.path.contains("metadata") {
                looked.fetch_add(1, Ordering::AcqRel);
                while held.load(Ordering::Acquire) {
                    thread::sleep(Duration::from_micros(50));
                }
            }
            Verdict::Pass
        });
        Front { gateway, looks, reads, holds }
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::Acquire)
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::Acquire)
    }

    /// Does something while a look is held back.
    fn hold(&self, action: impl FnOnce()) {
        self.holds.store(true, Ordering::Release);
        let before = self.looks();
        while self.looks() == before {
            thread::yield_now();
        }
        action();
        self.holds.store(false, Ordering::Release);
    }
}

fn manager(gateway: &Gateway, mount: &str) -> Arc<Manager> {
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*gateway.addr()),
        ("VAULT_TOKEN", Server::shared().root_token()),
        ("VAULT_MOUNT", mount),
        ("VAULT_CACHE_TTL", "1h"),
        ("VAULT_WATCH_INTERVAL", "40ms"),
    ] {
        options.set(name, value).unwrap();
    }
    Arc::new(open::open(Some(&options), &Call::default()).unwrap())
}

fn within(limit: Duration) -> Call {
    let mut call = Call::default();
    call.set_timeout(limit);
    call
}

/// The next change; `None` if none comes for a while, also because a look takes so long.
fn next_soon(watch: &Watch) -> Result<Option<Change>> {
    match watch.next(&within(QUIET)) {
        Err(error) if error.status() == Status::Timeout => Ok(None),
        outcome => outcome,
    }
}

fn write_all(server: &Server, mount: &str) {
    for number in 0..SECRETS {
        server.write_raw(mount, &format!("app/{number}"), json!({"value": "any"}));
    }
}

/// Has the manager cache all secrets. To drop this again takes a part of the time of a look.
fn get_all(manager: &Manager) {
    for number in 0..SECRETS {
        manager.secrets().get(&format!("vault://app/{number}"), &Call::default()).unwrap();
    }
}

/// Reads a secret from the cache until it is not there any more.
fn read_until_asked(manager: &Manager, front: &Front, before: usize) {
    while front.reads() == before {
        manager.secrets().get("vault://app/0", &Call::default()).unwrap();
    }
}

/// Runs in the child: takes changes of this version until all secrets were told, here or, `taken` of them, in the parent
/// before the fork. Then nothing more may be told. Returns what went wrong as an exit status.
fn take_the_rest(watch: &Watch, round: u64, taken: usize) -> Result<i32> {
    let mut told = BTreeSet::new();
    // The thread of the parent may have had one in its hands that it has not counted.
    while told.len() + taken + 1 < SECRETS {
        let Some(change) = watch.next(&within(LIMIT))? else { return Ok(1) };
        if change.kind != Kind::Written || change.version != round {
            return Ok(2);
        }
        if !told.insert(change.reference) {
            return Ok(3);
        }
    }
    while let Some(change) = next_soon(watch)? {
        if !told.insert(change.reference) {
            return Ok(4);
        }
    }
    Ok(if told.len() + taken > SECRETS { 5 } else { 0 })
}

#[test]
fn a_child_and_its_parent_are_told_each_change_once() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let front = Front::new();
    let manager = manager(&front.gateway, &mount);
    write_all(server, &mount);
    let watch = Watch::new(manager.clone()).unwrap();
    watch.add("vault://app/", -1).unwrap();
    // The second look begins when the first has ended.
    while front.looks() < 2 {
        assert!(next_soon(&watch).unwrap().is_none(), "what is there is no change");
    }
    let (manager, front) = (&*manager, &front);
    let (taken, stop) = (AtomicUsize::new(0), Stop::default());
    let mut told_in_parent = Vec::new();
    thread::scope(|scope| {
        let guard = stop.guard();
        let parent = scope.spawn(|| {
            let mut told = Vec::new();
            while !stop.is_set() {
                while let Some(change) = next_soon(&watch).unwrap() {
                    told.push((change.version, change.reference));
                    taken.fetch_add(1, Ordering::AcqRel);
                }
            }
            told
        });
        for round in 2..ROUNDS + 2 {
            taken.store(0, Ordering::Release);
            get_all(manager);
            front.hold(|| write_all(server, &mount));
            // The look finds all changes, and drops what is cached about them. The first secret that is read anew shows that
            // it has begun to.
            let before = front.reads();
            let first = scope.spawn(move || read_until_asked(manager, front, before));
            while front.reads() == before {
                thread::yield_now();
            }
            let child = || take_the_rest(&watch, round, taken.load(Ordering::Acquire)).unwrap_or(6);
            assert_eq!(fork_children(1, child), [Some(0)], "round {round}");
            first.join().unwrap();
            while taken.load(Ordering::Acquire) < SECRETS {
                thread::sleep(Duration::from_millis(1));
            }
        }
        drop(guard);
        told_in_parent = parent.join().unwrap();
    });
    let each_once: BTreeSet<_> = told_in_parent.iter().collect();
    assert_eq!((told_in_parent.len(), each_once.len()), (SECRETS * ROUNDS as usize, SECRETS * ROUNDS as usize));
}

#[test]
fn the_cache_of_a_child_is_empty() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "v"}));
    let front = Front::new();
    let manager = manager(&front.gateway, &mount);
    let get = || manager.secrets().get("vault://a", &Call::default()).map(|value| value.is_some());
    assert_eq!((get(), get()), (Ok(true), Ok(true)));
    assert_eq!(front.reads(), 1, "the second is served from the cache");
    let twice = || i32::from(get() != Ok(true) || get() != Ok(true));
    assert_eq!(fork_children(3, twice), [Some(0); 3]);
    assert_eq!(front.reads(), 4, "each child has read once");
    assert_eq!(get(), Ok(true));
    assert_eq!(front.reads(), 4, "the parent's cache is as it was");
}
