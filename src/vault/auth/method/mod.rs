//! The login methods, one file each: the request that each of them sends.

pub mod approle;
pub mod cert;
pub mod jwt;
pub mod userpass;

use serde::Serialize;

use crate::error::Result;
use crate::json::to_body;
use crate::observe::metrics::Operation;
use crate::reference::write_url_path;
use crate::vault::api::request::ApiRequest;

/// The login request with `body` at the auth mount `mount`. `name` is appended to the path unless it is empty.
fn request(mount: &str, name: &str, body: &impl Serialize) -> Result<ApiRequest> {
    let mut path = String::from("auth/");
    write_url_path(mount, &mut path);
    path.push_str("/login");
    if !name.is_empty() {
        path.push('/');
        write_url_path(name, &mut path);
    }
    Ok(ApiRequest::post_repeatable(path, to_body(4096, body)?).counted_as(Operation::Login))
}
