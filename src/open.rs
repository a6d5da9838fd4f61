//! Opening a store: from options, or as the process-wide default.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use crate::call::Call;
use crate::config::{self, Backend, Options, ProcessEnvironment};
use crate::env::EnvSecretManager;
use crate::error::Result;
use crate::host::fork_lock::ForkLock;
use crate::observe::log::{self, Logger};
use crate::store::SecretManager;
use crate::vault::VaultSecretManager;

/// Opens a manager: checks the configuration, then, for Vault, tries the credentials once. Without options the
/// environment alone counts.
pub fn open(options: Option<&Options>, call: &Call) -> Result<Arc<dyn SecretManager>> {
    let none = Options::new();
    let options = options.unwrap_or(&none);
    let config = config::resolve(options, &ProcessEnvironment::new())?;
    call.start(DEFAULT_WAIT).remaining()?;
    let logger = Logger::new(options.log_sink().cloned(), config.log_level);
    for warning in &config.warnings {
        logger.warn(format_args!("{warning}"));
    }
    Ok(match config.backend {
        Backend::Env(config) => Arc::new(EnvSecretManager::new(config, logger)),
        Backend::Vault(config) => Arc::new(VaultSecretManager::open(*config, logger, call)?),
    })
}

/// An open manager as one object, which all who share it point at.
pub struct Manager(Arc<dyn SecretManager>);

impl Manager {
    /// The first reference to a manager that was opened.
    pub fn shared(store: Arc<dyn SecretManager>) -> Arc<Manager> {
        Arc::new(Manager(store))
    }
}

impl Deref for Manager {
    type Target = dyn SecretManager;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

/// The manager of the whole process, opened from the environment on first use. While one thread opens it the others
/// wait, no longer than their calls allow. A failure is not remembered.
pub fn default_manager(call: &Call) -> Result<Arc<Manager>> {
    Slot::current().get(call)
}

/// Forgets the process-wide manager; those who have it keep it. A thread that is opening it meanwhile gets what it
/// opens, and nobody else does.
pub fn reset_default_manager() {
    DEFAULT.store(None);
}

/// The process-wide manager. A reset takes the slot away, and with it what a thread is about to put into it.
static DEFAULT: ArcSwapOption<Slot> = ArcSwapOption::const_empty();

/// How long a thread waits for another that opens the process-wide manager, where neither its call nor the
/// configuration says.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// The place of one process-wide manager.
#[derive(Default)]
struct Slot {
    /// Set once, by the thread that has the lock.
    manager: ArcSwapOption<Manager>,
    /// Held by the thread that opens the manager. A child that is forked meanwhile opens one of its own.
    opening: ForkLock,
}

impl Slot {
    /// The present slot, or a new one where there is none.
    fn current() -> Arc<Slot> {
        if let Some(slot) = DEFAULT.load_full() {
            return slot;
        }
        let fresh = Arc::new(Slot::default());
        let present = DEFAULT.rcu(|slot| Some(Arc::clone(slot.as_ref().unwrap_or(&fresh))));
        present.unwrap_or(fresh)
    }

    fn get(&self, call: &Call) -> Result<Arc<Manager>> {
        if let Some(manager) = self.manager.load_full() {
            call.start(DEFAULT_WAIT).remaining()?;
            return Ok(manager);
        }
        // One deadline for waiting and opening: the call's own, else what the manager would give its calls.
        let deadline = call.start(default_timeout()?);
        let _lines = log::hold_back();
        let _turn = self.opening.lock(&deadline)?;
        let mut rest = call.clone();
        rest.set_timeout(deadline.remaining()?);
        if let Some(manager) = self.manager.load_full() {
            return Ok(manager);
        }
        let manager = Manager::shared(open(None, &rest)?);
        self.manager.store(Some(Arc::clone(&manager)));
        Ok(manager)
    }
}

/// `VAULT_CLIENT_TIMEOUT`, as far as the backend has one.
fn default_timeout() -> Result<Duration> {
    let config = config::resolve(&Options::new(), &ProcessEnvironment::new())?;
    Ok(match config.backend {
        Backend::Env(_) => DEFAULT_WAIT,
        Backend::Vault(config) => config.timeout,
    })
}
