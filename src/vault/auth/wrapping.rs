//! Response wrapping: unwraps a secret_id that is delivered in a single-use wrapping token.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::credential::{CONTEXT, checked_token};
use crate::call::Deadline;
use crate::error::{Error, Result, Status};
use crate::json::to_body;
use crate::observe::metrics::Operation;
use crate::vault::api::error_response::{Denial, ErrorResponse};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::requester::Requester;
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

/// The last wrapping token and its secret_id. The token is spent, and later logins need the secret_id again.
#[derive(Default)]
pub struct UnwrappedSecretId(ArcSwapOption<(SecretString, SecretString)>);

impl UnwrappedSecretId {
    /// The secret_id in `wrapped`, which is unwrapped only once. `last_check` runs before the token is spent.
    pub fn of(
        &self,
        wrapped: &SecretString,
        mount: &str,
        last_check: impl FnOnce() -> Result<()>,
        requester: &Requester,
        deadline: &Deadline,
    ) -> Result<SecretString> {
        if let Some(known) = self.0.load().as_ref().filter(|known| known.0.expose_secret() == wrapped.expose_secret()) {
            return Ok(known.1.clone());
        }
        let secret_id = unwrap_secret_id(wrapped, mount, last_check, requester, deadline)?;
        self.0.store(Some(Arc::new((wrapped.clone(), secret_id.clone()))));
        Ok(secret_id)
    }
}

/// Unwraps a secret_id after checking where `wrapped` was created: a token that was not created by the AppRole mount
/// may have been substituted for the real one.
fn unwrap_secret_id(
    wrapped: &SecretString,
    mount: &str,
    last_check: impl FnOnce() -> Result<()>,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<SecretString> {
    let was_spent_here = spent::is_known(wrapped);
    let creation_path = creation_path(wrapped, was_spent_here, requester, deadline)?;
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
    last_check()?;
    // Recorded before the request: if the response is lost, the token may have been spent.
    spent::remember(wrapped);
    let response = requester
        .send_as(Some(&token), &ApiRequest::post(UNWRAP, b"{}".to_vec().into()).counted_as(Operation::Login), deadline)
        .map_err(in_context)?;
    if response.status != 200 {
        return Err(refusal(UNWRAP, ErrorResponse::of(&response), was_spent_here));
    }
    let envelope: Envelope<Unwrapped<'_>> = serde_json::from_slice(&response.body)
        .map_err(|_| not_as_documented(&response, UNWRAP, "holds no secret_id"))?;
    let secret_id = envelope.data.and_then(|data| data.secret_id);
    secret_id
        .map(|text| SecretString::from(text.into_owned()))
        .ok_or_else(|| not_as_documented(&response, UNWRAP, "holds no secret_id"))
}

fn creation_path(
    wrapped: &SecretString,
    was_spent_here: bool,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<String> {
    let body = to_body(256, &WrappedToken { token: wrapped.expose_secret() })?;
    let response = requester
        .send_as(None, &ApiRequest::post_repeatable(LOOKUP, body).counted_as(Operation::Login), deadline)
        .map_err(in_context)?;
    if response.status != 200 {
        return Err(refusal(LOOKUP, ErrorResponse::of(&response), was_spent_here));
    }
    let envelope: Envelope<Lookup> =
        serde_json::from_slice(&response.body).map_err(|_| not_as_documented(&response, LOOKUP, "is not JSON"))?;
    let path = envelope.data.and_then(|data| data.creation_path);
    path.ok_or_else(|| not_as_documented(&response, LOOKUP, "names no creation_path"))
}

/// The error for a failed lookup or unwrap. Only a response from Vault can mean that the wrapping token is spent; a
/// transient failure does not.
fn refusal(path: &str, refusal: ErrorResponse, was_spent_here: bool) -> Error {
    let http_status = refusal.http_status;
    let says_spent = refusal.contains("wrapping token is not valid") || refusal.denial() == Denial::Token;
    if !refusal.is_from_vault() || !matches!(http_status, 400 | 403) || !says_spent {
        return in_context(refusal.into_error(path, "\"update\""));
    }
    let text = &refusal.text;
    let why = match was_spent_here {
        true => format!(
            "{text}; this process has unwrapped it before, and a wrapping token is good for one use; make a new one"
        ),
        false => format!("{text}; it is wrong, has expired, or somebody has unwrapped it before"),
    };
    refused(why).with_http_status(http_status)
}

/// The wrapping tokens that this process has spent, kept as keyed hashes.
mod spent {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::Arc;

    use arc_swap::ArcSwapOption;
    use once_cell::race::OnceBox;
    use secrecy::{ExposeSecret, SecretString};

    /// The most tokens that are remembered. The oldest are forgotten.
    const MAX_TOKENS: usize = 256;

    static SPENT: ArcSwapOption<Vec<u64>> = ArcSwapOption::const_empty();

    /// The key of the hashes, different in each process.
    static KEY: OnceBox<RandomState> = OnceBox::new();

    fn fingerprint(token: &SecretString) -> u64 {
        KEY.get_or_init(|| Box::new(RandomState::new())).hash_one(token.expose_secret())
    }

    /// Records that `token` may have been spent.
    pub(super) fn remember(token: &SecretString) {
        let fingerprint = fingerprint(token);
        SPENT.rcu(|known| {
            let mut all = known.as_deref().cloned().unwrap_or_default();
            all.retain(|&known| known != fingerprint);
            all.push(fingerprint);
            all.drain(..all.len().saturating_sub(MAX_TOKENS));
            Some(Arc::new(all))
        });
    }

    pub(super) fn is_known(token: &SecretString) -> bool {
        let fingerprint = fingerprint(token);
        SPENT.load().as_ref().is_some_and(|known| known.contains(&fingerprint))
    }
}

fn refused(why: String) -> Error {
    in_context(Error::new(Status::Auth, format!("VAULT_SECRET_ID_WRAPPED: {why}")))
}

fn in_context(error: Error) -> Error {
    error.in_context(CONTEXT)
}
