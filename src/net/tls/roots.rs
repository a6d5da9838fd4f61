//! Certificates and keys, read from where the settings say that they are.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::call::Deadline;
use crate::config::{ClientIdentity, Named, Roots};
use crate::error::{Error, Result};
use crate::host::file;

/// Where Linux distributions keep the certificates that the system trusts, as one PEM file.
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A file larger than this is no bundle of certificates: those of whole systems take a quarter of a megabyte.
const MAX_FILE: usize = 16 << 20;

/// How the PEM form of a certificate begins, at the start of a line.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Certificates, and what messages call the place that they come from.
struct Bundle {
    place: String,
    certificates: Vec<CertificateDer<'static>>,
}

/// Whom to trust.
pub struct Trusted {
    /// All of them, as certificates are verified against them.
    pub store: RootCertStore,
    /// Those that the settings name, as they are; none of the system's.
    pub given: Vec<CertificateDer<'static>>,
}

/// Whom to trust. `HF_ERR_CONFIG` where that is nobody.
pub fn trusted(roots: &Roots, deadline: &Deadline) -> Result<Trusted> {
    let bundles = match roots {
        Roots::System { file, directory } => vec![system_bundle(file.as_deref(), directory.as_deref())?],
        Roots::File(file) => vec![bundle_in_file(&file.value, file.variable, deadline)?],
        Roots::Pem(text) => {
            let certificates = certificates_in_pem(text.value.as_bytes(), text.variable)?;
            vec![Bundle { place: "the text".to_owned(), certificates }]
        }
        Roots::Directory(directory) => bundles_below(directory, deadline)?,
    };
    let mut trusted = Trusted { store: RootCertStore::empty(), given: Vec::new() };
    for Bundle { place, certificates } in bundles {
        if !matches!(roots, Roots::System { .. }) {
            trusted.given.extend_from_slice(&certificates);
        }
        let (added, _) = trusted.store.add_parsable_certificates(certificates);
        if added == 0 {
            let message = format!("{}: no usable CA certificate in {place}", roots.variable());
            return Err(Error::config(message));
        }
    }
    Ok(trusted)
}

/// The certificate that a client shows, with its chain, and its key.
pub fn identity(
    identity: &ClientIdentity,
    deadline: &Deadline,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let Named { value: path, variable } = &identity.certificate;
    let chain = bundle_in_file(path, variable, deadline)?.certificates;
    let Named { value: path, variable } = &identity.key;
    let text = read(path, variable, deadline)?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| Error::config(format!("{variable}: {} holds no private key in PEM form", path.display())))?;
    Ok((chain, key))
}

/// `SSL_CERT_FILE` and `SSL_CERT_DIR` where they are set, as OpenSSL and Go read them; else the system's bundle.
fn system_bundle(file: Option<&Path>, directory: Option<&Path>) -> Result<Bundle> {
    let bundle = SYSTEM_BUNDLES.iter().map(Path::new).find(|p| p.exists());
    let file = file.or(if directory.is_none() { bundle } else { None });
    if file.is_none() && directory.is_none() {
        return Err(Error::config("the system has no CA certificates; install them or set VAULT_CACERT"));
    }
    let certificates = rustls_native_certs::load_certs_from_paths(file, directory).certs;
    let place = file.or(directory).map(|p| p.display().to_string()).unwrap_or_default();
    Ok(Bundle { place, certificates })
}

fn bundle_in_file(path: &Path, variable: &str, deadline: &Deadline) -> Result<Bundle> {
    bundle_in(&read(path, variable, deadline)?, path, variable)
}

/// What the file at `path` holds, which `text` was read from.
fn bundle_in(text: &[u8], path: &Path, variable: &str) -> Result<Bundle> {
    let place = path.display().to_string();
    let certificates = certificates_in_pem(text, &format!("{variable}: {place}"))?;
    Ok(Bundle { place, certificates })
}

fn read(path: &Path, variable: &str, deadline: &Deadline) -> Result<Zeroizing<Vec<u8>>> {
    let subject = format!("{variable}: cannot read {}", path.display());
    file::read(path, MAX_FILE, deadline).map_err(|failure| failure.into_error(&subject))
}

fn certificates_in_pem(text: &[u8], place: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| Error::config(format!("{place} is not valid PEM")))?;
    if certificates.is_empty() {
        return Err(Error::config(format!("{place} holds no certificate in PEM form")));
    }
    Ok(certificates)
}

/// What the files of a directory hold, and those of the directories in it. Files without certificates, such as a README,
/// are passed over. As for the official client a link counts as the file that it leads to, but no link leads into
/// another directory: so there is no way round in a circle.
fn bundles_below(directory: &Named<PathBuf>, deadline: &Deadline) -> Result<Vec<Bundle>> {
    let Named { value: top, variable } = directory;
    let mut bundles = Vec::new();
    let mut directories = vec![top.clone()];
    while let Some(directory) = directories.pop() {
        let unreadable = |e| Error::config(format!("{variable}: cannot read {}: {e}", directory.display()));
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            if entry.file_type().map_err(unreadable)?.is_dir() {
                directories.push(path);
            } else if path.is_file() {
                bundles.extend(bundle_if_any(&path, variable, deadline)?);
            }
        }
    }
    if bundles.is_empty() {
        let message = format!(
            "{variable}: no file in {} holds a certificate in PEM form; put those of the CAs there",
            top.display()
        );
        return Err(Error::config(message));
    }
    Ok(bundles)
}

/// `None` for a file in which no certificate begins. One that begins has to be whole.
fn bundle_if_any(path: &Path, variable: &str, deadline: &Deadline) -> Result<Option<Bundle>> {
    let text = read(path, variable, deadline)?;
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    if lines.any(|line| line.starts_with(BEGIN)) { bundle_in(&text, path, variable).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use handsfree_secrets_test_support::Tls;

    use super::*;
    use crate::call::Call;

    fn deadline() -> Deadline {
        Call::default().start(std::time::Duration::from_secs(60))
    }

    #[test]
    fn only_certificates_that_the_settings_name_count_as_given() {
        let tls = Tls::new();
        let by_system = trusted(&Roots::System { file: Some(tls.ca_file()), directory: None }, &deadline()).unwrap();
        assert_eq!((by_system.store.len(), by_system.given.len()), (1, 0));
        let file = Roots::File(Named { value: tls.ca_file(), variable: "VAULT_CACERT" });
        let text = Roots::Pem(Named { value: tls.ca_pem(), variable: "VAULT_CACERT_BYTES" });
        let directory = Roots::Directory(Named { value: tls.folder().to_owned(), variable: "VAULT_CAPATH" });
        for roots in [file, text, directory] {
            let Trusted { store, given } = trusted(&roots, &deadline()).unwrap();
            assert_eq!((store.len(), given.len()), (1, 1), "{}", roots.variable());
        }
    }
}
