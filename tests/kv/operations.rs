//! The five operations on a real server: secrets that are found, missing, deleted, wrongly named or denied.

use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::store::{Metadata, SecretManager};
use handsfree_secrets_test_support::Server;
use serde_json::{Value, json};

use crate::managers::{open, open_with};

/// The shared server, a new mount, and a manager with all rights.
fn vault() -> (&'static Server, String, Arc<dyn SecretManager>) {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    (server, mount, manager)
}

fn call() -> Call {
    Call::default()
}

/// The value as text.
fn text(manager: &dyn SecretManager, reference: &str) -> Option<String> {
    manager.get(reference, &call()).unwrap().map(|secret| secret.as_str().to_string())
}

fn status_of<T>(result: Result<T>) -> Status {
    match result {
        Ok(_) => Status::Ok,
        Err(error) => error.status(),
    }
}

fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn the_backend_reports_its_kind() {
    let (_, _, manager) = vault();
    assert_eq!(manager.kind(), c"vault");
}

#[test]
fn store_writes_the_document_that_the_python_manager_writes() {
    let (server, mount, manager) = vault();
    let given = metadata(&[("scopes", "repo,user"), ("expires_at", "2026-12-31")]);
    let reference = manager.store("github_token_user_123", "ghp_x", Some(&given), &call()).unwrap();
    assert_eq!(reference, "vault://github_token_user_123");
    let document = server.read_raw(&mount, "github/token/user/123").unwrap();
    let expected = json!({"value": "ghp_x", "metadata": {"scopes": "repo,user", "expires_at": "2026-12-31"}});
    assert_eq!(document["data"], expected);
    manager.store("without.metadata", "v", None, &call()).unwrap();
    assert_eq!(server.read_raw(&mount, "without/metadata").unwrap()["data"], json!({"value": "v"}));
}

#[test]
fn store_replaces_the_whole_document() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "a", json!({"value": "old", "other": 1}));
    manager.store("a", "new", None, &call()).unwrap();
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], json!({"value": "new"}));
}

#[test]
fn store_works_on_a_mount_that_requires_check_and_set() {
    let (server, mount, manager) = vault();
    server.api().post(&format!("{mount}/config"), json!({"cas_required": true}));
    for value in ["first", "second"] {
        manager.store("a", value, None, &call()).unwrap();
        assert_eq!(text(&*manager, "vault://a").as_deref(), Some(value));
    }
    server.api().delete(&format!("{mount}/data/a"));
    manager.store("a", "third", None, &call()).unwrap();
    assert_eq!(text(&*manager, "vault://a").as_deref(), Some("third"));
}

#[test]
fn three_spellings_of_a_key_are_one_secret() {
    let (_, _, manager) = vault();
    manager.store("github.token.user.123", "v", None, &call()).unwrap();
    for reference in
        ["vault://github_token_user_123", "vault://github/token/user/123", "vault:///github/token/user/123"]
    {
        assert_eq!(text(&*manager, reference).as_deref(), Some("v"), "{reference}");
        assert_eq!(manager.canonical(reference).unwrap(), "vault://github/token/user/123");
    }
}

#[test]
fn get_finds_nothing_missing_deleted_or_destroyed() {
    let (server, mount, manager) = vault();
    assert_eq!(text(&*manager, "vault://never_was"), None);
    for name in ["deleted", "destroyed", "fieldless"] {
        server.write_raw(&mount, name, json!({"other": "v"}));
    }
    server.api().delete(&format!("{mount}/data/deleted"));
    server.api().post(&format!("{mount}/destroy/destroyed"), json!({"versions": [1]}));
    for reference in ["vault://deleted", "vault://destroyed", "vault://fieldless", "vault://fieldless#value"] {
        assert_eq!(text(&*manager, reference), None, "{reference}");
    }
    assert_eq!(text(&*manager, "vault://fieldless#other").as_deref(), Some("v"));
}

#[test]
fn get_returns_the_requested_version_and_field() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "db", json!({"value": "one", "user name": "ann"}));
    server.write_raw(&mount, "db", json!({"value": "two", "user name": "bob"}));
    assert_eq!(text(&*manager, "vault://db").as_deref(), Some("two"));
    assert_eq!(text(&*manager, "vault://db?version=1").as_deref(), Some("one"));
    assert_eq!(text(&*manager, "vault://db?version=1#user%20name").as_deref(), Some("ann"));
    assert_eq!(text(&*manager, "vault://db#user name").as_deref(), Some("bob"));
    assert_eq!(text(&*manager, "vault://db?version=3"), None);
}

#[test]
fn get_returns_scalars_as_text_and_refuses_other_values() {
    let (server, mount, manager) = vault();
    let document = json!({"n": -1.5, "big": 12345678901i64, "yes": true, "map": {"a": 1}, "list": [1], "null": null,
                          "nul": "a\u{0}b"});
    server.write_raw(&mount, "mixed", document);
    for (field, expected) in [("n", "-1.5"), ("big", "12345678901"), ("yes", "true")] {
        assert_eq!(text(&*manager, &format!("vault://mixed#{field}")).as_deref(), Some(expected));
    }
    for field in ["map", "list", "null", "nul"] {
        let refused = manager.get(&format!("vault://mixed#{field}"), &call());
        assert_eq!(status_of(refused), Status::Unsupported, "{field}");
    }
}

#[test]
fn update_keeps_other_fields_and_metadata_when_none_is_given() {
    let (server, mount, manager) = vault();
    let others = r#"{"value":"old","metadata":{"a":"b","n":1},"count":12345678901,"ratio":1.25,"deep":{"x":[1,null]}}"#;
    let mut document: Value = serde_json::from_str(others).unwrap();
    server.write_raw(&mount, "a", document.clone());
    assert!(manager.update("vault://a", "new", None, &call()).unwrap());
    document["value"] = json!("new");
    let stored = server.read_raw(&mount, "a").unwrap();
    assert_eq!(stored["data"], document);
    assert_eq!(stored["metadata"]["version"], 2);
}

#[test]
fn update_replaces_or_removes_metadata() {
    let (server, mount, manager) = vault();
    let reference = manager.store("a", "v1", Some(&metadata(&[("old", "1")])), &call()).unwrap();
    assert!(manager.update(&reference, "v2", Some(&metadata(&[("new", "2")])), &call()).unwrap());
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], json!({"value": "v2", "metadata": {"new": "2"}}));
    assert!(manager.update(&reference, "v3", Some(&Metadata::new()), &call()).unwrap());
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"], json!({"value": "v3"}));
}

#[test]
fn update_with_a_field_replaces_only_that_field() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "db", json!({"value": "v", "user": "ann", "port": 1}));
    assert!(manager.update("vault://db#user", "bob", None, &call()).unwrap());
    assert_eq!(server.read_raw(&mount, "db").unwrap()["data"], json!({"value": "v", "user": "bob", "port": 1}));
}

#[test]
fn update_of_a_missing_or_deleted_secret_writes_nothing() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "deleted", json!({"value": "v"}));
    server.api().delete(&format!("{mount}/data/deleted"));
    assert!(!manager.update("vault://deleted", "new", None, &call()).unwrap());
    assert!(!manager.update("vault://never_was", "new", None, &call()).unwrap());
    assert!(server.read_raw(&mount, "deleted").is_none());
    assert!(server.read_raw(&mount, "never/was").is_none());
}

#[test]
fn delete_removes_all_versions_and_then_finds_nothing() {
    let (server, mount, manager) = vault();
    let reference = manager.store("a", "v1", None, &call()).unwrap();
    manager.store("a", "v2", None, &call()).unwrap();
    assert!(manager.delete(&reference, &call()).unwrap());
    assert_eq!(text(&*manager, &reference), None);
    assert_eq!(text(&*manager, "vault://a?version=1"), None);
    assert_eq!(server.send("GET", &format!("{mount}/metadata/a"), &Value::Null).status, 404);
    assert!(!manager.delete(&reference, &call()).unwrap());
    assert!(!manager.delete("vault://never_was", &call()).unwrap());
}

#[test]
fn delete_removes_a_secret_that_is_only_marked_as_deleted() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "a", json!({"value": "v"}));
    server.api().delete(&format!("{mount}/data/a"));
    assert!(manager.delete("vault://a", &call()).unwrap());
    assert_eq!(server.send("GET", &format!("{mount}/metadata/a"), &Value::Null).status, 404);
}

#[test]
fn an_unexpected_version_or_field_is_refused_without_a_request() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "a", json!({"value": "v", "f": "w"}));
    let before = server.audited(&format!("{mount}/"), "");
    assert_eq!(status_of(manager.update("vault://a?version=1", "x", None, &call())), Status::InvalidArgument);
    assert_eq!(status_of(manager.delete("vault://a?version=1", &call())), Status::InvalidArgument);
    assert_eq!(status_of(manager.delete("vault://a#f", &call())), Status::InvalidArgument);
    assert_eq!(server.audited(&format!("{mount}/"), ""), before);
}

#[test]
fn references_of_other_managers_are_refused() {
    let (_, _, manager) = vault();
    for reference in ["", "a", "invalid://format", "env://HANDSFREE_SECRET_A", "VAULT://a", "vault:/a", "vault://"] {
        assert_eq!(status_of(manager.get(reference, &call())), Status::InvalidReference, "{reference}");
        assert_eq!(status_of(manager.update(reference, "v", None, &call())), Status::InvalidReference, "{reference}");
        assert_eq!(status_of(manager.delete(reference, &call())), Status::InvalidReference, "{reference}");
        assert_eq!(status_of(manager.canonical(reference)), Status::InvalidReference, "{reference}");
    }
}

#[test]
fn list_finds_secrets_that_start_with_the_prefix() {
    let (_, _, manager) = vault();
    assert_eq!(manager.list(None, &call()).unwrap(), Vec::<String>::new());
    for key in ["github_token_user_123", "github_tokens", "slack_hook", "slack"] {
        manager.store(key, "v", None, &call()).unwrap();
    }
    let all = ["vault://github/token/user/123", "vault://github/tokens", "vault://slack", "vault://slack/hook"];
    assert_eq!(manager.list(None, &call()).unwrap(), all);
    assert_eq!(manager.list(Some(""), &call()).unwrap(), all);
    assert_eq!(manager.list(Some("github_tok"), &call()).unwrap(), all[..2]);
    assert_eq!(manager.list(Some("github_token_"), &call()).unwrap(), all[..1]);
    assert_eq!(manager.list(Some("slack"), &call()).unwrap(), all[2..]);
    assert_eq!(manager.list(Some("nothing"), &call()).unwrap(), Vec::<String>::new());
}

#[test]
fn list_returns_literal_references_for_paths_with_dots_or_underscores() {
    let (server, mount, manager) = vault();
    server.write_raw(&mount, "team_a/db.main", json!({"value": "literal"}));
    server.write_raw(&mount, "team/a", json!({"value": "mapped"}));
    let references = manager.list(None, &call()).unwrap();
    assert_eq!(references, ["vault:///team_a/db.main", "vault://team/a"]);
    assert_eq!(text(&*manager, &references[0]).as_deref(), Some("literal"));
    assert_eq!(manager.list(Some("vault:///team_a/db"), &call()).unwrap(), references[..1]);
}

/// Runs all five operations with one manager.
fn run_all_five(manager: &dyn SecretManager) {
    let reference = manager.store("app_key", "v1", Some(&metadata(&[("a", "b")])), &call()).unwrap();
    assert!(manager.update(&reference, "v2", None, &call()).unwrap());
    assert_eq!(text(manager, &reference).as_deref(), Some("v2"));
    assert_eq!(manager.list(None, &call()).unwrap(), ["vault://app/key"]);
    assert!(manager.delete(&reference, &call()).unwrap());
    assert_eq!(text(manager, &reference), None);
    assert!(!manager.update(&reference, "v3", None, &call()).unwrap());
    assert!(!manager.delete(&reference, &call()).unwrap());
}

#[test]
fn the_printed_policy_is_sufficient_without_the_default_policy() {
    let (server, mount, _) = vault();
    run_all_five(&*open(server, &mount, &server.policy_token(&Server::printed_policy(&mount))));
}

#[test]
fn the_printed_policy_is_sufficient_with_the_default_policy() {
    let (server, mount, _) = vault();
    run_all_five(&*open(server, &mount, &server.policy_token_with_default(&Server::printed_policy(&mount))));
}

#[test]
fn a_denied_request_is_permission_denied_with_path_and_capability() {
    let (server, mount, _) = vault();
    server.write_raw(&mount, "locked", json!({"value": "CANARY-VALUE"}));
    let token = server.policy_token(&Server::printed_policy(&format!("{mount}/elsewhere")));
    let manager = open(server, &mount, &token);
    let data = format!("{mount}/data/locked");
    let refusals = [
        (
            manager.store("locked", "CANARY-NEW", None, &call()).map(drop),
            "Failed to store secret: ",
            data.clone(),
            "create",
        ),
        (manager.get("vault://locked", &call()).map(drop), "Failed to retrieve secret: ", data.clone(), "read"),
        (
            manager.update("vault://locked", "CANARY-NEW", None, &call()).map(drop),
            "Failed to update secret: ",
            data,
            "read",
        ),
        (
            manager.delete("vault://locked", &call()).map(drop),
            "Failed to delete secret: ",
            format!("{mount}/metadata/locked"),
            "read",
        ),
        (manager.list(None, &call()).map(drop), "Failed to list secrets: ", format!("{mount}/metadata"), "list"),
    ];
    for (result, start, path, capability) in refusals {
        let error = result.unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::PermissionDenied, 403), "{error}");
        assert!(error.message().starts_with(start), "{error}");
        assert!(error.message().contains(&path) && error.message().contains(capability), "{error}");
        assert!(!error.message().contains("CANARY") && !error.message().contains(&token), "{error}");
    }
}

#[test]
fn a_missing_mount_is_not_an_empty_one() {
    let server = Server::shared();
    let manager = open(server, "no-such-mount", server.root_token());
    assert_eq!(status_of(manager.get("vault://a", &call())), Status::Config);
    assert_eq!(status_of(manager.store("a", "v", None, &call())), Status::Config);
    assert_eq!(status_of(manager.list(None, &call())), Status::Config);
}

#[test]
fn a_missing_namespace_is_a_configuration_error() {
    let server = Server::shared();
    let (address, token) = (server.addr(), server.root_token());
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", token),
        ("VAULT_NAMESPACE", "no-such-namespace"),
    ];
    let result = open_with(&settings).and_then(|manager| manager.get("vault://a", &call()));
    assert_eq!(status_of(result), Status::Config);
}

#[test]
fn a_refused_token_fails_at_open() {
    let server = Server::shared();
    let address = server.addr();
    let settings =
        [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "CANARY-not-a-token")];
    let error = open_with(&settings).err().unwrap();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().starts_with("Failed to authenticate with Vault"), "{error}");
    assert!(!error.message().contains("CANARY"), "{error}");
}
