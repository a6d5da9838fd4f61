//! What an engine's API consists of.

use super::request::ApiRequest;
use crate::error::Result;
use crate::http::Response;

/// One endpoint of the API, with its arguments: a request, and what its answer means. Both are pure, so the same
/// definition serves a single call and a batch.
pub trait Endpoint {
    /// What comes of the call.
    type Output;

    /// The request. It is asked for once for each call.
    fn request(&self) -> Result<ApiRequest>;

    /// Reads the answer. `path` is that of the request, for messages.
    fn parse(&self, path: &str, response: Response) -> Result<Self::Output>;
}
