//! Leaders that are killed or frozen under load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Status};
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Cluster, Stop, eventually, figure};

use crate::open;

const WRITERS: usize = 4;
const READERS: usize = 4;
/// The timeout of every call.
const DEADLINE: Duration = Duration::from_secs(30);
/// How late a call may end on a busy machine.
const SLACK: Duration = Duration::from_secs(1);
/// Three faults per minute.
const PERIOD: Duration = Duration::from_secs(20);
/// How much longer than the election a failing call, or the time between two successes, may last: each attempt on a
/// frozen node takes 3 s, one pause up to 0.5 s.
const GRACE: Duration = Duration::from_secs(8);

/// A fault of a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderFault {
    /// SIGKILL; the node is restarted later.
    Kill,
    /// SIGSTOP; the node is continued later, and for a moment still considers itself the leader.
    Freeze,
}

/// Which fault, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The fault.
    pub fault: LeaderFault,
    /// How many times.
    pub count: usize,
}

/// One secret of one writer. Its values are ascending numbers.
struct Subject {
    reference: String,
    key: String,
    /// The highest number whose write returned success.
    confirmed: AtomicU64,
    /// The highest number of any attempted write.
    attempted: AtomicU64,
}

/// The observations of one thread.
#[derive(Default)]
struct Seen {
    calls: usize,
    failures: Vec<(Instant, Error)>,
    longest_call: Duration,
    /// The longest time between two successes.
    longest_gap: Duration,
}

struct Load {
    manager: Arc<dyn SecretManager>,
    /// All secrets of each writer, in the order of their creation; the last one is the current one.
    subjects: [Mutex<Vec<Arc<Subject>>>; WRITERS],
    stop: Stop,
}

/// Injects the planned faults under load, and checks that no confirmed write was lost.
pub fn run(cluster: &mut Cluster, plan: Plan) {
    let load = Load {
        manager: open(cluster, &cluster.addresses(), &[]),
        subjects: std::array::from_fn(|writer| Mutex::new(vec![Subject::new(plan, writer, 0)])),
        stop: Stop::default(),
    };
    let mut injections = Vec::new();
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let guard = load.stop.guard();
        let writers = (0..WRITERS).map(|writer| {
            scope.spawn({
                let load = &load;
                move || load.write(plan, writer)
            })
        });
        let readers = (0..READERS).map(|reader| {
            scope.spawn({
                let load = &load;
                move || load.read(reader)
            })
        });
        let threads: Vec<_> = writers.chain(readers).collect();
        for _ in 0..plan.count {
            injections.push(inject(cluster, &load, plan));
        }
        drop(guard);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    load.check_all(cluster);
    report(plan, &injections, &seen);
}

/// The time of a fault, and how long it took until another node was the leader.
struct Injection {
    at: Instant,
    election: Duration,
}

fn inject(cluster: &mut Cluster, load: &Load, plan: Plan) -> Injection {
    let began = Instant::now();
    load.wait_for_progress();
    let leader = cluster.leader();
    let at = Instant::now();
    match plan.fault {
        LeaderFault::Kill => cluster.kill(leader),
        LeaderFault::Freeze => cluster.freeze(leader),
    }
    let next = eventually("a new leader", DEADLINE, || Some(cluster.leader()).filter(|&node| node != leader));
    let election = at.elapsed();
    assert_ne!(next, leader);
    load.wait_for_progress();
    match plan.fault {
        LeaderFault::Kill => cluster.restart(leader),
        LeaderFault::Freeze => cluster.thaw(leader),
    }
    cluster.wait_for_voters();
    load.wait_for_progress();
    if plan.count > 1 {
        std::thread::sleep(PERIOD.saturating_sub(began.elapsed()));
    }
    Injection { at, election }
}

impl Subject {
    fn new(plan: Plan, writer: usize, number: usize) -> Arc<Subject> {
        let key = format!("{:?}-{writer}-{number}", plan.fault);
        let reference = format!("vault://{key}");
        Arc::new(Subject { reference, key, confirmed: AtomicU64::new(0), attempted: AtomicU64::new(0) })
    }
}

impl Load {
    fn present(&self, writer: usize) -> Arc<Subject> {
        self.subjects[writer].lock().unwrap().last().unwrap().clone()
    }

    /// Every third write is an update, the others replace the whole document.
    fn write(&self, plan: Plan, writer: usize) -> Seen {
        let mut seen = Seen::default();
        let mut success = Instant::now();
        for number in 1.. {
            if self.stop.is_set() {
                break;
            }
            let subject = self.present(writer);
            let updates = number % 3 == 0 && subject.confirmed.load(Ordering::Acquire) > 0;
            subject.attempted.store(number, Ordering::Release);
            let (text, call) = (number.to_string(), call());
            let started = Instant::now();
            let outcome = if updates {
                self.manager.update(&subject.reference, &text, None, &call).map(|found| assert!(found, "it is there"))
            } else {
                self.manager.store(&subject.key, &text, None, &call).map(drop)
            };
            seen.note(started, outcome.as_ref().err(), &mut success);
            match outcome {
                Ok(()) => subject.confirmed.store(number, Ordering::Release),
                // A write without an answer may still happen later, so the writer goes on with a new secret.
                Err(_) => {
                    let mut subjects = self.subjects[writer].lock().unwrap();
                    let next = Subject::new(plan, writer, subjects.len());
                    subjects.push(next);
                }
            }
        }
        seen
    }

    /// Reads the current secrets, and checks that no value is older than one confirmed before.
    fn read(&self, reader: usize) -> Seen {
        let mut seen = Seen::default();
        let mut success = Instant::now();
        let mut writer = reader;
        while !self.stop.is_set() {
            writer = (writer + 1) % WRITERS;
            let subject = self.present(writer);
            let confirmed = subject.confirmed.load(Ordering::Acquire);
            let started = Instant::now();
            let outcome = self.manager.get(&subject.reference, &call());
            seen.note(started, outcome.as_ref().err(), &mut success);
            if let Ok(value) = outcome {
                let number = value.map_or(0, |text| text.as_str().parse().unwrap());
                let attempted = subject.attempted.load(Ordering::Acquire);
                assert!(
                    (confirmed..=attempted).contains(&number),
                    "{}: {number}, but {confirmed} was confirmed and {attempted} attempted",
                    subject.key
                );
            }
        }
        seen
    }

    /// Waits until every writer has confirmed another write.
    fn wait_for_progress(&self) {
        for writer in 0..WRITERS {
            let state = || {
                let subjects = self.subjects[writer].lock().unwrap();
                let last = subjects.last().unwrap();
                (last.confirmed.load(Ordering::Acquire) > 0).then(|| last.confirmed.load(Ordering::Acquire))
            };
            let before = state().unwrap_or(0);
            eventually("a writer's progress", DEADLINE * 2, || state().filter(|&now| now > before + 2));
        }
    }

    /// Checks that every secret has its last confirmed value. A new manager may read an older value from a standby for
    /// a short time; a lost write never appears.
    fn check_all(&self, cluster: &Cluster) {
        const CATCHING_UP: Duration = Duration::from_secs(10);
        let manager = open(cluster, &cluster.addr(cluster.leader()), &[]);
        let mut checked = 0;
        for subjects in &self.subjects {
            for subject in subjects.lock().unwrap().iter() {
                let confirmed = subject.confirmed.load(Ordering::Acquire);
                let attempted = subject.attempted.load(Ordering::Acquire);
                let what = format!("{} with {confirmed}, which was confirmed, or {attempted}", subject.key);
                eventually(&what, CATCHING_UP, || {
                    let value = manager.get(&subject.reference, &call()).unwrap();
                    let number = value.map_or(0, |text| text.as_str().parse::<u64>().unwrap());
                    (number == confirmed || (number == attempted && attempted > confirmed)).then_some(())
                });
                checked += 1;
            }
        }
        assert!(checked >= WRITERS);
    }
}

fn call() -> Call {
    let mut call = Call::default();
    call.set_timeout(DEADLINE);
    call
}

impl Seen {
    fn note(&mut self, started: Instant, failure: Option<&Error>, last_success: &mut Instant) {
        let now = Instant::now();
        self.calls += 1;
        self.longest_call = self.longest_call.max(now - started);
        match failure {
            Some(error) => {
                let unknown = matches!(error.status(), Status::Connection | Status::Timeout | Status::Unavailable);
                assert!(unknown, "no other error may come from a cluster in trouble: {error}");
                self.failures.push((now, error.clone()));
            }
            None => {
                self.longest_gap = self.longest_gap.max(now - *last_success);
                *last_success = now;
            }
        }
    }
}

fn report(plan: Plan, injections: &[Injection], seen: &[Seen]) {
    let what = match plan.fault {
        LeaderFault::Kill => "killed",
        LeaderFault::Freeze => "frozen",
    };
    let longest = |of: fn(&Seen) -> Duration, seen: &[Seen]| seen.iter().map(of).max().unwrap_or_default();
    let calls: usize = seen.iter().map(|s| s.calls).sum();
    let failures: Vec<&(Instant, Error)> = seen.iter().flat_map(|s| &s.failures).collect();
    let election = injections.iter().map(|s| s.election).max().unwrap_or_default();
    let (writers, readers) = seen.split_at(WRITERS);
    let longest_call = longest(|s| s.longest_call, seen);
    let gap = longest(|s| s.longest_gap, seen);
    // The time from the fault to the last failure of a call that it affected.
    let last_failure =
        failures.iter().filter_map(|(at, _)| injections.iter().filter(|s| s.at <= *at).map(|s| *at - s.at).min());
    let last_failure = last_failure.max().unwrap_or_default();
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    figure(
        &format!("leaders {what}; calls; failed (outcome unknown)"),
        format!("{}; {calls}; {}", injections.len(), failures.len()),
    );
    figure(&format!("leader {what}: longest election, as seen from outside"), seconds(election));
    figure(&format!("leader {what}: last failed call after the fault"), seconds(last_failure));
    figure(&format!("leader {what}: longest time without a write"), seconds(longest(|s| s.longest_gap, writers)));
    figure(&format!("leader {what}: longest time without a read"), seconds(longest(|s| s.longest_gap, readers)));
    figure(&format!("leader {what}: longest call (deadline 30 s)"), seconds(longest_call));
    figure(&format!("leader {what}: confirmed writes lost, stale reads"), 0);
    assert!(longest_call < DEADLINE + SLACK, "a call took {longest_call:?}");
    assert!(gap < election + GRACE, "nothing for {gap:?}, an election took {election:?}");
    assert!(last_failure < election + GRACE, "failures until {last_failure:?} after the fault: {failures:?}");
}
