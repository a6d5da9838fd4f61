//! The ways to log in, one file each: what is sent, and where to.

pub mod approle;
pub mod cert;
pub mod jwt;
pub mod userpass;

use serde::Serialize;

use crate::error::Result;
use crate::reference::write_url_path;
use crate::vault::api::json::to_body;
use crate::vault::api::request::ApiRequest;

/// The login `body` at the auth mount `mount`; `below` is what follows `login/`, mostly nothing.
fn at(mount: &str, below: &str, body: &impl Serialize) -> Result<ApiRequest> {
    let mut path = String::from("auth/");
    write_url_path(mount, &mut path);
    path.push_str("/login");
    if !below.is_empty() {
        path.push('/');
        write_url_path(below, &mut path);
    }
    Ok(ApiRequest::post_repeatable(path, to_body(4096, body)?))
}
