//! Opening a store: from options, or as the process-wide default.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use once_cell::sync::OnceCell;

use crate::call::{Call, Deadline, WAIT_SLICE};
use crate::config::{self, Backend, Options, ProcessEnvironment};
use crate::env::EnvSecretManager;
use crate::error::Result;
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

/// The manager of the whole process, opened from the environment on first use. While one thread opens it the others
/// wait, no longer than their calls allow. A failure is not remembered.
pub fn default_manager(call: &Call) -> Result<Arc<dyn SecretManager>> {
    DefaultSlot::current().get(call)
}

/// Forgets the process-wide manager; those who have it keep it. A thread that is opening it meanwhile gets what it
/// opens, and nobody else does.
pub fn reset_default_manager() {
    DEFAULT.store(None);
}

/// The process-wide manager.
static DEFAULT: ArcSwapOption<DefaultSlot> = ArcSwapOption::const_empty();

/// How long a thread waits for another that opens the process-wide manager, where neither its call nor the configuration
/// says.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// Room for one process-wide manager.
struct DefaultSlot {
    /// The process that the slot was made in. In a child that was forked while a thread was opening the manager that
    /// thread does not exist, and would be waited for in vain: there an unfinished slot gives way to a new one.
    process: u32,
    manager: OnceCell<Arc<dyn SecretManager>>,
    /// Whether a thread is opening the manager.
    opening: Mutex<bool>,
    /// Tells those who wait that it has ended, well or not.
    ended: Condvar,
}

impl DefaultSlot {
    /// The slot of this process. A manager that was inherited ready goes on serving.
    fn current() -> Arc<DefaultSlot> {
        let mut seen = DEFAULT.load_full();
        loop {
            if let Some(slot) = seen.as_ref().filter(|slot| slot.serves()) {
                return Arc::clone(slot);
            }
            let fresh = Arc::new(DefaultSlot {
                process: std::process::id(),
                manager: OnceCell::new(),
                opening: Mutex::new(false),
                ended: Condvar::new(),
            });
            let previous = DEFAULT.compare_and_swap(&seen, Some(Arc::clone(&fresh)));
            if same(&previous, &seen) {
                return fresh;
            }
            seen = previous.clone();
        }
    }

    fn serves(&self) -> bool {
        self.manager.get().is_some() || self.process == std::process::id()
    }

    fn get(&self, call: &Call) -> Result<Arc<dyn SecretManager>> {
        if let Some(manager) = self.manager.get() {
            call.start(DEFAULT_WAIT).remaining()?;
            return Ok(Arc::clone(manager));
        }
        // One deadline for waiting and opening: the call's own, else what the manager would give its calls.
        let deadline = call.start(default_timeout()?);
        let _lines = log::hold_back();
        let _turn = Turn::take(self, &deadline)?;
        let mut rest = call.clone();
        rest.set_timeout(deadline.remaining()?);
        self.manager.get_or_try_init(|| open(None, &rest)).cloned()
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

/// The right to open the manager of a slot; given back on drop, also by a panic.
struct Turn<'a>(&'a DefaultSlot);

impl<'a> Turn<'a> {
    fn take(slot: &'a DefaultSlot, deadline: &Deadline) -> Result<Turn<'a>> {
        let mut opening = lock(&slot.opening);
        while *opening {
            let wait = deadline.remaining()?.min(WAIT_SLICE);
            opening = slot.ended.wait_timeout(opening, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        *opening = true;
        Ok(Turn(slot))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.opening) = false;
        self.0.ended.notify_all();
    }
}

/// The flag under the lock is right also where a thread panicked.
fn lock(opening: &Mutex<bool>) -> MutexGuard<'_, bool> {
    opening.lock().unwrap_or_else(PoisonError::into_inner)
}

fn same(one: &Option<Arc<DefaultSlot>>, other: &Option<Arc<DefaultSlot>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
