//! The properties of a certificate that webpki does not check: of trusted certificates it uses only the name and the
//! key.

use rustls::pki_types::UnixTime;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

/// Extensions that are evaluated here or by webpki.
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// Certificate policies. No policy is required of a path, so they do not restrict it.
const POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");

/// Extended key usages that a server's certificate may have.
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// The shortest RSA key that is accepted, in bits.
pub const SHORTEST_RSA: usize = 2048;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    not_before: u64,
    not_after: u64,
    /// A version 1 certificate, which has no such field, counts as a CA's, as in Go and webpki.
    is_authority: bool,
    may_sign: bool,
    allows_server_auth: bool,
    allows_any_usage: bool,
    has_unknown_critical_extension: bool,
    path_length: Option<u8>,
    rsa_bits: Option<usize>,
}

/// Why a certificate is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotValidYet,
    /// It is not a CA's.
    NoAuthority,
    /// Its key usage lacks keyCertSign.
    MayNotSign,
    /// Its extended key usage lacks serverAuth.
    NotForServers,
    /// It has an unknown critical extension.
    UnknownCriticalExtension,
}

impl Facts {
    /// Reads the properties of a certificate; `None` if it is malformed.
    pub fn of(certificate: &[u8]) -> Option<Facts> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let tbs = certificate.tbs_certificate();
        let extensions = tbs.extensions().map_or(&[][..], Vec::as_slice);
        let basic: Option<BasicConstraints> = decoded(extensions, BASIC_CONSTRAINTS)?;
        let usage: Option<KeyUsage> = decoded(extensions, KEY_USAGE)?;
        let extended: Option<ExtendedKeyUsage> = decoded(extensions, EXTENDED_KEY_USAGE)?;
        let is_version_1 = tbs.version() == x509_cert::Version::V1;
        Some(Facts {
            not_before: tbs.validity().not_before.to_unix_duration().as_secs(),
            not_after: tbs.validity().not_after.to_unix_duration().as_secs(),
            is_authority: basic.as_ref().map_or(is_version_1, |basic| basic.ca),
            may_sign: usage.is_none_or(|usage| usage.key_cert_sign()),
            allows_server_auth: extended
                .as_ref()
                .is_none_or(|usages| usages.0.iter().any(|u| [SERVER, ANY_USAGE].contains(u))),
            allows_any_usage: extended.is_some_and(|usages| usages.0.contains(&ANY_USAGE)),
            has_unknown_critical_extension: extensions.iter().any(is_unknown_and_critical),
            path_length: basic.and_then(|basic| basic.path_len_constraint),
            rsa_bits: tbs.subject_public_key_info().subject_public_key.as_bytes().and_then(rsa_bits),
        })
    }

    /// Why it is not accepted as a CA now.
    pub fn flaw_of_authority(&self, now: UnixTime) -> Option<Flaw> {
        if !self.is_authority {
            return Some(Flaw::NoAuthority);
        }
        if !self.may_sign {
            return Some(Flaw::MayNotSign);
        }
        self.flaw_of_server(now)
    }

    /// Why it is not accepted as a server's certificate now.
    pub fn flaw_of_server(&self, now: UnixTime) -> Option<Flaw> {
        let of_usage = || match self {
            Facts { has_unknown_critical_extension: true, .. } => Some(Flaw::UnknownCriticalExtension),
            Facts { allows_server_auth: false, .. } => Some(Flaw::NotForServers),
            _ => None,
        };
        self.flaw_of_dates(now).or_else(of_usage)
    }

    /// Why it is not accepted now because of its dates.
    pub fn flaw_of_dates(&self, now: UnixTime) -> Option<Flaw> {
        match now.as_secs() {
            now if now > self.not_after => Some(Flaw::Expired),
            now if now < self.not_before => Some(Flaw::NotValidYet),
            _ => None,
        }
    }

    /// Whether its path length permits this number of CA certificates between it and a server's.
    pub fn permits_below(&self, certificates: usize) -> bool {
        self.path_length.is_none_or(|most| certificates <= usize::from(most))
    }

    /// The length of its key, if it is an RSA key that is too short.
    pub fn short_key(&self) -> Option<usize> {
        self.rsa_bits.filter(|&bits| bits < SHORTEST_RSA)
    }

    /// Whether webpki accepts its extended key usage for a server: it does not accept anyExtendedKeyUsage.
    pub fn names_server_auth(&self) -> bool {
        self.allows_server_auth && !self.allows_any_usage
    }

    /// When it expires, in seconds since 1970.
    pub fn not_after(&self) -> u64 {
        self.not_after
    }
}

/// The extension with this identifier; the outer `None` if it is malformed.
fn decoded<'e, T: Decode<'e>>(extensions: &'e [Extension], number: ObjectIdentifier) -> Option<Option<T>> {
    let Some(found) = extensions.iter().find(|extension| extension.extn_id == number) else { return Some(None) };
    T::from_der(found.extn_value.as_bytes()).ok().map(Some)
}

fn is_unknown_and_critical(extension: &Extension) -> bool {
    const KNOWN: [ObjectIdentifier; 6] =
        [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, NAME_CONSTRAINTS, SUBJECT_ALTERNATIVE_NAME, POLICIES];
    extension.critical && !KNOWN.contains(&extension.extn_id)
}

/// The length of the modulus if `key` is an RSA key: a sequence of two integers, which no other kind of key is.
fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    reader
        .sequence(|inner: &mut SliceReader<'_>| -> Result<usize, x509_cert::der::Error> {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            let bytes = modulus.as_bytes();
            let unused = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
            Ok((bytes.len() * 8).saturating_sub(unused))
        })
        .ok()
}
