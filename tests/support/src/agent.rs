//! A real agent, which logs in at a real server, and adds its token to the requests that it forwards.

use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::auth::AppRole;
use crate::binary::server_binary;
use crate::ports::free_ports;
use crate::process::BoundChild;
use crate::wait::eventually;

/// A running agent. It ends when this is dropped.
pub struct Agent {
    port: u16,
    _folder: TempDir,
    _process: BoundChild,
}

impl Agent {
    /// Starts an agent in front of the server at `address`, which logs in with `role`.
    pub fn start(address: &str, role: &AppRole) -> Agent {
        Agent::start_with(address, role, "")
    }

    /// As [`Agent::start`]. The agent keeps answers with leases, renews these, and answers again with them.
    pub fn start_caching(address: &str, role: &AppRole) -> Agent {
        Agent::start_with(address, role, "cache {}")
    }

    fn start_with(address: &str, role: &AppRole, more: &str) -> Agent {
        let folder = TempDir::new().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file of the agent's");
            path.display().to_string()
        };
        let (role_id, secret_id) = (file("role_id", &role.role_id), file("secret_id", &role.secret_id));
        let [port] = free_ports();
        let config = file(
            "agent.hcl",
            &format!(
                r#"
                vault {{ address = "{address}" }}
                auto_auth {{
                  method "approle" {{
                    mount_path = "auth/{mount}"
                    config = {{
                      role_id_file_path = "{role_id}"
                      secret_id_file_path = "{secret_id}"
                      remove_secret_id_file_after_reading = false
                    }}
                  }}
                }}
                api_proxy {{ use_auto_auth_token = true }}
                {more}
                listener "tcp" {{
                  address = "127.0.0.1:{port}"
                  tls_disable = true
                }}
                "#,
                mount = role.mount
            ),
        );
        let mut command = Command::new(server_binary());
        command.args(["agent", "-config", &config]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = BoundChild::spawn(command).expect("the agent");
        eventually("the agent", Duration::from_secs(20), || TcpStream::connect(("127.0.0.1", port)).ok());
        Agent { port, _folder: folder, _process: process }
    }

    /// `http://127.0.0.1:port`
    pub fn addr(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
