//! One request, what a repeat of it would do, and the header lines that all of them have.

use secrecy::ExposeSecret;

use crate::config::VaultConfig;
use crate::error::{Error, Result, Status};
use crate::http::{HeaderMap, HeaderName, HeaderValue, Method, header, secret_value};
use crate::secret::Buffer;

/// Servers refuse more than this with 413, or by closing while it is being sent.
pub const MAX_REQUEST: usize = 32 * 1024 * 1024;

/// What a repeat of the request would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// A second time does no more than the first.
    Repeatable,
    /// A second time would undo what others did since.
    Once,
}

/// One request of Vault's API.
pub struct ApiRequest {
    /// GET, POST, DELETE.
    pub method: Method,
    /// The path behind `/v1/`, encoded, with its query.
    pub path: String,
    /// The JSON body, where there is one.
    pub body: Option<Buffer>,
    /// What a repeat would do.
    pub effect: Effect,
    /// Whether it uses up one of the requests that a token is good for.
    pub is_counted: bool,
}

impl ApiRequest {
    /// A read.
    pub fn get(path: impl Into<String>) -> ApiRequest {
        ApiRequest { method: Method::GET, path: path.into(), body: None, effect: Effect::Read, is_counted: true }
    }

    /// A read that uses up no use of the token.
    pub fn probe(path: impl Into<String>) -> ApiRequest {
        ApiRequest { is_counted: false, ..ApiRequest::get(path) }
    }

    /// A write, which is only repeated if the server cannot have acted.
    pub fn post(path: impl Into<String>, body: Buffer) -> ApiRequest {
        let method = Method::POST;
        ApiRequest { method, path: path.into(), body: Some(body), effect: Effect::Once, is_counted: true }
    }

    /// A write of which a second one does no harm.
    pub fn post_repeatable(path: impl Into<String>, body: Buffer) -> ApiRequest {
        ApiRequest { effect: Effect::Repeatable, ..ApiRequest::post(path, body) }
    }

    /// A deletion, which is only repeated if the server cannot have acted.
    pub fn delete(path: impl Into<String>) -> ApiRequest {
        ApiRequest { method: Method::DELETE, effect: Effect::Once, ..ApiRequest::get(path) }
    }
}

/// `HF_ERR_TOO_LARGE` for what servers would refuse: a request is not sent to no avail.
pub fn check_size(request: &ApiRequest) -> Result<()> {
    if request.body.as_ref().is_none_or(|body| body.len() <= MAX_REQUEST) {
        return Ok(());
    }
    let message = format!("the request is larger than {} MiB, the most that Vault takes", MAX_REQUEST >> 20);
    Err(Error::new(Status::TooLarge, message))
}

/// More headers than this no server takes, nor does what holds them here.
const MAX_HEADERS: usize = 1000;

/// What stands in front of every path.
pub const PREFIX: &str = "/v1/";

/// The headers that every request has. Who sets a `User-Agent` of their own is not given two.
pub fn common_headers(config: &VaultConfig, namespace: Option<&str>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.append("x-vault-request", HeaderValue::from_static("true"));
    // Nothing here unpacks an answer.
    headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let namespace = namespace.map(|namespace| ("x-vault-namespace", namespace));
    if config.headers.len() > MAX_HEADERS {
        return Err(Error::config(format!("VAULT_HEADERS holds more than {MAX_HEADERS} headers; servers take fewer")));
    }
    let given = config.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
    for (name, value) in namespace.into_iter().chain(given) {
        let (Ok(known), Some(value)) = (HeaderName::try_from(name), secret_value(value)) else {
            return Err(Error::config(format!(
                "the header {name:?} cannot be sent; check VAULT_HEADERS and VAULT_NAMESPACE"
            )));
        };
        headers.append(known, value);
    }
    let agent = HeaderValue::from_static(concat!("handsfree_secrets/", env!("CARGO_PKG_VERSION")));
    headers.entry(header::USER_AGENT).or_insert(agent);
    Ok(headers)
}
