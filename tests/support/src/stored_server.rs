//! A single server with its storage on disk, which can be killed and restarted.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::api::Api;
use crate::node::{Keys, Node};
use crate::ports::free_ports;
use crate::wait::eventually;

/// How long a start may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A running server that remembers everything when it is restarted. It ends when this is dropped or when the process ends,
/// in whatever way.
pub struct StoredServer {
    node: Node,
    keys: Keys,
    _folder: TempDir,
}

impl StoredServer {
    /// Starts the server and waits until it is unsealed.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("handsfree-stored-").tempdir().expect("a temporary folder");
        let storage = folder.path().join("storage");
        fs::create_dir(&storage).expect("a folder for the storage");
        let hcl =
            format!("storage \"raft\" {{\n  path = \"{}\"\n  performance_multiplier = 1\n}}\n", storage.display());
        let [port, cluster_port] = free_ports();
        let mut node = Node::prepare(folder.path(), port, cluster_port, &hcl);
        let keys = node.initialize();
        let server = StoredServer { node, keys, _folder: folder };
        server.wait_until_active();
        server
    }

    /// `http://127.0.0.1:port`
    pub fn addr(&self) -> String {
        self.node.addr()
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.keys.root_token
    }

    /// Requests with the root token.
    pub fn api(&self) -> Api {
        Api::new(&self.addr(), self.root_token())
    }

    /// SIGKILL: the server is gone at once, its connections are reset.
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Starts the killed server again, unseals it, and waits until it answers.
    pub fn restart(&mut self) {
        self.node.restart(&self.keys);
        self.wait_until_active();
    }

    /// It first has to elect itself.
    fn wait_until_active(&self) {
        eventually("the active server", LIMIT, || {
            let answer = self.api().try_send("GET", "sys/health", &Value::Null).ok()?;
            (answer.status == 200).then_some(())
        });
    }
}
