//! nginx with a recorded KV answer, for measuring the client without the cost of a server.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_ports;
use crate::process::BoundChild;
use crate::tls::Identity;
use crate::wait::eventually;

/// A running nginx that answers every KV read with the same value. It ends when this is dropped.
pub struct Nginx {
    child: BoundChild,
    port: u16,
    https: bool,
    _folder: TempDir,
}

impl Nginx {
    /// Answers reads with `value`, over TLS if an identity is given. The value may hold only letters and digits.
    pub fn start(value: &str, identity: Option<&Identity>) -> Self {
        assert!(value.bytes().all(|b| b.is_ascii_alphanumeric()), "the value stands in a configuration file");
        for _ in 0..8 {
            if let Some(nginx) = Nginx::try_start(value, identity) {
                return nginx;
            }
        }
        panic!("nginx did not come up: its port was taken each time, or its configuration is refused");
    }

    /// `None` if it ended at once.
    fn try_start(value: &str, identity: Option<&Identity>) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("handsfree-nginx-").tempdir().expect("a temporary folder");
        let [port] = free_ports();
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(port, value, identity)).expect("nginx's configuration");
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("error.log")).arg("-c").arg(&config);
        let child = BoundChild::spawn(command).unwrap_or_else(|e| panic!("nginx: {e}; scripts/bootstrap installs it"));
        let mut nginx = Nginx { child, port, https: identity.is_some(), _folder: folder };
        let up = eventually("nginx", Duration::from_secs(20), || {
            if !nginx.child.runs() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true)
        });
        (up && nginx.child.runs()).then_some(nginx)
    }

    /// `http://127.0.0.1:port` or `https://localhost:port`.
    pub fn addr(&self) -> String {
        if self.https { format!("https://localhost:{}", self.port) } else { format!("http://127.0.0.1:{}", self.port) }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A single process, so that ending it by its id is enough.
fn configuration(port: u16, value: &str, identity: Option<&Identity>) -> String {
    let listen = match identity {
        Some(identity) => format!(
            "listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};",
            identity.certificate.display(),
            identity.key.display()
        ),
        None => format!("listen 127.0.0.1:{port};"),
    };
    let envelope = |data: &str| {
        format!(
            r#"{{"request_id":"5d1a3b0e-0000-4000-8000-000000000001","lease_id":"","renewable":false,"lease_duration":0,"data":{data},"wrap_info":null,"warnings":null,"auth":null}}"#
        )
    };
    let mount = envelope(r#"{"path":"secret/","type":"kv","options":{"version":"2"}}"#);
    let metadata = r#"{"created_time":"2026-01-01T00:00:00.000000000Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}"#;
    let secret = envelope(&format!(r#"{{"data":{{"value":"{value}"}},"metadata":{metadata}}}"#));
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  default_type application/json;\n  keepalive_requests 1000000000;\n  \
         keepalive_timeout 3600s;\n  server {{\n    {listen}\n    \
         location /v1/sys/internal/ui/mounts/ {{ return 200 '{mount}'; }}\n    \
         location /v1/ {{ return 200 '{secret}'; }}\n  }}\n}}\n"
    )
}
