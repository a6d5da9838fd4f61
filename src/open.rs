//! Opens managers: from options, or the process-wide default manager.

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

/// Opens a manager: checks the configuration and, for Vault, verifies the credentials once. Without options only the
/// environment is used.
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

/// An open manager, shared by its owners as a thin pointer.
pub struct Manager(Arc<dyn SecretManager>);

impl Manager {
    /// Wraps a store that was opened.
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

/// The manager of the whole process, opened from the environment on first use. While one thread opens it, others wait,
/// up to the deadlines of their calls. A failure is not cached.
pub fn default_manager(call: &Call) -> Result<Arc<Manager>> {
    Slot::current().get(call)
}

/// Drops the process-wide manager; existing references stay valid. A thread that is opening it at this time gets the
/// manager it opens, but that manager does not become the process-wide one.
pub fn reset_default_manager() {
    DEFAULT.store(None);
}

/// The process-wide manager. A reset removes the whole slot, so that a thread that is still opening a manager stores it
/// in a slot that is no longer used.
static DEFAULT: ArcSwapOption<Slot> = ArcSwapOption::const_empty();

/// How long a thread waits for another one that opens the process-wide manager, if neither its call nor the
/// configuration sets a timeout.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// Holds the process-wide manager.
#[derive(Default)]
struct Slot {
    /// Set once, by the thread that has the lock.
    manager: ArcSwapOption<Manager>,
    /// Held by the thread that opens the manager. A child process forked at that time opens its own.
    opening: ForkLock,
}

impl Slot {
    /// The current slot; creates it if there is none.
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
        // One deadline for waiting and opening: the call's, or the timeout that the manager would apply.
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

/// `VAULT_CLIENT_TIMEOUT` for the `vault` backend, [`DEFAULT_WAIT`] for the `env` backend.
fn default_timeout() -> Result<Duration> {
    let config = config::resolve(&Options::new(), &ProcessEnvironment::new())?;
    Ok(match config.backend {
        Backend::Env(_) => DEFAULT_WAIT,
        Backend::Vault(config) => config.timeout,
    })
}
