//! Logins: one request for each method, and what all of them answer with.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::answer::{Complaint, not_as_documented};
use super::ask::Ask;
use super::client::Client;
use super::session::Token;
use super::transport::Reply;
use super::wrapping::UnwrappedSecretId;
use crate::call::Deadline;
use crate::error::{Error, Result, Status};
use crate::memory::Buffer;
use crate::options::{Auth, Named, SecretId, Source};

/// The words that every failed authentication starts with, known from the Python manager.
pub const CONTEXT: &str = "Failed to authenticate with Vault";

/// A credential file larger than this is no credential.
const MAX_FILE: u64 = 1 << 20;

/// What a server names beyond this is no time that a clock can tell.
const LONGEST_LEASE: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What a login or a renewal grants.
pub struct Grant {
    /// How long the token lives from now; zero: for ever.
    pub ttl: Duration,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// How many requests the token is good for, where that is limited.
    pub uses: Option<u64>,
    /// The server said that it granted less than was asked for: the token's maximum is near.
    pub capped: bool,
}

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

/// A number that changes when a credential file does, so that new credentials are tried at once.
pub fn fingerprint(auth: &Auth) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in sources(auth) {
        if let Source::File(path) = source {
            // A file that was replaced by renaming another over it may have the old length and time, but not its place.
            let state = fs::metadata(path).ok().map(|m| (m.ino(), m.len(), m.ctime(), m.ctime_nsec()));
            state.hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn sources(auth: &Auth) -> Vec<&Source> {
    match auth {
        Auth::Token(token) => vec![&token.value],
        Auth::Agent | Auth::Cert { .. } => Vec::new(),
        Auth::AppRole { role_id, secret_id, .. } => match secret_id {
            SecretId::None => vec![role_id],
            SecretId::Plain(secret_id) | SecretId::Wrapped(secret_id) => vec![role_id, secret_id],
        },
        Auth::UserPass { password, .. } => vec![password],
        Auth::Jwt { jwt, .. } => vec![jwt],
    }
}

/// Logs in. A token that was given as such is not asked about: what it may do shows when it is used.
pub fn login(
    auth: &Auth,
    unwrapped: &UnwrappedSecretId,
    client: &Client,
    deadline: &Deadline,
) -> Result<(SecretString, Option<Grant>)> {
    let (path, body) = match auth {
        Auth::Token(Named { value: source, variable }) => {
            let place = match source {
                Source::Text(_) => (*variable).to_owned(),
                Source::File(path) => format!("{variable}: {}", path.display()),
            };
            let token = read(source, variable)?;
            return Ok((checked_token(token.expose_secret(), &place)?, None));
        }
        Auth::Agent => return Ok((SecretString::from(""), None)),
        Auth::AppRole { mount, role_id, secret_id } => {
            let role_id = read(role_id, "VAULT_ROLE_ID_FILE")?;
            let secret_id = secret_id_of(secret_id, unwrapped, mount, client, deadline)?;
            let body =
                AppRole { role_id: role_id.expose_secret(), secret_id: secret_id.as_ref().map(|s| s.expose_secret()) };
            (login_path(mount, None), json(&body)?)
        }
        Auth::UserPass { mount, username, password } => {
            let password = read(password, "VAULT_PASSWORD_FILE")?;
            (login_path(mount, Some(username)), json(&UserPass { password: password.expose_secret() })?)
        }
        Auth::Cert { mount, role } => (login_path(mount, None), json(&Cert { name: role.as_deref() })?),
        Auth::Jwt { mount, role, jwt, .. } => {
            let jwt = read(jwt, "VAULT_JWT_FILE")?;
            let role = Some(role.as_str()).filter(|role| !role.is_empty());
            (login_path(mount, None), json(&Jwt { role, jwt: jwt.expose_secret() })?)
        }
    };
    let reply = client
        .send_as(None, &Ask::post_repeatable(&path, &body), deadline)
        .map_err(|error| error.in_context(CONTEXT))?;
    if reply.status != 200 {
        return Err(refused(auth, &path, Complaint::of(&reply)));
    }
    granted(&path, &reply)
}

fn granted(path: &str, reply: &Reply) -> Result<(SecretString, Option<Grant>)> {
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
pub fn renew(client: &Client, token: &Token, deadline: &Deadline) -> Result<Grant> {
    const PATH: &str = "auth/token/renew-self";
    let reply = client.send_as(Some(token), &Ask::post_repeatable(PATH, b"{}"), deadline)?;
    if reply.status != 200 {
        return Err(Complaint::of(&reply).into_error(PATH, "\"update\""));
    }
    let answer: AuthAnswer<'_> =
        serde_json::from_slice(&reply.body).map_err(|_| not_as_documented(&reply, PATH, "is not that of a renewal"))?;
    let auth = answer.auth.ok_or_else(|| not_as_documented(&reply, PATH, "has no auth part"))?;
    Ok(auth.grant(answer.warnings.as_deref()))
}

/// Refused credentials are 400, a missing auth mount is 403 with the text of a dead token, some methods say 401. What did
/// not come from Vault says nothing about credentials.
fn refused(auth: &Auth, path: &str, complaint: Complaint) -> Error {
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

fn login_path(mount: &str, username: Option<&str>) -> String {
    let mut path = String::from("auth/");
    crate::reference::write_url_path(mount, &mut path);
    path.push_str("/login");
    if let Some(username) = username {
        path.push('/');
        crate::reference::write_url_path(username, &mut path);
    }
    path
}

fn secret_id_of(
    secret_id: &SecretId,
    unwrapped: &UnwrappedSecretId,
    mount: &str,
    client: &Client,
    deadline: &Deadline,
) -> Result<Option<SecretString>> {
    match secret_id {
        SecretId::None => Ok(None),
        SecretId::Plain(source) => read(source, "VAULT_SECRET_ID_FILE").map(Some),
        SecretId::Wrapped(source) => {
            let wrapping_token = read(source, "VAULT_SECRET_ID_WRAPPED")?;
            unwrapped.of(&wrapping_token, mount, client, deadline).map(Some)
        }
    }
}

/// The text of a credential, read anew where it stands in a file.
fn read(source: &Source, variable: &str) -> Result<SecretString> {
    match source {
        Source::Text(text) => Ok(text.clone()),
        Source::File(path) => read_file(path, variable),
    }
}

fn read_file(path: &Path, variable: &str) -> Result<SecretString> {
    let place = path.display();
    let unreadable = |e| Error::config(format!("{CONTEXT}: {variable}: cannot read {place}: {e}"));
    let file = fs::File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len().min(MAX_FILE);
    // Room for all of it and one byte more, so that reading never moves the text to another block.
    let mut text = Zeroizing::new(String::with_capacity(size as usize + 1));
    file.take(MAX_FILE).read_to_string(&mut text).map_err(unreadable)?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Error::config(format!("{CONTEXT}: {variable}: {place} is empty")));
    }
    Ok(SecretString::from(trimmed))
}

/// A token that can be sent; `HF_ERR_CONFIG` if it holds what no token holds. `place` is where it stands.
pub fn checked_token(token: &str, place: &str) -> Result<SecretString> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let problem = "the token there is empty or holds blanks, line breaks or other unprintable characters";
        return Err(Error::config(format!("{CONTEXT}: {place}: {problem}; write the token alone")));
    }
    Ok(SecretString::from(token))
}

#[derive(Serialize)]
struct AppRole<'a> {
    role_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<&'a str>,
}

#[derive(Serialize)]
struct UserPass<'a> {
    password: &'a str,
}

#[derive(Serialize)]
struct Cert<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct Jwt<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    jwt: &'a str,
}

fn json(body: &impl Serialize) -> Result<Buffer> {
    let mut bytes = Buffer::with_capacity(4096);
    serde_json::to_writer(&mut *bytes, body).map_err(|_| Error::new(Status::Internal, "a login that is no JSON"))?;
    Ok(bytes)
}
