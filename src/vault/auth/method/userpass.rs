//! The `userpass` method: a username and a password.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::error::Result;
use crate::vault::api::request::ApiRequest;

#[derive(Serialize)]
struct Body<'a> {
    password: &'a str,
}

/// The login request for the user `username`.
pub fn login(mount: &str, username: &str, password: &SecretString) -> Result<ApiRequest> {
    super::request(mount, username, &Body { password: password.expose_secret() })
}
