//! Files that are read again when they have changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;

use super::config;
use super::roots::{Reading, Store, Trusted, identity_fingerprint};
use crate::config::ClientIdentity;
use crate::error::{Result, Status};
use crate::observe::log::Logger;

/// How often files are read at a time that are replaced meanwhile.
const READINGS: usize = 3;

/// Files that together say one thing.
pub trait Files {
    /// What they say.
    type Content;

    /// The variable that names them, for messages.
    fn variable(&self) -> &'static str;

    /// A number that changes with the files.
    fn fingerprint(&self) -> u64;

    /// Reads them whole.
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

/// What files say, read anew.
pub struct Renewed<C> {
    /// What they say now.
    pub content: Arc<C>,
    /// What they look like.
    fingerprint: u64,
}

/// Files, and what they looked like when they were read.
pub struct Watched<F> {
    files: F,
    /// What they looked like when what counts now was read.
    seen: AtomicU64,
    /// What they looked like when it was said that they cannot be used.
    refused: AtomicU64,
}

impl<F: Files> Watched<F> {
    /// Nothing is read yet.
    pub fn new(files: F) -> Watched<F> {
        Watched { seen: AtomicU64::new(files.fingerprint()), refused: AtomicU64::new(0), files }
    }

    /// The files.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// What the files say, if they changed since they were read and can be used. That they cannot is said once.
    pub fn renewed(
        &self,
        provider: &CryptoProvider,
        reading: Reading<'_>,
        logger: &Logger,
    ) -> Option<Renewed<F::Content>> {
        for left in (0..READINGS).rev() {
            let fingerprint = self.files.fingerprint();
            if fingerprint == self.seen.load(Ordering::Relaxed) {
                return None;
            }
            let outcome = self.files.read(provider, reading);
            // In the middle of being replaced: half of what was read may be new, and half old.
            if left > 0 && self.files.fingerprint() != fingerprint {
                continue;
            }
            match outcome {
                Ok(content) => return Some(Renewed { content, fingerprint }),
                // Whoever cancels a call says nothing about files.
                Err(error) if error.status() == Status::Cancelled => {}
                Err(error) => {
                    if self.refused.swap(fingerprint, Ordering::Relaxed) != fingerprint {
                        logger.warn(format_args!("{error}; what was read before stays in use"));
                    }
                }
            }
            return None;
        }
        None
    }

    /// What was read counts now.
    pub fn settle<C>(&self, renewed: &Renewed<C>) {
        self.seen.store(renewed.fingerprint, Ordering::Relaxed);
    }
}
