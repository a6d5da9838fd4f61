//! Opens managers: from options, or the process-wide default manager.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use crate::call::Call;
use crate::config::{self, Backend, DataKeyLimits, Options, ProcessEnvironment, VaultConfig};
use crate::env::EnvSecretManager;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::host::fork_lock::ForkLock;
use crate::moment::earlier;
use crate::observe::log::{self, Logger};
use crate::observe::metrics::{self, GaugeSource, Gauges, Registration};
use crate::queue;
use crate::reference;
use crate::store::SecretManager;
use crate::vault::client::{Client, Context};
use crate::vault::engine::lease::{Credentials, Registry, Source};
use crate::vault::{RawAnswer, RawRequest, VaultSecretManager};

/// Opens a manager: checks the configuration and, for Vault, verifies the credentials once. Without options only the
/// environment is used.
pub fn open(options: Option<&Options>, call: &Call) -> Result<Manager> {
    let none = Options::new();
    let options = options.unwrap_or(&none);
    let config = config::resolve(options, &ProcessEnvironment::new())?;
    call.check_cancelled()?;
    let logger = Logger::new(options.log_sink().cloned(), config.log_level);
    for warning in &config.warnings {
        logger.warn(format_args!("{warning}"));
    }
    match config.backend {
        Backend::Env(config) => Ok(Manager { secrets: Arc::new(EnvSecretManager::new(config, logger)), vault: None }),
        Backend::Vault(config) => open_vault(*config, logger, call),
    }
}

fn open_vault(mut config: VaultConfig, logger: Logger, call: &Call) -> Result<Manager> {
    let deadline = call.start(config.timeout);
    let client = Arc::new(Client::new(&mut config, logger, &deadline)?);
    let observed = Arc::new(Observed { client: Arc::clone(&client), credentials: Registry::default() });
    let source: Arc<dyn GaugeSource> = observed.clone();
    let metrics = metrics::register(client.metrics().clone(), Arc::downgrade(&source));
    let (transit_mount, data_keys) = (config.transit_mount.clone(), config.data_keys);
    let watch_interval = config.watch_interval;
    let secrets = Arc::new(VaultSecretManager::open(Arc::clone(&client), config, &deadline)?);
    let store = secrets.clone();
    let vault = Vault { secrets, client, transit_mount, data_keys, watch_interval, observed, _metrics: metrics };
    Ok(Manager { secrets: store, vault: Some(vault) })
}

/// What was opened: a store of secrets, and what only a server has.
pub struct Manager {
    secrets: Arc<dyn SecretManager>,
    vault: Option<Vault>,
}

struct Vault {
    secrets: Arc<VaultSecretManager>,
    client: Arc<Client>,
    transit_mount: String,
    data_keys: DataKeyLimits,
    watch_interval: Duration,
    observed: Arc<Observed>,
    _metrics: Registration,
}

/// What the gauges are about.
struct Observed {
    client: Arc<Client>,
    credentials: Registry,
}

impl GaugeSource for Observed {
    fn gauges(&self) -> Gauges {
        Gauges { leases: self.credentials.leases(), ..self.client.gauges() }
    }
}

impl Manager {
    /// The store of secrets.
    pub fn secrets(&self) -> &Arc<dyn SecretManager> {
        &self.secrets
    }

    /// The authenticated client, which any engine can be used with. `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn client(&self) -> Result<&Client> {
        self.vault.as_ref().map(|vault| &*vault.client).ok_or_else(no_server)
    }

    /// `VAULT_TRANSIT_MOUNT`. `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn transit_mount(&self) -> Result<&str> {
        self.vault.as_ref().map(|vault| &*vault.transit_mount).ok_or_else(no_server)
    }

    /// How long data keys of envelopes are kept. `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn data_key_limits(&self) -> Result<DataKeyLimits> {
        self.vault.as_ref().map(|vault| vault.data_keys).ok_or_else(no_server)
    }

    /// Opens connections until `count` are idle. The env backend has none.
    pub fn warm(&self, count: usize, call: &Call) -> Result<()> {
        match &self.vault {
            Some(vault) => vault.client.warm(count, call),
            None => call.start(DEFAULT_WAIT).remaining().map(drop),
        }
    }

    /// Sends a request of the program. One that writes may have changed what is cached.
    pub fn request(&self, request: &RawRequest, call: &Call) -> Result<Option<RawAnswer>> {
        let vault = self.vault.as_ref().ok_or_else(no_server)?;
        let answer = request.send(&vault.client, call);
        if !request.is_read() {
            vault.secrets.forget(None);
        }
        answer
    }

    /// Drops what is cached about a secret; `None`: about all of them.
    pub fn clear_cache(&self, reference: Option<&str>) -> Result<()> {
        match &self.vault {
            Some(vault) => vault.secrets.clear_cache(reference),
            None => reference.map_or(Ok(()), |reference| self.secrets.canonical(reference).map(drop)),
        }
    }

    /// What the manager has counted, in Prometheus' text format; empty for the env backend, which counts nothing.
    pub fn metrics(&self) -> String {
        let text = |vault: &Vault| metrics::text(vault.client.metrics(), &vault.observed.gauges());
        self.vault.as_ref().map_or_else(String::new, text)
    }

    /// The store with what the trait of all backends leaves out: versions and rotation.
    /// `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn vault(&self) -> Result<&VaultSecretManager> {
        self.vault.as_ref().map(|vault| &*vault.secrets).ok_or_else(no_server)
    }
}

impl Manager {
    /// Where the credentials at `path` come from: a path of the API, or a secret that a reference names.
    /// `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn source(&self, path: &str, parameters: Option<Arc<Fields>>) -> Result<Source> {
        let vault = self.vault.as_ref().ok_or_else(no_server)?;
        if !path.starts_with(reference::SCHEME) {
            return Source::of_path(path, parameters);
        }
        match parameters {
            None => vault.secrets.source(path),
            Some(_) => Err(Error::invalid_argument("parameters: a secret is read without parameters; pass NULL")),
        }
    }

    /// `VAULT_WATCH_INTERVAL`. `HF_ERR_UNSUPPORTED` where there is no server.
    pub fn watch_interval(&self) -> Result<Duration> {
        self.vault.as_ref().map(|vault| vault.watch_interval).ok_or_else(no_server)
    }

    /// Has [`Manager::maintain`] keep these credentials valid as long as they are used.
    pub fn register(&self, credentials: &Arc<Credentials>) {
        if let Some(vault) = &self.vault {
            vault.observed.credentials.add(credentials);
        }
    }

    /// Does what is due for the token, all credentials and the cache. Also returns when something is due next; `None`:
    /// never.
    pub fn maintain(&self, call: &Call) -> (Result<()>, Option<Instant>) {
        let Some(vault) = &self.vault else { return (Ok(()), None) };
        vault.secrets.maintain_cache();
        let maintain = |context: Context<'_>| {
            call.check_cancelled()?;
            let of_token = vault.client.maintain_token(context.deadline);
            vault.observed.credentials.maintain(context).and(of_token)
        };
        let outcome = vault.client.run("Failed to maintain the manager", call, maintain);
        (outcome, self.due())
    }

    /// When [`Manager::maintain`] has something to do; `None`: never.
    pub fn due(&self) -> Option<Instant> {
        let vault = self.vault.as_ref()?;
        earlier(earlier(vault.client.token_due(), vault.observed.credentials.due()), vault.secrets.cache_due())
    }
}

#[cold]
fn no_server() -> Error {
    Error::unsupported("the env backend has no server that could do this; set SECRET_MANAGER_TYPE to vault")
}

/// What all managers of the process have counted, in Prometheus' text format.
pub fn process_metrics() -> String {
    metrics::process_text(queue::pending())
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
            call.check_cancelled()?;
            return Ok(manager);
        }
        // One deadline for waiting and opening: the call's, or the timeout that the manager would apply.
        let deadline = call.start(default_timeout()?);
        let _lines = log::hold_back();
        let _turn = self.opening.lock(&deadline)?;
        let mut rest = call.clone();
        rest.set_timeout(deadline.left());
        if let Some(manager) = self.manager.load_full() {
            return Ok(manager);
        }
        let manager = Arc::new(open(None, &rest)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn the_env_backend_has_no_server_for_other_engines() {
        let mut options = Options::new_isolated();
        options.set("SECRET_MANAGER_TYPE", "env").unwrap();
        let manager = open(Some(&options), &Call::default()).unwrap();
        let Err(error) = manager.client() else { panic!("there is a client") };
        assert_eq!((error.status(), manager.secrets().kind()), (Status::Unsupported, c"env"));
    }
}
