//! Builds the TLS configuration from the trusted certificates and the client certificate.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error as TlsError};

use super::certificate::{Facts, Flaw};
use super::roots::{self, Reading, Trusted};
use super::session_cache::SessionCache;
use super::verifier::Verifier;
use crate::config::{ClientIdentity, Named};
use crate::error::{Error, Result, Status};
use crate::host::crypto::with_random_numbers;

/// The certificates of both sides.
#[derive(Clone)]
pub struct Credentials {
    /// The trusted certificates; `None` if verification is switched off.
    pub trusted: Option<Arc<Trusted>>,
    /// The client certificate, for servers that ask for one.
    pub identity: Option<Arc<CertifiedKey>>,
}

/// The configuration for connections with these credentials. Sessions are stored in `sessions`.
pub fn client_config(
    provider: &Arc<CryptoProvider>,
    credentials: &Credentials,
    sessions: Arc<SessionCache>,
) -> Result<Arc<ClientConfig>> {
    let Credentials { trusted, identity } = credentials.clone();
    let verifier = Verifier { provider: provider.clone(), trusted, sessions: sessions.clone() };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Status::Internal, format!("TLS provider: {e}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
    };
    config.resumption = Resumption::store(sessions);
    Ok(Arc::new(config))
}

/// Reads the client certificate and its key, and checks that they belong together.
pub fn identity(files: &ClientIdentity, provider: &CryptoProvider, reading: Reading<'_>) -> Result<Arc<CertifiedKey>> {
    let (chain, key) = roots::identity(files, reading)?;
    let (certificate, key_file) = (files.certificate.variable, files.key.variable);
    let identity = with_random_numbers(|| CertifiedKey::from_der(chain, key, provider))?.map_err(|e| {
        Error::config(match e {
            TlsError::InconsistentKeys(_) => {
                format!("{certificate} and {key_file} do not fit together; name a certificate and its own key")
            }
            _ => format!(
                "{key_file}: its key is of a kind that this client does not know; \
                 use RSA of 2048 bits or more, ECDSA (P-256, P-384, P-521) or Ed25519"
            ),
        })
    })?;
    Ok(Arc::new(identity))
}

/// Why the client certificate is not valid now, according to its dates.
#[cold]
pub fn identity_flaw(config: &ClientConfig) -> Option<Flaw> {
    let schemes = config.crypto_provider().signature_verification_algorithms.supported_schemes();
    let shown = config.client_auth_cert_resolver.resolve(&[], &schemes)?;
    Facts::of(shown.cert.first()?)?.flaw_of_dates(UnixTime::now())
}

/// The name that the server's certificate has to contain: that of `VAULT_TLS_SERVER_NAME`, otherwise the host of the
/// address. `address` is the variable of the address.
pub fn server_name(wanted: Option<&Named<String>>, host: &str, address: &str) -> Result<ServerName<'static>> {
    let (name, variable) = match wanted {
        Some(wanted) => (wanted.value.as_str(), wanted.variable),
        None => (host, address),
    };
    ServerName::try_from(name.to_owned())
        .map_err(|_| Error::config(format!("{variable}: {name:?} is neither a host name nor an IP address")))
}
