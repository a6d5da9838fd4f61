//! The `jwt` method, and the `kubernetes` method, which is the same with a service account's token.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::error::Result;
use crate::vault::api::request::ApiRequest;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    jwt: &'a str,
}

/// The login request for `role`; if it is empty, the mount's default role is used.
pub fn login(mount: &str, role: &str, jwt: &SecretString) -> Result<ApiRequest> {
    super::request(mount, "", &Body { role: Some(role).filter(|role| !role.is_empty()), jwt: jwt.expose_secret() })
}
