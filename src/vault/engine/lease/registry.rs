//! All credentials of one manager, for its maintenance.

use std::sync::{Arc, Weak};
use std::time::Instant;

use arc_swap::ArcSwap;

use super::credentials::Credentials;
use crate::error::Result;
use crate::moment::earlier;
use crate::observe::metrics::Leases;
use crate::vault::client::Context;

/// The credentials that a manager has opened and that are in use.
#[derive(Default)]
pub struct Registry(ArcSwap<Vec<Weak<Credentials>>>);

impl Registry {
    /// Adds credentials, and forgets those that were freed.
    pub fn add(&self, credentials: &Arc<Credentials>) {
        self.0.rcu(|all| {
            let living = all.iter().filter(|one| one.strong_count() > 0).cloned();
            living.chain([Arc::downgrade(credentials)]).collect::<Vec<_>>()
        });
    }

    /// Does what is due for all of them. The error is that of the first failure; the others are maintained all the same.
    pub fn maintain(&self, context: Context<'_>) -> Result<()> {
        let mut outcome = Ok(());
        for one in self.0.load_full().iter().filter_map(Weak::upgrade) {
            outcome = outcome.and(one.maintain(context));
        }
        outcome
    }

    /// The leases of all of them, by their state.
    pub fn leases(&self) -> Leases {
        let mut leases = Leases::default();
        self.0.load().iter().filter_map(Weak::upgrade).for_each(|one| one.count(&mut leases));
        leases
    }

    /// When something is due; `None`: never.
    pub fn due(&self) -> Option<Instant> {
        self.0.load().iter().filter_map(Weak::upgrade).fold(None, |due, one| earlier(due, one.due()))
    }
}
