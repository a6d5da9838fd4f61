//! Verifies the certificate of a server.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, Der, ServerName, TrustAnchor, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

use super::certificate::Facts;
use super::refusal::{Refusal, Whose};
use super::roots::{Authority, Trusted};
use super::session_cache::SessionCache;

/// Verifies the chain, the dates, the usages and the name. With `VAULT_SKIP_VERIFY` it verifies only that the server
/// holds the key of its certificate.
#[derive(Debug)]
pub struct Verifier {
    /// The cryptography that signatures are checked with.
    pub provider: Arc<CryptoProvider>,
    /// The trusted certificates; `None` if verification is switched off.
    pub trusted: Option<Arc<Trusted>>,
    /// Records until when a verification is valid.
    pub sessions: Arc<SessionCache>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if let Some(trusted) = &self.trusted {
            let chain = Chain { trusted, provider: &self.provider, end_entity, intermediates, now };
            self.sessions.note_proof(chain.verify(server_name).map_err(Refusal::into_tls)?);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
            .map_err(|error| with_key(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
            .map_err(|error| with_key(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Replaces the error for a bad signature if the key is too short: webpki reports the two alike.
fn with_key(error: TlsError, certificate: &CertificateDer<'_>) -> TlsError {
    match Facts::of(certificate).and_then(|facts| facts.short_key()) {
        Some(bits) if matches!(error, TlsError::InvalidCertificate(CertificateError::BadSignature)) => {
            Refusal::ShortKey(bits, Whose::Server).into_tls()
        }
        _ => error,
    }
}

/// The chain that a server sends, and what it is verified with.
struct Chain<'a> {
    trusted: &'a Trusted,
    provider: &'a CryptoProvider,
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    now: UnixTime,
}

impl Chain<'_> {
    /// When the first certificate ends of those that prove the server.
    fn verify(&self, name: &ServerName<'_>) -> Result<u64, Refusal> {
        let facts = Facts::of(self.end_entity).ok_or(Refusal::Other("is malformed"))?;
        let refused = |error: webpki::Error| Refusal::of(&error, Some(&facts));
        let certificate = EndEntityCert::try_from(self.end_entity).map_err(refused)?;
        // A certificate that the settings name is accepted as that server's only, whoever signed it and whether or not it
        // is a CA certificate: `openssl req -x509` creates certificates that are both.
        let above = if self.trusted.given.contains(self.end_entity) {
            facts.flaw_of_server(self.now).map_or(Ok(u64::MAX), |flaw| Err(Refusal::Flawed(flaw)))?
        } else {
            self.find_path(&certificate).map_err(|error| self.reason(&error, &certificate, &facts))?
        };
        certificate.verify_is_valid_for_subject_name(name).map_err(refused)?;
        Ok(above.min(facts.not_after()))
    }

    /// Finds a path from the server's certificate to an authority that is valid now. Returns when the first certificate of
    /// the path expires, the server's excepted.
    fn find_path(&self, certificate: &EndEntityCert<'_>) -> Result<u64, webpki::Error> {
        let valid = self.trusted.authorities.iter().filter(|authority| authority.flaw(self.now).is_none());
        let anchors: Vec<TrustAnchor<'_>> = valid.clone().map(|authority| borrowed(&authority.anchor)).collect();
        // The same authority may be listed several times, with certificates that have different restrictions.
        let top_of = |path: &VerifiedPath<'_>| {
            let below = path.intermediate_certificates().count();
            let same = valid.clone().filter(|authority| authority.anchor == *path.anchor());
            same.filter(move |authority| authority.facts.permits_below(below)).collect::<Vec<_>>()
        };
        // webpki checks neither the key usage nor the restrictions of a trusted certificate.
        let counts = |path: &VerifiedPath<'_>| {
            let sent = || path.intermediate_certificates();
            let may_sign = |der: CertificateDer<'_>| {
                Facts::of(&der).is_some_and(|facts| facts.flaw_of_authority(self.now).is_none())
            };
            if !sent().all(|intermediate| may_sign(intermediate.der())) {
                return Err(webpki::Error::EndEntityUsedAsCa);
            }
            match top_of(path).is_empty() {
                false => Ok(()),
                true => Err(webpki::Error::PathLenConstraintViolated),
            }
        };
        let path = certificate.verify_for_usage(
            self.provider.signature_verification_algorithms.all,
            &anchors,
            self.intermediates,
            self.now,
            KeyUsage::server_auth(),
            None,
            Some(&counts),
        )?;
        let sent = path.intermediate_certificates().filter_map(|sent| Some(Facts::of(&sent.der())?.not_after()));
        let top = top_of(&path).iter().map(|authority| authority.facts.not_after()).max();
        Ok(sent.chain(top).min().unwrap_or(u64::MAX))
    }

    /// Why there is no path. webpki is given only the accepted authorities, and does not distinguish a key that is too
    /// short from a wrong one.
    fn reason(&self, error: &webpki::Error, certificate: &EndEntityCert<'_>, facts: &Facts) -> Refusal {
        let refusal = Refusal::of(error, Some(facts));
        if refusal != Refusal::UnknownAuthority {
            return refusal;
        }
        let sent: Vec<EndEntityCert<'_>> =
            self.intermediates.iter().filter_map(|sent| EndEntityCert::try_from(sent).ok()).collect();
        let issuers = || std::iter::once(certificate.issuer()).chain(sent.iter().map(|sent| sent.issuer()));
        let above = || {
            let trusted = self.trusted.authorities.iter();
            trusted.filter(|authority| issuers().any(|issuer| issuer == authority.anchor.subject.as_ref()))
        };
        if let Some(flaw) = above().find_map(|authority| authority.flaw(self.now)) {
            return Refusal::TrustedButFlawed(flaw);
        }
        let short_above = above().find_map(|authority| authority.facts.short_key());
        let short_sent = || self.intermediates.iter().find_map(|sent| Facts::of(sent)?.short_key());
        match short_above.or_else(short_sent) {
            Some(bits) => Refusal::ShortKey(bits, Whose::Authority),
            None => refusal,
        }
    }
}

fn borrowed<'a>(anchor: &'a TrustAnchor<'static>) -> TrustAnchor<'a> {
    TrustAnchor {
        subject: Der::from_slice(&anchor.subject),
        subject_public_key_info: Der::from_slice(&anchor.subject_public_key_info),
        name_constraints: anchor.name_constraints.as_ref().map(|constraints| Der::from_slice(constraints)),
    }
}

impl Authority {
    fn flaw(&self, now: UnixTime) -> Option<super::certificate::Flaw> {
        self.facts.flaw_of_authority(now)
    }
}

#[cfg(test)]
mod compared_with_go;
