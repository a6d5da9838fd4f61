//! A real server in dev mode: in memory, unsealed, on free ports.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::{Answer, Api};
use crate::binary::server_binary;
use crate::ports::free_ports;
use crate::process::BoundChild;
use crate::wait::eventually;

/// How long a server may take to answer. It takes 0.3 s on an idle machine.
const READY_LIMIT: Duration = Duration::from_secs(40);
/// How often the start is repeated if another process has taken a port meanwhile.
const BIND_TRIES: usize = 8;

/// The settings of a server beside its plain listener.
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    audit: bool,
    unix_socket: bool,
    tls: Vec<TlsListener>,
    args: Vec<String>,
    extra_hcl: String,
}

#[derive(Clone, Debug)]
struct TlsListener {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    extra_hcl: String,
}

impl ServerBuilder {
    /// Writes an audit file, which `Server::audited` reads.
    pub fn audit(mut self) -> Self {
        self.audit = true;
        self
    }

    /// Also listens on a Unix socket: `Server::socket_path`.
    pub fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// Also listens with TLS on another port: `Server::https_addr(n)`, in the order of these calls. With `client_ca`
    /// the client needs a certificate of that CA.
    pub fn tls(self, certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Self {
        self.tls_with(certificate, key, client_ca, "")
    }

    /// The same, with additional text in the configuration of the listener.
    pub fn tls_with(mut self, certificate: &Path, key: &Path, client_ca: Option<&Path>, hcl: &str) -> Self {
        let (certificate, key, client_ca) = (certificate.into(), key.into(), client_ca.map(Path::to_path_buf));
        self.tls.push(TlsListener { certificate, key, client_ca, extra_hcl: hcl.to_owned() });
        self
    }

    /// Adds an argument to the server's command line.
    pub fn arg(mut self, argument: &str) -> Self {
        self.args.push(argument.to_owned());
        self
    }

    /// Adds text to the server's configuration.
    pub fn hcl(mut self, text: &str) -> Self {
        self.extra_hcl.push_str(text);
        self.extra_hcl.push('\n');
        self
    }

    /// Starts the server and waits until it answers.
    pub fn start(self) -> Server {
        for _ in 0..BIND_TRIES {
            if let Some(server) = self.try_start() {
                return server;
            }
        }
        panic!("no server came up in {BIND_TRIES} tries: its ports were taken each time");
    }

    /// `None` if another process took one of the ports meanwhile.
    fn try_start(&self) -> Option<Server> {
        let folder = tempfile::Builder::new().prefix("handsfree-server-").tempdir().expect("a temporary folder");
        let [port, cluster_port] = free_ports();
        let tls_ports: Vec<u16> = self.tls.iter().map(|_| free_ports::<1>()[0]).collect();
        let config = folder.path().join("extra.hcl");
        fs::write(&config, self.config(folder.path(), port, cluster_port, &tls_ports))
            .expect("the server's configuration");
        let log = fs::File::create(folder.path().join("server.log")).expect("the server's log");
        // A unique token distinguishes this server from another one on the same port.
        let root_token = format!("root-{}-{port}", unique_name());
        let mut command = Command::new(server_binary());
        command
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={root_token}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .arg(format!("-config={}", config.display()))
            .args(&self.args)
            .env_remove("VAULT_ADDR")
            .env_remove("BAO_ADDR")
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone().expect("the server's log"))
            .stderr(log);
        let child = BoundChild::spawn(command).unwrap_or_else(|e| panic!("{}: {e}", server_binary().display()));
        let api = Api::new(&format!("http://127.0.0.1:{port}"), &root_token);
        let mut server = Server { child, api, port, tls_ports, root_token, folder };
        server.wait_until_ready().then_some(server)
    }

    fn config(&self, folder: &Path, port: u16, cluster_port: u16, tls_ports: &[u16]) -> String {
        let folder = folder.display();
        let mut hcl = format!("api_addr = \"http://127.0.0.1:{port}\"\n");
        hcl.push_str(&format!("cluster_addr = \"https://127.0.0.1:{cluster_port}\"\n"));
        for (listener, port) in self.tls.iter().zip(tls_ports) {
            hcl.push_str(&format!("listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n"));
            hcl.push_str(&format!("  tls_cert_file = \"{}\"\n", listener.certificate.display()));
            hcl.push_str(&format!("  tls_key_file = \"{}\"\n", listener.key.display()));
            if let Some(ca) = &listener.client_ca {
                hcl.push_str(&format!("  tls_client_ca_file = \"{}\"\n", ca.display()));
                hcl.push_str("  tls_require_and_verify_client_cert = true\n");
            }
            hcl.push_str(&format!("  {}\n}}\n", listener.extra_hcl));
        }
        if self.unix_socket {
            hcl.push_str(&format!(
                "listener \"unix\" {{\n  address = \"{folder}/vault.sock\"\n  socket_mode = \"0666\"\n}}\n"
            ));
        }
        if self.audit {
            let options = format!("options {{ file_path = \"{folder}/audit.log\" }}");
            hcl.push_str(&format!("audit \"file\" \"to-file\" {{\n  description = \"tests\"\n  {options}\n}}\n"));
        }
        hcl + &self.extra_hcl
    }
}

/// A running server. It ends when this is dropped or when the process ends, in whatever way.
pub struct Server {
    child: BoundChild,
    api: Api,
    port: u16,
    tls_ports: Vec<u16>,
    root_token: String,
    folder: TempDir,
}

/// A name for a mount, policy or namespace that no other test of this run uses.
pub(crate) fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    /// A server with an audit file that all tests of one program share. Each test uses its own mount.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);
        extern "C" fn remove_folder() {
            // A static is never dropped, so its folder is removed here. The server itself ends with the process.
            if let Some(folder) = FOLDER.lock().ok().and_then(|mut folder| folder.take())
                && SHARED.get().is_some_and(|server| server.child.is_ours())
            {
                let _ = fs::remove_dir_all(folder);
            }
        }
        SHARED.get_or_init(|| {
            let server = Server::builder().audit().start();
            *FOLDER.lock().expect("the folder's lock") = Some(server.folder.path().to_path_buf());
            // SAFETY: the function is `extern "C"`, takes nothing and does not unwind.
            unsafe { libc::atexit(remove_folder) };
            server
        })
    }

    /// Builds a separate server, for tests that would disturb others: sealing, stopping, quotas.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// `http://127.0.0.1:port`
    pub fn addr(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port of the plain listener.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://localhost:port` of the nth TLS listener.
    pub fn https_addr(&self, listener: usize) -> String {
        format!("https://localhost:{}", self.tls_ports[listener])
    }

    /// The port of the nth TLS listener.
    pub fn https_port(&self, listener: usize) -> u16 {
        self.tls_ports[listener]
    }

    /// The path of the socket, if the builder requested one.
    pub fn socket_path(&self) -> PathBuf {
        self.folder.path().join("vault.sock")
    }

    /// The token that may do everything.
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Requests with the root token.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// One request with the root token.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.api.send(method, path, body)
    }

    /// A new, empty KV version 2 mount with a unique name.
    pub fn fresh_mount(&self) -> String {
        let mount = unique_name();
        self.api.enable_kv2(&mount);
        mount
    }

    /// A new, empty KV version 1 mount with a unique name.
    pub fn kv1_mount(&self) -> String {
        let mount = unique_name();
        self.api.enable_kv1(&mount);
        mount
    }

    /// A new namespace with a unique name.
    pub fn fresh_namespace(&self) -> String {
        let namespace = unique_name();
        self.api.post(&format!("sys/namespaces/{namespace}"), json!({}));
        namespace
    }

    /// A token with exactly this policy, without `default`.
    pub fn policy_token(&self, policy: &str) -> String {
        self.api.create_token(&unique_name(), policy, json!({"no_default_policy": true}))
    }

    /// A token with this policy and `default`.
    pub fn policy_token_with_default(&self, policy: &str) -> String {
        self.api.create_token(&unique_name(), policy, json!({}))
    }

    /// Writes a document without the library: `POST <mount>/data/<path>`. The path has to be percent-encoded. Returns
    /// the new version.
    pub fn write_raw(&self, mount: &str, path: &str, document: Value) -> u64 {
        let answer = self.api.post(&format!("{mount}/data/{path}"), json!({"data": document}));
        answer["data"]["version"].as_u64().expect("a version")
    }

    /// Reads a document with its metadata without the library; `None` if there is none.
    pub fn read_raw(&self, mount: &str, path: &str) -> Option<Value> {
        let answer = self.send("GET", &format!("{mount}/data/{path}"), &Value::Null);
        (answer.status == 200).then(|| answer.body["data"].clone())
    }

    /// The number of answered requests in the audit file to `path`, or below it if it ends in `/`, with this operation
    /// (`read`, `create`, `update`, `delete`, `list`, …; any if it is empty).
    pub fn audited(&self, path: &str, operation: &str) -> usize {
        self.audit_lines(|entry| {
            let request = &entry["request"];
            let seen = request["path"].as_str().unwrap_or_default();
            let same_path = seen == path || (path.ends_with('/') && seen.starts_with(path));
            entry["type"] == "response" && same_path && (operation.is_empty() || request["operation"] == operation)
        })
    }

    /// The number of entries of the audit file that satisfy a predicate.
    pub fn audit_lines(&self, like_this: impl Fn(&Value) -> bool) -> usize {
        // It may be larger than the memory.
        let log = fs::File::open(self.folder.path().join("audit.log")).expect("a server with an audit file");
        let lines = BufReader::new(log).lines().map_while(Result::ok);
        lines.filter_map(|line| serde_json::from_str(&line).ok()).filter(like_this).count()
    }

    /// Seals the server: it answers 503 from then on.
    pub fn seal(&self) {
        self.api.send("PUT", "sys/seal", &Value::Null).success();
        eventually("the seal", Duration::from_secs(20), || {
            (self.api.get("sys/seal-status")["sealed"] == true).then_some(())
        });
    }

    /// SIGSTOP: the kernel still accepts connections, but nothing answers.
    pub fn freeze(&self) {
        self.child.signal(libc::SIGSTOP);
        // The signal is asynchronous: a thread on another processor may still answer a request.
        let stopped = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'));
        eventually("the stop of all threads", Duration::from_secs(20), || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
            let mut stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
            stats.all(stopped).then_some(())
        });
    }

    /// SIGCONT: continues a frozen server.
    pub fn thaw(&self) {
        self.child.signal(libc::SIGCONT);
    }

    /// SIGKILL. The server loses its data.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// The policy in the documentation of the Python manager, for this mount.
    pub fn printed_policy(mount: &str) -> String {
        format!(
            r#"
path "{mount}/data/*" {{
  capabilities = ["create", "read", "update", "delete", "list"]
}}

path "{mount}/metadata/*" {{
  capabilities = ["list", "read", "delete"]
}}
"#
        )
    }

    /// False if the server ended because one of its ports was taken. Panics on other failures.
    fn wait_until_ready(&mut self) -> bool {
        let start = Instant::now();
        loop {
            let answer = self.api.try_send("GET", "secret/config", &Value::Null);
            if answer.is_ok_and(|answer| answer.status == 200) && self.child.runs() {
                return true;
            }
            if !self.child.runs() {
                let log = self.log();
                assert!(log.contains("address already in use"), "the server ended at once:\n{log}");
                return false;
            }
            assert!(start.elapsed() < READY_LIMIT, "no answer within {READY_LIMIT:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}
