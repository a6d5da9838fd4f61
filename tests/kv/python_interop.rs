//! Interoperation with the Python manager: each reads, updates, lists and deletes the secrets of the other.

use handsfree_secrets::call::Call;
use handsfree_secrets::store::Metadata;
use handsfree_secrets::vault::VersionChange;
use handsfree_secrets_test_support::{Server, hvac, python};
use serde_json::{Value, json};

use crate::managers::{fields, open, open_whole};

#[test]
fn a_secret_of_python_is_read_updated_listed_and_deleted_here() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    let call = Call::default();
    let stored = python(server, &mount, &["store", "github_token_user.123", "ghp_ü😀", r#"{"scopes": "repo,user"}"#]);
    let reference = stored.as_str().unwrap();
    assert_eq!(manager.get(reference, &call).unwrap().unwrap().as_str(), "ghp_ü😀");
    assert_eq!(manager.list(Some("github_token"), &call).unwrap(), ["vault://github/token/user/123"]);

    assert!(manager.update(reference, "ghp_new", None, &call).unwrap());
    assert_eq!(python(server, &mount, &["get", reference]), "ghp_new");
    assert_eq!(python(server, &mount, &["metadata", reference]), json!({"scopes": "repo,user"}));

    assert!(manager.delete(reference, &call).unwrap());
    assert_eq!(python(server, &mount, &["get", reference]), Value::Null);
    assert_eq!(python(server, &mount, &["list"]), json!([]));
}

#[test]
fn a_secret_of_this_library_is_read_updated_listed_and_deleted_by_python() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    let call = Call::default();
    let metadata: Metadata = [("expires_at", "2026-12-31"), ("scopes", "ü")].map(|(k, v)| (k.into(), v.into())).into();
    let reference = manager.store("api_key.service_789", "sk \"quoted\" \\ 😀\n", Some(&metadata), &call).unwrap();
    assert_eq!(
        reference,
        python(
            server,
            &mount,
            &[
                "store",
                "api_key.service_789",
                "sk \"quoted\" \\ 😀\n",
                r#"{"expires_at": "2026-12-31", "scopes": "ü"}"#
            ]
        )
    );
    let [ours, theirs] = [1, 2].map(|version| {
        server.api().get(&format!("{mount}/data/api/key/service/789?version={version}"))["data"]["data"].clone()
    });
    assert_eq!(ours, theirs, "both libraries write the same document");

    manager.store("api_key.service_789", "again", Some(&metadata), &call).unwrap();
    assert_eq!(python(server, &mount, &["get", &reference]), "again");
    assert_eq!(python(server, &mount, &["metadata", &reference]), json!({"expires_at": "2026-12-31", "scopes": "ü"}));
    assert_eq!(python(server, &mount, &["list", "api_key"]), json!(["vault://api/key/service/789"]));

    assert_eq!(python(server, &mount, &["update", &reference, "from python"]), true);
    assert_eq!(manager.get(&reference, &call).unwrap().unwrap().as_str(), "from python");
    assert_eq!(python(server, &mount, &["delete", &reference]), true);
    assert!(manager.get(&reference, &call).unwrap().is_none());
    assert!(!manager.delete(&reference, &call).unwrap());
}

#[test]
fn documents_and_custom_metadata_of_hvac_are_read_here_and_the_reverse() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open_whole(server, &mount, &[]).unwrap();
    let (secrets, vault, call) = (manager.secrets(), manager.vault().unwrap(), Call::default());
    let secret = json!({"username": "ann \"ü😀\"", "port": 5432, "nested": {"a": [null, true]}});
    hvac(server, &mount, 2, "create_or_update_secret", &json!({"path": "db", "secret": secret}));
    let document = secrets.get_document("vault://db", &call).unwrap().unwrap();
    assert_eq!(serde_json::from_str::<Value>(document.json()).unwrap(), secret);
    assert_eq!(document.text("username"), Some("ann \"ü😀\""));

    secrets.update_document("vault://db", &fields(&[("username", "eve")]), None, &call).unwrap().unwrap();
    let read = |version: Value| {
        let arguments = json!({"path": "db", "version": version, "raise_on_deleted_version": true});
        hvac(server, &mount, 2, "read_secret_version", &arguments)["data"]["data"].clone()
    };
    let expected = json!({"username": "eve", "port": 5432, "nested": {"a": [null, true]}});
    assert_eq!((read(Value::Null), read(json!(1))), (expected, secret));

    hvac(server, &mount, 2, "update_metadata", &json!({"path": "db", "custom_metadata": {"owner": "ü"}}));
    let custom = || vault.list_versions("vault://db", &call).unwrap().unwrap().custom_metadata;
    assert_eq!(custom(), Metadata::from([("owner".to_owned(), "ü".to_owned())]));
    let ours = Metadata::from([("team".to_owned(), "billing".to_owned())]);
    assert!(vault.set_custom_metadata("vault://db", &ours, &call).unwrap());
    let metadata = hvac(server, &mount, 2, "read_secret_metadata", &json!({"path": "db"}));
    assert_eq!(metadata["data"]["custom_metadata"], json!({"team": "billing"}));

    hvac(server, &mount, 2, "delete_secret_versions", &json!({"path": "db", "versions": [2]}));
    assert!(secrets.get_document("vault://db", &call).unwrap().is_none());
    assert!(vault.change_versions("vault://db", &[2], VersionChange::Undelete, &call).unwrap());
    assert_eq!(read(json!(2))["username"], "eve");
}

#[test]
fn version_1_secrets_of_hvac_are_read_here_and_the_reverse() {
    let server = Server::shared();
    let mount = server.kv1_mount();
    let manager = open(server, &mount, server.root_token());
    let call = Call::default();
    let secret = json!({"value": "v", "n": 7, "metadata": {"owner": "ü"}});
    hvac(server, &mount, 1, "create_or_update_secret", &json!({"path": "app/db", "secret": secret}));
    let document = manager.get_document("vault://app.db", &call).unwrap().unwrap();
    assert_eq!((document.text("value"), document.text("n")), (Some("v"), Some("7")));
    assert_eq!(document.metadata()["owner"], "ü");
    assert!(manager.update("vault://app.db", "w", None, &call).unwrap());
    let read = || hvac(server, &mount, 1, "read_secret", &json!({"path": "app/db"}))["data"].clone();
    assert_eq!(read(), json!({"value": "w", "n": 7, "metadata": {"owner": "ü"}}));
    manager.store("app_db", "x", None, &call).unwrap();
    assert_eq!(read(), json!({"value": "x"}));
    assert_eq!(hvac(server, &mount, 1, "list_secrets", &json!({"path": "app"}))["data"]["keys"], json!(["db"]));
    hvac(server, &mount, 1, "delete_secret", &json!({"path": "app/db"}));
    assert!(manager.get("vault://app.db", &call).unwrap().is_none());
}
