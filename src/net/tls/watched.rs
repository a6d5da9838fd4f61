//! Files that are read again when they change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;

use super::config;
use super::roots::{Reading, Store, Trusted, identity_fingerprint};
use crate::config::ClientIdentity;
use crate::error::{Result, Status};
use crate::observe::log::Logger;

/// The number of attempts to read files that are replaced while they are read.
const READINGS: usize = 3;

/// Files that are read together.
pub trait Files {
    /// Their parsed contents.
    type Content;

    /// The variable that names them, for messages.
    fn variable(&self) -> &'static str;

    /// A number that changes when the files change.
    fn fingerprint(&self) -> u64;

    /// Reads them completely.
    fn read(&self, provider: &CryptoProvider, reading: Reading<'_>) -> Result<Arc<Self::Content>>;
}

impl Files for Store {
    type Content = Trusted;

    fn variable(&self) -> &'static str {
        self.variable()
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint()
    }

    fn read(&self, _: &CryptoProvider, reading: Reading<'_>) -> Result<Arc<Trusted>> {
        self.read(reading).map(Arc::new)
    }
}

impl Files for ClientIdentity {
    type Content = CertifiedKey;

    fn variable(&self) -> &'static str {
        self.certificate.variable
    }

    fn fingerprint(&self) -> u64 {
        identity_fingerprint(self)
    }

    fn read(&self, provider: &CryptoProvider, reading: Reading<'_>) -> Result<Arc<CertifiedKey>> {
        config::identity(self, provider, reading)
    }
}

/// The contents of files that were read again.
pub struct Renewed<C> {
    /// The new contents.
    pub content: Arc<C>,
    /// The fingerprint before they were read.
    fingerprint: u64,
}

/// Files and their fingerprint when they were last read.
pub struct Watched<F> {
    files: F,
    /// The fingerprint of the contents in use.
    seen: AtomicU64,
    /// The fingerprint of the contents that a warning was logged about; 0 if the files have been valid since.
    refused: AtomicU64,
}

impl<F: Files> Watched<F> {
    /// Takes the fingerprint of `files` without reading them.
    pub fn new(files: F) -> Watched<F> {
        Watched { seen: AtomicU64::new(files.fingerprint()), refused: AtomicU64::new(0), files }
    }

    /// The files.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// The new contents, if the files have changed and are valid. If they are not, a warning is logged once.
    pub fn renewed(
        &self,
        provider: &CryptoProvider,
        reading: Reading<'_>,
        logger: &Logger,
    ) -> Option<Renewed<F::Content>> {
        for left in (0..READINGS).rev() {
            let fingerprint = self.files.fingerprint();
            if fingerprint == self.seen.load(Ordering::Relaxed) {
                self.refused.store(0, Ordering::Relaxed);
                return None;
            }
            let outcome = self.files.read(provider, reading);
            // The files changed while they were read: old and new contents may be mixed.
            if left > 0 && self.files.fingerprint() != fingerprint {
                continue;
            }
            match outcome {
                Ok(content) => {
                    self.refused.store(0, Ordering::Relaxed);
                    return Some(Renewed { content, fingerprint });
                }
                // A cancelled call says nothing about the files.
                Err(error) if error.status() == Status::Cancelled => {}
                Err(error) => {
                    if self.refused.swap(fingerprint, Ordering::Relaxed) != fingerprint {
                        logger.warn(format_args!("{error}; the previous contents stay in use"));
                    }
                }
            }
            return None;
        }
        None
    }

    /// Records that the new contents are in use.
    pub fn settle<C>(&self, renewed: &Renewed<C>) {
        self.seen.store(renewed.fingerprint, Ordering::Relaxed);
    }
}
