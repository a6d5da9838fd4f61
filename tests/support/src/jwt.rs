//! Signs JSON web tokens with a new key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_RSA_SHA256, SigningKey};
use serde_json::{Value, json};

/// Signs tokens with RS256.
pub struct JwtSigner(KeyPair);

impl Default for JwtSigner {
    fn default() -> Self {
        JwtSigner::new()
    }
}

impl JwtSigner {
    /// A new key.
    pub fn new() -> Self {
        JwtSigner(KeyPair::generate_for(&PKCS_RSA_SHA256).expect("an RSA key"))
    }

    /// The public key, with which the server checks tokens.
    pub fn public_key_pem(&self) -> String {
        self.0.public_key_pem()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims));
        let signature = self.0.sign(message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
