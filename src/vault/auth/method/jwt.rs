//! A JWT. The `kubernetes` method is the same with a service account's token.

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

/// The login with `role`; an empty one leaves the choice to the mount's default role.
pub fn login(mount: &str, role: &str, jwt: &SecretString) -> Result<ApiRequest> {
    super::at(mount, "", &Body { role: Some(role).filter(|role| !role.is_empty()), jwt: jwt.expose_secret() })
}
