//! The check of a server.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Result;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{Denial, ErrorResponse};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::client::{Context, VALIDITY_PROBE};

/// Checks that a server answers, is unsealed, and takes the token.
struct Check;

/// The description of a mount.
#[derive(Deserialize)]
struct Described<'a> {
    #[serde(borrow, rename = "data")]
    _data: &'a RawValue,
}

impl Endpoint for Check {
    type Output = ();

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::probe(VALIDITY_PROBE))
    }

    fn parse(&self, path: &str, response: Response) -> Result<()> {
        let refusal = ErrorResponse::of(&response);
        match response.status {
            200 if serde_json::from_slice::<Described<'_>>(&response.body).is_ok() => Ok(()),
            200 => Err(not_as_documented(&response, path, "describes no mount")),
            // The token is valid, since a request with one that is not does not get here.
            403 if refusal.denial() == Denial::Policy => Ok(()),
            _ => Err(refusal.into_error(path, "\"read\"")),
        }
    }
}

/// Checks that a server answers, is unsealed, and takes the token, with one request that needs no policy.
pub fn check(context: Context<'_>) -> Result<()> {
    context.call(&Check)
}
