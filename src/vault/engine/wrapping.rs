//! Response wrapping: the server keeps an answer for the owner of a token that can be used once.

use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;

use crate::call::Call;
use crate::error::{Error, Result, Status};
use crate::observe::metrics::Operation;
use crate::secret::Secret;
use crate::vault::api::error_response::{Denial, ErrorResponse};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::token::TokenHeader;
use crate::vault::client::{Client, Context};

const UNWRAP: &str = "sys/wrapping/unwrap";

/// Unwraps a wrapping token, which is spent by that, and returns the whole answer that was wrapped, as JSON.
pub fn unwrap(client: &Client, wrapping_token: &SecretString, call: &Call) -> Result<Secret> {
    client.run("Failed to unwrap", call, |context| unwrapped(context, wrapping_token))
}

fn unwrapped(context: Context<'_>, wrapping_token: &SecretString) -> Result<Secret> {
    let text = wrapping_token.expose_secret();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid_argument(
            "wrapping_token: is empty or holds blanks, line breaks or other unprintable characters",
        ));
    }
    let header = TokenHeader::new(wrapping_token);
    // The token authenticates its own unwrapping, so that no policy has to allow it.
    let request = ApiRequest::post(UNWRAP, b"{}".to_vec().into()).counted_as(Operation::Request);
    let response = context.client.send_as(&header, &request, context.deadline)?;
    if response.status == 200 {
        let json = serde_json::from_slice::<&RawValue>(&response.body).ok();
        let text = json.map(RawValue::get).filter(|text| text.starts_with('{'));
        let text = text.ok_or_else(|| not_as_documented(&response, UNWRAP, "is not a JSON object"))?;
        return Secret::try_copy_of(text).ok_or_else(|| Error::no_memory("the answer", text.len()));
    }
    let refusal = ErrorResponse::of(&response);
    let is_spent = refusal.contains("wrapping token is not valid") || refusal.denial() == Denial::Token;
    if !is_spent || !refusal.is_from_vault() || !matches!(response.status, 400 | 403) {
        return Err(refusal.into_error(UNWRAP, "\"update\""));
    }
    let message = format!("the wrapping token is wrong, has expired, or was unwrapped before ({})", refusal.summary());
    Err(Error::new(Status::Auth, message).with_http_status(response.status))
}
