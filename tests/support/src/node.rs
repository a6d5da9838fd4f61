//! A server with a storage on disk, which can be killed, frozen and restarted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Api;
use crate::binary::server_binary;
use crate::process::BoundChild;
use crate::wait::eventually;

/// How long a start, a join or an unseal may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);
/// The timeout of requests that observe a node: a frozen one never answers.
const GLANCE: Duration = Duration::from_secs(1);

/// A server and its configuration. It is not started yet.
pub(crate) struct Node {
    config: PathBuf,
    log: PathBuf,
    port: u16,
    child: Option<BoundChild>,
}

/// What the initialization of a storage has told.
pub(crate) struct Keys {
    pub(crate) root_token: String,
    unseal_key: String,
}

impl Node {
    /// Writes the configuration, with this text about the storage, into a folder that exists.
    pub(crate) fn prepare(folder: &Path, port: u16, cluster_port: u16, hcl: &str) -> Self {
        let hcl = format!(
            "api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{cluster_port}\"\n\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  cluster_address = \"127.0.0.1:{cluster_port}\"\n  \
             tls_disable = true\n}}\n{hcl}",
        );
        let config = folder.join("node.hcl");
        fs::write(&config, hcl).expect("the node's configuration");
        Node { config, log: folder.join("node.log"), port, child: None }
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn addr(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts the process, and initializes and unseals its storage.
    pub(crate) fn initialize(&mut self) -> Keys {
        self.launch();
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let told = Api::new(&self.addr(), "").send("PUT", "sys/init", &shares).success();
        let text = |value: &Value| value.as_str().expect("a key").to_owned();
        let keys = Keys { root_token: text(&told["root_token"]), unseal_key: text(&told["keys"][0]) };
        self.unseal(&keys);
        keys
    }

    /// Starts the process again, and unseals it.
    pub(crate) fn restart(&mut self, keys: &Keys) {
        self.launch();
        self.unseal(keys);
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child = None;
    }

    /// Sends a signal such as SIGSTOP.
    pub(crate) fn signal(&self, signal: i32) {
        self.child.as_ref().expect("a running node").signal(signal);
    }

    /// Starts the process and waits until it answers, sealed or not.
    fn launch(&mut self) {
        let api = Api::with_timeout(&self.addr(), "", GLANCE);
        // An outgoing connection of another process may use a port for a moment, so a node that ended is started again.
        eventually("the node's first answer", LIMIT, || {
            if !self.child.as_mut().is_some_and(BoundChild::runs) {
                self.child = Some(self.spawn());
            }
            api.try_send("GET", "sys/seal-status", &Value::Null).is_ok().then_some(())
        });
    }

    fn spawn(&self) -> BoundChild {
        let log = fs::File::options().create(true).append(true).open(&self.log).expect("the node's log");
        let mut command = Command::new(server_binary());
        command.arg("server").arg(format!("-config={}", self.config.display())).env_remove("VAULT_ADDR");
        command.env_remove("BAO_ADDR").stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        BoundChild::spawn(command).unwrap_or_else(|e| panic!("{}: {e}", server_binary().display()))
    }

    fn unseal(&self, keys: &Keys) {
        let api = Api::new(&self.addr(), "");
        eventually("the node's place in the cluster", LIMIT, || {
            let answer = api.try_send("GET", "sys/seal-status", &Value::Null).ok()?;
            (answer.body["initialized"] == true).then_some(())
        });
        eventually("the unsealed node", LIMIT, || {
            let _ = api.try_send("PUT", "sys/unseal", &json!({"key": keys.unseal_key}));
            let answer = api.try_send("GET", "sys/seal-status", &Value::Null).ok()?;
            (answer.body["sealed"] == false).then_some(())
        });
    }
}
