//! Why a server's certificate is refused, in words.

use std::fmt;
use std::sync::Arc;

use rustls::{CertificateError, Error as TlsError, OtherError};
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;

use super::certificate::{Facts, Flaw, SHORTEST_RSA};

/// Which certificate of a chain is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The server's.
    Server,
    /// One of the CAs' that it is signed by.
    Authority,
}

/// Why a server's certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is signed by nobody who is trusted.
    UnknownAuthority,
    /// It is signed by a certificate that is among the trusted ones, and does not count.
    TrustedButFlawed(Flaw),
    /// It is trusted itself, and does not count.
    Flawed(Flaw),
    /// Its time, or that of an authority that the server sent, is over.
    Expired(Whose),
    /// Its time has not come.
    NotValidYet(Whose),
    /// It bears other names.
    OtherName,
    /// It bears no name where names are looked for.
    NoName,
    /// It, or an authority that the server sent, is for something else.
    NotForServers(Whose),
    /// It is a CA's, and not trusted itself.
    AuthorityAsServer,
    /// An RSA key of so many bits.
    ShortKey(usize, Whose),
    /// It is signed in a way that does not count, whose name or number this is.
    Signature(String),
    /// It is signed by a key of a kind that does not count.
    KindOfKey,
    /// The server does not hold its key.
    NotItsKey,
    /// Whatever else there is, as what can be said of the certificate, and what to do about it.
    Other(&'static str),
}

impl Refusal {
    /// The same as what webpki says of a chain, in which `server` is what the server's own certificate says.
    pub fn of(error: &webpki::Error, server: Option<&Facts>) -> Refusal {
        use webpki::Error as E;
        let whose = |its_own: bool| if its_own { Whose::Server } else { Whose::Authority };
        match error {
            // A CA that was renewed under its old name is found by that name, and fails by its signature.
            E::UnknownIssuer | E::InvalidSignatureForPublicKey => Refusal::UnknownAuthority,
            E::CertExpired { not_after, .. } => {
                Refusal::Expired(whose(server.is_some_and(|facts| facts.not_after() == not_after.as_secs())))
            }
            E::CertNotValidYet { .. } => Refusal::NotValidYet(Whose::Server),
            E::CertNotValidForName(context) if context.presented.is_empty() => Refusal::NoName,
            E::CertNotValidForName(_) => Refusal::OtherName,
            E::RequiredEkuNotFoundContext(_) => {
                Refusal::NotForServers(whose(!server.is_some_and(Facts::names_servers)))
            }
            E::CaUsedAsEndEntity => Refusal::AuthorityAsServer,
            E::UnsupportedSignatureAlgorithmContext(context) => {
                Refusal::Signature(signature_name(&context.signature_algorithm_id))
            }
            E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::KindOfKey,
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

    /// What rustls hands on, and tells the server of by an alert.
    pub fn into_tls(self) -> TlsError {
        TlsError::InvalidCertificate(match self {
            Refusal::UnknownAuthority => CertificateError::UnknownIssuer,
            Refusal::Expired(Whose::Server) => CertificateError::Expired,
            Refusal::NotValidYet(Whose::Server) => CertificateError::NotValidYet,
            Refusal::OtherName => CertificateError::NotValidForName,
            Refusal::NotForServers(Whose::Server) => CertificateError::InvalidPurpose,
            other => CertificateError::Other(OtherError(Arc::new(other))),
        })
    }

    /// The way back.
    pub fn from_tls(error: &CertificateError) -> Refusal {
        use CertificateError as E;
        match error {
            E::UnknownIssuer => Refusal::UnknownAuthority,
            E::Expired | E::ExpiredContext { .. } => Refusal::Expired(Whose::Server),
            E::NotValidYet | E::NotValidYetContext { .. } => Refusal::NotValidYet(Whose::Server),
            E::NotValidForName | E::NotValidForNameContext { .. } => Refusal::OtherName,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Refusal::NotForServers(Whose::Server),
            E::BadSignature => Refusal::NotItsKey,
            E::Other(OtherError(cause)) => cause.downcast_ref().cloned().unwrap_or(Refusal::Other("is malformed")),
            _ => Refusal::Other("is malformed"),
        }
    }

    /// The whole sentence about the certificate of the server at `target`.
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
            Refusal::OtherName => (
                "is not for that name".to_owned(),
                "use a name that stands in the certificate, or set VAULT_TLS_SERVER_NAME to it".to_owned(),
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
                (format!("is signed with {name}, which does not count any more"), "have it signed with SHA-256".to_owned())
            }
            Refusal::KindOfKey => (
                "is signed by a key of a kind that this client does not know".to_owned(),
                "use a CA with an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key".to_owned(),
            ),
            Refusal::NotItsKey => (
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
    /// What is to be said of the certificate.
    pub fn told(self) -> &'static str {
        match self {
            Flaw::Expired => "has expired",
            Flaw::NotValidYet => "is not valid yet",
            Flaw::NoAuthority => "is no CA's",
            Flaw::MayNotSign => "has a key usage without keyCertSign",
            Flaw::NotForServers => "is not for servers",
            Flaw::UnknownDemands => "has a critical extension that this client does not know",
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
            Flaw::UnknownDemands => format!("make {which} anew without that extension"),
        }
    }
}

/// What people call a signature algorithm, else its number. `identifier` is the inside of an `AlgorithmIdentifier`.
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
