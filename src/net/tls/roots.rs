//! Reads the certificates and keys that the settings name.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};
use zeroize::Zeroizing;

use super::certificate::Facts;
use super::pem;
use crate::call::Deadline;
use crate::config::{ClientIdentity, Named, Roots};
use crate::error::{Error, Result};
use crate::host::file;

/// The largest file of certificates. The bundle of a whole system has a quarter of a megabyte.
const MAX_FILE: usize = 16 << 20;

/// How files are read.
#[derive(Clone, Copy)]
pub struct Reading<'d> {
    /// When reading has to be done.
    pub deadline: &'d Deadline,
    /// The files were read before. Files that are not regular, such as pipes, are not read a second time.
    pub again: bool,
}

impl Reading<'_> {
    fn read(self, path: &Path, variable: &str) -> Result<Zeroizing<Vec<u8>>> {
        let subject = format!("{variable}: cannot read {}", path.display());
        if self.again && fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(Error::config(format!(
                "{subject}: it is not a regular file, and such a file is read only once"
            )));
        }
        file::read(path, MAX_FILE, self.deadline).map_err(|failure| failure.into_error(&subject))
    }
}

/// A root certificate.
#[derive(Debug, PartialEq)]
pub struct Authority {
    /// Its name and key.
    pub anchor: TrustAnchor<'static>,
    /// Its validity period and its restrictions.
    pub facts: Facts,
}

/// The trusted certificates.
#[derive(Debug, Default, PartialEq)]
pub struct Trusted {
    /// The certificates that may have signed that of a server. Each verification checks whether they are valid.
    pub authorities: Vec<Authority>,
    /// The certificates that the settings name, without those of the system.
    pub given: Vec<CertificateDer<'static>>,
}

impl Trusted {
    /// Adds certificates, and returns how many of them could be parsed.
    fn add(&mut self, certificates: &[CertificateDer<'static>]) -> usize {
        let read = certificates.iter().filter_map(|certificate| {
            let anchor = webpki::anchor_from_trusted_cert(certificate).ok()?.to_owned();
            Some(Authority { anchor, facts: Facts::of(certificate)? })
        });
        let before = self.authorities.len();
        self.authorities.extend(read);
        self.authorities.len() - before
    }

    /// Adds certificates that the settings name. `place` names their origin in messages.
    fn add_given(&mut self, certificates: Vec<CertificateDer<'static>>, place: &str) -> Result<()> {
        if self.add(&certificates) == 0 {
            return Err(Error::config(format!("{place} holds no usable CA certificate")));
        }
        self.given.extend(certificates);
        Ok(())
    }
}

/// The locations of the trusted certificates.
#[derive(Debug)]
pub struct Store {
    roots: Roots,
    system: SystemPlaces,
}

/// The locations of the system's certificates, determined when a manager is opened.
#[derive(Debug, Default)]
struct SystemPlaces {
    file: Option<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Store {
    /// The store that the settings name, or the system's if they name none.
    pub fn new(roots: Roots) -> Store {
        let system = match roots {
            Roots::System { file: None, directory: None } => SystemPlaces::find(),
            _ => SystemPlaces::default(),
        };
        Store { roots, system }
    }

    /// The variable that names it, for messages.
    pub fn variable(&self) -> &'static str {
        self.roots.variable()
    }

    /// Reads the trusted certificates. `HF_ERR_CONFIG` if there are none.
    pub fn read(&self, reading: Reading<'_>) -> Result<Trusted> {
        let mut trusted = Trusted::default();
        match &self.roots {
            Roots::System { file: None, directory: None } => self.system.add_to(&mut trusted)?,
            Roots::System { file, directory } => {
                if let Some(file) = file {
                    add_file(&mut trusted, file, "SSL_CERT_FILE", reading)?;
                }
                for directory in directory.iter().flat_map(env::split_paths) {
                    add_directory(&mut trusted, &directory, "SSL_CERT_DIR", reading)?;
                }
                // Like the system's, these certificates are authorities only.
                trusted.given.clear();
            }
            Roots::File(Named { value, variable }) => add_file(&mut trusted, value, variable, reading)?,
            Roots::Pem(Named { value, variable }) => {
                trusted.add_given(pem::certificates(value.as_bytes(), variable)?, variable)?;
            }
            Roots::Directory(Named { value, variable }) => add_directory(&mut trusted, value, variable, reading)?,
        }
        Ok(trusted)
    }

    /// A number that changes when a named file, or any file of a directory, changes.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match &self.roots {
            Roots::System { file: None, directory: None } => {
                self.system.file.iter().for_each(|file| hash_file(file, &mut hasher));
                self.system.directories.iter().for_each(|directory| hash_files_in(directory, &mut hasher));
            }
            Roots::System { file, directory } => {
                file.iter().for_each(|file| hash_file(file, &mut hasher));
                let directories = directory.iter().flat_map(env::split_paths);
                directories.for_each(|directory| hash_files_below(&directory, &mut hasher));
            }
            Roots::File(file) => hash_file(&file.value, &mut hasher),
            Roots::Pem(_) => {}
            Roots::Directory(directory) => hash_files_below(&directory.value, &mut hasher),
        }
        hasher.finish()
    }
}

impl SystemPlaces {
    /// The locations that OpenSSL uses on this distribution.
    fn find() -> SystemPlaces {
        // openssl-probe reads these variables too. If they are to be used, the settings contain them.
        let is_overridden = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| env::var_os(name).is_some());
        let file = if is_overridden { None } else { openssl_probe::probe().cert_file };
        SystemPlaces { file, directories: openssl_probe::candidate_cert_dirs().map(Path::to_owned).collect() }
    }

    fn add_to(&self, trusted: &mut Trusted) -> Result<()> {
        let in_file = self.file.iter().map(|file| rustls_native_certs::load_certs_from_paths(Some(file), None));
        let directories = self.directories.iter();
        let in_directories =
            directories.map(|directory| rustls_native_certs::load_certs_from_paths(None, Some(directory)));
        let mut certificates: Vec<_> = in_file.chain(in_directories).flat_map(|found| found.certs).collect();
        certificates.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
        certificates.dedup();
        match trusted.add(&certificates) {
            0 => Err(Error::config("the system has no CA certificates; install them or set VAULT_CACERT")),
            _ => Ok(()),
        }
    }
}

/// Reads the client certificate with its chain, and its key.
pub fn identity(
    identity: &ClientIdentity,
    reading: Reading<'_>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let Named { value: path, variable } = &identity.certificate;
    let chain = pem::certificates(&reading.read(path, variable)?, &subject(path, variable))?;
    let Named { value: path, variable } = &identity.key;
    let key = pem::private_key(&reading.read(path, variable)?, &subject(path, variable))?;
    Ok((chain, key))
}

/// A number that changes when the file of the client certificate or of its key changes.
pub fn identity_fingerprint(identity: &ClientIdentity) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_file(&identity.certificate.value, &mut hasher);
    hash_file(&identity.key.value, &mut hasher);
    hasher.finish()
}

fn hash_file(path: &Path, hasher: &mut DefaultHasher) {
    file::regular_fingerprint(path).hash(hasher);
}

fn hash_files_below(directory: &Path, hasher: &mut DefaultHasher) {
    for path in files_in(directory).unwrap_or_default() {
        path.hash(hasher);
        hash_file(&path, hasher);
    }
}

/// Like [`hash_files_below`], without subdirectories: those of the system's directories are not used.
fn hash_files_in(directory: &Path, hasher: &mut DefaultHasher) {
    let mut files: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort_unstable();
    for path in files {
        path.hash(hasher);
        hash_file(&path, hasher);
    }
}

/// The name of a file in messages.
fn subject(path: &Path, variable: &str) -> String {
    format!("{variable}: {}", path.display())
}

fn add_file(trusted: &mut Trusted, path: &Path, variable: &str, reading: Reading<'_>) -> Result<()> {
    add_text(trusted, &reading.read(path, variable)?, path, variable)
}

/// Adds the certificates in `text`, the contents of the file at `path`.
fn add_text(trusted: &mut Trusted, text: &[u8], path: &Path, variable: &str) -> Result<()> {
    let place = subject(path, variable);
    trusted.add_given(pem::certificates(text, &place)?, &place)
}

/// Adds the certificates in the files of a directory. Files without certificates, such as a README, are skipped. A
/// certificate has to be complete.
fn add_directory(trusted: &mut Trusted, top: &Path, variable: &str, reading: Reading<'_>) -> Result<()> {
    let before = trusted.given.len();
    let unreadable = |(directory, e): (PathBuf, io::Error)| {
        Error::config(format!("{variable}: cannot read {}: {e}", directory.display()))
    };
    for path in files_in(top).map_err(unreadable)? {
        if path.is_file() {
            let text = reading.read(&path, variable)?;
            if pem::holds_certificate(&text) {
                add_text(trusted, &text, &path, variable)?;
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

/// The paths in a directory and its subdirectories, in a fixed order. An error names the directory. As in the official
/// client, links to files are followed and links to directories are not, so there are no cycles.
fn files_in(top: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let (mut files, mut directories) = (Vec::new(), vec![top.to_owned()]);
    while let Some(directory) = directories.pop() {
        let unreadable = |e| (directory.clone(), e);
        for entry in fs::read_dir(&directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            match entry.file_type().map_err(unreadable)?.is_dir() {
                true => directories.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use handsfree_secrets_test_support::Tls;

    use super::*;
    use crate::call::Call;

    fn trusted_by(roots: &Roots) -> Trusted {
        let deadline = Call::default().start(Duration::from_secs(60));
        Store::new(roots.clone()).read(Reading { deadline: &deadline, again: false }).unwrap()
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
    fn the_systems_places_are_looked_at_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::System { file: None, directory: None };
        let (file, directory) = (folder.path().join("bundle"), folder.path().join("certs"));
        fs::create_dir(&directory).unwrap();
        fs::write(&file, Tls::new().ca_pem()).unwrap();
        let system = SystemPlaces { file: Some(file.clone()), directories: vec![directory.clone()] };
        let store = Store { roots, system };
        let deadline = Call::default().start(Duration::from_secs(60));
        let read = || store.read(Reading { deadline: &deadline, again: true }).unwrap().authorities.len();
        let first = (store.fingerprint(), read());
        fs::write(directory.join("a.pem"), Tls::new().ca_pem()).unwrap();
        let second = (store.fingerprint(), read());
        fs::write(&file, format!("{}{}", Tls::new().ca_pem(), Tls::new().ca_pem())).unwrap();
        let third = (store.fingerprint(), read());
        assert_eq!((first.1, second.1, third.1), (1, 2, 3));
        assert!(first.0 != second.0 && second.0 != third.0);
        assert_eq!(third.0, store.fingerprint());
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
