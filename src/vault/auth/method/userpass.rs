//! A user's name and password.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::error::Result;
use crate::vault::api::request::ApiRequest;

#[derive(Serialize)]
struct Body<'a> {
    password: &'a str,
}

/// The login of the user `username`.
pub fn login(mount: &str, username: &str, password: &SecretString) -> Result<ApiRequest> {
    super::at(mount, username, &Body { password: password.expose_secret() })
}
