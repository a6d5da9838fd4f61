//! A proxy that passes requests on, and what it has to be told.

use secrecy::ExposeSecret;
use ureq_proto::http::HeaderValue;

use super::message::secret_value;
use crate::config::Proxy;
use crate::error::{Error, Status};

/// A proxy that passes on the requests for one node, and what it has to be told with each.
pub struct Forwarder {
    /// Scheme and authority, which stand in front of the path.
    prefix: Box<str>,
    authorization: Option<HeaderValue>,
    unauthorized: Error,
}

impl Forwarder {
    /// `proxy`, for requests to the node `authority`.
    pub fn new(proxy: &Proxy, authority: &str) -> Forwarder {
        Forwarder {
            prefix: format!("http://{authority}").into(),
            authorization: authorization(proxy),
            unauthorized: unauthorized(proxy, authority),
        }
    }

    /// What stands in front of the path in the request line.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The value of `Proxy-Authorization`.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The error of a proxy that answers 407.
    pub fn unauthorized(&self) -> Error {
        self.unauthorized.clone()
    }
}

/// The value of `Proxy-Authorization`, where the proxy asks for one.
pub fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    proxy.authorization.as_ref().and_then(|value| secret_value(value.expose_secret()))
}

/// The error of a proxy that answers 407.
pub fn unauthorized(proxy: &Proxy, authority: &str) -> Error {
    let advice = format!("it asks for a user and password (407); put them into {}", proxy.variable);
    refused(proxy, authority, Status::Connection, &advice).with_http_status(407)
}

/// The error of a proxy that does not let through to `authority`.
pub fn refused(proxy: &Proxy, authority: &str, status: Status, cause: &str) -> Error {
    let message = format!("the proxy {} ({}) gives no way to {authority}: {cause}", proxy.address, proxy.variable);
    Error::new(status, message)
}
