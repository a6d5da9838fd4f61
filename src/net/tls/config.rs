//! Whom TLS trusts, and who it says we are.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ClientConfig, Error as TlsError};

use super::certificate::{Facts, Flaw};
use super::roots;
use super::session_cache::SessionCache;
use super::verifier::Verifier;
use crate::call::Deadline;
use crate::config::{Named, TlsConfig};
use crate::error::{Error, Result, Status};

/// The TLS configuration of one manager. The provider is passed on explicitly, never installed for the process.
pub fn client_config(tls: &TlsConfig, deadline: &Deadline) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Status::Internal, format!("TLS provider: {e}")))?;
    let trusted = if tls.skip_verify { None } else { Some(roots::trusted(&tls.roots, deadline)?) };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { provider, trusted }));
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = roots::identity(identity, deadline)?;
            let (certificate, key_file) = (identity.certificate.variable, identity.key.variable);
            builder.with_client_auth_cert(chain, key).map_err(|e| {
                Error::config(match e {
                    TlsError::InconsistentKeys(_) => {
                        format!("{certificate} and {key_file} do not fit together; name a certificate and its own key")
                    }
                    _ => format!(
                        "{key_file}: its key is of a kind that this client does not know; \
                         use RSA of 2048 bits or more, ECDSA (P-256, P-384, P-521) or Ed25519"
                    ),
                })
            })?
        }
    };
    config.resumption = Resumption::store(Arc::new(SessionCache::default()));
    Ok(Arc::new(config))
}

/// What is wrong now with the client certificate, by its dates.
#[cold]
pub fn identity_flaw(config: &ClientConfig) -> Option<Flaw> {
    let schemes = config.crypto_provider().signature_verification_algorithms.supported_schemes();
    let shown = config.client_auth_cert_resolver.resolve(&[], &schemes)?;
    Facts::of(shown.cert.first()?)?.flaw_of_dates(UnixTime::now())
}

/// The name that a server has to prove: what `VAULT_TLS_SERVER_NAME` says, else its host, which stands in the variable
/// `address`.
pub fn server_name(wanted: Option<&Named<String>>, host: &str, address: &str) -> Result<ServerName<'static>> {
    let (name, variable) = match wanted {
        Some(wanted) => (wanted.value.as_str(), wanted.variable),
        None => (host, address),
    };
    ServerName::try_from(name.to_owned())
        .map_err(|_| Error::config(format!("{variable}: {name:?} is neither a host name nor an IP address")))
}
