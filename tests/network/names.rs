//! One name with several addresses. The child that opens the manager has another `/etc/hosts`, in its own mount
//! namespace.

use std::io::Write;
use std::net::TcpListener;

use super::*;
use crate::service_records::may_mount;

const ADDRESSES: [&str; 2] = ["127.0.0.1", "127.0.0.2"];

/// The output of a child that addresses the server by a name with both addresses.
fn read_by_name(server: &Server, mount: &str, port: u16) -> String {
    let hosts = tempfile::NamedTempFile::new().unwrap();
    for address in ADDRESSES {
        writeln!(hosts.as_file(), "{address} vault.test").unwrap();
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""]);
    command.arg(hosts.path()).arg(std::env::current_exe().unwrap());
    let address = format!("http://vault.test:{port}");
    let variables = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", mount),
    ];
    option_layers::child_of(command, &variables, &[])
}

#[test]
fn the_next_address_of_a_name_is_tried_if_the_first_is_sealed_or_dead() {
    if !may_mount() {
        let _ =
            writeln!(std::io::stderr(), "names with several addresses are not tested: only root may mount /etc/hosts");
        return;
    }
    let server = Server::shared();
    let mount = mount_with_secret(server);
    // The resolver decides which address comes first, so each is the bad one once.
    for [good, bad] in [ADDRESSES, [ADDRESSES[1], ADDRESSES[0]]] {
        let gateway = Gateway::at(&format!("{good}:0"), server.port(), |_| Verdict::Pass);
        let beside = format!("{bad}:{}", gateway.port());
        let sealed_answer = |_: &_| answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#);
        let sealed = Gateway::at(&beside, 0, sealed_answer);
        assert_eq!(read_by_name(server, &mount, gateway.port()), "v", "{bad} is sealed");
        drop(sealed);
        let dead = TcpListener::bind(&beside).unwrap();
        assert_eq!(read_by_name(server, &mount, gateway.port()), "v", "{bad} is silent");
        drop(dead);
        assert_eq!(read_by_name(server, &mount, gateway.port()), "v", "{bad} is closed");
    }
}
