//! Auth methods on a real server, each on its own mount, so that its logins can be counted.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Api;
use crate::server::{Server, unique_name};
use crate::wait::eventually;

/// Allows everything in the mounts of tests.
const POLICY: &str = r#"path "*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;

/// A role of an AppRole mount, with a first secret_id.
pub struct AppRole {
    /// The auth mount.
    pub mount: String,
    /// The role_id.
    pub role_id: String,
    /// A secret_id; empty if the role needs none.
    pub secret_id: String,
    api: Api,
}

impl AppRole {
    /// Creates a mount with one role, `app`, with these parameters.
    pub fn create(api: &Api, mut parameters: Value) -> AppRole {
        let mount = enable(api, "approle");
        let policy = write_policy(api);
        if parameters.get("token_policies").is_none() {
            parameters["token_policies"] = json!(policy);
        }
        api.post(&format!("auth/{mount}/role/app"), parameters.clone());
        let role_id = text(&api.get(&format!("auth/{mount}/role/app/role-id"))["data"]["role_id"]);
        let needs_secret_id = parameters.get("bind_secret_id") != Some(&json!(false));
        let mut role = AppRole { mount, role_id, secret_id: String::new(), api: api.clone() };
        if needs_secret_id {
            role.secret_id = role.new_secret_id();
        }
        role
    }

    /// Creates another secret_id.
    pub fn new_secret_id(&self) -> String {
        text(&self.api.post(&self.path("secret-id"), json!({}))["data"]["secret_id"])
    }

    /// Creates another secret_id, response-wrapped.
    pub fn new_wrapped_secret_id(&self) -> String {
        self.api.wrapped(&self.path("secret-id"), &json!({}))
    }

    /// Revokes a secret_id.
    pub fn revoke(&self, secret_id: &str) {
        self.api.post(&self.path("secret-id/destroy"), json!({"secret_id": secret_id}));
    }

    /// The path of its logins, by which they are counted.
    pub fn login_path(&self) -> String {
        format!("auth/{}/login", self.mount)
    }

    fn path(&self, end: &str) -> String {
        format!("auth/{}/role/app/{end}", self.mount)
    }
}

impl Server {
    /// A role of a new AppRole mount, whose tokens may do everything.
    pub fn app_role(&self, parameters: Value) -> AppRole {
        AppRole::create(self.api(), parameters)
    }

    /// A new auth mount of this kind with a unique name, and the name of a policy that allows everything.
    pub fn auth_mount(&self, kind: &str) -> (String, String) {
        (enable(self.api(), kind), write_policy(self.api()))
    }

    /// The number of logins at this path, whatever their outcome.
    pub fn logins(&self, login_path: &str) -> usize {
        self.audited(login_path, "update")
    }
}

fn enable(api: &Api, kind: &str) -> String {
    let mount = unique_name();
    api.post(&format!("sys/auth/{mount}"), json!({"type": kind}));
    eventually(&format!("the auth mount {mount}"), Duration::from_secs(20), || {
        api.get("sys/auth")["data"].get(format!("{mount}/")).is_some().then_some(())
    });
    mount
}

fn write_policy(api: &Api) -> String {
    let name = unique_name();
    api.post(&format!("sys/policies/acl/{name}"), json!({"policy": POLICY}));
    name
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text in place of {value}")).to_owned()
}
