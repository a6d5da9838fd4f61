//! The `approle` method: a role_id, and a secret_id if the role requires one.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::error::Result;
use crate::vault::api::request::ApiRequest;

#[derive(Serialize)]
struct Body<'a> {
    role_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<&'a str>,
}

/// The login request with `role_id`, and with `secret_id` if the role requires one.
pub fn login(mount: &str, role_id: &SecretString, secret_id: Option<&SecretString>) -> Result<ApiRequest> {
    let body = Body { role_id: role_id.expose_secret(), secret_id: secret_id.map(|s| s.expose_secret()) };
    super::request(mount, "", &body)
}
