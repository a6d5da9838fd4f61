//! KV version 1 on a real server: the same operations as on version 2, as far as it has them, and what it lacks.

use std::sync::Arc;
use std::time::Duration;

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::open;
use handsfree_secrets::store::{Metadata, SecretManager};
use handsfree_secrets::vault::VersionChange;
use handsfree_secrets_test_support::{Server, eventually};
use log::LevelFilter;
use serde_json::{Value, json};

use crate::managers::{Warnings, fails, fields, open, open_whole, options};

fn call() -> Call {
    Call::default()
}

fn text(manager: &dyn SecretManager, reference: &str) -> Option<String> {
    manager.get(reference, &call()).unwrap().map(|value| value.as_str().to_owned())
}

/// The operations that both versions have, on one mount.
fn five_operations_and_documents(server: &Server, mount: &str) {
    let manager = &*open(server, mount, server.root_token());
    let metadata: Metadata = [("owner".to_owned(), "billing".to_owned())].into();
    assert_eq!(manager.store("app.db", "one", Some(&metadata), &call()).unwrap(), "vault://app.db");
    assert_eq!(text(manager, "vault://app/db").as_deref(), Some("one"));
    assert!(manager.update("vault://app.db", "two", None, &call()).unwrap());
    let document = manager.get_document("vault://app.db", &call()).unwrap().unwrap();
    assert_eq!((document.text("value"), document.metadata()), (Some("two"), metadata), "metadata are kept");
    assert!(manager.update("vault://app.db", "three", Some(&Metadata::new()), &call()).unwrap());
    assert!(manager.get_document("vault://app.db", &call()).unwrap().unwrap().metadata().is_empty());

    let mut change = fields(&[("user", "ann")]);
    change.set_json("list".into(), "[1, 2]").unwrap();
    manager.update_document("vault://app.db", &change, None, &call()).unwrap().unwrap();
    assert_eq!(text(manager, "vault://app.db#user").as_deref(), Some("ann"));
    assert_eq!(text(manager, "vault://app.db").as_deref(), Some("three"));
    fails(manager.get("vault://app.db#list", &call()), Status::Unsupported);
    assert_eq!(text(manager, "vault://app.db#none"), None);
    let mut removal = Fields::default();
    removal.remove("user".into());
    manager.update_document("vault://app.db", &removal, None, &call()).unwrap().unwrap();
    assert_eq!(text(manager, "vault://app.db#user"), None);

    manager.store_document("app.other", &fields(&[("a", "1"), ("b", "2")]), None, &call()).unwrap();
    let stored = manager.store_many(&[("many.one", "1"), ("many.two", "2")], &call());
    assert!(stored.iter().all(Result::is_ok));
    assert_eq!(
        manager.list(None, &call()).unwrap(),
        ["vault://app/db", "vault://app/other", "vault://many/one", "vault://many/two"]
    );
    assert_eq!(manager.list(Some("many"), &call()).unwrap(), ["vault://many/one", "vault://many/two"]);
    let got = manager.get_many(&["vault://many.one", "vault://none", "vault://app.other#b"], &call());
    let got: Vec<Option<String>> =
        got.into_iter().map(|value| value.unwrap().map(|value| value.as_str().to_owned())).collect();
    assert_eq!(got, [Some("1".into()), None, Some("2".into())]);
    let got = manager.get_documents(&["vault://app.other", "vault://none"], &call());
    let lengths: Vec<Option<usize>> =
        got.into_iter().map(|document| document.unwrap().map(|document| document.len())).collect();
    assert_eq!(lengths, [Some(2), None]);

    for missing in ["vault://none", "vault://app"] {
        assert_eq!(text(manager, missing), None);
        assert!(!manager.update(missing, "x", None, &call()).unwrap());
        assert!(!manager.delete(missing, &call()).unwrap());
    }
    assert!(!manager.update("vault://app.db#none", "x", None, &call()).unwrap());
    assert!(manager.delete("vault://app.db", &call()).unwrap());
    assert!(!manager.delete("vault://app.db", &call()).unwrap());
    assert_eq!(text(manager, "vault://app.db"), None);
    manager.check(&call()).unwrap();
}

#[test]
fn both_versions_have_the_same_operations() {
    let server = Server::shared();
    five_operations_and_documents(server, &server.kv1_mount());
    five_operations_and_documents(server, &server.fresh_mount());
}

#[test]
fn version_1_is_found_out_at_no_request_of_its_own() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let manager = open(server, &mount, server.root_token());
    manager.store("a", "v", None, &call()).unwrap();
    assert_eq!(text(&*manager, "vault://a").as_deref(), Some("v"));
    let requests = |path: &str| server.audited(path, "");
    assert_eq!(requests(&format!("sys/internal/ui/mounts/{mount}")), 1, "opening looks at it in any case");
    assert_eq!(requests(&format!("{mount}/")), 2);
    assert_eq!(server.api().get(&format!("{mount}/a"))["data"], json!({"value": "v"}));
}

#[test]
fn numbers_are_kept_whole() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let manager = open(server, &mount, server.root_token());
    let mut given = Fields::default();
    given.set_json("large".into(), "12345678901234567890").unwrap();
    manager.store_document("n", &given, None, &call()).unwrap();
    assert_eq!(text(&*manager, "vault://n#large").as_deref(), Some("12345678901234567890"));
    manager.update_document("vault://n", &fields(&[("other", "x")]), None, &call()).unwrap().unwrap();
    assert_eq!(text(&*manager, "vault://n#large").as_deref(), Some("12345678901234567890"));
}

#[test]
fn what_needs_versions_is_unsupported_and_names_the_mount() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    server.api().post(&format!("{mount}/a"), json!({"value": "v"}));
    let manager = open_whole(server, &mount, &[]).unwrap();
    let (secrets, vault) = (manager.secrets(), manager.vault().unwrap());
    let mut conditional = Call::default();
    conditional.set_cas(Some(0));
    let some: Metadata = [("a".to_owned(), "b".to_owned())].into();
    for error in [
        secrets.get("vault://a?version=1", &call()).err(),
        secrets.get_document("vault://a?version=1", &call()).err(),
        secrets.get_many(&["vault://a?version=1"], &call()).remove(0).err(),
        secrets.get_documents(&["vault://a?version=1"], &call()).remove(0).err(),
        secrets.store("a", "x", None, &conditional).err(),
        secrets.update("vault://a", "x", None, &conditional).err(),
        secrets.store_document("a", &fields(&[("a", "x")]), None, &conditional).err(),
        secrets.update_document("vault://a", &fields(&[("a", "x")]), None, &conditional).err(),
        vault.list_versions("vault://a", &call()).err(),
        vault.change_versions("vault://a", &[1], VersionChange::Delete, &call()).err(),
        vault.rollback("vault://a", 1, &call()).err(),
        vault.set_custom_metadata("vault://a", &some, &call()).err(),
        vault.rotate("vault://a", None, &call()).err(),
    ] {
        let error = error.unwrap();
        assert_eq!(error.status(), Status::Unsupported, "{error}");
        assert!(error.message().contains(&format!("the mount {mount:?} is KV version 1")), "{error}");
    }
    assert_eq!(server.api().get(&format!("{mount}/a"))["data"], json!({"value": "v"}), "nothing was written");
}

#[test]
fn opening_warns_once_that_updates_are_not_atomic() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let warnings = Arc::new(Warnings::default());
    let address = server.addr();
    let mut with_log: Options = options(&[
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &address),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", &mount),
    ])
    .unwrap();
    with_log.set_log_sink(Some((warnings.clone(), LevelFilter::Warn)));
    let manager = open::open(Some(&with_log), &call()).unwrap();
    manager.secrets().store("a", "v", None, &call()).unwrap();
    manager.secrets().update("vault://a", "w", None, &call()).unwrap();
    let told = warnings.so_far();
    assert_eq!(told.iter().filter(|line| line.contains("an update can lose")).count(), 1, "{told:?}");
}

/// A mount is tuned from version 1 to 2 while a program runs.
#[test]
fn an_upgrade_under_way_is_noticed() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let manager = open_whole(server, &mount, &[]).unwrap();
    let secrets = manager.secrets();
    secrets.store("a", "one", None, &call()).unwrap();
    secrets.store("b", "two", None, &call()).unwrap();
    let other = open(server, &mount, server.root_token());
    server.api().post(&format!("sys/mounts/{mount}/tune"), json!({"options": {"version": "2"}}));
    assert_eq!(text(&**secrets, "vault://a").as_deref(), Some("one"), "a read finds it out");
    secrets.store("a", "three", None, &call()).unwrap();
    let data = server.read_raw(&mount, "a").unwrap();
    assert_eq!((&data["data"], &data["metadata"]["version"]), (&json!({"value": "three"}), &json!(2)));
    assert_eq!(manager.vault().unwrap().list_versions("vault://a", &call()).unwrap().unwrap().versions.len(), 2);
    // The other manager finds it out by a batch, and by a write.
    let got = other.get_many(&["vault://a", "vault://b"], &call());
    assert!(got.into_iter().all(|value| value.unwrap().is_some()));
    assert!(other.update("vault://b", "four", None, &call()).unwrap());
    assert_eq!(server.read_raw(&mount, "b").unwrap()["data"], json!({"value": "four"}));
}

/// These paths of version 1 name something else in version 2, where they are answered with 200.
#[test]
fn an_upgrade_is_noticed_before_a_path_would_mean_something_else() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let keys = ["foo", "data/foo", "metadata/foo", "destroy/foo"];
    for key in keys {
        server.api().post(&format!("{mount}/{key}"), json!({"value": key}));
    }
    let reading = open(server, &mount, server.root_token());
    let [batch, writing, deleting] = [0; 3].map(|_| open(server, &mount, server.root_token()));
    server.api().post(&format!("sys/mounts/{mount}/tune"), json!({"options": {"version": "2"}}));
    assert_eq!(text(&*reading, "vault://data.foo").as_deref(), Some("data/foo"));
    let got = batch.get_many(&["vault://foo", "vault://metadata.foo"], &call());
    let got: Vec<String> = got.into_iter().map(|value| value.unwrap().unwrap().as_str().to_owned()).collect();
    assert_eq!(got, ["foo", "metadata/foo"]);
    assert!(writing.update("vault://data.foo", "new", None, &call()).unwrap());
    assert!(deleting.delete("vault://metadata.foo", &call()).unwrap());
    assert_eq!(text(&*reading, "vault://foo").as_deref(), Some("foo"), "it is untouched");
    assert_eq!(text(&*reading, "vault://data.foo").as_deref(), Some("new"));
    assert_eq!(text(&*reading, "vault://metadata.foo"), None);
    assert_eq!(text(&*reading, "vault://destroy.foo").as_deref(), Some("destroy/foo"));
}

#[test]
fn a_write_during_an_upgrade_goes_to_the_new_version() {
    let server = Server::shared();
    for write_many in [false, true] {
        let mount = server.kv1_mount();
        let manager = open(server, &mount, server.root_token());
        server.api().post(&format!("sys/mounts/{mount}/tune"), json!({"options": {"version": "2"}}));
        if write_many {
            assert!(manager.store_many(&[("a", "v"), ("b", "w")], &call()).iter().all(Result::is_ok));
        } else {
            manager.store("a", "v", None, &call()).unwrap();
        }
        assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], json!({"value": "v"}));
    }
}

#[test]
fn the_version_can_be_configured_and_must_be_right() {
    let server = Server::shared();
    for (mount, right, wrong) in [(server.kv1_mount(), "1", "2"), (server.fresh_mount(), "2", "1")] {
        let open = |version: &str| open_whole(server, &mount, &[("VAULT_KV_VERSION", version)]);
        let manager = open(right).unwrap();
        manager.secrets().store("a", "v", None, &call()).unwrap();
        assert_eq!(text(&**manager.secrets(), "vault://a").as_deref(), Some("v"));
        let error = fails(open(wrong), Status::Config);
        assert!(error.message().contains("VAULT_KV_VERSION"), "{error}");
        for unknown in ["3", "v1", "AUTO", "01"] {
            let error = fails(open(unknown), Status::Config);
            assert!(error.message().contains("VAULT_KV_VERSION"), "{error}");
        }
    }
}

/// A token that may use one secret but not look at the mount: the version has to be configured.
#[test]
fn a_token_that_may_not_see_the_mount_works_with_the_configured_version() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    server.api().post(&format!("{mount}/a"), json!({"value": "v"}));
    let token = server.policy_token(&format!("path \"{mount}/a\" {{ capabilities = [\"read\"] }}"));
    let settings = [("VAULT_TOKEN", &*token), ("VAULT_KV_VERSION", "1")];
    let manager = open_whole(server, &mount, &settings).unwrap();
    assert_eq!(text(&**manager.secrets(), "vault://a").as_deref(), Some("v"));
    let error = fails(manager.secrets().get("vault://b", &call()), Status::PermissionDenied);
    assert!(error.message().contains(&format!("{mount}/b")), "{error}");
}

/// Version 2 paths "work" on a version 1 mount, and would store the envelope as the secret.
#[test]
fn nothing_is_ever_found_out_by_trying() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let manager = open(server, &mount, server.root_token());
    manager.store("a", "v", None, &call()).unwrap();
    manager.update("vault://a", "w", None, &call()).unwrap();
    assert!(manager.delete("vault://a", &call()).unwrap());
    assert_eq!(manager.list(None, &call()).unwrap(), Vec::<String>::new());
    for path in ["data/a", "metadata/a"] {
        assert_eq!(server.audited(&format!("{mount}/{path}"), ""), 0, "{path}");
    }
    eventually("the audit file", Duration::from_secs(5), || {
        (server.audited(&format!("{mount}/a"), "delete") == 1).then_some(())
    });
    assert_eq!(server.send("GET", &format!("{mount}/a"), &Value::Null).status, 404);
}
