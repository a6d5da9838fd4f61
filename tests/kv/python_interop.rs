//! Interoperation with the Python manager: each reads, updates, lists and deletes the secrets of the other.

use handsfree_secrets::call::Call;
use handsfree_secrets::store::Metadata;
use handsfree_secrets_test_support::{Server, python};
use serde_json::{Value, json};

use crate::managers::open;

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
