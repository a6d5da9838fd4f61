//! Versions on a real server: lists, deletion, restoration, rotation, and what is told of versions that are not there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::Status;
use handsfree_secrets::observe::log::LogSink;
use handsfree_secrets::open::{self, Manager};
use handsfree_secrets::store::Metadata;
use handsfree_secrets::vault::{State, VersionChange, Versions};
use handsfree_secrets_test_support::{Server, eventually};
use log::{Level, LevelFilter};
use serde_json::{Value, json};

use crate::managers::{fails, open_whole};

struct Vault {
    server: &'static Server,
    mount: String,
    manager: Manager,
}

fn vault() -> Vault {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open_whole(server, &mount, &[]).unwrap();
    Vault { server, mount, manager }
}

impl Vault {
    /// Writes `count` versions with the values "1", "2", …
    fn write(&self, path: &str, count: usize) {
        for number in 1..=count {
            self.server.write_raw(&self.mount, path, json!({"value": number.to_string(), "other": number}));
        }
    }

    fn versions(&self, reference: &str) -> Versions {
        self.manager.vault().unwrap().list_versions(reference, &call()).unwrap().unwrap()
    }

    fn states(&self, reference: &str) -> Vec<(u64, State)> {
        self.versions(reference).versions.iter().map(|version| (version.number, version.state)).collect()
    }

    fn change(&self, reference: &str, versions: &[i64], change: VersionChange) -> bool {
        self.manager.vault().unwrap().change_versions(reference, versions, change, &call()).unwrap()
    }

    fn value(&self, reference: &str) -> Option<String> {
        self.manager.secrets().get(reference, &call()).unwrap().map(|value| value.as_str().to_owned())
    }
}

fn call() -> Call {
    Call::default()
}

#[test]
fn versions_are_listed_with_states_and_times() {
    let vault = vault();
    vault.write("a", 11);
    assert!(vault.change("vault://a", &[2, 3], VersionChange::Delete));
    assert!(vault.change("vault://a", &[3, 4], VersionChange::Destroy));
    let versions = vault.versions("vault://a");
    let numbers: Vec<u64> = versions.versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers, (2..=11).collect::<Vec<u64>>(), "a server keeps ten versions, and prunes the first");
    for version in &versions.versions {
        let expected = match version.number {
            2 => State::Deleted,
            3 | 4 => State::Destroyed,
            _ => State::Live,
        };
        assert_eq!(version.state, expected, "version {}", version.number);
        assert!(version.created.starts_with("20"), "{}", version.created);
        assert_eq!(version.deletion.is_empty(), !matches!(version.number, 2 | 3), "version {}", version.number);
    }
    let list = vault.manager.vault().unwrap().list_versions("vault://none", &call()).unwrap();
    assert!(list.is_none());
}

#[test]
fn a_version_whose_deletion_is_still_to_come_can_be_read() {
    let vault = vault();
    vault.write("a", 1);
    let metadata = format!("{}/metadata/a", vault.mount);
    vault.server.api().post(&metadata, json!({"delete_version_after": "1h"}));
    vault.write("a", 1);
    let versions = vault.versions("vault://a");
    let latest = versions.versions.last().unwrap();
    assert_eq!((latest.number, latest.state), (2, State::Live));
    assert!(!latest.deletion.is_empty());
    vault.server.api().post(&metadata, json!({"delete_version_after": "1s"}));
    vault.write("a", 1);
    eventually("the deletion", Duration::from_secs(20), || {
        (vault.states("vault://a").last() == Some(&(3, State::Deleted))).then_some(())
    });
    eventually("the read", Duration::from_secs(20), || vault.value("vault://a").is_none().then_some(()));
}

#[test]
fn a_deleted_version_comes_back_and_a_destroyed_one_does_not() {
    let vault = vault();
    vault.write("a", 3);
    assert!(vault.change("vault://a", &[0], VersionChange::Delete), "0 is the latest");
    assert_eq!((vault.value("vault://a"), vault.value("vault://a?version=2")), (None, Some("2".into())));
    assert!(vault.change("vault://a", &[3, 2], VersionChange::Undelete), "version 2 stays as it is");
    assert_eq!(vault.value("vault://a").as_deref(), Some("3"));
    assert!(vault.change("vault://a", &[1, 3], VersionChange::Destroy));
    assert!(!vault.change("vault://a", &[3], VersionChange::Undelete), "the server would say nothing");
    assert_eq!(vault.states("vault://a"), [(1, State::Destroyed), (2, State::Live), (3, State::Destroyed)]);
}

#[test]
fn versions_that_are_not_there_are_not_found_and_nothing_is_changed() {
    let vault = vault();
    vault.write("a", 2);
    for change in [VersionChange::Delete, VersionChange::Undelete, VersionChange::Destroy] {
        assert!(!vault.change("vault://none", &[1], change));
        assert!(!vault.change("vault://a", &[1, 3], change), "one of them is not there");
    }
    assert_eq!(vault.states("vault://a"), [(1, State::Live), (2, State::Live)]);
    assert!(!vault.change("vault://none", &[0], VersionChange::Delete));
    vault.server.api().post(&format!("{}/metadata/empty", vault.mount), json!({"custom_metadata": {"a": "b"}}));
    assert!(!vault.change("vault://empty", &[0], VersionChange::Delete), "it has metadata and no version");
    assert_eq!(vault.states("vault://empty"), []);
}

#[test]
fn a_rollback_writes_the_older_version_anew() {
    let vault = vault();
    vault.write("a", 3);
    let rollback = |version| vault.manager.vault().unwrap().rollback("vault://a", version, &call());
    assert_eq!(rollback(1).unwrap(), Some(4));
    let latest = vault.server.read_raw(&vault.mount, "a").unwrap();
    assert_eq!(latest["data"], json!({"value": "1", "other": 1}));
    assert!(vault.change("vault://a", &[2, 4], VersionChange::Delete));
    assert!(vault.change("vault://a", &[1], VersionChange::Destroy));
    for gone in [1, 2, 4, 9] {
        assert_eq!(rollback(gone).unwrap(), None, "version {gone}");
    }
    assert_eq!(rollback(3).unwrap(), Some(5), "also when the latest version is deleted");
    assert_eq!(vault.value("vault://a").as_deref(), Some("3"));
    assert_eq!(vault.manager.vault().unwrap().rollback("vault://none", 1, &call()).unwrap(), None);
}

#[test]
fn custom_metadata_are_replaced_and_read_back() {
    let vault = vault();
    vault.write("a", 1);
    let map = |entries: &[(&str, &str)]| -> Metadata {
        entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let set = |reference: &str, metadata: &Metadata| {
        vault.manager.vault().unwrap().set_custom_metadata(reference, metadata, &call()).unwrap()
    };
    for metadata in [map(&[("owner", "billing"), ("ü", "😀")]), map(&[("other", "x")]), map(&[])] {
        assert!(set("vault://a", &metadata));
        assert_eq!(vault.versions("vault://a").custom_metadata, metadata);
    }
    assert!(!set("vault://none", &map(&[("a", "b")])));
    let answer = vault.server.send("GET", &format!("{}/metadata/none", vault.mount), &Value::Null);
    assert_eq!(answer.status, 404, "nothing was written");
    let most: Metadata = (0..64).map(|n| (format!("{n:0128}"), "v".repeat(512))).collect();
    assert!(set("vault://a", &most), "what the limits allow the server takes");
}

#[test]
fn bad_arguments_are_refused_before_any_traffic() {
    let vault = vault();
    vault.write("a", 1);
    let traffic = || vault.server.audited(&format!("{}/", vault.mount), "");
    let before = traffic();
    let manager = vault.manager.vault().unwrap();
    let delete =
        |versions: &[i64]| manager.change_versions("vault://a", versions, VersionChange::Delete, &call()).err();
    let destroy = |version| manager.change_versions("vault://a", &[1, version], VersionChange::Destroy, &call()).err();
    let too_many: Metadata = (0..65).map(|n| (n.to_string(), "v".to_owned())).collect();
    for (error, words) in [
        (delete(&[]), "count: "),
        (delete(&[1, -1]), "versions[1]: "),
        (destroy(0), "versions[1]: "),
        (destroy(i64::MIN), "versions[1]: "),
        (manager.rollback("vault://a", 0, &call()).err(), "version: "),
        (manager.list_versions("vault://a?version=1", &call()).err(), "leave out ?version="),
        (manager.list_versions("vault://a#f", &call()).err(), "leave out #field"),
        (manager.rotate("vault://a?version=1", None, &call()).err(), "leave out ?version="),
        (manager.rotate("vault://a", Some("a/b"), &call()).err(), "password_policy: "),
        (manager.set_custom_metadata("vault://a", &too_many, &call()).err(), "metadata: "),
    ] {
        let error = error.unwrap();
        assert_eq!(error.status(), Status::InvalidArgument, "{error}");
        assert!(error.message().contains(words), "{error}\nhas no {words:?}");
    }
    assert_eq!(traffic(), before);
}

#[test]
fn a_rotation_writes_one_random_value_and_keeps_the_rest() {
    let vault = vault();
    vault.server.write_raw(&vault.mount, "db", json!({"value": "old", "password": "p", "metadata": {"a": "b"}}));
    let manager = vault.manager.vault().unwrap();
    let rotated = manager.rotate("vault://db#password", None, &call()).unwrap().unwrap();
    let value = rotated.value.as_str();
    assert!(value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{} bytes", value.len());
    assert_eq!(rotated.version, 2);
    let expected = json!({"value": "old", "password": value, "metadata": {"a": "b"}});
    assert_eq!(vault.server.read_raw(&vault.mount, "db").unwrap()["data"], expected);
    assert_eq!(vault.value("vault://db?version=1#password").as_deref(), Some("p"), "the old value stays readable");
    let again = manager.rotate("vault://db", None, &call()).unwrap().unwrap();
    assert_eq!(vault.value("vault://db").as_deref(), Some(again.value.as_str()));
    for missing in ["vault://none", "vault://db#none"] {
        assert!(manager.rotate(missing, None, &call()).unwrap().is_none(), "{missing}");
    }
}

#[test]
fn a_password_policy_of_the_server_makes_the_value() {
    let vault = vault();
    vault.write("a", 1);
    let policy = "length = 20\nrule \"charset\" {\n  charset = \"ab\"\n}\n";
    vault.server.api().post("sys/policies/password/twenty", json!({"policy": policy}));
    let manager = vault.manager.vault().unwrap();
    let rotated = manager.rotate("vault://a", Some("twenty"), &call()).unwrap().unwrap();
    let value = rotated.value.as_str();
    assert!(value.len() == 20 && value.bytes().all(|byte| matches!(byte, b'a' | b'b')), "{} bytes", value.len());
    let error = fails(manager.rotate("vault://a", Some("none"), &call()), Status::Config);
    assert!(error.message().contains("password_policy"), "{error}");
    assert_eq!(vault.states("vault://a").len(), 2, "nothing was written");
}

#[test]
fn rotations_at_the_same_time_are_one_rotation_or_a_conflict() {
    const THREADS: usize = 8;
    let vault = vault();
    vault.write("a", 1);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let rotate = || vault.manager.vault().unwrap().rotate("vault://a", None, &call());
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(rotate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut written: Vec<u64> = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(rotated) => {
                let rotated = rotated.unwrap();
                let reference = format!("vault://a?version={}", rotated.version);
                assert_eq!(vault.value(&reference).as_deref(), Some(rotated.value.as_str()));
                written.push(rotated.version);
            }
            Err(error) => assert_eq!(error.status(), Status::Conflict, "{error}"),
        }
    }
    written.sort_unstable();
    let expected: Vec<u64> = (2..2 + written.len() as u64).collect();
    assert!(!written.is_empty() && written == expected, "{written:?}");
}

/// Collects all lines.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn log(&self, _: Level, message: &std::ffi::CStr) {
        self.0.lock().unwrap().push(message.to_str().unwrap().to_owned());
    }
}

#[test]
fn the_log_tells_pruned_deleted_and_destroyed_versions_apart() {
    let vault = vault();
    vault.write("a", 12);
    assert!(vault.change("vault://a", &[4], VersionChange::Delete));
    assert!(vault.change("vault://a", &[5], VersionChange::Destroy));
    let lines = Arc::new(Lines::default());
    let mut options = Options::new_isolated();
    for (name, value) in [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*vault.server.addr()),
        ("VAULT_TOKEN", vault.server.root_token()),
        ("VAULT_MOUNT", &*vault.mount),
    ] {
        options.set(name, value).unwrap();
    }
    options.set_log_sink(Some((lines.clone(), LevelFilter::Info)));
    let manager = open::open(Some(&options), &call()).unwrap();
    for (version, words) in [(1, "pruned"), (4, "can be undeleted"), (5, "was destroyed")] {
        let reference = format!("vault://a?version={version}");
        assert!(manager.secrets().get_document(&reference, &call()).unwrap().is_none());
        assert!(manager.secrets().get(&reference, &call()).unwrap().is_none());
        assert_eq!(manager.vault().unwrap().rollback("vault://a", version, &call()).unwrap(), None);
        let taken = std::mem::take(&mut *lines.0.lock().unwrap());
        let told = taken.iter().filter(|line| line.contains(words)).count();
        assert_eq!(told, 3, "version {version}: {taken:?}");
    }
}
