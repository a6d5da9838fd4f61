//! The header that a token travels in.

use secrecy::{ExposeSecret, SecretString};

const LINE_START: &str = "X-Vault-Token: ";
const LINE_END: &str = "\r\n";

/// The header line of a token, written once; empty where there is no token, because an agent adds its own.
#[derive(Clone)]
pub struct TokenHeader(SecretString);

impl TokenHeader {
    /// The header of the token `text`.
    pub fn new(text: &SecretString) -> TokenHeader {
        let text = text.expose_secret();
        let parts = if text.is_empty() { [""; 3] } else { [LINE_START, text, LINE_END] };
        let mut line = String::with_capacity(LINE_START.len() + text.len() + LINE_END.len());
        parts.iter().for_each(|part| line.push_str(part));
        TokenHeader(SecretString::from(line))
    }

    /// The token.
    pub fn text(&self) -> &str {
        let line = self.line();
        line.strip_prefix(LINE_START).and_then(|rest| rest.strip_suffix(LINE_END)).unwrap_or_default()
    }

    /// The line, with its end.
    pub fn line(&self) -> &str {
        self.0.expose_secret()
    }
}
