//! SRV records, from a name server of the test. The library reads `/etc/resolv.conf`, so the child that opens the
//! manager has another one, in its own mount namespace.

use std::io::Write;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Stdio;

use super::*;

/// `_http._tcp.vault.test`, type SRV, class IN: the only question that is answered.
const QUESTION: &[u8] = b"\x05_http\x04_tcp\x05vault\x04test\x00\x00\x21\x00\x01";

/// A name server with one record: the service is at `port` of `localhost`. It has its own loopback address, because the
/// port of a name server cannot be configured.
fn name_server(port: u16) -> Ipv4Addr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 64 | a, b, c);
    let socket = UdpSocket::bind((address, 53)).unwrap_or_else(|e| panic!("{address}, port 53: {e}"));
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            socket.send_to(&answer_to(&question[..length], port), client).unwrap();
        }
    });
    address
}

fn answer_to(question: &[u8], port: u16) -> Vec<u8> {
    let id = &question[..2];
    // Anything after the question, such as EDNS options, is not copied.
    let name = question[12..].iter().position(|&length| length == 0).unwrap();
    let asked = &question[12..12 + name + 5];
    if asked != QUESTION {
        // NXDOMAIN.
        return [id, b"\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00", asked].concat();
    }
    // One answer: the name as above, SRV, IN, 60 seconds, 17 bytes; priority, weight, port, target.
    let head = [id, b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00", asked].concat();
    let record = b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x11\x00\x01\x00\x01";
    [&head, &record[..], &port.to_be_bytes(), b"\x09localhost\x00"].concat()
}

pub fn may_mount() -> bool {
    let unshared = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    unshared.is_ok_and(|status| status.success())
}

#[test]
fn the_server_is_found_by_its_service_record_if_configured() {
    if !may_mount() {
        // Written directly to standard error, because the test harness captures the output of passing tests.
        let _ = writeln!(std::io::stderr(), "VAULT_SRV_LOOKUP is not tested: only root may mount a resolv.conf");
        return;
    }
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let resolv_conf = tempfile::NamedTempFile::new().unwrap();
    writeln!(resolv_conf.as_file(), "nameserver {}", name_server(server.port())).unwrap();
    let read_with = |address: &str, lookup: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
        command.arg(resolv_conf.path()).arg(std::env::current_exe().unwrap());
        let variables = [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address),
            ("VAULT_TOKEN", server.root_token()),
            ("VAULT_MOUNT", mount.as_str()),
            ("VAULT_MAX_RETRIES", "0"),
        ];
        option_layers::child_of(command, &variables, &[("VAULT_SRV_LOOKUP", lookup)])
    };
    assert_eq!(read_with("http://vault.test", "1"), "v");
    for (address, lookup) in [("http://vault.test", "0"), ("http://vault.test:8200", "1")] {
        let outcome = read_with(address, lookup);
        let expected = "cannot find the address of vault.test";
        assert!(outcome.starts_with("Connection ") && outcome.contains(expected), "{address} {lookup}: {outcome}");
    }
}
