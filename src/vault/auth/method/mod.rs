//! The ways to log in, one file each: what is sent, and where to.

pub mod approle;
pub mod cert;
pub mod jwt;
pub mod userpass;

use serde::Serialize;

use crate::error::{Error, Result, Status};
use crate::reference::write_url_path;
use crate::secret::Buffer;

/// One login: the path behind `/v1/`, and the body.
pub struct Login {
    /// The path, encoded.
    pub path: String,
    /// JSON; it holds credentials.
    pub body: Buffer,
}

/// The login `body` at the auth mount `mount`.
fn at(mount: &str, body: &impl Serialize) -> Result<Login> {
    let mut path = String::from("auth/");
    write_url_path(mount, &mut path);
    path.push_str("/login");
    let mut bytes = Buffer::with_capacity(4096);
    serde_json::to_writer(&mut *bytes, body).map_err(|_| Error::new(Status::Internal, "a login that is no JSON"))?;
    Ok(Login { path, body: bytes })
}
