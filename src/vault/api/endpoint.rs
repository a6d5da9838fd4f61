//! The definition of an endpoint of Vault's API.

use super::request::ApiRequest;
use super::response::Response;
use crate::error::Result;

/// One endpoint of the API, with its arguments: how to build the request and how to parse the response. Both are pure,
/// so the same definition serves a single call and a batch.
pub trait Endpoint {
    /// The result of the call.
    type Output;

    /// Builds the request, once for each call.
    fn request(&self) -> Result<ApiRequest>;

    /// Parses the response. `path` is the path of the request, for messages.
    fn parse(&self, path: &str, response: Response) -> Result<Self::Output>;
}
