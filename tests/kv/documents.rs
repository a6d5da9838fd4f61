//! Documents on a real server: all fields of one version, written and changed as one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use handsfree_secrets::call::Call;
use handsfree_secrets::document::{Document, Kind};
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::store::{Metadata, SecretManager};
use handsfree_secrets_test_support::Server;
use serde_json::json;

use crate::managers::{fails, fields, open};

fn vault() -> (&'static Server, String, Arc<dyn SecretManager>) {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    (server, mount, manager)
}

fn call() -> Call {
    Call::default()
}

/// A call with a check-and-set condition.
fn if_latest(version: u64) -> Call {
    let mut call = Call::default();
    call.set_cas(Some(version));
    call
}

fn document(manager: &dyn SecretManager, reference: &str) -> Document {
    manager.get_document(reference, &call()).unwrap().unwrap_or_else(|| panic!("{reference} is not there"))
}

/// Names and JSON of all fields.
fn written(document: &Document) -> Vec<(&str, &str)> {
    document.iter().collect()
}

#[test]
fn a_document_is_all_fields_of_one_version() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "db", json!({"username": "old"}));
    let data = json!({"username": "app", "password": "p\"ü", "port": 5432, "tls": true, "hosts": ["a"], "note": null});
    server.write_raw(&mount, "db", data);
    let latest = document(&*manager, "vault://db");
    let names: Vec<&str> = latest.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["hosts", "note", "password", "port", "tls", "username"]);
    for (name, kind, text) in [
        ("username", Kind::String, Some("app")),
        ("password", Kind::String, Some("p\"ü")),
        ("port", Kind::Number, Some("5432")),
        ("tls", Kind::Boolean, Some("true")),
        ("hosts", Kind::Array, None),
        ("note", Kind::Null, None),
    ] {
        assert_eq!((latest.kind(name), latest.text(name)), (Some(kind), text), "{name}");
    }
    assert_eq!(latest.version, 2);
    assert!(latest.created.starts_with("20") && latest.created.ends_with('Z'), "{}", latest.created);
    let first = document(&*manager, "vault://db?version=1");
    assert_eq!((first.version, written(&first)), (1, vec![("username", "\"old\"")]));
}

#[test]
fn a_document_that_is_not_there_is_not_found() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "deleted", json!({"a": "b"}));
    server.api().delete(&format!("{mount}/data/deleted"));
    for reference in ["vault://none", "vault://deleted", "vault://deleted?version=1", "vault://deleted?version=9"] {
        assert!(manager.get_document(reference, &call()).unwrap().is_none(), "{reference}");
    }
}

#[test]
fn stored_fields_are_what_other_programs_read() {
    let (server, mount, manager) = vault();
    let mut given = fields(&[("username", "app"), ("empty", "")]);
    given.set_json("port".into(), "5432").unwrap();
    given.set_json("nested".into(), r#"{"a": [1, {"b": null}]}"#).unwrap();
    given.set_bytes("key".into(), &[0, 1, 255]).unwrap();
    given.remove("never".into());
    let metadata = Metadata::from([("owner".to_owned(), "billing".to_owned())]);
    let stored = manager.store_document("db.main", &given, Some(&metadata), &call()).unwrap();
    assert_eq!((stored.reference.as_str(), stored.version), ("vault://db.main", 1));
    let expected = json!({
        "username": "app", "empty": "", "port": 5432, "nested": {"a": [1, {"b": null}]}, "key": "AAH/",
        "metadata": {"owner": "billing"},
    });
    assert_eq!(server.read_raw(&mount, "db/main").unwrap()["data"], expected);
    let read = document(&*manager, &stored.reference);
    assert_eq!(read.metadata(), metadata);
    assert_eq!(read.json_of("metadata"), Some(r#"{"owner":"billing"}"#), "it is a field like any other");

    let stored = manager.store_document("db.main", &fields(&[("only", "x")]), Some(&Metadata::new()), &call()).unwrap();
    assert_eq!(stored.version, 2);
    assert_eq!(server.read_raw(&mount, "db/main").unwrap()["data"], json!({"only": "x"}), "all is replaced");
}

#[test]
fn an_update_changes_adds_and_removes_fields_and_keeps_the_others() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "a", json!({"keep": 1.5, "change": "old", "gone": "x", "metadata": {"m": "1"}}));
    let mut change = fields(&[("change", "new"), ("added", "y")]);
    change.remove("gone".into());
    change.remove("was never there".into());
    assert_eq!(manager.update_document("vault://a", &change, None, &call()).unwrap(), Some(2));
    let expected = json!({"keep": 1.5, "change": "new", "added": "y", "metadata": {"m": "1"}});
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], expected);

    let other = Metadata::from([("n".to_owned(), "2".to_owned())]);
    manager.update_document("vault://a", &Fields::default(), Some(&other), &call()).unwrap();
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"]["metadata"], json!({"n": "2"}));
    manager.update_document("vault://a", &Fields::default(), Some(&Metadata::new()), &call()).unwrap();
    let expected = json!({"keep": 1.5, "change": "new", "added": "y"});
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], expected);
}

#[test]
fn an_update_of_what_is_not_there_writes_nothing() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "deleted", json!({"a": "b"}));
    server.api().delete(&format!("{mount}/data/deleted"));
    for reference in ["vault://none", "vault://deleted"] {
        assert_eq!(manager.update_document(reference, &fields(&[("a", "x")]), None, &call()).unwrap(), None);
        assert_eq!(manager.update_document(reference, &fields(&[("a", "x")]), None, &if_latest(1)).unwrap(), None);
    }
    assert_eq!(server.audited(&format!("{mount}/data/none"), "create"), 0);
}

#[test]
fn a_condition_holds_or_nothing_is_written() {
    let (server, mount, manager) = vault();
    let give = |value: &str, call: &Call| manager.store_document("a", &fields(&[("value", value)]), None, call);
    assert_eq!(give("one", &if_latest(0)).unwrap().version, 1);
    for version in [0, 2] {
        let error = fails(give("two", &if_latest(version)), Status::Conflict);
        assert_eq!(error.http_status(), 400);
        assert!(!error.message().contains("two"), "{error}");
    }
    assert_eq!(give("two", &if_latest(1)).unwrap().version, 2);

    let change = fields(&[("other", "x")]);
    let update = |call: &Call| manager.update_document("vault://a", &change, None, call);
    fails(update(&if_latest(1)), Status::Conflict);
    assert_eq!(update(&if_latest(2)).unwrap(), Some(3));
    fails(manager.store("a", "v", None, &if_latest(2)), Status::Conflict);
    fails(manager.update("vault://a", "v", None, &if_latest(2)), Status::Conflict);
    assert!(manager.update("vault://a", "v", None, &if_latest(3)).unwrap());
    let expected = json!({"other": "x", "value": "v"});
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], expected);
    assert_eq!(document(&*manager, "vault://a").version, 4, "what was refused made no version");
}

#[test]
fn what_cannot_be_is_refused_before_any_traffic() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "a", json!({"value": "v"}));
    let one = fields(&[("value", "CANARY")]);
    let with_metadata = fields(&[("metadata", "CANARY")]);
    let some = Metadata::from([("a".to_owned(), "b".to_owned())]);
    let traffic = || server.audited(&format!("{mount}/"), "");
    let before = traffic();
    for (error, words) in [
        (manager.get_document("vault://a#value", &call()).err(), "leave out #field"),
        (manager.update_document("vault://a#value", &one, None, &call()).err(), "leave out #field"),
        (manager.update_document("vault://a?version=1", &one, None, &call()).err(), "leave out ?version="),
        (manager.update_document("vault://a", &with_metadata, Some(&some), &call()).err(), "metadata: "),
        (manager.store_document("a", &with_metadata, Some(&some), &call()).err(), "metadata: "),
        (manager.store_document("a__b", &one, None, &call()).err(), "key: "),
    ] {
        let error = error.unwrap();
        assert_eq!(error.status(), Status::InvalidArgument, "{error}");
        assert!(error.message().contains(words) && !error.message().contains("CANARY"), "{error}");
    }
    fails(manager.get_document("env://A", &call()), Status::InvalidReference);
    assert_eq!(traffic(), before);
}

#[test]
fn more_fields_than_the_server_takes_are_too_many() {
    let (server, mount, manager) = vault();
    let many = |count: usize| {
        let mut fields = Fields::default();
        (0..count).for_each(|n| fields.set_json(format!("f{n}"), "\"x\"").unwrap());
        fields
    };
    assert_eq!(manager.store_document("many", &many(400), None, &call()).unwrap().version, 1);
    assert_eq!(document(&*manager, "vault://many").len(), 400);
    fails(manager.store_document("too_many", &many(2_000), None, &call()), Status::TooLarge);
    assert!(server.read_raw(&mount, "too/many").is_none());
}

#[test]
fn what_the_server_refuses_is_about_the_fields() {
    let (server, mount, manager) = vault();
    let mut huge = Fields::default();
    huge.set_json("n".into(), "1e999").unwrap();
    let error = fails(manager.store_document("a", &huge, None, &call()), Status::InvalidArgument);
    assert_eq!(error.http_status(), 400);
    let old = open(server, &server.kv1_mount(), server.root_token());
    let error = fails(old.store_document("a", &Fields::default(), None, &call()), Status::InvalidArgument);
    assert!(error.message().contains("missing data fields"), "{error}");
    assert!(server.read_raw(&mount, "a").is_none());
}

#[test]
fn many_documents_come_in_order_each_with_its_own_outcome() {
    let (server, mount, manager) = vault();
    for number in 0..20 {
        server.write_raw(&mount, &format!("n{number}"), json!({"number": number, "name": format!("n{number}")}));
    }
    let mut references: Vec<String> = (0..20).map(|number| format!("vault://n{number}")).collect();
    references.extend(["vault://none".into(), "vault://n1#name".into(), "nonsense".into()]);
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    let mut outcomes = manager.get_documents(&references, &call());
    let failed = outcomes.split_off(20);
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let document = outcome.unwrap().unwrap();
        assert_eq!(document.text("number"), Some(number.to_string().as_str()));
        assert_eq!(document.text("name"), Some(format!("n{number}").as_str()));
    }
    let statuses: Vec<Status> =
        failed.into_iter().map(|outcome| outcome.map_or_else(|error| error.status(), |_| Status::NotFound)).collect();
    assert_eq!(statuses, [Status::NotFound, Status::InvalidArgument, Status::InvalidReference]);
}

/// Two fields that are always written together are never read apart.
#[test]
fn a_reader_never_sees_a_mixture_of_two_versions() {
    const WRITES: usize = 2_000;
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "pair", json!({"left": "0", "right": "0"}));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=WRITES {
                let number = number.to_string();
                let both = fields(&[("left", &*number), ("right", &*number)]);
                manager.store_document("pair", &both, None, &call()).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut reads = 0;
        while !done.load(Ordering::Acquire) {
            let document = document(&*manager, "vault://pair");
            assert_eq!(document.text("left"), document.text("right"));
            reads += 1;
        }
        assert!(reads > 100, "{reads} reads beside the writes");
    });
    assert_eq!(document(&*manager, "vault://pair").text("left"), Some("2000"));
}

#[test]
fn updates_of_different_fields_by_many_threads_are_all_kept() {
    const THREADS: usize = 8;
    const UPDATES: usize = 25;
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "shared", json!({"untouched": 1}));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let manager = &manager;
            scope.spawn(move || {
                for number in 0..UPDATES {
                    let (name, value) = (format!("field{thread}"), number.to_string());
                    let change = fields(&[(&*name, &*value), (&*format!("{name}-copy"), &*value)]);
                    manager.update_document("vault://shared", &change, None, &call()).unwrap().unwrap();
                }
            });
        }
    });
    let document = document(&*manager, "vault://shared");
    assert_eq!(document.version, 1 + (THREADS * UPDATES) as u64, "no update was lost and none was made twice");
    let last = (UPDATES - 1).to_string();
    for thread in 0..THREADS {
        for name in [format!("field{thread}"), format!("field{thread}-copy")] {
            assert_eq!(document.text(&name), Some(&*last), "{name}");
        }
    }
    assert_eq!(document.text("untouched"), Some("1"));
}
