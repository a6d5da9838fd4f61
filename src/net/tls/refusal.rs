//! The reasons for refusing a server's certificate, and their messages.

use std::fmt;
use std::sync::Arc;

use rustls::{CertificateError, Error as TlsError, OtherError};
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;

use super::certificate::{Facts, Flaw, SHORTEST_RSA};

/// Which certificate of a chain a reason is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The server's certificate.
    Server,
    /// One of the CA certificates above it.
    Authority,
}

/// Why a server's certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not signed by a trusted CA.
    UnknownAuthority,
    /// It is signed by a trusted certificate that is not accepted.
    TrustedButFlawed(Flaw),
    /// It is trusted itself, but not accepted.
    Flawed(Flaw),
    /// It, or a CA certificate that the server sent, has expired.
    Expired(Whose),
    /// It is not valid yet.
    NotValidYet(Whose),
    /// It is for other names.
    NameMismatch,
    /// It has no subjectAltName.
    NoName,
    /// The extended key usage, of it or of a CA certificate that the server sent, lacks serverAuth.
    NotForServers(Whose),
    /// It is a CA's, and is not trusted itself.
    AuthorityAsServer,
    /// An RSA key with too few bits.
    ShortKey(usize, Whose),
    /// It is signed with an algorithm that is not accepted, named here.
    Signature(String),
    /// It is signed by a key of a type that is not supported.
    KeyType,
    /// The server does not hold its key.
    WrongKey,
    /// Another reason, as a predicate of the certificate.
    Other(&'static str),
}

impl Refusal {
    /// The reason for an error of webpki. `server` has the properties of the server's own certificate.
    pub fn of(error: &webpki::Error, server: Option<&Facts>) -> Refusal {
        use webpki::Error as E;
        let whose = |its_own: bool| if its_own { Whose::Server } else { Whose::Authority };
        match error {
            // If a CA was renewed under its old name, its old certificate is found by that name and fails by the
            // signature.
            E::UnknownIssuer | E::InvalidSignatureForPublicKey => Refusal::UnknownAuthority,
            E::CertExpired { not_after, .. } => {
                Refusal::Expired(whose(server.is_some_and(|facts| facts.not_after() == not_after.as_secs())))
            }
            E::CertNotValidYet { .. } => Refusal::NotValidYet(Whose::Server),
            E::CertNotValidForName(context) if context.presented.is_empty() => Refusal::NoName,
            E::CertNotValidForName(_) => Refusal::NameMismatch,
            E::RequiredEkuNotFoundContext(_) => {
                Refusal::NotForServers(whose(!server.is_some_and(Facts::names_server_auth)))
            }
            E::CaUsedAsEndEntity => Refusal::AuthorityAsServer,
            E::UnsupportedSignatureAlgorithmContext(context) => {
                Refusal::Signature(signature_name(&context.signature_algorithm_id))
            }
            E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::KeyType,
            E::CertRevoked | E::CertDistrusted => Refusal::Other("has been revoked"),
            E::EndEntityUsedAsCa => Refusal::Other("is signed with a certificate that may not sign others"),
            E::PathLenConstraintViolated => Refusal::Other("has more CAs above it than one of them permits"),
            E::NameConstraintViolation => Refusal::Other("bears a name that a CA above it may not give"),
            E::UnsupportedCriticalExtension => {
                Refusal::Other("has a critical extension that this client does not know")
            }
            E::UnsupportedCertVersion => Refusal::Other("is not of X.509 version 3"),
            E::InvalidCertValidity => Refusal::Other("ends before it begins"),
            E::SignatureAlgorithmMismatch => Refusal::Other("names two algorithms for its one signature"),
            E::EmptyEkuExtension => Refusal::Other("has an extended key usage that names none"),
            E::MaximumSignatureChecksExceeded
            | E::MaximumPathBuildCallsExceeded
            | E::MaximumPathDepthExceeded
            | E::MaximumNameConstraintComparisonsExceeded => Refusal::Other("comes with a chain that is too long"),
            _ => Refusal::Other("is malformed"),
        }
    }

    /// Converts the reason to an error of rustls, which also determines the alert that is sent to the server.
    pub fn into_tls(self) -> TlsError {
        TlsError::InvalidCertificate(match self {
            Refusal::UnknownAuthority => CertificateError::UnknownIssuer,
            Refusal::Expired(Whose::Server) => CertificateError::Expired,
            Refusal::NotValidYet(Whose::Server) => CertificateError::NotValidYet,
            Refusal::NameMismatch => CertificateError::NotValidForName,
            Refusal::NotForServers(Whose::Server) => CertificateError::InvalidPurpose,
            other => CertificateError::Other(OtherError(Arc::new(other))),
        })
    }

    /// Converts an error of rustls back to the reason.
    pub fn from_tls(error: &CertificateError) -> Refusal {
        use CertificateError as E;
        match error {
            E::UnknownIssuer => Refusal::UnknownAuthority,
            E::Expired | E::ExpiredContext { .. } => Refusal::Expired(Whose::Server),
            E::NotValidYet | E::NotValidYetContext { .. } => Refusal::NotValidYet(Whose::Server),
            E::NotValidForName | E::NotValidForNameContext { .. } => Refusal::NameMismatch,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Refusal::NotForServers(Whose::Server),
            E::BadSignature => Refusal::WrongKey,
            E::Other(OtherError(cause)) => cause.downcast_ref().cloned().unwrap_or(Refusal::Other("is malformed")),
            _ => Refusal::Other("is malformed"),
        }
    }

    /// The message about the certificate of the server at `target`.
    pub fn told(&self, target: &str) -> String {
        const CHAIN: &str = "give the server a certificate from a CA that is valid";
        let (what, advice): (String, String) = match self {
            Refusal::UnknownAuthority => {
                ("is signed by an unknown authority".to_owned(), "set VAULT_CACERT to its CA".to_owned())
            }
            Refusal::TrustedButFlawed(flaw) => {
                (format!("is signed by a trusted certificate that {}", flaw.told()), flaw.advice_for("the CA's certificate"))
            }
            Refusal::Flawed(Flaw::Expired) | Refusal::Expired(Whose::Server) => {
                ("has expired".to_owned(), "renew it on the server, and check this machine's clock".to_owned())
            }
            Refusal::Flawed(Flaw::NotValidYet) | Refusal::NotValidYet(_) => {
                ("is not valid yet".to_owned(), "check this machine's clock".to_owned())
            }
            Refusal::Flawed(Flaw::NotForServers) | Refusal::NotForServers(Whose::Server) => {
                ("is not for servers".to_owned(), "give the server one with the usage serverAuth".to_owned())
            }
            Refusal::Flawed(flaw) => (flaw.told().to_owned(), flaw.advice_for("it")),
            Refusal::Expired(Whose::Authority) => (
                "is signed by an intermediate CA whose certificate has expired".to_owned(),
                "renew the chain on the server".to_owned(),
            ),
            Refusal::NotForServers(Whose::Authority) => {
                ("is signed by an intermediate CA that may not sign for servers".to_owned(), CHAIN.to_owned())
            }
            Refusal::NameMismatch => (
                "is not for that name".to_owned(),
                "use a name that is in the certificate, or set VAULT_TLS_SERVER_NAME to it".to_owned(),
            ),
            Refusal::NoName => (
                "has no name or address in its subjectAltName, where they are looked for; its common name does not count"
                    .to_owned(),
                "give the server one with a subjectAltName".to_owned(),
            ),
            Refusal::AuthorityAsServer => (
                "is a CA's own, which proves a server only where it is itself trusted".to_owned(),
                "set VAULT_CACERT to it, or give the server a certificate that is no CA's".to_owned(),
            ),
            Refusal::ShortKey(bits, whose) => {
                let whose = if *whose == Whose::Server { "has" } else { "is signed by a CA that has" };
                (
                    format!("{whose} an RSA key of {bits} bits, which is too short"),
                    format!("make one of {SHORTEST_RSA} bits or more"),
                )
            }
            Refusal::Signature(name) => {
                (format!("is signed with {name}, which is not accepted any more"), "have it signed with SHA-256".to_owned())
            }
            Refusal::KeyType => (
                "is signed by a key of a kind that this client does not know".to_owned(),
                "use a CA with an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key".to_owned(),
            ),
            Refusal::WrongKey => (
                "is shown by a server that does not hold its key".to_owned(),
                "give the server the certificate that belongs to its key".to_owned(),
            ),
            Refusal::Other(what) => {
                ((*what).to_owned(), format!("look at it with \"openssl s_client -connect {target}\", and give the server another one"))
            }
        };
        format!("certificate of {target} {what}; {advice}")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told("the server"))
    }
}

impl std::error::Error for Refusal {}

impl Flaw {
    /// The reason as a predicate of the certificate.
    pub fn told(self) -> &'static str {
        match self {
            Flaw::Expired => "has expired",
            Flaw::NotValidYet => "is not valid yet",
            Flaw::NoAuthority => "is no CA's",
            Flaw::MayNotSign => "has a key usage without keyCertSign",
            Flaw::NotForServers => "is not for servers",
            Flaw::UnknownCriticalExtension => "has a critical extension that this client does not know",
        }
    }

    fn advice_for(self, which: &str) -> String {
        match self {
            Flaw::Expired => format!("renew {which}, and check this machine's clock"),
            Flaw::NotValidYet => "check this machine's clock".to_owned(),
            Flaw::NoAuthority => {
                "set VAULT_CACERT to a CA's certificate, or to exactly the one that the server shows".to_owned()
            }
            Flaw::MayNotSign => format!("make {which} anew with keyCertSign"),
            Flaw::NotForServers => format!("make {which} anew without an extended key usage, or with serverAuth"),
            Flaw::UnknownCriticalExtension => format!("make {which} anew without that extension"),
        }
    }
}

/// The name of a signature algorithm, or its object identifier. `identifier` is the content of an
/// `AlgorithmIdentifier`.
fn signature_name(identifier: &[u8]) -> String {
    const NAMES: [(&str, &str); 8] = [
        ("1.2.840.113549.1.1.4", "MD5"),
        ("1.2.840.113549.1.1.5", "SHA-1"),
        ("1.2.840.113549.1.1.14", "SHA-224"),
        ("1.2.840.10045.4.1", "SHA-1"),
        ("1.2.840.10045.4.3.1", "SHA-224"),
        ("1.2.840.10040.4.3", "DSA"),
        ("2.16.840.1.101.3.4.3.2", "DSA"),
        ("1.3.101.113", "Ed448"),
    ];
    let length = identifier.get(1).map_or(0, |&length| usize::from(length) + 2);
    let number = identifier.get(..length).and_then(|number| <ObjectIdentifier>::from_der(number).ok());
    let Some(number) = number.map(|number| number.to_string()) else { return "an unknown algorithm".to_owned() };
    match NAMES.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("algorithm {number}"),
    }
}
