//! The client certificate of the connection.

use serde::Serialize;

use crate::error::Result;
use crate::vault::api::request::ApiRequest;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// The login with the certificate role `role`, or with any that fits.
pub fn login(mount: &str, role: Option<&str>) -> Result<ApiRequest> {
    super::at(mount, "", &Body { name: role })
}
