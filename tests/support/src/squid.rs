//! Squid, a proxy that refuses CONNECT to all but https ports, and requires a user.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::ports::free_ports;
use crate::process::BoundChild;
use crate::wait::eventually;

/// A running Squid that accepts the user `ann` with the password `CANARY-right`. It ends when this is dropped.
pub struct Squid {
    child: BoundChild,
    port: u16,
    _folder: TempDir,
}

impl Squid {
    /// Allows CONNECT to `https_port`, as to 443 by default, and to no other port.
    pub fn start(https_port: u16) -> Self {
        for _ in 0..8 {
            if let Some(squid) = Squid::try_start(https_port) {
                return squid;
            }
        }
        panic!("Squid did not come up: its port was taken each time, or its configuration is refused");
    }

    /// `None` if it ended at once.
    fn try_start(https_port: u16) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("handsfree-squid-").tempdir().expect("a temporary folder");
        // If started by root it runs as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder's mode");
        let [port] = free_ports();
        let helper = folder.path().join("passwords");
        fs::write(&helper, PASSWORDS).expect("the helper that knows the passwords");
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("the helper's mode");
        let config = folder.path().join("squid.conf");
        fs::write(&config, configuration(port, https_port, &helper.display().to_string())).expect("its configuration");
        let mut command = Command::new("/usr/sbin/squid");
        command.args(["-N", "-n"]).arg(format!("handsfree{port}")).arg("-f").arg(&config).current_dir(folder.path());
        let child = BoundChild::spawn(command).unwrap_or_else(|e| panic!("squid: {e}; scripts/bootstrap installs it"));
        let mut squid = Squid { child, port, _folder: folder };
        let up = eventually("Squid", Duration::from_secs(60), || {
            if !squid.child.runs() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(true)
        });
        (up && squid.child.runs()).then_some(squid)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Squid writes `user password` on a line, and reads whether they are correct.
const PASSWORDS: &str = "#!/bin/sh\nwhile read -r line; do\n\
    case \"$line\" in 'ann CANARY-right') echo OK ;; *) echo ERR ;; esac\ndone\n";

fn configuration(port: u16, https_port: u16, helper: &str) -> String {
    format!(
        "http_port 127.0.0.1:{port}\nvisible_hostname localhost\npid_filename none\nnetdb_filename none\n\
         cache deny all\ncache_log stdio:/dev/null\naccess_log none\ncoredump_dir none\nshutdown_lifetime 0 seconds\n\
         auth_param basic program {helper}\nauth_param basic children 1 startup=1\nacl known proxy_auth REQUIRED\n\
         acl https port {https_port}\nhttp_access deny CONNECT !https\nhttp_access allow known\n\
         http_access deny all\n"
    )
}
