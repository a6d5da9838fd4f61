//! What needs only the public half of a key, and so no request: checking signatures, and encrypting to RSA keys.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{self, RsaParameters, RsaPssSaltLength, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;

use super::parameters::Parameters;
use crate::error::{Error, Result, Status};
use crate::host::crypto::{with_random_numbers, without_forks};
use crate::secret::Secret;

/// How long public keys are used after they were read. The server's limits on versions and the deletion of the key are
/// noticed after that.
const MAX_AGE: Duration = Duration::from_secs(60);

/// Signatures of versions that never were do not cause more requests than this.
const MIN_AGE: Duration = Duration::from_secs(1);

/// The public keys of the versions that the server still verifies with, as it described them.
pub struct PublicKeys {
    kind: String,
    /// In the encoding that AWS-LC reads: raw for Ed25519, SubjectPublicKeyInfo for others.
    versions: BTreeMap<u64, Vec<u8>>,
    read_at: Instant,
}

/// One version in the description of a key: a time for symmetric keys.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Version {
    /// Of an asymmetric key.
    Public { public_key: String },
    /// Of a symmetric key.
    Other(serde::de::IgnoredAny),
}

/// What the check of a signature has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Valid,
    /// The server would say so, too.
    Invalid,
    /// Only the server can tell.
    Unknown,
}

impl PublicKeys {
    /// `None` if the key has no public half that can be used here.
    pub fn new(kind: &str, versions: &BTreeMap<String, Version>) -> Option<PublicKeys> {
        let public = |(number, version): (&String, &Version)| match version {
            Version::Public { public_key } => Some((number.parse().ok()?, decode(kind, public_key)?)),
            Version::Other(_) => None,
        };
        let versions: BTreeMap<u64, Vec<u8>> = versions.iter().filter_map(public).collect();
        let keys = PublicKeys { kind: kind.to_owned(), versions, read_at: Instant::now() };
        (!keys.versions.is_empty()).then_some(keys)
    }

    /// Whether the keys have to be read again: after a while, or for a version that was made since.
    pub fn is_old(&self, signature: Option<&str>) -> bool {
        let is_unknown = signature.and_then(parts).is_some_and(|(version, _)| !self.versions.contains_key(&version));
        self.read_at.elapsed() >= if is_unknown { MIN_AGE } else { MAX_AGE }
    }

    /// Checks a signature.
    pub fn verify(&self, data: &[u8], signature: &str, parameters: &Parameters<'_>) -> Checked {
        let Some((version, signature)) = parts(signature) else { return Checked::Unknown };
        let (Some(key), Some(scheme)) = (self.versions.get(&version), Scheme::of(&self.kind, parameters)) else {
            return Checked::Unknown;
        };
        let key = UnparsedPublicKey::new(scheme.algorithm, key);
        match without_forks(|| key.verify(data, &signature)) {
            Ok(()) => Checked::Valid,
            Err(_) if scheme.is_exact => Checked::Invalid,
            Err(_) => Checked::Unknown,
        }
    }

    /// The ciphertext of `data` under the latest version of an RSA key; `None` if this is not one, or if there are
    /// parameters.
    pub fn encrypt(&self, data: &[u8], parameters: &Parameters<'_>) -> Option<Result<Secret>> {
        if !self.kind.starts_with("rsa-") || parameters.len() > 0 {
            return None;
        }
        let (version, key) = self.versions.last_key_value()?;
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(key).ok()?).ok()?;
        let most = key.max_plaintext_size(&OAEP_SHA256_MGF1SHA256);
        if data.len() > most {
            return Some(Err(too_long(data.len(), most)));
        }
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let encrypt = || key.encrypt(&OAEP_SHA256_MGF1SHA256, data, &mut ciphertext, None).is_ok();
        let encrypted = match with_random_numbers(encrypt) {
            Ok(encrypted) => encrypted,
            Err(e) => return Some(Err(e)),
        };
        encrypted.then(|| Ok(Secret::copy_of(&format!("vault:v{version}:{}", STANDARD.encode(&ciphertext)))))
    }
}

#[cold]
fn too_long(length: usize, most: usize) -> Error {
    let message = format!(
        "the data have {length} bytes, and a key of this type encrypts {most} at the most; encrypt a data key, and the \
         data with it"
    );
    Error::new(Status::TooLarge, message)
}

/// A public key as AWS-LC reads it.
fn decode(kind: &str, text: &str) -> Option<Vec<u8>> {
    match kind {
        "ed25519" => STANDARD.decode(text).ok(),
        _ => SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok().map(|key| key.to_vec()),
    }
}

/// The version and the bytes of `vault:v1:BASE64`.
fn parts(signature: &str) -> Option<(u64, Vec<u8>)> {
    let (version, encoded) = signature.strip_prefix("vault:v")?.split_once(':')?;
    Some((version.parse().ok()?, STANDARD.decode(encoded).ok()?))
}

/// How a signature was made.
struct Scheme {
    algorithm: &'static dyn VerificationAlgorithm,
    /// The server accepts nothing that this does not accept.
    is_exact: bool,
}

/// RSA-PSS with the longest salt, as the server makes it; it accepts any length.
static PSS_SHA256: RsaParameters = signature::RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);
static PSS_SHA384: RsaParameters = signature::RSA_PSS_2048_8192_SHA384.with_pss_salt_length(RsaPssSaltLength::Max);
static PSS_SHA512: RsaParameters = signature::RSA_PSS_2048_8192_SHA512.with_pss_salt_length(RsaPssSaltLength::Max);

impl Scheme {
    /// `None` for what only the server checks.
    fn of(kind: &str, parameters: &Parameters<'_>) -> Option<Scheme> {
        if ["prehashed", "context"].into_iter().any(|name| parameters.has(name)) {
            return None;
        }
        let [hash, padding, form] =
            [("hash_algorithm", "sha2-256"), ("signature_algorithm", "pss"), ("marshaling_algorithm", "asn1")]
                .map(|(name, default)| if parameters.has(name) { parameters.text(name) } else { Some(default) });
        let algorithm: &'static dyn VerificationAlgorithm = match (kind, hash?, padding?, form?) {
            ("ed25519", "sha2-256", ..) => &signature::ED25519,
            ("ecdsa-p256", "sha2-256", _, "asn1") => &signature::ECDSA_P256_SHA256_ASN1,
            ("ecdsa-p384", "sha2-256", _, "asn1") => &signature::ECDSA_P384_SHA256_ASN1,
            ("ecdsa-p384", "sha2-384", _, "asn1") => &signature::ECDSA_P384_SHA384_ASN1,
            ("ecdsa-p521", "sha2-256", _, "asn1") => &signature::ECDSA_P521_SHA256_ASN1,
            ("ecdsa-p521", "sha2-512", _, "asn1") => &signature::ECDSA_P521_SHA512_ASN1,
            (rsa, hash, padding, _) if rsa.starts_with("rsa-") => match (hash, padding) {
                ("sha2-256", "pkcs1v15") => &signature::RSA_PKCS1_2048_8192_SHA256,
                ("sha2-384", "pkcs1v15") => &signature::RSA_PKCS1_2048_8192_SHA384,
                ("sha2-512", "pkcs1v15") => &signature::RSA_PKCS1_2048_8192_SHA512,
                ("sha2-256", "pss") => &PSS_SHA256,
                ("sha2-384", "pss") => &PSS_SHA384,
                ("sha2-512", "pss") => &PSS_SHA512,
                _ => return None,
            },
            _ => return None,
        };
        Some(Scheme { algorithm, is_exact: !kind.starts_with("rsa-") || padding == Some("pkcs1v15") })
    }
}
