//! Requests through a forwarding proxy, and the errors of proxies.

use secrecy::ExposeSecret;
use ureq_proto::http::HeaderValue;

use super::message::secret_value;
use crate::config::Proxy;
use crate::error::{Error, Status};

/// A proxy that forwards the requests to one node, as opposed to opening a tunnel.
pub struct Forwarder {
    /// Scheme and authority, the prefix of the path in absolute form.
    prefix: Box<str>,
    authorization: Option<HeaderValue>,
    unauthorized: Error,
}

impl Forwarder {
    /// Creates a forwarder through `proxy` to the node `authority`.
    pub fn new(proxy: &Proxy, authority: &str) -> Forwarder {
        Forwarder {
            prefix: format!("http://{authority}").into(),
            authorization: authorization(proxy),
            unauthorized: unauthorized(proxy, authority),
        }
    }

    /// The prefix of the path in the request line.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The value of `Proxy-Authorization`.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The error for a 407 response of the proxy.
    pub fn unauthorized(&self) -> Error {
        self.unauthorized.clone()
    }
}

/// The value of `Proxy-Authorization`, if credentials are configured.
pub fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    proxy.authorization.as_ref().and_then(|value| secret_value(value.expose_secret()))
}

/// The error for a 407 response of `proxy`.
pub fn unauthorized(proxy: &Proxy, authority: &str) -> Error {
    let advice = format!("it asks for a user and password (407); put them into {}", proxy.variable);
    refused(proxy, authority, Status::Connection, &advice).with_http_status(407)
}

/// The error for a proxy that does not connect to `authority`.
pub fn refused(proxy: &Proxy, authority: &str, status: Status, cause: &str) -> Error {
    let message = format!("the proxy {} ({}) does not connect to {authority}: {cause}", proxy.address, proxy.variable);
    Error::new(status, message)
}
