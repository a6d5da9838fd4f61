//! Credentials that stay valid, with the manager that they came from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::open::Manager;
use crate::vault::client::Context;
use crate::vault::engine::lease::{self, Lease as Generation};

/// One set of credentials.
pub struct Lease {
    generation: Arc<Generation>,
    /// What it is renewed with; `None` for a generation of [`Credentials`], which see to that.
    manager: Option<Arc<Manager>>,
}

impl Lease {
    /// Obtains credentials from a path of the API, with a POST if there are parameters, or from a secret by its reference;
    /// `None`: there is nothing.
    pub fn open(
        manager: &Arc<Manager>,
        path: &str,
        parameters: Option<&Arc<Fields>>,
        call: &Call,
    ) -> Result<Option<Lease>> {
        let source = manager.source(path, parameters.cloned())?;
        let open = |context: Context<'_>| Generation::open(context, &source);
        let generation = manager.client()?.run("Failed to get credentials", call, open)?;
        Ok(generation.map(|generation| Lease { generation: Arc::new(generation), manager: Some(Arc::clone(manager)) }))
    }

    /// The credentials.
    pub fn fields(&self) -> &Arc<Document> {
        &self.generation.document
    }

    /// The id of the lease; empty if there is none.
    pub fn id(&self) -> &str {
        &self.generation.term.id
    }

    /// The time left, 0 if they are over; `None`: they have no end.
    pub fn remaining(&self) -> Option<Duration> {
        self.generation.remaining(Instant::now())
    }

    /// Whether both are the same generation of the same credentials.
    pub fn is_same(&self, other: &Lease) -> bool {
        Arc::ptr_eq(&self.generation, &other.generation)
    }

    /// The number of the generation; 0 if they are not of [`Credentials`].
    pub fn generation(&self) -> u64 {
        self.generation.number
    }

    /// Renews the lease. `false`: the server does not know it any more.
    pub fn renew(&self, call: &Call) -> Result<bool> {
        self.run("Failed to renew the lease", call, |context| self.generation.renew(context))
    }

    /// Revokes the lease.
    pub fn revoke(&self, call: &Call) -> Result<()> {
        self.run("Failed to revoke the lease", call, |context| self.generation.revoke(context))
    }

    fn run<T>(&self, failed: &str, call: &Call, operation: impl FnOnce(Context<'_>) -> Result<T>) -> Result<T> {
        let manager = self.manager.as_ref().ok_or_else(|| {
            Error::invalid_argument("lease: is one of hf_credentials, which renew and revoke it; use these")
        })?;
        manager.client()?.run(failed, call, operation)
    }
}

/// A source of credentials that are always valid.
pub struct Credentials {
    manager: Arc<Manager>,
    credentials: Arc<lease::Credentials>,
}

impl Credentials {
    /// Obtains the first credentials, as [`Lease::open`]; `None`: there is nothing.
    pub fn open(
        manager: &Arc<Manager>,
        path: &str,
        parameters: Option<&Arc<Fields>>,
        call: &Call,
    ) -> Result<Option<Credentials>> {
        let (source, interval) = (manager.source(path, parameters.cloned())?, manager.watch_interval()?);
        let open = |context: Context<'_>| lease::Credentials::open(context, source, interval);
        let opened = manager.client()?.run("Failed to get credentials", call, open)?;
        Ok(opened.map(|credentials| {
            let credentials = Arc::new(credentials);
            manager.register(&credentials);
            Credentials { manager: Arc::clone(manager), credentials }
        }))
    }

    /// Whether `lease` is still the current one, and nothing has to be done for it now. No system call, and no lock.
    pub fn is_fresh(&self, lease: &Lease) -> bool {
        self.credentials.is_fresh(&lease.generation, Instant::now())
    }

    /// The current credentials, renewed or replaced if that is due; `None`: there is nothing at the path any more.
    pub fn get(&self, call: &Call) -> Result<Option<Lease>> {
        call.check_cancelled()?;
        let generation = match self.credentials.fresh(Instant::now()) {
            Some(fresh) => Some(fresh),
            None => self.get_due(call)?,
        };
        Ok(generation.map(|generation| Lease { generation, manager: None }))
    }

    /// In a queue whose threads are busy until the end of the call, it gets what can be used.
    fn get_due(&self, call: &Call) -> Result<Option<Arc<Generation>>> {
        let client = self.manager.client()?;
        let deadline = client.start(call);
        if deadline.decides_when_over() {
            return self.credentials.usable(Instant::now()).map(Some).ok_or_else(|| deadline.timed_out());
        }
        let get = |context: Context<'_>| self.credentials.get(context);
        client.run_until("Failed to get credentials", &deadline, get)
    }

    /// Reports that the credentials of `lease` were not accepted. `HF_ERR_INVALID_ARGUMENT` for a lease of its own.
    pub fn refused(&self, lease: &Lease) -> Result<()> {
        if lease.manager.is_some() {
            return Err(Error::invalid_argument("lease: is not one of hf_credentials_get"));
        }
        self.credentials.refused(&lease.generation);
        Ok(())
    }

    /// Revokes every generation that is alive.
    pub fn revoke(&self, call: &Call) -> Result<()> {
        let revoke = |context: Context<'_>| self.credentials.revoke(context);
        self.manager.client()?.run("Failed to revoke the credentials", call, revoke)
    }
}
