//! Response wrapping: a secret_id that arrives sealed in a token of its own, good for one use.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::credential::{CONTEXT, checked_token};
use crate::call::Deadline;
use crate::error::{Error, Result, Status};
use crate::vault::api::json::to_body;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::requester::Requester;
use crate::vault::api::response::{ErrorResponse, not_as_documented};
use crate::vault::api::token::TokenHeader;

const LOOKUP: &str = "sys/wrapping/lookup";
const UNWRAP: &str = "sys/wrapping/unwrap";

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct Lookup {
    creation_path: Option<String>,
}

#[derive(Deserialize)]
struct Unwrapped<'a> {
    #[serde(borrow)]
    secret_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct WrappedToken<'a> {
    token: &'a str,
}

/// The secret_id that came out of a wrapping token: the token is spent, later logins need the secret_id again.
#[derive(Default)]
pub struct UnwrappedSecretId(ArcSwapOption<(SecretString, SecretString)>);

impl UnwrappedSecretId {
    /// The secret_id inside `wrapped`, asked for once.
    pub fn of(
        &self,
        wrapped: &SecretString,
        mount: &str,
        requester: &Requester,
        deadline: &Deadline,
    ) -> Result<SecretString> {
        if let Some(known) = self.0.load().as_ref().filter(|known| known.0.expose_secret() == wrapped.expose_secret()) {
            return Ok(known.1.clone());
        }
        let secret_id = unwrap_secret_id(wrapped, mount, requester, deadline)?;
        self.0.store(Some(Arc::new((wrapped.clone(), secret_id.clone()))));
        Ok(secret_id)
    }
}

/// Looks where `wrapped` was made before it is spent: a token that was wrapped by anybody but the AppRole mount may
/// have been put in the place of the real one.
fn unwrap_secret_id(
    wrapped: &SecretString,
    mount: &str,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<SecretString> {
    let creation_path = creation_path(wrapped, requester, deadline)?;
    let expected = creation_path
        .strip_prefix(&format!("auth/{mount}/role/"))
        .and_then(|rest| rest.strip_suffix("/secret-id"))
        .is_some_and(|role| !role.is_empty() && !role.contains('/'));
    if !expected {
        return Err(refused(format!(
            "the token was made at {creation_path:?}, not at auth/{mount}/role/…/secret-id: somebody may have \
             exchanged it; it was not spent"
        )));
    }
    let token = TokenHeader::new(&checked_token(wrapped.expose_secret(), "VAULT_SECRET_ID_WRAPPED")?);
    let reply = requester
        .send_as(Some(&token), &ApiRequest::post(UNWRAP, b"{}".to_vec().into()), deadline)
        .map_err(in_context)?;
    if reply.status != 200 {
        return Err(refusal(UNWRAP, ErrorResponse::of(&reply)));
    }
    let envelope: Envelope<Unwrapped<'_>> =
        serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(&reply, UNWRAP, "holds no secret_id"))?;
    let secret_id = envelope.data.and_then(|data| data.secret_id);
    secret_id
        .map(|text| SecretString::from(text.into_owned()))
        .ok_or_else(|| not_as_documented(&reply, UNWRAP, "holds no secret_id"))
}

fn creation_path(wrapped: &SecretString, requester: &Requester, deadline: &Deadline) -> Result<String> {
    let body = to_body(256, &WrappedToken { token: wrapped.expose_secret() })?;
    let reply = requester.send_as(None, &ApiRequest::post_repeatable(LOOKUP, body), deadline).map_err(in_context)?;
    if reply.status != 200 {
        return Err(refusal(LOOKUP, ErrorResponse::of(&reply)));
    }
    let envelope: Envelope<Lookup> =
        serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(&reply, LOOKUP, "is not JSON"))?;
    let path = envelope.data.and_then(|data| data.creation_path);
    path.ok_or_else(|| not_as_documented(&reply, LOOKUP, "names no creation_path"))
}

/// Only Vault itself can say that a wrapping token is spent, and only by 400 or 403.
fn refusal(path: &str, complaint: ErrorResponse) -> Error {
    if !complaint.is_vaults() || !matches!(complaint.http_status, 400 | 403) {
        return in_context(complaint.into_error(path, "\"update\""));
    }
    refused(format!("{}; it has expired, or somebody has unwrapped it before", complaint.text))
        .with_http_status(complaint.http_status)
}

fn refused(why: String) -> Error {
    in_context(Error::new(Status::Auth, format!("VAULT_SECRET_ID_WRAPPED: {why}")))
}

fn in_context(error: Error) -> Error {
    error.in_context(CONTEXT)
}
