//! Threads that log in to the database all the time, with users that live for 10 seconds, and for 25 at the most: none is
//! refused, and there are neither too many renewals nor too many users. `make soak-leases` runs these for 10 minutes each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use handsfree_secrets_test_support::{
    Agent, Gateway, Server, Verdict, answer, cc, figure, output_within, repository_root,
};
use serde_json::json;

use crate::database::{Engine, Role, engine, engine_at};

/// How long a test takes, in seconds, unless `LEASE_SOAK_SECONDS` says so.
fn duration(usual: u64) -> u64 {
    std::env::var("LEASE_SOAK_SECONDS").map_or(usual, |text| text.parse().expect("a number"))
}

/// The usual durations of the plain case, and of those with some trouble.
const LONG: u64 = 60;
const SHORT: u64 = 30;

fn program() -> PathBuf {
    static COMPILED: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let compile = || {
        let source = repository_root().join("tests/c/lease_logins.c");
        cc::compile("gcc", "c99", &source, "lease_logins", &["-I/usr/include/postgresql", "-lpq"])
    };
    COMPILED.get_or_init(compile).clone()
}

/// A gateway to the server of the engine, which counts the renewals, and answers them with `instead`, if there is something.
fn counting(engine: &Engine, instead: Option<&'static str>) -> (Gateway, Arc<AtomicUsize>) {
    let renewals = Arc::new(AtomicUsize::new(0));
    let counted = renewals.clone();
    let gateway = Gateway::to(engine.server.port(), move |asked| {
        if asked.path != "/v1/sys/leases/renew" {
            return Verdict::Pass;
        }
        counted.fetch_add(1, Ordering::Relaxed);
        instead.map_or(Verdict::Pass, |body| answer("400 Bad Request", "", body))
    });
    (gateway, renewals)
}

struct Outcome(BTreeMap<String, i64>);

impl Outcome {
    fn of(&self, name: &str) -> i64 {
        self.0[name]
    }

    fn has_refused_nothing(&self) {
        let failures = self.of("refused") + self.of("failed");
        assert!(self.of("logins") > 100 && failures == 0, "{:?}", self.0);
    }

    /// As above. A login that takes longer than a user is kept back for may fail.
    fn has_refused_nothing_in_time(&self) {
        let failures = self.of("refused") + self.of("failed") - self.of("late");
        assert!(self.of("logins") > 100 && failures == 0, "{:?}", self.0);
    }

    /// A user has at least 2.5 seconds left when it is due. While one call renews or replaces it, others get it with less:
    /// by no more than that call took, and than no call came that could have begun. 2 seconds are left on a machine
    /// where that is less than half a second.
    fn has_left_two_seconds(&self) {
        let at_least = 2000.min(2500 - self.of("slowest_ms") - self.of("gap_ms"));
        assert!(self.of("least_ms") >= at_least && self.of("none") == 0, "{:?}", self.0);
    }

    fn has_at_most_one_user_in(&self, seconds: u64) {
        let most = self.of("seconds").unsigned_abs() / seconds + 2;
        assert!(self.of("generation").unsigned_abs() <= most, "{:?}", self.0);
    }
}

/// Runs the program with these settings.
fn log_in(what: &str, role: &Role<'_>, seconds: u64, threads: u32, settings: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(program());
    command.env_clear().args([&role.path, &role.engine.database.connection(), &seconds.to_string()]);
    command.arg(threads.to_string()).env("SECRET_MANAGER_TYPE", "vault").envs(settings.iter().copied());
    let output = output_within(Duration::from_secs(seconds + 120), &mut command);
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success() && err.is_empty(), "{what}: {out}{err}");
    let summary = out.lines().last().unwrap();
    figure(what, summary);
    let words: Vec<&str> = summary.split(' ').collect();
    let numbers = words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].parse().unwrap()));
    Outcome(numbers.chain([("seconds".to_owned(), seconds.cast_signed())]).collect())
}

#[test]
fn no_login_is_refused_while_users_are_renewed_and_replaced() {
    let engine = engine();
    let role = engine.role("10s", "25s");
    let (gateway, renewals) = counting(&engine, None);
    let settings = [("VAULT_ADDR", &*gateway.addr()), ("VAULT_TOKEN", engine.server.root_token())];
    let outcome = log_in("renewed and replaced", &role, duration(LONG), 8, &settings);
    outcome.has_refused_nothing();
    outcome.has_left_two_seconds();
    outcome.has_at_most_one_user_in(20);
    let renewals = renewals.load(Ordering::Relaxed) as u64;
    assert!(renewals <= 2 * duration(LONG) / 10 + 2, "{renewals} renewals");
}

#[test]
fn no_login_is_refused_while_tokens_of_fifteen_seconds_are_renewed() {
    let engine = engine();
    let role = engine.role("10s", "25s");
    let app = engine.server.app_role(json!({"token_ttl": "15s"}));
    let (gateway, renewals) = counting(&engine, None);
    let settings = [
        ("VAULT_ADDR", &*gateway.addr()),
        ("VAULT_ROLE_ID", &*app.role_id),
        ("VAULT_SECRET_ID", &*app.secret_id),
        ("VAULT_APPROLE_MOUNT", &*app.mount),
    ];
    let outcome = log_in("tokens of 15 s", &role, duration(SHORT), 4, &settings);
    outcome.has_refused_nothing();
    outcome.has_left_two_seconds();
    outcome.has_at_most_one_user_in(20);
    let renewals = renewals.load(Ordering::Relaxed) as u64;
    assert!(renewals <= 2 * duration(SHORT) / 10 + 2, "{renewals} renewals");
}

#[test]
fn no_login_is_refused_through_a_caching_agent() {
    let engine = engine();
    let role = engine.role("10s", "25s");
    let agent = Agent::start_caching(&engine.server.addr(), &engine.server.app_role(json!({"token_ttl": "1h"})));
    let outcome = log_in("through a caching agent", &role, duration(SHORT), 4, &[("VAULT_AGENT_ADDR", &*agent.addr())]);
    outcome.has_refused_nothing();
    outcome.has_left_two_seconds();
    outcome.has_at_most_one_user_in(20);
}

#[test]
fn no_login_is_refused_while_renewals_are() {
    let engine = engine();
    let role = engine.role("10s", "25s");
    let (gateway, _) = counting(&engine, Some(r#"{"errors":["lease not found"]}"#));
    let settings = [("VAULT_ADDR", &*gateway.addr()), ("VAULT_TOKEN", engine.server.root_token())];
    let outcome = log_in("renewals are refused", &role, duration(SHORT), 4, &settings);
    outcome.has_refused_nothing();
    outcome.has_left_two_seconds();
    outcome.has_at_most_one_user_in(5);
}

#[test]
fn no_login_is_refused_while_the_server_is_stopped_for_half_a_ttl() {
    let server: &'static Server = Box::leak(Box::new(Server::builder().start()));
    let engine = engine_at(server);
    let role = engine.role("10s", "25s");
    let address = server.addr();
    let settings = [("VAULT_ADDR", &*address), ("VAULT_TOKEN", server.root_token())];
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..duration(SHORT) / 20 {
                std::thread::sleep(Duration::from_secs(12));
                server.freeze();
                std::thread::sleep(Duration::from_secs(5));
                server.thaw();
            }
        });
        log_in("the server is stopped", &role, duration(SHORT), 4, &settings)
    });
    outcome.has_refused_nothing_in_time();
    assert!(outcome.of("kept_ms") >= 248, "250 ms, and the clock of the program counts whole ones: {:?}", outcome.0);
    outcome.has_at_most_one_user_in(5);
}
