//! The `X-Vault-Token` header.

use secrecy::{ExposeSecret, SecretString};

use crate::http::{HeaderName, HeaderValue, secret_value};

/// `X-Vault-Token`.
static NAME: HeaderName = HeaderName::from_static("x-vault-token");

/// The header of a token, built once. It is absent if there is no token, because an agent adds its own.
#[derive(Clone)]
pub struct TokenHeader(Option<HeaderValue>);

impl TokenHeader {
    /// The header for the token `text`, which has been validated.
    pub fn new(text: &SecretString) -> TokenHeader {
        let text = text.expose_secret();
        TokenHeader(if text.is_empty() { None } else { secret_value(text) })
    }

    /// The token.
    pub fn text(&self) -> &str {
        let value = self.0.as_ref().map(HeaderValue::as_bytes);
        value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or_default()
    }

    /// The name and the value of the header.
    pub fn header(&self) -> Option<(&HeaderName, &HeaderValue)> {
        self.0.as_ref().map(|value| (&NAME, value))
    }
}
