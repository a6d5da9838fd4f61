//! Plain requests to the server's API, for setting up and checking, independent of the code under test.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Method, Request};

use crate::wait::eventually;

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; `Value::Null` if there is none or it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a 200 or 204; panics on any other status.
    pub fn success(self) -> Value {
        assert!(matches!(self.status, 200 | 204), "the server answered {} {}", self.status, self.body);
        self.body
    }
}

/// One server, one token, one namespace.
#[derive(Clone)]
pub struct Api {
    agent: Agent,
    address: String,
    token: String,
    namespace: Option<String>,
}

impl Api {
    /// Talks to `address` (`http://127.0.0.1:port`) with `token`.
    pub fn new(address: &str, token: &str) -> Self {
        Api::with_timeout(address, token, Duration::from_secs(30))
    }

    /// As `new`, with another timeout: for nodes that may accept a connection and never answer.
    pub fn with_timeout(address: &str, token: &str, timeout: Duration) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .build()
            .new_agent();
        Api { agent, address: address.to_string(), token: token.to_string(), namespace: None }
    }

    /// The same server with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Api { token: token.to_string(), ..self.clone() }
    }

    /// The same server and token, in a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Self {
        Api { namespace: Some(namespace.to_string()), ..self.clone() }
    }

    /// One request to `/v1/<path>`; `body` is sent unless it is `Value::Null`. Panics if there is no answer.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// As `send`, for a server that may be down.
    pub fn try_send(&self, method: &str, path: &str, body: &Value) -> Result<Answer, ureq::Error> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = Request::builder().method(method).uri(format!("{}/v1/{path}", self.address));
        request = request.header("X-Vault-Request", "true").header("X-Vault-Token", &self.token);
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let mut response = if body.is_null() {
            self.agent.run(request.body(()).expect("a request"))?
        } else {
            self.agent.run(request.body(body.to_string()).expect("a request"))?
        };
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: response.status().as_u16(), body })
    }

    /// GET; panics if it is refused.
    pub fn get(&self, path: &str) -> Value {
        self.send("GET", path, &Value::Null).success()
    }

    /// POST; panics if it is refused.
    pub fn post(&self, path: &str, body: Value) -> Value {
        self.send("POST", path, &body).success()
    }

    /// POST with a response-wrapped answer; returns the wrapping token, which is valid for ten minutes.
    pub fn wrapped(&self, path: &str, body: &Value) -> String {
        let request = Request::post(format!("{}/v1/{path}", self.address));
        let mut request = request.header("X-Vault-Token", &self.token).header("X-Vault-Wrap-TTL", "600");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        let mut response = self.agent.run(request.body(body.to_string()).expect("a request")).expect("an answer");
        let text = response.body_mut().read_to_string().expect("a body");
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        answer["wrap_info"]["token"].as_str().unwrap_or_else(|| panic!("{path}: {text}")).to_owned()
    }

    /// DELETE; panics if it is refused.
    pub fn delete(&self, path: &str) {
        self.send("DELETE", path, &Value::Null).success();
    }

    /// Creates a KV version 2 mount, and waits until it is usable: a new one refuses requests until its upgrade is
    /// complete.
    pub fn enable_kv2(&self, mount: &str) {
        self.post(&format!("sys/mounts/{mount}"), json!({"type": "kv", "options": {"version": "2"}}));
        eventually(&format!("the upgrade of {mount}"), Duration::from_secs(20), || {
            (self.send("GET", &format!("{mount}/config"), &Value::Null).status == 200).then_some(())
        });
    }

    /// Creates a KV version 1 mount.
    pub fn enable_kv1(&self, mount: &str) {
        self.post(&format!("sys/mounts/{mount}"), json!({"type": "kv", "options": {"version": "1"}}));
    }

    /// Writes a policy and creates a token with it; `body` may hold more parameters of `auth/token/create`.
    pub fn create_token(&self, policy_name: &str, policy: &str, mut body: Value) -> String {
        self.post(&format!("sys/policies/acl/{policy_name}"), json!({"policy": policy}));
        body["policies"] = json!([policy_name]);
        let answer = self.post("auth/token/create", body);
        answer["auth"]["client_token"].as_str().expect("a client_token").to_string()
    }
}
