//! A user's name and password.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::Login;
use crate::error::Result;
use crate::reference::write_url_path;

#[derive(Serialize)]
struct Body<'a> {
    password: &'a str,
}

/// The login of the user `username`.
pub fn login(mount: &str, username: &str, password: &SecretString) -> Result<Login> {
    let mut login = super::at(mount, &Body { password: password.expose_secret() })?;
    login.path.push('/');
    write_url_path(username, &mut login.path);
    Ok(login)
}
