//! Certificates and keys, read from where the settings say that they are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};
use zeroize::Zeroizing;

use super::certificate::Facts;
use super::pem;
use crate::call::Deadline;
use crate::config::{ClientIdentity, Named, Roots};
use crate::error::{Error, Result};
use crate::host::file;

/// A file larger than this is no bundle of certificates: those of whole systems take a quarter of a megabyte.
const MAX_FILE: usize = 16 << 20;

/// A certificate that others are verified with.
#[derive(Debug)]
pub struct Authority {
    /// Its name and key.
    pub anchor: TrustAnchor<'static>,
    /// When and for what it counts.
    pub facts: Facts,
}

/// Whom to trust.
#[derive(Debug, Default)]
pub struct Trusted {
    /// Those that may have signed a server's certificate; whether one counts is asked at each verification.
    pub authorities: Vec<Authority>,
    /// The certificates that the settings name, as they are; none of the system's.
    pub given: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Takes in certificates; how many of them could be read.
    fn add(&mut self, certificates: &[CertificateDer<'static>]) -> usize {
        let read = certificates.iter().filter_map(|certificate| {
            let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?.to_owned();
            Some(Authority { anchor, facts: Facts::of(certificate)? })
        });
        let before = self.authorities.len();
        self.authorities.extend(read);
        self.authorities.len() - before
    }

    /// Takes in what the settings name at `place`.
    fn add_given(&mut self, certificates: Vec<CertificateDer<'static>>, place: &str) -> Result<()> {
        if self.add(&certificates) == 0 {
            return Err(Error::config(format!("{place} holds no usable CA certificate")));
        }
        self.given.extend(certificates);
        Ok(())
    }
}

/// Whom to trust. `HF_ERR_CONFIG` where that is nobody.
pub fn trusted(roots: &Roots, deadline: &Deadline) -> Result<Trusted> {
    let mut trusted = Trusted::default();
    match roots {
        Roots::System { file: None, directory: None } => system(&mut trusted)?,
        Roots::System { file, directory } => {
            if let Some(file) = file {
                add_file(&mut trusted, file, "SSL_CERT_FILE", deadline)?;
            }
            for directory in directory.iter().flat_map(env::split_paths) {
                add_directory(&mut trusted, &directory, "SSL_CERT_DIR", deadline)?;
            }
            // In place of the system's, they are no more than authorities.
            trusted.given.clear();
        }
        Roots::File(Named { value, variable }) => add_file(&mut trusted, value, variable, deadline)?,
        Roots::Pem(Named { value, variable }) => {
            trusted.add_given(pem::certificates(value.as_bytes(), variable)?, variable)?;
        }
        Roots::Directory(Named { value, variable }) => add_directory(&mut trusted, value, variable, deadline)?,
    }
    Ok(trusted)
}

/// The system's own, from where OpenSSL has them on the distribution at hand.
fn system(trusted: &mut Trusted) -> Result<()> {
    // The variables that the crate looks at count only if the settings say so: then they have been read above.
    let is_overridden = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env::var_os(name).is_some());
    let certificates = match is_overridden {
        false => rustls_native_certs::load_native_certs().certs,
        true => openssl_probe::candidate_cert_dirs()
            .flat_map(|directory| rustls_native_certs::load_certs_from_paths(None, Some(directory)).certs)
            .collect(),
    };
    match trusted.add(&certificates) {
        0 => Err(Error::config("the system has no CA certificates; install them or set VAULT_CACERT")),
        _ => Ok(()),
    }
}

/// The certificate that a client shows, with its chain, and its key.
pub fn identity(
    identity: &ClientIdentity,
    deadline: &Deadline,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let Named { value: path, variable } = &identity.certificate;
    let chain = pem::certificates(&read(path, variable, deadline)?, &subject(path, variable))?;
    let Named { value: path, variable } = &identity.key;
    let key = pem::private_key(&read(path, variable, deadline)?, &subject(path, variable))?;
    Ok((chain, key))
}

/// What messages call a file.
fn subject(path: &Path, variable: &str) -> String {
    format!("{variable}: {}", path.display())
}

fn read(path: &Path, variable: &str, deadline: &Deadline) -> Result<Zeroizing<Vec<u8>>> {
    let subject = format!("{variable}: cannot read {}", path.display());
    file::read(path, MAX_FILE, deadline).map_err(|failure| failure.into_error(&subject))
}

fn add_file(trusted: &mut Trusted, path: &Path, variable: &str, deadline: &Deadline) -> Result<()> {
    add_text(trusted, &read(path, variable, deadline)?, path, variable)
}

/// What the file at `path` holds, which `text` was read from.
fn add_text(trusted: &mut Trusted, text: &[u8], path: &Path, variable: &str) -> Result<()> {
    let place = subject(path, variable);
    trusted.add_given(pem::certificates(text, &place)?, &place)
}

/// What the files of a directory hold, and those of the directories in it. Files without certificates, such as a README,
/// are passed over; a certificate that begins has to be whole. As for the official client a link counts as the file that
/// it leads to, but no link leads into another directory: so there is no way round in a circle.
fn add_directory(trusted: &mut Trusted, top: &Path, variable: &str, deadline: &Deadline) -> Result<()> {
    let before = trusted.given.len();
    let mut directories: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let unreadable = |e| Error::config(format!("{variable}: cannot read {}: {e}", directory.display()));
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            if entry.file_type().map_err(unreadable)?.is_dir() {
                directories.push(path);
            } else if path.is_file() {
                let text = read(&path, variable, deadline)?;
                if pem::holds_certificate(&text) {
                    add_text(trusted, &text, &path, variable)?;
                }
            }
        }
    }
    if trusted.given.len() > before {
        return Ok(());
    }
    let message =
        format!("{variable}: no file in {} holds a certificate in PEM form; put those of the CAs there", top.display());
    Err(Error::config(message))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use handsfree_secrets_test_support::Tls;

    use super::*;
    use crate::call::Call;

    fn trusted_by(roots: &Roots) -> Trusted {
        trusted(roots, &Call::default().start(Duration::from_secs(60))).unwrap()
    }

    #[test]
    fn only_certificates_that_the_settings_name_count_as_given() {
        let tls = Tls::new();
        let by_system = trusted_by(&Roots::System { file: Some(tls.ca_file()), directory: None });
        assert_eq!((by_system.authorities.len(), by_system.given.len()), (1, 0));
        let file = Roots::File(Named { value: tls.ca_file(), variable: "VAULT_CACERT" });
        let text = Roots::Pem(Named { value: tls.ca_pem(), variable: "VAULT_CACERT_BYTES" });
        let directory = Roots::Directory(Named { value: tls.folder().to_owned(), variable: "VAULT_CAPATH" });
        for roots in [file, text, directory] {
            let Trusted { authorities, given } = trusted_by(&roots);
            assert_eq!((authorities.len(), given.len()), (1, 1), "{}", roots.variable());
        }
    }

    #[test]
    fn the_systems_authorities_are_found_and_can_be_read() {
        let found = rustls_native_certs::load_native_certs().certs.len();
        let by_system = trusted_by(&Roots::System { file: None, directory: None });
        assert!(found > 0, "this machine has none");
        assert!(by_system.authorities.len() * 100 >= found * 95, "{} of {found}", by_system.authorities.len());
        assert!(by_system.given.is_empty());
    }
}
