//! Mistakes that are easily made, and what the library says of them: in the log where there is no error, in messages that
//! can be followed to the letter where there is one.

use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::open;
use handsfree_secrets::store::SecretManager;
use handsfree_secrets_test_support::{Gateway, Server, Verdict};
use log::LevelFilter;
use serde_json::json;

use crate::managers::{Warnings, mount_with_secret, open, open_at, options};

fn call() -> Call {
    Call::default()
}

/// A manager for a mount of this server, and its warnings.
fn open_with_warnings(server: &Server, mount: &str) -> (Arc<dyn SecretManager>, Arc<Warnings>) {
    let warnings = Arc::new(Warnings::default());
    let address = server.addr();
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", mount),
    ];
    let mut options = options(&settings).unwrap();
    options.set_log_sink(Some((warnings.clone(), LevelFilter::Warn)));
    (open::open(Some(&options), &call()).unwrap().secrets().clone(), warnings)
}

#[test]
fn a_secret_without_the_field_value_is_not_found_and_the_log_names_its_fields() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "db", json!({"username": "app", "password": "CANARY"}));
    let (manager, warnings) = open_with_warnings(server, &mount);
    assert!(manager.get("vault://db", &call()).unwrap().is_none());
    let lines = warnings.so_far();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in ["db", "\"password\"", "\"username\"", "behind a '#'"] {
        assert!(lines[0].contains(word) && !lines[0].contains("CANARY"), "{lines:?}");
    }
    assert!(manager.get_many(&["vault://db"], &call())[0].as_ref().unwrap().is_none());
    assert_eq!(warnings.so_far().len(), 2, "a call for many secrets says so, too");
    assert!(manager.get("vault://none", &call()).unwrap().is_none());
    assert_eq!(warnings.so_far().len(), 2, "nothing can be said of what is not there");
}

#[test]
fn a_reference_that_begins_with_the_mount_is_hinted_at() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (manager, warnings) = open_with_warnings(server, &mount);
    for inside in ["a", "data/a"] {
        assert!(manager.get(&format!("vault:///{mount}/{inside}"), &call()).unwrap().is_none());
    }
    let lines = warnings.so_far();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with("vault:///a")), "{lines:?}");
}

#[test]
fn a_list_says_which_paths_no_reference_can_name() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let long = format!("deep/{}", ["x"; 6].map(|x| x.repeat(100)).join("/"));
    server.write_raw(&mount, &long, json!({"value": "v"}));
    let (manager, warnings) = open_with_warnings(server, &mount);
    assert_eq!(manager.list(None, &call()).unwrap(), ["vault://a"]);
    let lines = warnings.so_far();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("deep/xxx") && lines[0].contains("512"), "{lines:?}");
}

#[test]
fn an_answer_about_another_version_is_refused() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    server.write_raw(&mount, "a", json!({"value": "second"}));
    // A cache that forgets the query.
    let gateway = Gateway::to(server.port(), |asked| match asked.path.split_once("?version=") {
        Some((path, _)) => Verdict::PassAs(path.to_owned()),
        None => Verdict::Pass,
    });
    let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
    let error = manager.get("vault://a?version=1", &call()).unwrap_err();
    assert_eq!(error.status(), Status::Protocol);
    assert!(error.message().contains("version 2") && error.message().contains("cache"), "{error}");
    assert_eq!(manager.get("vault://a?version=2", &call()).unwrap().unwrap().as_str(), "second");
    server.api().post(&format!("{mount}/delete/a"), json!({"versions": [2]}));
    let deleted = manager.get("vault://a?version=1", &call());
    assert_eq!(deleted.unwrap_err().status(), Status::Protocol, "a deleted version has a number as well");
}

/// The path that a denial names, behind the word `on`.
fn path_in(message: &str) -> &str {
    message.split_once(" on ").unwrap().1.split_once(" (HTTP").unwrap().0
}

/// The capabilities that a denial names.
fn capabilities_in(message: &str) -> Vec<&str> {
    message.split_once("must allow ").unwrap().1.split_once(" on ").unwrap().0.split('"').skip(1).step_by(2).collect()
}

/// Widens a policy by what each denial says until `operation` is allowed.
fn is_allowed_by_pasting(
    server: &Server,
    mount: &str,
    operation: impl Fn(&dyn SecretManager) -> handsfree_secrets::error::Result<()>,
) {
    let mut policy = "path \"nothing\" { capabilities = [\"read\"] }\n".to_owned();
    for _ in 0..6 {
        let token = server.policy_token(&policy);
        let manager = open(server, mount, &token);
        let error = match operation(&*manager) {
            Ok(()) => return,
            Err(error) => error,
        };
        assert_eq!(error.status(), Status::PermissionDenied, "{error}");
        let (path, capabilities) = (path_in(error.message()), capabilities_in(error.message()));
        let addition = format!("path {path:?} {{ capabilities = {capabilities:?} }}\n");
        assert!(!policy.contains(&addition), "it is allowed already: {addition}{error}");
        policy += &addition;
    }
    panic!("not allowed by\n{policy}");
}

#[test]
fn a_denial_names_a_path_that_can_be_pasted_into_a_policy() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    for path in ["plain", "with space", "100%q", "ü/😀"] {
        server.write_raw(&mount, &path.replace('%', "%25").replace(' ', "%20"), json!({"value": "v"}));
        let reference = format!("vault:///{}", path.replace('%', "%25"));
        is_allowed_by_pasting(server, &mount, |manager| manager.get(&reference, &call()).map(|_| ()));
        let versioned = format!("{reference}?version=1");
        is_allowed_by_pasting(server, &mount, |manager| manager.get(&versioned, &call()).map(|_| ()));
        is_allowed_by_pasting(server, &mount, |manager| manager.update(&reference, "w", None, &call()).map(|_| ()));
        is_allowed_by_pasting(server, &mount, |manager| manager.delete(&reference, &call()).map(|_| ()));
    }
    is_allowed_by_pasting(server, &mount, |manager| manager.store("new", "v", None, &call()).map(|_| ()));
    server.write_raw(&mount, "folder/a", json!({"value": "v"}));
    for prefix in [None, Some("folder/")] {
        is_allowed_by_pasting(server, &mount, |manager| manager.list(prefix, &call()).map(|_| ()));
    }
}

#[test]
fn a_message_names_the_setting_that_was_made() {
    let server = Server::shared();
    let base = [("SECRET_MANAGER_TYPE", "vault"), ("BAO_TOKEN", server.root_token())];
    let address = server.addr();
    let settings = [&base[..], &[("VAULT_ADDR", address.as_str()), ("BAO_NAMESPACE", "nowhere")]].concat();
    let error = crate::managers::open_with(&settings).err().unwrap();
    assert_eq!(error.status(), Status::Config);
    assert!(error.message().contains("check BAO_NAMESPACE"), "{error}");
}
