//! What the server tells about a key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::parameters::Operation;
use super::place::Place;
use super::public_key::{PublicKeys, Version};
use super::refusal::no_mount;
use crate::error::{Error, Result};
use crate::json::to_body;
use crate::observe::metrics;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{ErrorResponse, is_missing};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;

/// The type of a key, and what it can do.
#[derive(Deserialize)]
pub struct KeyFacts {
    /// The type, such as `aes256-gcm96`.
    #[serde(rename = "type")]
    kind: String,
    /// Each use of the key needs a context.
    #[serde(default)]
    pub derived: bool,
    #[serde(default)]
    supports_encryption: bool,
    #[serde(default)]
    supports_decryption: bool,
    /// The key makes signatures.
    #[serde(default)]
    pub supports_signing: bool,
    /// The versions that the server still decrypts and verifies with.
    #[serde(default)]
    keys: BTreeMap<String, Version>,
}

#[derive(Deserialize)]
struct Answer {
    data: KeyFacts,
}

impl KeyFacts {
    /// The public keys of the versions, if there are any that are used as they are.
    pub fn public_keys(&self) -> Option<Arc<PublicKeys>> {
        if self.derived {
            return None;
        }
        PublicKeys::new(&self.kind, &self.keys).map(Arc::new)
    }

    /// `HF_ERR_UNSUPPORTED` if the key cannot do this.
    pub fn check(&self, operation: Operation) -> Result<()> {
        let can = match operation {
            Operation::Encrypt | Operation::DataKey => self.supports_encryption,
            Operation::Decrypt | Operation::Rewrap => self.supports_decryption,
            Operation::Sign => self.supports_signing,
            Operation::Verify | Operation::Hmac => true,
        };
        if can {
            return Ok(());
        }
        let (kind, operation) = (&self.kind, operation.name());
        Err(Error::unsupported(format!("a key of type {kind} cannot do this: {operation}")))
    }
}

/// Reads a key.
pub(super) struct ReadKey<'a> {
    pub place: &'a Place,
}

impl Endpoint for ReadKey<'_> {
    type Output = Option<KeyFacts>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.place.path("keys")).counted_as(metrics::Operation::Transit))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Option<KeyFacts>> {
        match response.status {
            200 => match serde_json::from_slice::<Answer>(&response.body) {
                Ok(answer) => Ok(Some(answer.data)),
                Err(_) => Err(not_as_documented(&response, path, "describes no key")),
            },
            404 if is_missing(&response) => Ok(None),
            _ => Err(refused(ErrorResponse::of(&response), path)),
        }
    }
}

#[cold]
fn refused(refusal: ErrorResponse, path: &str) -> Error {
    match refusal.is_without_mount() {
        true => no_mount(&refusal, path),
        false => refusal.into_error(path, "\"read\""),
    }
}

/// Asks what the token may do with a path.
pub(super) struct SelfCapabilities {
    pub path: String,
}

#[derive(Serialize)]
struct Paths<'a> {
    paths: [&'a str; 1],
}

#[derive(Deserialize)]
struct CapabilitiesAnswer<'a> {
    #[serde(borrow)]
    data: CapabilitiesData<'a>,
}

#[derive(Deserialize)]
struct CapabilitiesData<'a> {
    #[serde(borrow)]
    capabilities: Vec<Cow<'a, str>>,
}

/// What a token may do with a path.
pub struct Granted(Vec<String>);

impl Granted {
    /// Whether the token may create what is not there.
    pub fn may_create(&self) -> bool {
        self.0.iter().any(|capability| matches!(capability.as_str(), "create" | "root" | "sudo"))
    }
}

impl Endpoint for SelfCapabilities {
    type Output = Granted;

    fn request(&self) -> Result<ApiRequest> {
        let body = to_body(64, &Paths { paths: [&self.path] })?;
        Ok(ApiRequest::post_repeatable("sys/capabilities-self", body))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Granted> {
        match response.status {
            200 => match serde_json::from_slice::<CapabilitiesAnswer<'_>>(&response.body) {
                Ok(answer) => Ok(Granted(answer.data.capabilities.into_iter().map(Cow::into_owned).collect())),
                Err(_) => Err(not_as_documented(&response, path, "lists no capabilities")),
            },
            _ => Err(ErrorResponse::of(&response).into_error(path, "\"update\"")),
        }
    }
}
