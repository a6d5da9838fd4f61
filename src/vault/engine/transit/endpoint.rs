//! The endpoints for one text or one piece of data.

use std::fmt;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::parameters::{Operation, Parameters};
use super::place::Place;
use super::refusal::{NO_NEW_KEY, refused};
use crate::error::{Error, Result};
use crate::json::{self, to_body};
use crate::observe::metrics;
use crate::secret::{Bytes, Secret};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::{ApiRequest, check_length};
use crate::vault::api::response::Response;

/// What is sent: bytes in base64, or a text.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// A ciphertext.
    Text(&'a str),
}

impl Input<'_> {
    /// The length of what is written.
    pub fn size(&self) -> usize {
        match self {
            Input::Bytes(data) => data.len().div_ceil(3) * 4,
            Input::Text(text) => text.len(),
        }
    }

    /// The name of the parameter.
    pub fn name(&self, operation: Operation) -> &'static str {
        match (self, operation) {
            (Input::Text(_), _) => "ciphertext",
            (Input::Bytes(_), Operation::Encrypt) => "plaintext",
            (Input::Bytes(_), _) => "input",
        }
    }
}

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Input::Bytes(data) => serializer.collect_str(&Base64Display::new(data, &STANDARD)),
            Input::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// An operation whose result is a text: a ciphertext, a signature or an HMAC.
pub(super) struct MakeText<'a> {
    place: &'a Place,
    operation: Operation,
    input: Input<'a>,
    parameters: &'a Parameters<'a>,
}

impl<'a> MakeText<'a> {
    pub fn bytes(
        place: &'a Place,
        operation: Operation,
        data: &'a [u8],
        parameters: &'a Parameters<'a>,
    ) -> MakeText<'a> {
        MakeText { place, operation, input: Input::Bytes(data), parameters }
    }

    pub fn text(place: &'a Place, operation: Operation, text: &'a str, parameters: &'a Parameters<'a>) -> MakeText<'a> {
        MakeText { place, operation, input: Input::Text(text), parameters }
    }
}

impl Serialize for MakeText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.input.name(self.operation), &self.input)?;
        self.parameters.write(self.operation, &mut map)?;
        if self.operation == Operation::Encrypt {
            map.serialize_entry(NO_NEW_KEY.0, NO_NEW_KEY.1)?;
        }
        map.end()
    }
}

/// What a ciphertext is longer than the data, in base64: its prefix, nonce and tag.
const CIPHERTEXT_OVERHEAD: usize = 128;

/// Data whose ciphertext would be too long to be sent again are not encrypted.
pub fn check_ciphertext_fits(operation: Operation, body: &[u8]) -> Result<()> {
    match operation {
        Operation::Encrypt => check_length(body.len() + CIPHERTEXT_OVERHEAD),
        _ => Ok(()),
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Results<'a>,
}

/// The results that the operations have.
#[derive(Deserialize)]
struct Results<'a> {
    #[serde(borrow)]
    ciphertext: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    hmac: Option<&'a RawValue>,
    #[serde(borrow)]
    plaintext: Option<&'a RawValue>,
    valid: Option<bool>,
}

fn results(response: &Response) -> Option<Results<'_>> {
    serde_json::from_slice(&response.body).ok().map(|answer: Answer<'_>| answer.data)
}

impl Endpoint for MakeText<'_> {
    type Output = Secret;

    fn request(&self) -> Result<ApiRequest> {
        let body = to_body(self.input.size() + self.parameters.size(), self)?;
        check_ciphertext_fits(self.operation, &body)?;
        Ok(ApiRequest::post_repeatable(self.place.path(self.operation.name()), body)
            .counted_as(metrics::Operation::Transit))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Secret> {
        if response.status != 200 {
            return Err(refused(ErrorResponse::of(&response), path, self.operation));
        }
        let text = results(&response).and_then(|results| match self.operation {
            Operation::Sign => results.signature,
            Operation::Hmac => results.hmac,
            _ => results.ciphertext,
        });
        let text = text.and_then(made_text);
        text.ok_or_else(|| not_as_documented(&response, path, "has no result"))
    }
}

/// Decrypts a ciphertext.
pub(super) struct Decrypt<'a> {
    pub place: &'a Place,
    pub ciphertext: &'a str,
    pub parameters: &'a Parameters<'a>,
}

impl Serialize for Decrypt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parameters.write_with(Operation::Decrypt, ("ciphertext", &self.ciphertext), serializer)
    }
}

impl Endpoint for Decrypt<'_> {
    type Output = Bytes;

    fn request(&self) -> Result<ApiRequest> {
        let body = to_body(self.ciphertext.len() + self.parameters.size(), self)?;
        Ok(ApiRequest::post_repeatable(self.place.path("decrypt"), body).counted_as(metrics::Operation::Transit))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Bytes> {
        if response.status != 200 {
            return Err(refused(ErrorResponse::of(&response), path, Operation::Decrypt));
        }
        let text = results(&response).and_then(|results| results.plaintext);
        decoded(text, &response, path)
    }
}

/// What the engine has made: a ciphertext, a signature or an HMAC.
pub fn made_text(text: &RawValue) -> Option<Secret> {
    let is_text = text.get().starts_with('"');
    json::text_of(text).ok().filter(|text| is_text && text.as_str().starts_with("vault:v"))
}

/// The bytes of a result in base64.
pub fn decoded(text: Option<&RawValue>, response: &Response, path: &str) -> Result<Bytes> {
    let bytes =
        text.and_then(decoded_text).ok_or_else(|| not_as_documented(response, path, "has no data in base64"))?;
    Bytes::try_copy_of(&bytes).ok_or_else(|| Error::no_memory("the data", bytes.len()))
}

/// The characters of base64 need no escapes, but servers may escape `/` and `+`.
fn decoded_text(value: &RawValue) -> Option<Zeroizing<Vec<u8>>> {
    let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
    let bytes = match text.contains('\\') {
        true => STANDARD.decode(json::text_of(value).ok()?.as_bytes()),
        false => STANDARD.decode(text),
    };
    bytes.ok().map(Zeroizing::new)
}

/// Checks a signature or an HMAC.
pub(super) struct Verify<'a> {
    pub place: &'a Place,
    pub data: &'a [u8],
    /// `signature` or `hmac`.
    pub kind: &'static str,
    pub signature: &'a str,
    pub parameters: &'a Parameters<'a>,
}

impl Serialize for Verify<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("input", &Input::Bytes(self.data))?;
        map.serialize_entry(self.kind, self.signature)?;
        self.parameters.write(Operation::Verify, &mut map)?;
        map.end()
    }
}

impl Endpoint for Verify<'_> {
    type Output = bool;

    fn request(&self) -> Result<ApiRequest> {
        let size = Input::Bytes(self.data).size() + self.signature.len() + self.parameters.size();
        Ok(ApiRequest::post_repeatable(self.place.path("verify"), to_body(size, self)?)
            .counted_as(metrics::Operation::Transit))
    }

    fn parse(&self, path: &str, response: Response) -> Result<bool> {
        if response.status != 200 {
            let refusal = ErrorResponse::of(&response);
            // What has not the form of an ECDSA signature, such as an HMAC.
            return match refusal.is_about_arguments() && refusal.contains("supplied signature is invalid") {
                true => Ok(false),
                false => Err(refused(refusal, path, Operation::Verify)),
            };
        }
        let valid = results(&response).and_then(|results| results.valid);
        valid.ok_or_else(|| not_as_documented(&response, path, "says neither valid nor invalid"))
    }
}

/// Whether a signature has the length of an HMAC: that of the hashes of the engine.
pub fn may_be_hmac(signature: &str) -> bool {
    const HASHES: [usize; 5] = [20, 28, 32, 48, 64];
    let encoded = signature.rsplit(':').next().unwrap_or_default();
    STANDARD.decode(encoded).is_ok_and(|bytes| HASHES.contains(&bytes.len()))
}

/// A data key that the server has made.
pub struct NewDataKey {
    /// The key itself, if it was asked for.
    pub plaintext: Option<Bytes>,
    /// The key, encrypted under the key of the engine.
    pub wrapped: Secret,
}

/// Makes a data key.
pub(super) struct MakeDataKey<'a> {
    pub place: &'a Place,
    pub with_plaintext: bool,
    pub parameters: &'a Parameters<'a>,
}

impl Serialize for MakeDataKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.parameters.write(Operation::DataKey, &mut map)?;
        map.end()
    }
}

impl Endpoint for MakeDataKey<'_> {
    type Output = NewDataKey;

    fn request(&self) -> Result<ApiRequest> {
        let operation = if self.with_plaintext { "datakey/plaintext" } else { "datakey/wrapped" };
        let body = to_body(self.parameters.size(), self)?;
        Ok(ApiRequest::post_repeatable(self.place.path(operation), body).counted_as(metrics::Operation::Transit))
    }

    fn parse(&self, path: &str, response: Response) -> Result<NewDataKey> {
        if response.status != 200 {
            return Err(refused(ErrorResponse::of(&response), path, Operation::DataKey));
        }
        let results = results(&response).ok_or_else(|| not_as_documented(&response, path, "has no data key"))?;
        let wrapped = results.ciphertext.and_then(made_text);
        let wrapped = wrapped.ok_or_else(|| not_as_documented(&response, path, "has no data key"))?;
        let plaintext = self.with_plaintext.then(|| decoded(results.plaintext, &response, path)).transpose()?;
        if plaintext.as_ref().is_some_and(|key| key.as_slice().len() != self.parameters.key_bytes()) {
            return Err(not_as_documented(&response, path, "has a data key of another length"));
        }
        Ok(NewDataKey { plaintext, wrapped })
    }
}

impl fmt::Debug for NewDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
