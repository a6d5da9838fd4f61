//! A certificate authority for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// A certificate and its private key, as PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A certificate authority for one test, and the certificates that it has issued. The files are deleted when it is
/// dropped.
pub struct Tls {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Tls {
    fn default() -> Self {
        Tls::new()
    }
}

impl Tls {
    /// A new authority, which nothing trusts yet.
    pub fn new() -> Self {
        Tls::with(CertificateParams::default())
    }

    /// A new authority whose certificate expires at `end`.
    pub fn until(end: SystemTime) -> Self {
        let mut params = CertificateParams::default();
        params.not_after = end.into();
        Tls::with(params)
    }

    fn with(mut params: CertificateParams) -> Self {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "handsfree_secrets test CA");
        let key = KeyPair::generate().expect("a key pair");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA certificate");
        let folder = tempfile::Builder::new().prefix("handsfree-tls-").tempdir().expect("a temporary folder");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("ca.pem");
        Tls { folder, issuer }
    }

    /// The folder with `ca.pem` and everything issued.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The authority's certificate, which clients have to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The certificate as PEM text.
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's identity for `localhost` and 127.0.0.1.
    pub fn server(&self) -> Identity {
        self.issue("server", &["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth, false)
    }

    /// A server's identity for another host.
    pub fn server_named(&self, host: &str) -> Identity {
        self.issue(&format!("server-{host}"), &[host], ExtendedKeyUsagePurpose::ServerAuth, false)
    }

    /// An expired server identity for `localhost`.
    pub fn expired_server(&self) -> Identity {
        self.issue("expired", &["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth, true)
    }

    /// A self-signed server identity for one host that is also a CA, as `openssl req -x509` creates it.
    pub fn server_and_ca(&self, host: &str, expired: bool) -> Identity {
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name for a certificate");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, host);
        if expired {
            expire(&mut params);
        }
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write(&format!("ca-{host}"), &certificate, &key)
    }

    /// A client's identity with this common name.
    pub fn client(&self, name: &str) -> Identity {
        self.issue(name, &[name], ExtendedKeyUsagePurpose::ClientAuth, false)
    }

    /// A server identity for `localhost` that expires at `end`.
    pub fn server_until(&self, end: SystemTime) -> Identity {
        let (hosts, usage) = (["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth);
        self.issue_with("server-until", &hosts, usage, |params| params.not_after = end.into())
    }

    /// A client identity that expires at `end`.
    pub fn client_until(&self, name: &str, end: SystemTime) -> Identity {
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        self.issue_with(&format!("until-{name}"), &[name], usage, |params| params.not_after = end.into())
    }

    /// An expired client identity.
    pub fn expired_client(&self, name: &str) -> Identity {
        self.issue(&format!("expired-{name}"), &[name], ExtendedKeyUsagePurpose::ClientAuth, true)
    }

    fn issue(&self, name: &str, hosts: &[&str], usage: ExtendedKeyUsagePurpose, expired: bool) -> Identity {
        self.issue_with(name, hosts, usage, |params| {
            if expired {
                expire(params);
            }
        })
    }

    fn issue_with(
        &self,
        name: &str,
        hosts: &[&str],
        usage: ExtendedKeyUsagePurpose,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("names for a certificate");
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        let key = KeyPair::generate().expect("a key pair");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        self.write(name, &certificate, &key)
    }

    fn write(&self, name: &str, certificate: &Certificate, key: &KeyPair) -> Identity {
        let file = |suffix: &str| self.folder.path().join(format!("{name}.{suffix}"));
        let identity = Identity { certificate: file("pem"), key: file("key") };
        fs::write(&identity.certificate, certificate.pem()).expect("a certificate file");
        fs::write(&identity.key, key.serialize_pem()).expect("a key file");
        identity
    }
}

fn expire(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}
