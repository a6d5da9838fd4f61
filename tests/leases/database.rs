//! The database that the tests share, and mounts for it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use handsfree_secrets::call::Call;
use handsfree_secrets::document::Document;
use handsfree_secrets::lease::{Credentials, Lease};
use handsfree_secrets::open::Manager;
use handsfree_secrets_test_support::{Postgres, Server};

use crate::managers::open_whole;

/// A database engine of its own in front of the shared database.
pub struct Engine {
    pub server: &'static Server,
    pub database: &'static Postgres,
    pub mount: String,
}

/// Starts what is shared on first use.
pub fn engine() -> Engine {
    engine_at(Server::shared())
}

/// As [`engine`], at another server.
pub fn engine_at(server: &'static Server) -> Engine {
    static DATABASE: OnceLock<Postgres> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let database = DATABASE.get_or_init(Postgres::start);
    let mount = format!("db-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    database.mount(server.api(), &mount);
    Engine { server, database, mount }
}

impl Engine {
    /// A role whose name is unique; returns the path of its credentials.
    pub fn role(&self, default_ttl: &str, max_ttl: &str) -> Role<'_> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("r{}x{}", std::process::id() % 1000, NEXT.fetch_add(1, Ordering::Relaxed));
        self.database.role(self.server.api(), &self.mount, &name, default_ttl, max_ttl);
        Role { engine: self, path: format!("{}/creds/{name}", self.mount), name }
    }

    /// A manager with the root token.
    pub fn manager(&self) -> Arc<Manager> {
        self.manager_with(&[])
    }

    pub fn manager_with(&self, settings: &[(&str, &str)]) -> Arc<Manager> {
        Arc::new(open_whole(self.server, "secret", settings).unwrap())
    }

    /// What PostgreSQL says to a login with these credentials.
    pub fn log_in(&self, fields: &Document) -> Result<String, String> {
        let text = |name: &str| fields.text(name).unwrap();
        self.database.query_as(text("username"), text("password"), "SELECT current_user")
    }
}

/// A role of dynamic users.
pub struct Role<'e> {
    pub engine: &'e Engine,
    pub name: String,
    pub path: String,
}

impl Role<'_> {
    pub fn users(&self) -> usize {
        self.engine.database.users_of(&self.name)
    }

    pub fn lease(&self, manager: &Arc<Manager>) -> Lease {
        Lease::open(manager, &self.path, None, &Call::default()).unwrap().unwrap()
    }

    pub fn credentials(&self, manager: &Arc<Manager>) -> Credentials {
        Credentials::open(manager, &self.path, None, &Call::default()).unwrap().unwrap()
    }
}

/// The credentials of this moment.
pub fn get(credentials: &Credentials) -> Lease {
    credentials.get(&Call::default()).unwrap().unwrap()
}
