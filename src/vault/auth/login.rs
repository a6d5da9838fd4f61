//! Logins: one request for each method, and what all of them answer with.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::credential::{CONTEXT, checked_token, read};
use super::method::{approle, cert, jwt, userpass};
use super::token::{Grant, Token};
use super::wrapping::UnwrappedSecretId;
use crate::call::Deadline;
use crate::config::{Auth, Named, SecretId, Source};
use crate::error::{Error, Result, Status};
use crate::http::Response;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::requester::Requester;
use crate::vault::api::response::{ErrorResponse, not_as_documented};

/// What a server names beyond this is no time that a clock can tell.
const LONGEST_LEASE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The part of an answer that logins and renewals share.
#[derive(Deserialize)]
struct AuthAnswer<'a> {
    #[serde(borrow)]
    auth: Option<AuthPart<'a>>,
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct AuthPart<'a> {
    #[serde(borrow, default)]
    client_token: std::borrow::Cow<'a, str>,
    #[serde(default)]
    lease_duration: i64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    num_uses: u64,
    mfa_requirement: Option<serde::de::IgnoredAny>,
}

impl AuthPart<'_> {
    fn grant(&self, warnings: Option<&[String]>) -> Grant {
        let capped = warnings.unwrap_or_default().iter().any(|w| w.contains("capped accordingly"));
        let uses = Some(self.num_uses).filter(|&uses| uses > 0);
        // A renewal would use up one of the few uses of such a token.
        let renewable = self.renewable && uses.is_none();
        let ttl = Duration::from_secs(self.lease_duration.max(0).unsigned_abs()).min(LONGEST_LEASE);
        Grant { ttl, renewable, uses, capped }
    }
}

/// What the method is called in messages and in `VAULT_AUTH_METHOD`.
pub fn name(auth: &Auth) -> &'static str {
    match auth {
        Auth::Token(_) => "token",
        Auth::Agent => "agent",
        Auth::AppRole { .. } => "approle",
        Auth::UserPass { .. } => "userpass",
        Auth::Cert { .. } => "cert",
        Auth::Jwt { method, .. } => method,
    }
}

/// Logs in. A token that was given as such is not asked about: what it may do shows when it is used.
pub fn login(
    auth: &Auth,
    unwrapped: &UnwrappedSecretId,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<(SecretString, Option<Grant>)> {
    let login = match auth {
        Auth::Token(Named { value: source, variable }) => {
            let place = match source {
                Source::Text(_) => (*variable).to_owned(),
                Source::File(path) => format!("{variable}: {}", path.display()),
            };
            let token = read(source, variable, deadline)?;
            return Ok((checked_token(token.expose_secret(), &place)?, None));
        }
        Auth::Agent => return Ok((SecretString::from(""), None)),
        Auth::AppRole { mount, role_id, secret_id } => {
            let role_id = read(role_id, "VAULT_ROLE_ID_FILE", deadline)?;
            let check_role = || check_role(auth, mount, &role_id, requester, deadline);
            let secret_id = secret_id_of(secret_id, unwrapped, mount, check_role, requester, deadline)?;
            approle::login(mount, &role_id, secret_id.as_ref())?
        }
        Auth::UserPass { mount, username, password } => {
            userpass::login(mount, username, &read(password, "VAULT_PASSWORD_FILE", deadline)?)?
        }
        Auth::Cert { mount, role, .. } => cert::login(mount, role.as_deref())?,
        Auth::Jwt { mount, role, jwt, .. } => jwt::login(mount, role, &read(jwt, "VAULT_JWT_FILE", deadline)?)?,
    };
    let certificates = requester.certificates();
    match exchange(auth, &login, requester, deadline) {
        // The connection may have been made with a client certificate that was renewed since.
        Err(error) if refuses_certificate(auth, &error) && requester.has_successor(certificates, deadline) => {
            exchange(auth, &login, requester, deadline)
        }
        outcome => outcome,
    }
    .map_err(|error| blamed_on_own_certificate(error, auth, &login.path, requester))
}

fn exchange(
    auth: &Auth,
    login: &ApiRequest,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<(SecretString, Option<Grant>)> {
    let reply = requester.send_as(None, login, deadline).map_err(|error| error.in_context(CONTEXT))?;
    match reply.status {
        200 => granted(&login.path, &reply),
        _ => Err(refused(auth, &login.path, ErrorResponse::of(&reply))),
    }
}

/// Servers differ in what they say of a client certificate that does not count; some say that they themselves have failed.
fn refuses_certificate(auth: &Auth, error: &Error) -> bool {
    matches!(auth, Auth::Cert { .. }) && matches!(error.http_status(), 400 | 401 | 403 | 500)
}

fn blamed_on_own_certificate(error: Error, auth: &Auth, path: &str, requester: &Requester) -> Error {
    let flaw = refuses_certificate(auth, &error).then(|| requester.identity_flaw()).flatten();
    let Some(flaw) = flaw else { return error };
    let message = format!("{CONTEXT}: {path} (cert) refuses the login: {flaw}; renew it");
    Error::new(Status::Auth, message).with_http_status(error.http_status())
}

/// Whether the server knows the role, before a wrapping token is spent for it: a login without a secret_id is refused for
/// that alone.
fn check_role(
    auth: &Auth,
    mount: &str,
    role_id: &SecretString,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<()> {
    let login = approle::login(mount, role_id, None)?;
    let response = requester.send_as(None, &login, deadline).map_err(|error| error.in_context(CONTEXT))?;
    let refusal = ErrorResponse::of(&response);
    if response.status == 200 || refusal.says("missing secret_id") {
        return Ok(());
    }
    Err(refused(auth, &login.path, refusal))
}

fn granted(path: &str, reply: &Response) -> Result<(SecretString, Option<Grant>)> {
    let answer: AuthAnswer<'_> =
        serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(reply, path, "is not that of a login"))?;
    let Some(auth) = answer.auth else {
        return Err(not_as_documented(reply, path, "has no auth part"));
    };
    if auth.mfa_requirement.is_some() {
        let message = format!("{CONTEXT}: {path}: the login asks for a second factor, which no program can give");
        return Err(Error::unsupported(message));
    }
    let token = checked_token(&auth.client_token, path)
        .map_err(|_| not_as_documented(reply, path, "holds no token that could be used"))?;
    Ok((token, Some(auth.grant(answer.warnings.as_deref()))))
}

/// Renews `token` for as long as its role says.
pub fn renew(requester: &Requester, token: &Token, deadline: &Deadline) -> Result<Grant> {
    const PATH: &str = "auth/token/renew-self";
    let reply =
        requester.send_as(Some(token.header()), &ApiRequest::post_repeatable(PATH, b"{}".to_vec().into()), deadline)?;
    if reply.status != 200 {
        return Err(ErrorResponse::of(&reply).into_error(PATH, "\"update\""));
    }
    let answer: AuthAnswer<'_> =
        serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(&reply, PATH, "is not that of a renewal"))?;
    let auth = answer.auth.ok_or_else(|| not_as_documented(&reply, PATH, "has no auth part"))?;
    Ok(auth.grant(answer.warnings.as_deref()))
}

/// Refused credentials are 400, a missing auth mount is 403 with the text of a dead token, some methods say 401. What did
/// not come from Vault says nothing about credentials.
fn refused(auth: &Auth, path: &str, complaint: ErrorResponse) -> Error {
    let (method, text, code) = (name(auth), &complaint.text, complaint.http_status);
    let about_the_role = code == 500 && (complaint.says("role_id") || complaint.says("secret_id"));
    if !complaint.is_vaults() || !(matches!(code, 400 | 401 | 403) || about_the_role) {
        return complaint.into_error(path, "\"update\"").in_context(CONTEXT);
    }
    let advice = match auth {
        Auth::AppRole { .. } => "check VAULT_ROLE_ID and VAULT_SECRET_ID, and that the secret_id is not used up",
        Auth::UserPass { .. } => "check VAULT_USERNAME and VAULT_PASSWORD",
        Auth::Cert { .. } => "check VAULT_CLIENT_CERT, and VAULT_ROLE against the server's certificate roles",
        Auth::Jwt { .. } => "check VAULT_ROLE and the JWT: its audience, issuer and age",
        Auth::Token(_) | Auth::Agent => "check VAULT_TOKEN",
    };
    let mount = if code == 403 { ", and the auth mount" } else { "" };
    Error::new(Status::Auth, format!("{CONTEXT}: {path} ({method}) refuses the login ({text}); {advice}{mount}"))
        .with_http_status(code)
}

fn secret_id_of(
    secret_id: &SecretId,
    unwrapped: &UnwrappedSecretId,
    mount: &str,
    check_role: impl FnOnce() -> Result<()>,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<Option<SecretString>> {
    match secret_id {
        SecretId::None => Ok(None),
        SecretId::Plain(source) => read(source, "VAULT_SECRET_ID_FILE", deadline).map(Some),
        SecretId::Wrapped(source) => {
            let wrapping_token = read(source, "VAULT_SECRET_ID_WRAPPED", deadline)?;
            unwrapped.of(&wrapping_token, mount, check_role, requester, deadline).map(Some)
        }
    }
}
