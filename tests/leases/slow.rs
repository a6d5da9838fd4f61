//! Servers that take their time: a user that is made slowly, and an answer that does not come.

use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::lease::Credentials;
use handsfree_secrets::open::Manager;
use handsfree_secrets_test_support::{Counter, Gateway, Server, Verdict, answer, eventually};

use crate::database::get;
use crate::managers::{fails, open_whole};

const SECOND: Duration = Duration::from_secs(1);

/// A gateway whose n-th user under `path` takes `time(n)` to make, and lives for `ttl` seconds.
fn maker(path: &'static str, ttl: u64, time: impl Fn(usize) -> Duration + Send + Sync + 'static) -> (Gateway, Counter) {
    let made = Counter::default();
    let counted = made.clone();
    let gateway = Gateway::to(Server::shared().port(), move |asked| {
        if !asked.path.starts_with(path) {
            return Verdict::Pass;
        }
        counted.next();
        let number = counted.get();
        std::thread::sleep(time(number));
        let data = format!(r#"{{"username":"user-{number}"}}"#);
        let times = format!(r#""lease_id":"{number}","lease_duration":{ttl},"renewable":false"#);
        answer("200 OK", "", &format!(r#"{{{times},"data":{data}}}"#))
    });
    (gateway, made)
}

fn manager_at(gateway: &Gateway) -> Arc<Manager> {
    Arc::new(open_whole(Server::shared(), "secret", &[("VAULT_ADDR", &gateway.addr())]).unwrap())
}

fn credentials_at(manager: &Arc<Manager>, path: &str) -> Credentials {
    Credentials::open(manager, path, None, &Call::default()).unwrap().unwrap()
}

#[test]
fn users_that_are_made_slowly_are_waited_for_and_not_made_for_nobody() {
    let (gateway, made) = maker("/v1/slow/", 3600, |_| Duration::from_millis(5500));
    let credentials = credentials_at(&manager_at(&gateway), "slow/creds/app");
    credentials.refused(&get(&credentials)).unwrap();
    let next = get(&credentials);
    assert_eq!((next.generation(), next.fields().text("username")), (2, Some("user-2")));
    assert_eq!(made.get(), 2);
}

#[test]
fn a_call_whose_credentials_end_while_it_replaces_them_has_the_rest_of_its_time() {
    let (gateway, _) = maker("/v1/silent/", 2, |number| if number == 2 { SECOND * 3 } else { Duration::ZERO });
    let credentials = credentials_at(&manager_at(&gateway), "silent/creds/app");
    let first = get(&credentials);
    // Nearer to the end than the shortest attempt takes.
    let is_near = || first.remaining().unwrap() < Duration::from_millis(130);
    eventually("the end", SECOND * 10, || is_near().then_some(()));
    let next = get(&credentials);
    assert!(next.generation() > 1 && next.remaining().unwrap() > Duration::ZERO);
}

#[test]
fn an_engine_that_hangs_does_not_keep_maintenance_from_the_others() {
    // Two users are made when the credentials are opened, and the third by the maintenance.
    let (gateway, made) = maker("/v1/hangs/", 600, |number| if number == 3 { SECOND * 30 } else { Duration::ZERO });
    let manager = manager_at(&gateway);
    let both = [credentials_at(&manager, "hangs/creds/app"), credentials_at(&manager, "hangs/creds/web")];
    for credentials in &both {
        credentials.refused(&get(credentials)).unwrap();
    }
    let mut call = Call::default();
    call.set_timeout(SECOND * 12);
    assert!(manager.maintain(&call).0.is_err(), "the first could not be replaced");
    assert_eq!(made.get(), 4, "and the second was, within the same call");
    assert_eq!((get(&both[0]).generation(), get(&both[1]).generation()), (1, 2));
}

#[test]
fn a_call_in_a_queue_goes_on_with_what_there_is() {
    let (gateway, made) = maker("/v1/queued/", 600, |number| if number == 2 { SECOND * 3 } else { Duration::ZERO });
    let credentials = credentials_at(&manager_at(&gateway), "queued/creds/app");
    credentials.refused(&get(&credentials)).unwrap();

    // No thread of the queue has it until its end.
    let (call, submission) = Call::default().submit();
    assert!(credentials.get(&call).is_err() && submission.has_to_wait());
    submission.resume();
    assert!(submission.is_asked_when_over());
    assert_eq!(credentials.get(&call).unwrap().unwrap().generation(), 1);

    // Another call replaces them, and needs a while.
    let (call, submission) = Call::default().submit();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| get(&credentials).generation());
        eventually("the request", SECOND * 10, || (made.get() == 2).then_some(()));
        assert_eq!(credentials.get(&call).unwrap().unwrap().generation(), 1);
        assert!(!submission.has_to_wait());
        assert_eq!(other.join().unwrap(), 2);
    });

    // There is nothing at its end.
    credentials.revoke(&Call::default()).unwrap();
    let (call, submission) = Call::default().submit();
    assert!(credentials.get(&call).is_err() && submission.has_to_wait());
    submission.resume();
    assert!(submission.is_asked_when_over());
    fails(credentials.get(&call), Status::Timeout);
}
