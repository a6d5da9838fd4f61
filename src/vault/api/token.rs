//! The header that a token travels in.

use secrecy::{ExposeSecret, SecretString};

use crate::http::{HeaderName, HeaderValue, secret_value};

/// `X-Vault-Token`.
static NAME: HeaderName = HeaderName::from_static("x-vault-token");

/// The header of a token, made once; none where there is no token, because an agent adds its own.
#[derive(Clone)]
pub struct TokenHeader(Option<HeaderValue>);

impl TokenHeader {
    /// The header of the token `text`, which was checked when it came in.
    pub fn new(text: &SecretString) -> TokenHeader {
        let text = text.expose_secret();
        TokenHeader(if text.is_empty() { None } else { secret_value(text) })
    }

    /// The token.
    pub fn text(&self) -> &str {
        let value = self.0.as_ref().map(HeaderValue::as_bytes);
        value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// Name and value.
    pub fn header(&self) -> Option<(&HeaderName, &HeaderValue)> {
        self.0.as_ref().map(|value| (&NAME, value))
    }
}
