//! A cluster of three nodes with raft on loopback, whose nodes can be killed, frozen and restarted.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::binary::server_binary;
use crate::ports::free_ports;
use crate::process::BoundChild;
use crate::wait::eventually;

/// The number of nodes.
pub const NODES: usize = 3;
/// How long an election, a join or an unseal may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);
/// The timeout of requests that observe a node: a frozen one never answers.
const GLANCE: Duration = Duration::from_secs(1);

/// A running cluster of three voters. Its nodes end when this is dropped or when the process ends, in whatever way.
pub struct Cluster {
    nodes: [Node; NODES],
    root_token: String,
    unseal_key: String,
    _folder: TempDir,
}

struct Node {
    config: PathBuf,
    log: PathBuf,
    port: u16,
    child: Option<BoundChild>,
}

impl Cluster {
    /// Starts three nodes and waits until all are voters, since there is no failover before. Standbys answer reads if
    /// `standby_reads` is true, else they forward them.
    pub fn start(standby_reads: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("handsfree-cluster-").tempdir().expect("a temporary folder");
        let ports: [u16; NODES * 2] = free_ports();
        let nodes =
            std::array::from_fn(|i| Node::prepare(i, &ports, folder.path().join(format!("n{i}")), standby_reads));
        let mut cluster = Cluster { nodes, root_token: String::new(), unseal_key: String::new(), _folder: folder };
        cluster.nodes[0].launch();
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let keys = cluster.api(0).send("PUT", "sys/init", &shares).success();
        cluster.root_token = keys["root_token"].as_str().expect("a root token").to_string();
        cluster.unseal_key = keys["keys"][0].as_str().expect("a key").to_string();
        cluster.unseal(0);
        cluster.shorten_the_wait_for_voters();
        for i in 1..NODES {
            cluster.nodes[i].launch();
            cluster.unseal(i);
        }
        cluster.wait_for_voters();
        cluster
    }

    /// `http://127.0.0.1:port` of a node.
    pub fn addr(&self, node: usize) -> String {
        format!("http://127.0.0.1:{}", self.nodes[node].port)
    }

    /// The addresses of all nodes, separated by commas, as `VAULT_ADDR` takes them.
    pub fn addresses(&self) -> String {
        std::array::from_fn::<_, NODES, _>(|node| self.addr(node)).join(",")
    }

    /// The port of a node.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Requests to one node with the root token.
    pub fn api(&self, node: usize) -> Api {
        Api::new(&self.addr(node), &self.root_token)
    }

    /// The leader. Waits until there is one.
    pub fn leader(&self) -> usize {
        eventually("a leader", LIMIT, || (0..NODES).find(|&node| self.leads(node)))
    }

    /// A node that is not the leader.
    pub fn standby(&self) -> usize {
        (self.leader() + 1) % NODES
    }

    /// A new KV version 2 mount, usable through every node.
    pub fn enable_kv2(&self, mount: &str) {
        self.api(self.leader()).enable_kv2(mount);
        for node in 0..NODES {
            eventually("the mount on every node", LIMIT, || {
                let answer = self.api(node).try_send("GET", &format!("{mount}/config"), &Value::Null).ok()?;
                (answer.status == 200).then_some(())
            });
        }
    }

    /// SIGKILL: the node is gone at once, its connections are reset.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].child = None;
    }

    /// Starts a killed node again and unseals it.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].launch();
        self.unseal(node);
    }

    /// SIGSTOP: the kernel still accepts connections for the node, but nothing answers.
    pub fn freeze(&self, node: usize) {
        self.nodes[node].signal(libc::SIGSTOP);
    }

    /// SIGCONT: continues a frozen node.
    pub fn thaw(&self, node: usize) {
        self.nodes[node].signal(libc::SIGCONT);
    }

    /// Waits until all three nodes are voters, so that any one of them may fail.
    pub fn wait_for_voters(&self) {
        eventually("three voters", LIMIT, || {
            let api = Api::with_timeout(&self.addr(self.leader()), &self.root_token, GLANCE);
            let answer = api.try_send("GET", "sys/storage/raft/configuration", &Value::Null).ok()?;
            let servers = answer.body["data"]["config"]["servers"].as_array()?.clone();
            (servers.iter().filter(|server| server["voter"] == true).count() == NODES).then_some(())
        });
    }

    fn leads(&self, node: usize) -> bool {
        let api = Api::with_timeout(&self.addr(node), &self.root_token, GLANCE);
        api.try_send("GET", "sys/leader", &Value::Null).is_ok_and(|answer| answer.body["is_self"] == true)
    }

    /// By default nodes become voters only after ten seconds.
    fn shorten_the_wait_for_voters(&self) {
        let settings = json!({"server_stabilization_time": "1s"});
        eventually("the leader's configuration", LIMIT, || {
            let answer = self.api(0).try_send("POST", "sys/storage/raft/autopilot/configuration", &settings).ok()?;
            matches!(answer.status, 200 | 204).then_some(())
        });
    }

    fn unseal(&self, node: usize) {
        let api = self.api(node);
        eventually("the node's place in the cluster", LIMIT, || {
            let answer = api.try_send("GET", "sys/seal-status", &Value::Null).ok()?;
            (answer.body["initialized"] == true).then_some(())
        });
        eventually("the unsealed node", LIMIT, || {
            let _ = api.try_send("PUT", "sys/unseal", &json!({"key": self.unseal_key}));
            let answer = api.try_send("GET", "sys/seal-status", &Value::Null).ok()?;
            (answer.body["sealed"] == false).then_some(())
        });
    }
}

impl Node {
    /// Writes the node's configuration.
    fn prepare(number: usize, ports: &[u16; NODES * 2], folder: PathBuf, standby_reads: bool) -> Self {
        fs::create_dir_all(folder.join("raft")).expect("a folder for the node");
        let (port, cluster_port) = (ports[number], ports[NODES + number]);
        let joins: String = (0..NODES)
            .map(|other| format!("  retry_join {{ leader_api_addr = \"http://127.0.0.1:{}\" }}\n", ports[other]))
            .collect();
        let hcl = format!(
            "api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{cluster_port}\"\n{}\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  cluster_address = \"127.0.0.1:{cluster_port}\"\n  \
             tls_disable = true\n}}\n\
             storage \"raft\" {{\n  path = \"{}/raft\"\n  node_id = \"n{number}\"\n  performance_multiplier = 1\n{joins}}}\n",
            if standby_reads { "" } else { "disable_standby_reads = true\n" },
            folder.display(),
        );
        let config = folder.join("node.hcl");
        fs::write(&config, hcl).expect("the node's configuration");
        Node { config, log: folder.join("node.log"), port, child: None }
    }

    /// Starts the process and waits until it answers, sealed or not.
    fn launch(&mut self) {
        let api = Api::with_timeout(&format!("http://127.0.0.1:{}", self.port), "", GLANCE);
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

    fn signal(&self, signal: i32) {
        self.child.as_ref().expect("a running node").signal(signal);
    }
}
