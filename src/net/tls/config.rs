//! Whom TLS trusts, who it says we are, and what to tell people when that fails.

use std::fmt::Display;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error as TlsError, OtherError};

use super::roots::{self, Trusted};
use super::session_cache::SessionCache;
use super::verifier::{VerifyChain, VerifyNothing, is_ca_as_server};
use crate::call::Deadline;
use crate::config::{Named, TlsConfig};
use crate::error::{Error, Result, Status};

/// The TLS configuration of one manager. The provider is passed on explicitly, never installed for the process.
pub fn client_config(tls: &TlsConfig, deadline: &Deadline) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Status::Internal, format!("TLS provider: {e}")))?;
    let builder = match tls.skip_verify {
        true => builder.dangerous().with_custom_certificate_verifier(Arc::new(VerifyNothing(provider))),
        false => {
            let Trusted { store, given } = roots::trusted(&tls.roots, deadline)?;
            let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map_err(|e| Error::config(format!("{}: {e}", tls.roots.variable())))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(VerifyChain { webpki, given }))
        }
    };
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = roots::identity(identity, deadline)?;
            builder.with_client_auth_cert(chain, key).map_err(|e| {
                let (certificate, key) = (identity.certificate.variable, identity.key.variable);
                Error::config(format!("{certificate} and {key} do not fit together: {e}"))
            })?
        }
    };
    config.resumption = Resumption::store(Arc::new(SessionCache::default()));
    Ok(Arc::new(config))
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

/// What a TLS failure of the server at `target` (`host:port`) means, and what to do about it. `identity` is the variable
/// that gave the client certificate, where there is one.
pub fn explain(error: &TlsError, target: &str, identity: Option<&str>) -> Error {
    let message = match error {
        TlsError::InvalidCertificate(cause) => explain_certificate(cause, target),
        TlsError::AlertReceived(alert) => explain_alert(*alert, target, identity),
        TlsError::InvalidMessage(_) => {
            format!("{target} does not speak TLS; is its address http:// and not https://?")
        }
        TlsError::PeerIncompatible(_) => {
            format!(
                "{target} and this client have no TLS version or cipher in common; \
                 allow TLS 1.2, the oldest spoken here, or 1.3 on the server"
            )
        }
        other => format!(
            "TLS with {target} failed: {other}; see with \"openssl s_client -connect {target}\" what answers there"
        ),
    };
    Error::new(Status::Tls, message)
}

fn explain_certificate(cause: &CertificateError, target: &str) -> String {
    use CertificateError as E;
    match cause {
        // A CA that was renewed under its old name is found by that name, and fails by its signature.
        E::UnknownIssuer | E::BadSignature => {
            format!("certificate of {target} is signed by an unknown authority; set VAULT_CACERT to its CA")
        }
        E::Expired | E::ExpiredContext { .. } => {
            format!("certificate of {target} has expired; renew it on the server, and check this machine's clock")
        }
        E::NotValidYet | E::NotValidYetContext { .. } => {
            format!("certificate of {target} is not valid yet; check this machine's clock")
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => format!(
            "certificate of {target} is not for that name; use a name that stands in the certificate, \
             or set VAULT_TLS_SERVER_NAME to it"
        ),
        E::Revoked => format!("certificate of {target} has been revoked; give the server a new one"),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            format!("certificate of {target} is not for servers; give the server one with the usage serverAuth")
        }
        cause if is_ca_as_server(cause) => format!(
            "certificate of {target} is a CA's own, which proves a server only where it is itself trusted; \
             set VAULT_CACERT to it, or give the server a certificate that is no CA's"
        ),
        // What rustls has no name for it shows as a Rust value.
        E::Other(OtherError(cause)) => refused_certificate(cause, target),
        other => refused_certificate(other, target),
    }
}

fn refused_certificate(cause: &dyn Display, target: &str) -> String {
    format!(
        "certificate of {target} is refused: {cause}; \
         look at it with \"openssl s_client -connect {target}\", and give the server another one"
    )
}

fn explain_alert(alert: AlertDescription, target: &str, identity: Option<&str>) -> String {
    use AlertDescription as A;
    let about_the_client = matches!(
        alert,
        A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateUnknown
            | A::CertificateExpired
            | A::UnknownCA
            | A::AccessDenied
    );
    match (alert, identity) {
        (_, None) if about_the_client => {
            format!("{target} asks for a client certificate ({alert:?}); set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY")
        }
        (_, Some(variable)) if about_the_client => format!(
            "{target} refuses the client certificate ({alert:?}); check {variable} against the CA that the server trusts"
        ),
        // How TLS 1.2 servers refuse clients without a certificate; having no cipher in common is the rare other cause.
        (A::HandshakeFailure, None) => format!(
            "{target} ended the handshake ({alert:?}), as a server does that asks for a client certificate; \
             set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"
        ),
        (A::ProtocolVersion, _) => {
            format!("{target} speaks neither TLS 1.2 nor 1.3, the versions that this client speaks; allow one there")
        }
        (A::UnrecognisedName, _) => {
            format!("{target} has no certificate for the name asked for; check VAULT_TLS_SERVER_NAME")
        }
        (other, _) => format!("{target} ended the TLS connection: {other:?}; the server's log may say why"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_to_do_next_and_shows_no_rust_value() {
        use AlertDescription as A;
        let other = |cause: webpki::Error| CertificateError::Other(OtherError(Arc::new(cause)));
        let certificates = [
            CertificateError::UnknownIssuer,
            CertificateError::Expired,
            CertificateError::NotValidYet,
            CertificateError::NotValidForName,
            CertificateError::Revoked,
            CertificateError::InvalidPurpose,
            CertificateError::BadEncoding,
            other(webpki::Error::CaUsedAsEndEntity),
            other(webpki::Error::UnsupportedCertVersion),
        ];
        let alerts = [A::HandshakeFailure, A::ProtocolVersion, A::UnrecognisedName, A::UnknownCA, A::InternalError];
        let others = [TlsError::DecryptError, TlsError::General("x".to_owned()), TlsError::HandshakeNotComplete];
        let certificates = certificates.map(TlsError::InvalidCertificate);
        for error in certificates.iter().chain(&alerts.map(TlsError::AlertReceived)).chain(&others) {
            for identity in [None, Some("VAULT_CLIENT_CERT")] {
                let explained = explain(error, "vault:8200", identity);
                let message = explained.message();
                assert_eq!(explained.status(), Status::Tls);
                assert!(message.contains("vault:8200") && message.contains("; "), "{message}");
                assert!(!message.contains("OtherError"), "{message}");
            }
        }
    }
}
