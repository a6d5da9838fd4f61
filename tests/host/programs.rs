//! Compiles and runs the C programs of `tests/c/host`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use handsfree_secrets_test_support::{Server, Tls, cc, output_within};

/// The server and the mount that a program uses.
pub struct Target {
    pub address: String,
    pub token: String,
    pub mount: String,
    pub ca: Option<PathBuf>,
}

impl Target {
    pub fn plain(server: &Server, address: String) -> Target {
        Target { address, token: server.root_token().to_owned(), mount: server.fresh_mount(), ca: None }
    }

    pub fn of_shared() -> Target {
        Target::plain(Server::shared(), Server::shared().addr())
    }

    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = cc::clean_command(program);
        command.args(arguments);
        command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", &self.address);
        command.env("VAULT_TOKEN", &self.token).env("VAULT_MOUNT", &self.mount);
        if let Some(ca) = &self.ca {
            command.env("VAULT_CACERT", ca);
        }
        command
    }
}

/// A server with TLS, and its certificate authority.
pub struct TlsServer {
    pub server: Server,
    pub authority: Tls,
}

impl TlsServer {
    pub fn start() -> TlsServer {
        let authority = Tls::new();
        let identity = authority.server();
        let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
        TlsServer { server, authority }
    }

    pub fn target(&self, port: u16) -> Target {
        let plain = Target::plain(&self.server, format!("https://localhost:{port}"));
        Target { ca: Some(self.authority.ca_file()), ..plain }
    }
}

/// The file `tests/c/host/<name>.c`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/host").join(name).with_extension("c")
}

/// Compiles `tests/c/host/<name>.c`; tests that use the same program compile it once.
pub fn program(name: &str) -> PathBuf {
    static COMPILED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut compiled = COMPILED.lock().unwrap();
    let known = cc::library_folder().with_file_name(name);
    if compiled.insert(name.to_owned()) {
        return cc::compile("gcc", "c11", &source(name), name, &["-Wl,--as-needed"]);
    }
    known
}

/// Longer than any of these programs takes, including a million calls of `soak`.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Runs a program, which has to succeed, and returns its output.
pub fn succeeds(command: &mut Command) -> String {
    let output = output_within(LIMIT, command);
    let text = text_of(&output);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}

pub fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}
