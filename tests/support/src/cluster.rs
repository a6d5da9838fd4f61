//! A cluster of three nodes with raft on loopback, whose nodes can be killed, frozen and restarted.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::node::{Keys, Node};
use crate::ports::free_ports;
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
    keys: Keys,
    _folder: TempDir,
}

impl Cluster {
    /// Starts three nodes and waits until all are voters, since there is no failover before. Standbys answer reads if
    /// `standby_reads` is true, else they forward them.
    pub fn start(standby_reads: bool) -> Self {
        let folder = tempfile::Builder::new().prefix("handsfree-cluster-").tempdir().expect("a temporary folder");
        let ports: [u16; NODES * 2] = free_ports();
        let mut nodes =
            std::array::from_fn(|i| prepare(i, &ports, &folder.path().join(format!("n{i}")), standby_reads));
        let keys = nodes[0].initialize();
        let mut cluster = Cluster { nodes, keys, _folder: folder };
        cluster.shorten_the_wait_for_voters();
        for i in 1..NODES {
            cluster.restart(i);
        }
        cluster.wait_for_voters();
        cluster
    }

    /// `http://127.0.0.1:port` of a node.
    pub fn addr(&self, node: usize) -> String {
        self.nodes[node].addr()
    }

    /// The addresses of all nodes, separated by commas, as `VAULT_ADDR` takes them.
    pub fn addresses(&self) -> String {
        std::array::from_fn::<_, NODES, _>(|node| self.addr(node)).join(",")
    }

    /// The port of a node.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port()
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.keys.root_token
    }

    /// Requests to one node with the root token.
    pub fn api(&self, node: usize) -> Api {
        Api::new(&self.addr(node), &self.keys.root_token)
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
        self.nodes[node].kill();
    }

    /// Starts a killed node again and unseals it.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].restart(&self.keys);
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
            let api = Api::with_timeout(&self.addr(self.leader()), &self.keys.root_token, GLANCE);
            let answer = api.try_send("GET", "sys/storage/raft/configuration", &Value::Null).ok()?;
            let servers = answer.body["data"]["config"]["servers"].as_array()?.clone();
            (servers.iter().filter(|server| server["voter"] == true).count() == NODES).then_some(())
        });
    }

    fn leads(&self, node: usize) -> bool {
        let api = Api::with_timeout(&self.addr(node), &self.keys.root_token, GLANCE);
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
}

/// The node, with its configuration.
fn prepare(number: usize, ports: &[u16; NODES * 2], folder: &Path, standby_reads: bool) -> Node {
    fs::create_dir_all(folder.join("raft")).expect("a folder for the node");
    let joins: String = (0..NODES)
        .map(|other| format!("  retry_join {{ leader_api_addr = \"http://127.0.0.1:{}\" }}\n", ports[other]))
        .collect();
    let hcl = format!(
        "{}storage \"raft\" {{\n  path = \"{}/raft\"\n  node_id = \"n{number}\"\n  performance_multiplier = 1\n{joins}}}\n",
        if standby_reads { "" } else { "disable_standby_reads = true\n" },
        folder.display(),
    );
    Node::prepare(folder, ports[number], ports[NODES + number], &hcl)
}
