//! Reads certificates and keys again that change on disk while a manager is open.
//!
//! The files are checked when a connection is made, at most once a second, and after a failed handshake. The previous
//! contents stay in use until valid new ones can be read: an incomplete or missing file changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::UnixTime;
use rustls::sign::CertifiedKey;

use super::config::{self, Credentials};
use super::roots::{Reading, Store, Trusted};
use super::session_cache::SessionCache;
use super::watched::{Files, Renewed, Watched};
use crate::call::Deadline;
use crate::config::{ClientIdentity, TlsConfig};
use crate::error::Result;
use crate::host::fork_lock::ForkLock;
use crate::observe::log::{self, Logger};

/// The minimum time between two checks of the files.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Reading files may take this fraction of the time that a call has left, and at most `LONGEST_READING`.
const READING_SHARE: u32 = 4;
const LONGEST_READING: Duration = Duration::from_secs(2);

/// The TLS configuration of one manager, kept up to date with the files that it is read from.
pub struct Reloader {
    provider: Arc<CryptoProvider>,
    trust: Option<Watched<Store>>,
    identity: Option<Watched<ClientIdentity>>,
    current: ArcSwap<Loaded>,
    /// The number of `current`.
    number: AtomicU32,
    opened: Instant,
    /// The time of the last check of the files, in milliseconds since `opened`.
    checked: AtomicU64,
    lock: ForkLock,
    logger: Logger,
}

/// The configuration that connections are made with.
pub struct Loaded {
    /// The configuration of rustls.
    pub config: Arc<ClientConfig>,
    /// Changes with the credentials.
    pub number: u32,
    credentials: Credentials,
    sessions: Arc<SessionCache>,
}

impl Loaded {
    fn new(provider: &Arc<CryptoProvider>, credentials: Credentials, number: u32) -> Result<Arc<Loaded>> {
        let sessions = Arc::new(SessionCache::default());
        let config = config::client_config(provider, &credentials, sessions.clone())?;
        Ok(Arc::new(Loaded { config, number, credentials, sessions }))
    }
}

impl Reloader {
    /// Reads the files that the settings name.
    pub fn new(settings: &TlsConfig, logger: Logger, deadline: &Deadline) -> Result<Reloader> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let reading = Reading { deadline, again: false };
        let trust = (!settings.skip_verify).then(|| Watched::new(Store::new(settings.roots.clone())));
        let identity = settings.identity.clone().map(Watched::new);
        let credentials = Credentials {
            trusted: trust.as_ref().map(|trust| Files::read(trust.files(), &provider, reading)).transpose()?,
            identity: identity.as_ref().map(|identity| identity.files().read(&provider, reading)).transpose()?,
        };
        Ok(Reloader {
            current: ArcSwap::new(Loaded::new(&provider, credentials, 0)?),
            provider,
            trust,
            identity,
            number: AtomicU32::new(0),
            opened: Instant::now(),
            checked: AtomicU64::new(0),
            lock: ForkLock::default(),
            logger,
        })
    }

    /// The number of the current credentials. Connections that were made with others must not be used again.
    pub fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }

    /// The current configuration, without a check of the files.
    pub fn last(&self) -> Arc<Loaded> {
        self.current.load_full()
    }

    /// The configuration for a connection that is made `now`. Checks the files if that is due.
    pub fn current(&self, now: Instant, deadline: &Deadline) -> Arc<Loaded> {
        let _lines = log::hold_back();
        // If another thread is checking the files, this one uses the current configuration.
        if self.is_due(now)
            && let Some(_guard) = self.lock.try_lock()
        {
            self.check(now, deadline);
        }
        let loaded = self.last();
        if loaded.sessions.is_over(UnixTime::now()) { self.without_sessions(loaded) } else { loaded }
    }

    /// The configuration that has replaced that of the number `number`, for a connection that failed. Checks the files
    /// at once.
    pub fn successor(&self, number: u32, deadline: &Deadline) -> Option<Arc<Loaded>> {
        let _lines = log::hold_back();
        let _guard = self.lock.lock(deadline).ok()?;
        if self.number() == number {
            self.check(Instant::now(), deadline);
        }
        Some(self.last()).filter(|loaded| loaded.number != number)
    }

    fn is_due(&self, now: Instant) -> bool {
        let checked = Duration::from_millis(self.checked.load(Ordering::Relaxed));
        now.saturating_duration_since(self.opened).saturating_sub(checked) >= CHECK_INTERVAL
    }

    /// Reads the files that have changed. The caller holds the lock.
    fn check(&self, now: Instant, deadline: &Deadline) {
        let since = now.saturating_duration_since(self.opened).as_millis();
        self.checked.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
        let Ok(left) = deadline.remaining() else { return };
        let deadline = deadline.within((left / READING_SHARE).min(LONGEST_READING));
        let reading = Reading { deadline: &deadline, again: true };
        let trust = self.trust.as_ref().and_then(|trust| trust.renewed(&self.provider, reading, &self.logger));
        let identity = self.identity.as_ref().and_then(|own| own.renewed(&self.provider, reading, &self.logger));
        if self.adopt(trust.as_ref(), identity.as_ref()).is_ok() {
            // This comes last: a child that is forked before it reads the files once more.
            self.trust.iter().zip(&trust).for_each(|(watched, renewed)| watched.settle(renewed));
            self.identity.iter().zip(&identity).for_each(|(watched, renewed)| watched.settle(renewed));
        }
    }

    /// Uses what was read for new connections, unless it is the same as before.
    fn adopt(&self, trust: Option<&Renewed<Trusted>>, identity: Option<&Renewed<CertifiedKey>>) -> Result<()> {
        let mut credentials = self.last().credentials.clone();
        let mut changed = Vec::new();
        if let Some(Renewed { content, .. }) = trust
            && credentials.trusted.as_ref() != Some(content)
        {
            credentials.trusted = Some(content.clone());
            changed.extend(self.trust.as_ref().map(|watched| watched.files().variable()));
        }
        if let Some(Renewed { content, .. }) = identity
            && credentials.identity.as_ref().is_none_or(|known| known.cert != content.cert)
        {
            credentials.identity = Some(content.clone());
            changed.extend(self.identity.as_ref().map(|watched| watched.files().variable()));
        }
        if !changed.is_empty() {
            let number = self.number().wrapping_add(1);
            self.current.store(Loaded::new(&self.provider, credentials, number)?);
            self.number.store(number, Ordering::Relaxed);
            let changed = changed.join(" and ");
            self.logger.info(format_args!("{changed} changed and is used for new connections"));
        }
        Ok(())
    }

    /// The same credentials without the sessions whose certificates have expired.
    #[cold]
    fn without_sessions(&self, loaded: Arc<Loaded>) -> Arc<Loaded> {
        let Ok(new) = Loaded::new(&self.provider, loaded.credentials.clone(), loaded.number) else { return loaded };
        self.current.compare_and_swap(&loaded, new);
        self.last()
    }
}

#[cfg(test)]
mod tests;
