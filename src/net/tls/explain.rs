//! Turns TLS failures into errors that say what to do.

use rustls::{AlertDescription, Error as TlsError, PeerIncompatible, PeerMisbehaved};

use super::certificate::Flaw;
use super::refusal::Refusal;
use crate::error::{Error, Status};

/// The state of the connection when TLS failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The server had selected a version and a cipher suite.
    pub agreed: bool,
    /// Why the client certificate is not valid now, if it has expired or is not valid yet.
    pub flaw: Option<Flaw>,
}

/// The error for a TLS failure with the server at `target` (`host:port`). `identity` is the variable that names the
/// client certificate, if there is one.
pub fn explain(error: &TlsError, known: Circumstances, target: &str, identity: Option<&str>) -> Error {
    let message = match error {
        TlsError::InvalidCertificate(cause) => Refusal::from_tls(cause).told(target),
        TlsError::AlertReceived(alert) => explain_alert(*alert, known, target, identity),
        TlsError::InvalidMessage(_) if !known.agreed => {
            format!("{target} does not speak TLS; is its address http:// and not https://?")
        }
        TlsError::PeerIncompatible(cause) => explain_incompatible(cause, target),
        other => {
            let what = explain_other(other);
            format!(
                "TLS with {target} failed: {what}; see with \"openssl s_client -connect {target}\" what answers there"
            )
        }
    };
    Error::new(Status::Tls, message)
}

fn explain_incompatible(cause: &PeerIncompatible, target: &str) -> String {
    use PeerIncompatible as P;
    match cause {
        P::NoCipherSuitesInCommon => nothing_in_common(target),
        P::NoKxGroupsInCommon | P::NoEcPointFormatsInCommon | P::UncompressedEcPointsRequired => {
            nothing_in_common(target)
        }
        P::NoSignatureSchemesInCommon | P::NoCertificateRequestSignatureSchemesInCommon => format!(
            "{target} and this client have no kind of signature in common; allow RSA-PSS or ECDSA with SHA-256 on the server"
        ),
        P::ExtendedMasterSecretExtensionRequired => {
            format!(
                "{target} speaks TLS 1.2 without extended master secrets; allow TLS 1.3 there, or update the server"
            )
        }
        _ => format!(
            "{target} speaks a version of TLS that this client does not; \
             allow TLS 1.2, the oldest spoken here, or 1.3 on the server"
        ),
    }
}

fn nothing_in_common(target: &str) -> String {
    format!(
        "{target} and this client have no cipher suite or key exchange group in common; allow on the server \
         AES-GCM or ChaCha20 with ECDHE, and the group X25519 or P-256"
    )
}

/// Describes the errors for which rustls' own text shows Rust values.
fn explain_other(error: &TlsError) -> &'static str {
    match error {
        TlsError::InvalidMessage(_) => "the server sent a message that is malformed",
        TlsError::InappropriateMessage { .. } | TlsError::InappropriateHandshakeMessage { .. } => {
            "the server sent a message out of turn"
        }
        TlsError::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme) => {
            "the server signed with an algorithm that this client had not offered"
        }
        TlsError::PeerMisbehaved(_) => "the server does not keep to the protocol",
        TlsError::DecryptError => "what the server sent cannot be decrypted",
        TlsError::NoCertificatesPresented => "the server showed no certificate",
        TlsError::PeerSentOversizedRecord => "the server sent a record that is too large",
        TlsError::FailedToGetRandomBytes => "the system gives no random numbers",
        TlsError::FailedToGetCurrentTime => "the system does not tell the time",
        _ => "the handshake did not come to an end",
    }
}

/// Whether an alert says that a client certificate is missing or refused.
pub fn is_about_the_client(alert: AlertDescription) -> bool {
    use AlertDescription as A;
    matches!(
        alert,
        A::CertificateRequired
            | A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateUnknown
            | A::CertificateExpired
            | A::CertificateRevoked
            | A::UnknownCA
            | A::AccessDenied
    )
}

fn explain_alert(alert: AlertDescription, known: Circumstances, target: &str, identity: Option<&str>) -> String {
    use AlertDescription as A;
    let about_the_client = is_about_the_client(alert);
    let name = alert_name(alert);
    match (alert, identity) {
        (_, None) if about_the_client => {
            format!("{target} asks for a client certificate ({name}); set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY")
        }
        (_, Some(variable)) if about_the_client => match known.flaw {
            Some(flaw) => format!(
                "{target} refuses the client certificate ({name}), which {}; set {variable} to one that is valid",
                flaw.told()
            ),
            None => format!(
                "{target} refuses the client certificate ({name}); check {variable} against the CA that the server trusts"
            ),
        },
        (A::HandshakeFailure | A::InsufficientSecurity, _) if !known.agreed => nothing_in_common(target),
        // TLS 1.2 servers refuse clients without a certificate like this.
        (A::HandshakeFailure, None) => format!(
            "{target} ended the handshake ({name}), as a server does that asks for a client certificate; \
             set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"
        ),
        (A::ProtocolVersion, _) => {
            format!("{target} speaks neither TLS 1.2 nor 1.3, the versions that this client speaks; allow one there")
        }
        (A::UnrecognisedName, _) => {
            format!("{target} has no certificate for the name asked for; check VAULT_TLS_SERVER_NAME")
        }
        _ => format!("{target} ended the TLS connection ({name}); the server's log may say why"),
    }
}

/// The name of the alert in RFC 8446, section 6.
fn alert_name(alert: AlertDescription) -> String {
    let name = format!("{alert:?}");
    match name.starts_with("Unknown") && name.contains('(') {
        true => format!("alert {}", u8::from(alert)),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, InvalidMessage};

    use super::*;

    #[test]
    fn every_failure_says_what_to_do_next_and_shows_no_rust_value() {
        use AlertDescription as A;
        let certificates = [
            CertificateError::UnknownIssuer,
            CertificateError::Expired,
            CertificateError::NotValidYet,
            CertificateError::NotValidForName,
            CertificateError::Revoked,
            CertificateError::InvalidPurpose,
            CertificateError::BadEncoding,
            CertificateError::BadSignature,
        ];
        let refusals = [
            webpki::Error::CaUsedAsEndEntity,
            webpki::Error::UnsupportedCertVersion,
            webpki::Error::BadDer,
            webpki::Error::NameConstraintViolation,
            webpki::Error::PathLenConstraintViolated,
        ];
        let alerts = [A::HandshakeFailure, A::ProtocolVersion, A::UnrecognisedName, A::UnknownCA, A::Unknown(77)];
        let others = [
            TlsError::DecryptError,
            TlsError::General("x".to_owned()),
            TlsError::HandshakeNotComplete,
            TlsError::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge),
            TlsError::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme),
            TlsError::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon),
            TlsError::PeerIncompatible(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig),
        ];
        let certificates = certificates.map(TlsError::InvalidCertificate);
        let refusals = refusals.map(|error| Refusal::of(&error, None).into_tls());
        for error in certificates.iter().chain(&refusals).chain(&alerts.map(TlsError::AlertReceived)).chain(&others) {
            for (identity, agreed) in [(None, false), (Some("VAULT_CLIENT_CERT"), true), (None, true)] {
                let explained = explain(error, Circumstances { agreed, flaw: None }, "vault:8200", identity);
                let message = explained.message();
                assert_eq!(explained.status(), Status::Tls);
                assert!(message.contains("vault:8200") && message.contains("; "), "{message}");
                assert!(!message.contains("Error") && !message.contains("::") && message.len() < 300, "{message}");
                assert!(!message.contains('{') && !message.contains("Unknown("), "{message}");
            }
        }
    }
}
