//! Logs in with the configured method, and renews tokens.

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
use crate::observe::metrics::Operation;
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::requester::Requester;
use crate::vault::api::response::Response;

/// The upper bound of a lease, so that its end can be represented as an `Instant`.
const MAX_LEASE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The response of logins and renewals.
#[derive(Deserialize)]
struct AuthResponse<'a> {
    #[serde(borrow)]
    auth: Option<AuthData<'a>>,
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct AuthData<'a> {
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

impl AuthData<'_> {
    fn grant(&self, warnings: Option<&[String]>) -> Grant {
        let capped = warnings.unwrap_or_default().iter().any(|w| w.contains("capped accordingly"));
        let uses = Some(self.num_uses).filter(|&uses| uses > 0);
        // A renewal would count against the token's limited uses.
        let renewable = self.renewable && uses.is_none();
        let ttl = Duration::from_secs(self.lease_duration.max(0).unsigned_abs()).min(MAX_LEASE);
        Grant { ttl, renewable, uses, capped }
    }
}

/// The name of the method in messages and in `VAULT_AUTH_METHOD`.
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

/// Logs in. A configured token is returned without a request: its validity shows when it is used.
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
    .map_err(|error| explain_client_certificate(error, auth, &login.path, requester))
}

fn exchange(
    auth: &Auth,
    login: &ApiRequest,
    requester: &Requester,
    deadline: &Deadline,
) -> Result<(SecretString, Option<Grant>)> {
    let response = requester.send_as(None, login, deadline).map_err(|error| error.in_context(CONTEXT))?;
    match response.status {
        200 => parse_login(&login.path, &response),
        _ => Err(refusal_error(auth, &login.path, ErrorResponse::of(&response))),
    }
}

/// Whether the server may have refused the client certificate. Servers report that in different ways, some as an internal
/// error.
fn refuses_certificate(auth: &Auth, error: &Error) -> bool {
    matches!(auth, Auth::Cert { .. }) && matches!(error.http_status(), 400 | 401 | 403 | 500)
}

/// Replaces the refusal of a cert login by the reason, if the client certificate has expired or is not valid yet.
fn explain_client_certificate(error: Error, auth: &Auth, path: &str, requester: &Requester) -> Error {
    let flaw = refuses_certificate(auth, &error).then(|| requester.identity_flaw()).flatten();
    let Some(flaw) = flaw else { return error };
    let message = format!("{CONTEXT}: {path} (cert) refuses the login: {flaw}; renew it");
    Error::new(Status::Auth, message).with_http_status(error.http_status())
}

/// Checks that the server knows the role before a wrapping token is spent for it: a login without a secret_id then
/// fails for the missing secret_id alone.
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
    if response.status == 200 || refusal.contains("missing secret_id") {
        return Ok(());
    }
    Err(refusal_error(auth, &login.path, refusal))
}

/// Parses the response of a successful login.
fn parse_login(path: &str, response: &Response) -> Result<(SecretString, Option<Grant>)> {
    let parsed: AuthResponse<'_> = serde_json::from_slice(&response.body)
        .map_err(|_| not_as_documented(response, path, "is not that of a login"))?;
    let Some(auth) = parsed.auth else {
        return Err(not_as_documented(response, path, "has no auth part"));
    };
    if auth.mfa_requirement.is_some() {
        let message = format!("{CONTEXT}: {path}: the login asks for a second factor, which no program can give");
        return Err(Error::unsupported(message));
    }
    let token = checked_token(&auth.client_token, path)
        .map_err(|_| not_as_documented(response, path, "holds no token that could be used"))?;
    Ok((token, Some(auth.grant(parsed.warnings.as_deref()))))
}

/// Renews `token` for the TTL of its role.
pub fn renew(requester: &Requester, token: &Token, deadline: &Deadline) -> Result<Grant> {
    const PATH: &str = "auth/token/renew-self";
    let request = ApiRequest::post_repeatable(PATH, b"{}".to_vec().into()).counted_as(Operation::Token);
    let response = requester.send_as(Some(token.header()), &request, deadline)?;
    if response.status != 200 {
        return Err(ErrorResponse::of(&response).into_error(PATH, "\"update\""));
    }
    let parsed: AuthResponse<'_> = serde_json::from_slice(&response.body)
        .map_err(|_| not_as_documented(&response, PATH, "is not that of a renewal"))?;
    let auth = parsed.auth.ok_or_else(|| not_as_documented(&response, PATH, "has no auth part"))?;
    Ok(auth.grant(parsed.warnings.as_deref()))
}

/// The error for a failed login. Refused credentials are 400, a missing auth mount is 403 with the text of an invalid
/// token, and some methods send 401. A response that did not come from Vault is not about the credentials.
fn refusal_error(auth: &Auth, path: &str, refusal: ErrorResponse) -> Error {
    let (method, text, code) = (name(auth), &refusal.text, refusal.http_status);
    let is_about_role = code == 500 && (refusal.contains("role_id") || refusal.contains("secret_id"));
    if !refusal.is_from_vault() || !(matches!(code, 400 | 401 | 403) || is_about_role) {
        return refusal.into_error(path, "\"update\"").in_context(CONTEXT);
    }
    let advice = match auth {
        Auth::AppRole { .. } => "check VAULT_ROLE_ID and VAULT_SECRET_ID, and that the secret_id is not used up",
        Auth::UserPass { .. } => "check VAULT_USERNAME and VAULT_PASSWORD",
        Auth::Cert { .. } => "check VAULT_CLIENT_CERT, and VAULT_ROLE against the server's certificate roles",
        Auth::Jwt { .. } => "check VAULT_ROLE and the JWT: its audience, issuer and age",
        Auth::Token(_) | Auth::Agent => "check VAULT_TOKEN",
    };
    let mount = match (code, auth) {
        (403, Auth::AppRole { .. }) => ", and the auth mount (VAULT_APPROLE_MOUNT)",
        (403, _) => ", and the auth mount (VAULT_AUTH_MOUNT)",
        _ => "",
    };
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
