//! What a certificate says of itself, as far as webpki does not tell: of trusted ones it looks at the name and the key
//! alone.

use rustls::pki_types::UnixTime;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

/// Extensions that are looked at, here or by webpki.
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// The policies of a path are asked for by nobody, so that naming some limits nothing.
const POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");

/// Usages that a server's certificate may have.
const SERVER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// The RSA keys that count are this long at least.
pub const SHORTEST_RSA: usize = 2048;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    not_before: u64,
    not_after: u64,
    /// Version 1, which cannot say that it is a CA's, counts as one, as for Go and webpki.
    is_authority: bool,
    may_sign: bool,
    serves_servers: bool,
    serves_anything: bool,
    has_unknown_demands: bool,
    path_length: Option<u8>,
    rsa_bits: Option<usize>,
}

/// Why a certificate does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotValidYet,
    /// It is no CA's.
    NoAuthority,
    /// Its key usage leaves out keyCertSign.
    MayNotSign,
    /// Its extended key usage leaves out serverAuth.
    NotForServers,
    /// It has a critical extension that nobody here knows.
    UnknownDemands,
}

impl Facts {
    /// `None` for what is no certificate.
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
            serves_servers: extended
                .as_ref()
                .is_none_or(|usages| usages.0.iter().any(|u| [SERVER, ANY_USAGE].contains(u))),
            serves_anything: extended.is_some_and(|usages| usages.0.contains(&ANY_USAGE)),
            has_unknown_demands: extensions.iter().any(is_unknown_demand),
            path_length: basic.and_then(|basic| basic.path_len_constraint),
            rsa_bits: tbs.subject_public_key_info().subject_public_key.as_bytes().and_then(rsa_bits),
        })
    }

    /// Why it does not count as an authority now.
    pub fn flaw_of_authority(&self, now: UnixTime) -> Option<Flaw> {
        if !self.is_authority {
            return Some(Flaw::NoAuthority);
        }
        if !self.may_sign {
            return Some(Flaw::MayNotSign);
        }
        self.flaw_of_server(now)
    }

    /// Why it does not count as a server's own now.
    pub fn flaw_of_server(&self, now: UnixTime) -> Option<Flaw> {
        let of_usage = || match self {
            Facts { has_unknown_demands: true, .. } => Some(Flaw::UnknownDemands),
            Facts { serves_servers: false, .. } => Some(Flaw::NotForServers),
            _ => None,
        };
        self.flaw_of_dates(now).or_else(of_usage)
    }

    /// Why it does not count now, by its dates.
    pub fn flaw_of_dates(&self, now: UnixTime) -> Option<Flaw> {
        match now.as_secs() {
            now if now > self.not_after => Some(Flaw::Expired),
            now if now < self.not_before => Some(Flaw::NotValidYet),
            _ => None,
        }
    }

    /// Whether so many CA certificates may stand between it and a server's.
    pub fn permits_below(&self, certificates: usize) -> bool {
        self.path_length.is_none_or(|most| certificates <= usize::from(most))
    }

    /// How long its key is, if that is an RSA key that is too short.
    pub fn short_key(&self) -> Option<usize> {
        self.rsa_bits.filter(|&bits| bits < SHORTEST_RSA)
    }

    /// Whether webpki takes its extended key usage for a server's: it does not take the usage for anything.
    pub fn names_servers(&self) -> bool {
        self.serves_servers && !self.serves_anything
    }

    /// When its time is over, in seconds since 1970.
    pub fn not_after(&self) -> u64 {
        self.not_after
    }
}

/// The extension with this number; the outer `None` where there is one that cannot be read.
fn decoded<'e, T: Decode<'e>>(extensions: &'e [Extension], number: ObjectIdentifier) -> Option<Option<T>> {
    let Some(found) = extensions.iter().find(|extension| extension.extn_id == number) else { return Some(None) };
    T::from_der(found.extn_value.as_bytes()).ok().map(Some)
}

fn is_unknown_demand(extension: &Extension) -> bool {
    const KNOWN: [ObjectIdentifier; 6] =
        [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, NAME_CONSTRAINTS, SUBJECT_ALTERNATIVE_NAME, POLICIES];
    extension.critical && !KNOWN.contains(&extension.extn_id)
}

/// The length of the modulus, if `key` is an RSA key: a sequence of two numbers, which no other kind of key is.
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
