//! The `cert` method: authenticates with the client certificate of the TLS connection.

use serde::Serialize;

use crate::error::Result;
use crate::vault::api::request::ApiRequest;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// The login request for the certificate role `role`, or for any role that matches.
pub fn login(mount: &str, role: Option<&str>) -> Result<ApiRequest> {
    super::request(mount, "", &Body { name: role })
}
