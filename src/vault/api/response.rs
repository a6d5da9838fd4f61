//! A response of Vault's API.

use std::ops::{Deref, DerefMut};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::http::{self, header};
use crate::observe::redact::RequestSecrets;

/// An HTTP response, with the secrets of its request.
pub struct Response {
    http: http::Response,
    /// Messages must not repeat them. Known for error responses only.
    secrets: RequestSecrets,
    /// The request was sent before, and a server or a gateway answered that it had not executed it.
    pub is_of_repeat: bool,
}

impl Response {
    /// A response to a request whose secrets are `secrets`.
    pub fn new(http: http::Response, secrets: RequestSecrets, is_of_repeat: bool) -> Response {
        Response { http, secrets, is_of_repeat }
    }

    /// `text`, which is a part of this response, without the secrets of the request.
    pub fn redacted(&self, text: &str) -> String {
        self.secrets.redacted(text)
    }

    /// The same for each of several parts, in the time that one of their length takes.
    pub fn redacted_each(&self, texts: &[&str]) -> Vec<String> {
        self.secrets.redacted_each(texts)
    }

    /// The second in which the server answered, by its own clock: that of this host may be wrong.
    pub fn date(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(self.header(&header::DATE)?, &Rfc2822).ok()
    }
}

impl Deref for Response {
    type Target = http::Response;

    fn deref(&self) -> &http::Response {
        &self.http
    }
}

impl DerefMut for Response {
    fn deref_mut(&mut self) -> &mut http::Response {
        &mut self.http
    }
}

#[cfg(test)]
impl Response {
    /// A response for unit tests.
    pub fn for_tests(status: u16, body: &str) -> Response {
        let (from, body) = (std::sync::Arc::from("http://vault"), body.as_bytes().to_vec().into());
        let http = http::Response { from, status, headers: http::HeaderMap::new(), body };
        Response::new(http, RequestSecrets::default(), false)
    }
}
