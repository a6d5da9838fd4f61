//! Requests to Vault's API, and the headers that all of them have.

use secrecy::ExposeSecret;

use crate::config::VaultConfig;
use crate::error::{Error, Result, Status};
use crate::http::{HeaderName, HeaderValue, Method, header, secret_value};
use crate::observe::metrics::Operation;
use crate::secret::Buffer;
use crate::vault::api::response::Response;

/// The largest request body. Servers refuse larger ones with 413, or close the connection while the body is sent.
pub const MAX_REQUEST: usize = 32 * 1024 * 1024;

/// What a second execution of the request would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The request changes nothing.
    Read,
    /// A second execution has no further effect.
    Repeatable,
    /// A second execution could undo what others changed since the first.
    Once,
}

/// What a request takes of a token whose uses are limited (`num_uses`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cost {
    /// Nothing.
    Free,
    /// One use.
    Use,
    /// One use, and not the last, with which the token ends, and the lease that the request makes or renews.
    Lease,
}

/// Whether the answer to a read is older than what is known of its subject, so that another node has to be asked, or the
/// same one later.
pub type IsBehind = Box<dyn Fn(&Response) -> bool + Send + Sync>;

/// One request of Vault's API.
pub struct ApiRequest {
    /// The HTTP method.
    pub method: Method,
    /// The path below `/v1/`, percent-encoded, with the query.
    pub path: String,
    /// The JSON body, if any.
    pub body: Option<Buffer>,
    /// What a second execution would do.
    pub effect: Effect,
    /// Whether a standby that answers reads has to have the leader answer this one.
    pub from_leader: bool,
    /// What it counts as.
    pub operation: Operation,
    /// What it takes of the token's `num_uses`.
    pub cost: Cost,
    /// What few requests have.
    pub special: Option<Box<Special>>,
}

/// What few requests have.
#[derive(Default)]
pub struct Special {
    /// A header of this request alone.
    pub header: Option<(&'static HeaderName, HeaderValue)>,
    /// The statuses that are an answer and not a failure, besides those of success.
    pub answers: &'static [u16],
    /// Whether the program has named the path, the query of which may hold a secret.
    pub hides_query: bool,
    /// What its answer is checked for.
    pub is_behind: Option<IsBehind>,
}

impl ApiRequest {
    /// Whether a standby must not act on what it has, which may be old: on a check-and-set condition, or on the absence
    /// of what is to be deleted.
    pub fn needs_leader(&self) -> bool {
        self.from_leader || self.effect != Effect::Read
    }

    /// The path for messages and log lines: without a query that may hold a secret.
    pub fn shown_path(&self) -> &str {
        match &self.special {
            Some(special) if special.hides_query => self.path.split('?').next().unwrap_or_default(),
            _ => &self.path,
        }
    }

    /// A read.
    pub fn get(path: impl Into<String>) -> ApiRequest {
        ApiRequest {
            method: Method::GET,
            path: path.into(),
            body: None,
            effect: Effect::Read,
            from_leader: false,
            operation: Operation::Read,
            cost: Cost::Use,
            special: None,
        }
    }

    /// A read that does not count against the token's `num_uses`.
    pub fn probe(path: impl Into<String>) -> ApiRequest {
        ApiRequest { cost: Cost::Free, operation: Operation::Probe, ..ApiRequest::get(path) }
    }

    /// A write. It is sent again only if the server cannot have executed it.
    pub fn post(path: impl Into<String>, body: Buffer) -> ApiRequest {
        let (effect, operation) = (Effect::Once, Operation::Write);
        ApiRequest { method: Method::POST, body: Some(body), effect, operation, ..ApiRequest::get(path) }
    }

    /// A write that may be executed twice without harm.
    pub fn post_repeatable(path: impl Into<String>, body: Buffer) -> ApiRequest {
        ApiRequest { effect: Effect::Repeatable, ..ApiRequest::post(path, body) }
    }

    /// A deletion. It is sent again only if the server cannot have executed it.
    pub fn delete(path: impl Into<String>) -> ApiRequest {
        let (effect, operation) = (Effect::Once, Operation::Delete);
        ApiRequest { method: Method::DELETE, effect, operation, ..ApiRequest::get(path) }
    }

    /// The same request, counted as `operation`.
    pub fn counted_as(self, operation: Operation) -> ApiRequest {
        ApiRequest { operation, ..self }
    }
}

/// Fails with `HF_ERR_TOO_LARGE` if servers would refuse the request for its size.
pub fn check_size(request: &ApiRequest) -> Result<()> {
    check_length(request.body.as_ref().map_or(0, |body| body.len()))
}

/// As [`check_size`], for a body that will have this length.
pub fn check_length(length: usize) -> Result<()> {
    if length <= MAX_REQUEST {
        return Ok(());
    }
    let message = format!("the request is larger than {} MiB, the most that Vault takes", MAX_REQUEST >> 20);
    Err(Error::new(Status::TooLarge, message))
}

/// The most headers that `VAULT_HEADERS` may hold. Servers accept fewer.
const MAX_HEADERS: usize = 1000;

/// The prefix of every path.
pub const PREFIX: &str = "/v1/";

/// The headers that every request has. A `User-Agent` in `VAULT_HEADERS` replaces the default one.
pub fn common_headers(config: &VaultConfig, namespace: Option<&str>) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = vec![(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"))];
    // Responses are not decompressed here.
    headers.push((header::ACCEPT_ENCODING, HeaderValue::from_static("identity")));
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
        headers.push((known, value));
    }
    if headers.iter().all(|(name, _)| name != header::USER_AGENT) {
        let agent = HeaderValue::from_static(concat!("handsfree_secrets/", env!("CARGO_PKG_VERSION")));
        headers.push((header::USER_AGENT, agent));
    }
    Ok(headers)
}
