//! Ways to the server: sockets, proxies, namespaces, headers, redirects, limits, and where the settings come from.

#![cfg(test)]

mod common;

use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{open, open_with};
use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::log::LogSink;
use handsfree_secrets::manager::{self, SecretManager};
use handsfree_secrets::options::Options;
use handsfree_secrets_test_support::{Gateway, Relay, Server, Tls, Verdict, answer, free_ports};
use log::{Level, LevelFilter};
use serde_json::json;

/// A mount of the shared server with the secret `a` = `v` in it.
fn mount_with_secret(server: &Server) -> String {
    let mount = server.fresh_mount();
    open(server, &mount, server.root_token()).store("a", "v", None, &Call::default()).unwrap();
    mount
}

/// Opens a manager for `address` with the root token and reads the secret.
fn read(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<String> {
    get(&*open_at(server, address, mount, extra)?)
}

fn open_at(server: &Server, address: &str, mount: &str, extra: &[(&str, &str)]) -> Result<Arc<dyn SecretManager>> {
    let mut settings = vec![
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", mount),
    ];
    settings.extend_from_slice(extra);
    open_with(&settings)
}

fn get(manager: &dyn SecretManager) -> Result<String> {
    manager.get("vault://a", &Call::default()).map(|value| value.unwrap().as_str().to_owned())
}

/// Counts what passes.
fn counted(port: u16, seen: &Arc<AtomicUsize>) -> Gateway {
    let seen = seen.clone();
    Gateway::to(port, move |_| {
        seen.fetch_add(1, Ordering::AcqRel);
        Verdict::Pass
    })
}

mod addresses {
    use super::*;

    #[test]
    fn a_socket_file_is_an_address() {
        let server = Server::builder().unix_socket().start();
        let mount = mount_with_secret(&server);
        let address = format!("unix://{}", server.socket_path().display());
        assert_eq!(read(&server, &address, &mount, &[]).unwrap(), "v");
        let error = read(&server, &format!("{address}.not"), &mount, &[]).unwrap_err();
        assert_eq!(error.status(), Status::Connection, "{error}");
        assert!(error.message().contains("vault.sock.not") && error.message().contains("VAULT_ADDR"), "{error}");
    }

    #[test]
    fn a_list_of_nodes_is_gone_through_until_one_answers() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let [first, second] = free_ports();
        let list = format!("http://127.0.0.1:{first},http://127.0.0.1:{second}, {}", server.addr());
        assert_eq!(read(server, &list, &mount, &[]).unwrap(), "v");
    }

    #[test]
    fn an_agents_address_beats_the_servers() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let agent = server.addr();
        for name in ["VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"] {
            assert_eq!(read(server, "http://127.0.0.1:1", &mount, &[(name, &agent)]).unwrap(), "v");
        }
        let error = read(server, &agent, &mount, &[("VAULT_AGENT_ADDR", "http://127.0.0.1:1")]).unwrap_err();
        assert_eq!(error.status(), Status::Connection, "{error}");
        assert!(error.message().contains("check VAULT_AGENT_ADDR"), "{error}");
    }

    #[test]
    fn a_name_that_does_not_exist_is_a_connection_error_that_names_it() {
        let server = Server::shared();
        let extra = [("VAULT_MAX_RETRIES", "0")];
        let error = read(server, "http://vault.invalid:8200", "secret", &extra).unwrap_err();
        assert_eq!(error.status(), Status::Connection, "{error}");
        assert!(error.message().contains("vault.invalid") && error.message().contains("check VAULT_ADDR"), "{error}");
    }
}

/// What DNS says is asked of a name server of the test's own. The library reads `/etc/resolv.conf`, so the child that
/// opens the manager sees another one there, in a mount namespace of its own.
mod service_records {
    use std::io::Write;
    use std::net::{Ipv4Addr, UdpSocket};
    use std::process::Stdio;

    use super::*;

    /// `_http._tcp.vault.test`, type SRV, class IN: the one question that is answered.
    const QUESTION: &[u8] = b"\x05_http\x04_tcp\x05vault\x04test\x00\x00\x21\x00\x01";

    /// A name server by which the service is at `port` of `localhost`, and no other name exists. Its address on the
    /// loopback network is this process's own: the port of name servers cannot be chosen.
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
        // What stands behind the question, such as how long an answer may be, is not repeated.
        let name = question[12..].iter().position(|&length| length == 0).unwrap();
        let asked = &question[12..12 + name + 5];
        if asked != QUESTION {
            // No such name.
            return [id, b"\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00", asked].concat();
        }
        // One answer: the name as above, SRV, IN, 60 seconds, 17 bytes; priority, weight, port, target.
        let head = [id, b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00", asked].concat();
        let record = b"\xc0\x0c\x00\x21\x00\x01\x00\x00\x00\x3c\x00\x11\x00\x01\x00\x01";
        [&head, &record[..], &port.to_be_bytes(), b"\x09localhost\x00"].concat()
    }

    fn may_mount() -> bool {
        let unshared = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
        unshared.is_ok_and(|status| status.success())
    }

    #[test]
    fn the_server_is_where_its_service_record_says_if_that_is_wanted() {
        if !may_mount() {
            // Past the test harness, which keeps what passing tests print.
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
            layers::child_of(command, &variables, &[("VAULT_SRV_LOOKUP", lookup)])
        };
        assert_eq!(read_with("http://vault.test", "1"), "v");
        for (address, lookup) in [("http://vault.test", "0"), ("http://vault.test:8200", "1")] {
            let outcome = read_with(address, lookup);
            let expected = "cannot find the address of vault.test";
            assert!(outcome.starts_with("Connection ") && outcome.contains(expected), "{address} {lookup}: {outcome}");
        }
    }
}

mod namespaces {
    use super::*;

    #[test]
    fn two_namespaces_hold_the_same_key_with_two_values() {
        let server = Server::shared();
        let managers = ["left", "right"].map(|value| {
            let namespace = server.fresh_namespace();
            server.api().in_namespace(&namespace).enable_kv2("kv");
            let manager = open_at(server, &server.addr(), "kv", &[("VAULT_NAMESPACE", &namespace)]).unwrap();
            manager.store("a", value, None, &Call::default()).unwrap();
            (manager, namespace, value)
        });
        for (manager, namespace, value) in &managers {
            assert_eq!(get(&**manager).unwrap(), *value);
            let document = server.api().in_namespace(namespace).get("kv/data/a");
            assert_eq!(document["data"]["data"]["value"], *value);
            assert_eq!(manager.list(None, &Call::default()).unwrap(), ["vault://a"]);
            let by_other_name = [("BAO_NAMESPACE", namespace.as_str())];
            assert_eq!(read(server, &server.addr(), "kv", &by_other_name).unwrap(), *value);
        }
        assert!(managers[0].0.delete("vault://a", &Call::default()).unwrap());
        assert_eq!(get(&*managers[1].0).unwrap(), "right");
    }

    #[test]
    fn a_namespace_that_does_not_exist_is_a_configuration_error() {
        let server = Server::shared();
        let error = read(server, &server.addr(), "secret", &[("VAULT_NAMESPACE", "nowhere")]).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Config, 404), "{error}");
        assert!(error.message().contains("check VAULT_NAMESPACE"), "{error}");
    }
}

mod headers {
    use super::*;

    #[test]
    fn extra_headers_reach_the_server_with_every_request() {
        let server = Server::builder().audit().start();
        for name in ["X-Tests-Colour", "X-Vault-Request"] {
            server.api().post(&format!("sys/config/auditing/request-headers/{name}"), json!({"hmac": false}));
        }
        let mount = mount_with_secret(&server);
        let extra = [("VAULT_HEADERS", r#"{"X-Tests-Colour": "blue"}"#)];
        assert_eq!(read(&server, &server.addr(), &mount, &extra).unwrap(), "v");
        for path in [format!("{mount}/data/a"), format!("sys/internal/ui/mounts/{mount}")] {
            let with_header = server.audit_lines(|entry| {
                let request = &entry["request"];
                entry["type"] == "request"
                    && request["path"] == path.as_str()
                    && request["headers"]["x-tests-colour"] == json!(["blue"])
                    && request["headers"]["x-vault-request"] == json!(["true"])
            });
            assert_eq!(with_header, 1, "{path}");
        }
    }

    #[test]
    fn a_header_goes_out_once_for_each_value_and_a_given_user_agent_replaces_ours() {
        let server = Server::builder().audit().start();
        for name in ["X-Tests-Colour", "User-Agent"] {
            server.api().post(&format!("sys/config/auditing/request-headers/{name}"), json!({"hmac": false}));
        }
        let mount = mount_with_secret(&server);
        let reads_with = |headers: serde_json::Value| {
            let path = format!("{mount}/data/a");
            server.audit_lines(|entry| {
                let request = &entry["request"];
                let read = entry["type"] == "request" && request["operation"] == "read" && request["path"] == path;
                read && request["headers"] == headers
            })
        };
        let ours = format!("handsfree_secrets/{}", env!("CARGO_PKG_VERSION"));
        let extra = [("VAULT_HEADERS", r#"{"X-Tests-Colour": ["blue", "a\tb"]}"#)];
        assert_eq!(read(&server, &server.addr(), &mount, &extra).unwrap(), "v");
        assert_eq!(reads_with(json!({"x-tests-colour": ["blue", "a\tb"], "user-agent": [ours]})), 1);
        let extra = [("VAULT_HEADERS", r#"{"user-agent": "payments/1"}"#)];
        assert_eq!(read(&server, &server.addr(), &mount, &extra).unwrap(), "v");
        assert_eq!(reads_with(json!({"user-agent": ["payments/1"]})), 1);
    }
}

mod proxies {
    use super::*;

    /// A proxy, and how many tunnels it gave. With `credentials` it wants `Proxy-Authorization`.
    fn proxy(credentials: Option<&'static str>) -> (Gateway, Arc<AtomicUsize>) {
        let tunnels = Arc::new(AtomicUsize::new(0));
        let counter = tunnels.clone();
        let gateway = Gateway::to(0, move |asked| {
            assert_eq!(asked.method, "CONNECT", "{}", asked.path);
            if credentials.is_some() && asked.header("Proxy-Authorization") != credentials {
                return answer("407 Proxy Authentication Required", "", "");
            }
            counter.fetch_add(1, Ordering::AcqRel);
            Verdict::Pass
        });
        (gateway, tunnels)
    }

    #[test]
    fn requests_go_through_the_proxy_that_is_named() {
        let tls = Tls::new();
        let identity = tls.server();
        let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
        let (mount, ca) = (mount_with_secret(&server), tls.ca_file());
        let ca = ("VAULT_CACERT", ca.to_str().unwrap());
        for (name, address) in [
            ("VAULT_PROXY_ADDR", server.addr()),
            ("VAULT_HTTP_PROXY", server.https_addr(0)),
            ("BAO_PROXY_ADDR", server.https_addr(0)),
        ] {
            let (proxy, tunnels) = proxy(None);
            assert_eq!(read(&server, &address, &mount, &[(name, &proxy.addr()), ca]).unwrap(), "v", "{name}");
            assert_eq!(tunnels.load(Ordering::Acquire), 1, "{name}");
        }
        // A host that only the proxy can reach: it is the proxy that looks the name up.
        let (proxy, _) = proxy(None);
        let elsewhere = format!("http://vault.invalid:{}", server.port());
        assert_eq!(read(&server, &elsewhere, &mount, &[("VAULT_PROXY_ADDR", &proxy.addr())]).unwrap(), "v");
        // So is a node that stands behind a socket in the list.
        let behind = format!("unix:///nowhere.sock,{elsewhere}");
        assert_eq!(read(&server, &behind, &mount, &[("VAULT_PROXY_ADDR", &proxy.addr())]).unwrap(), "v");
    }

    #[test]
    fn no_proxy_is_honoured_for_the_proxy_made_for_vault_too() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let (proxy, tunnels) = proxy(None);
        for entry in ["127.0.0.1", "*", "10.0.0.0/8,127.0.0.0/8"] {
            let extra = [("VAULT_PROXY_ADDR", proxy.addr()), ("NO_PROXY", entry.to_owned())];
            let extra = extra.each_ref().map(|(name, value)| (*name, value.as_str()));
            assert_eq!(read(server, &server.addr(), &mount, &extra).unwrap(), "v");
        }
        assert_eq!(tunnels.load(Ordering::Acquire), 0);
        let extra = [("VAULT_PROXY_ADDR", proxy.addr()), ("NO_PROXY", "example.com".to_owned())];
        let extra = extra.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(read(server, &server.addr(), &mount, &extra).unwrap(), "v");
        assert_eq!(tunnels.load(Ordering::Acquire), 1);
    }

    #[test]
    fn a_proxy_that_wants_a_password_gets_the_one_of_its_url() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let (proxy, _) = proxy(Some("Basic YW5uOkNBTkFSWQ=="));
        let with = |user: &str| {
            let address = format!("http://{user}127.0.0.1:{}", proxy.port());
            read(server, &server.addr(), &mount, &[("VAULT_PROXY_ADDR", &address), ("VAULT_MAX_RETRIES", "0")])
        };
        assert_eq!(with("ann:CANARY@").unwrap(), "v");
        for user in ["", "ann:CANARY-wrong@"] {
            let error = with(user).unwrap_err();
            assert_eq!((error.status(), error.http_status()), (Status::Connection, 407), "{error}");
            assert!(error.message().contains("put them into VAULT_PROXY_ADDR"), "{error}");
            assert!(!error.message().contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn a_proxy_that_is_not_there_is_not_taken_for_the_server() {
        let server = Server::shared();
        let [port] = free_ports();
        let address = format!("http://127.0.0.1:{port}");
        let extra = [("VAULT_HTTP_PROXY", address.as_str()), ("VAULT_MAX_RETRIES", "0")];
        let error = read(server, &server.addr(), "secret", &extra).unwrap_err();
        assert_eq!(error.status(), Status::Connection, "{error}");
        let expected = format!("cannot connect to the proxy {address}: ");
        assert!(error.message().contains(&expected) && error.message().contains("VAULT_HTTP_PROXY"), "{error}");
    }
}

mod redirects {
    use super::*;

    /// A standby that sends every read of a secret to `target`.
    fn standby(port: u16, target: String) -> Gateway {
        Gateway::to(port, move |asked| match asked.path.contains("/data/") {
            true => answer("307 Temporary Redirect", &format!("Location: {target}{}\r\n", asked.path), ""),
            false => Verdict::Pass,
        })
    }

    /// A server that says of itself who is the active node.
    fn active_node() -> Server {
        Server::builder().arg("-dev-ha").audit().start()
    }

    #[test]
    fn a_redirect_to_another_configured_node_is_followed() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let standby = standby(server.port(), server.addr());
        let list = format!("{},{}", standby.addr(), server.addr());
        assert_eq!(read(server, &list, &mount, &[]).unwrap(), "v");
    }

    #[test]
    fn a_redirect_to_the_node_that_the_cluster_calls_active_is_followed() {
        let server = active_node();
        assert_eq!(server.api().get("sys/leader")["leader_address"], server.addr());
        let mount = mount_with_secret(&server);
        let standby = standby(server.port(), server.addr());
        let manager = open_at(&server, &standby.addr(), &mount, &[]).unwrap();
        for round in 0..3 {
            assert_eq!(get(&*manager).unwrap(), "v");
            // Method and body go along.
            assert!(manager.update("vault://a", "w", None, &Call::default()).unwrap(), "{round}");
            assert_eq!(get(&*manager).unwrap(), "w");
            assert!(manager.update("vault://a", "v", None, &Call::default()).unwrap(), "{round}");
        }
        let namespace = server.fresh_namespace();
        server.api().in_namespace(&namespace).enable_kv2("kv");
        let manager = open_at(&server, &standby.addr(), "kv", &[("VAULT_NAMESPACE", &namespace)]).unwrap();
        manager.store("a", "of the namespace", None, &Call::default()).unwrap();
        assert_eq!(get(&*manager).unwrap(), "of the namespace");
    }

    #[test]
    fn a_redirect_to_a_stranger_is_refused_and_the_token_stays_here() {
        let server = active_node();
        let mount = mount_with_secret(&server);
        let visits = Arc::new(AtomicUsize::new(0));
        let thief = counted(server.port(), &visits);
        let standby = standby(server.port(), thief.addr());
        let error = read(&server, &standby.addr(), &mount, &[]).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 307), "{error}");
        assert!(error.message().contains(&thief.addr()) && error.message().contains("VAULT_ADDR"), "{error}");
        assert_eq!(visits.load(Ordering::Acquire), 0);
    }

    #[test]
    fn a_redirect_to_another_path_is_refused() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let gateway = {
            let target = format!("{}/v1/{mount}/data/other", server.addr());
            Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
                true => answer("307 Temporary Redirect", &format!("Location: {target}\r\n"), ""),
                false => Verdict::Pass,
            })
        };
        let list = format!("{},{}", gateway.addr(), server.addr());
        let error = read(server, &list, &mount, &[]).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Protocol, 307), "{error}");
        assert!(error.message().contains("to another path"), "{error}");
    }

    #[test]
    fn redirects_are_errors_where_they_are_forbidden() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let standby = standby(server.port(), server.addr());
        let list = format!("{},{}", standby.addr(), server.addr());
        for name in ["VAULT_DISABLE_REDIRECTS", "BAO_DISABLE_REDIRECTS"] {
            let error = read(server, &list, &mount, &[(name, "true")]).unwrap_err();
            assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 307), "{error}");
            assert!(error.message().contains("VAULT_DISABLE_REDIRECTS"), "{error}");
        }
    }

    #[test]
    fn nodes_that_redirect_to_each_other_come_to_an_end() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let [first, second] = [0, 1].map(|_| Arc::new(Mutex::new(String::new())));
        let node = |to: &Arc<Mutex<String>>| {
            let to = to.clone();
            Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
                true => {
                    let location = format!("Location: {}{}\r\n", to.lock().unwrap(), asked.path);
                    answer("307 Temporary Redirect", &location, "")
                }
                false => Verdict::Pass,
            })
        };
        let (a, b) = (node(&first), node(&second));
        *first.lock().unwrap() = b.addr();
        *second.lock().unwrap() = a.addr();
        let list = format!("{},{}", a.addr(), b.addr());
        let extra = [("VAULT_MAX_RETRIES", "0"), ("VAULT_CLIENT_TIMEOUT", "10")];
        let error = read(server, &list, &mount, &extra).unwrap_err();
        assert_eq!(error.status(), Status::Unavailable, "{error}");
        assert!(error.message().contains("redirect to each other"), "{error}");
    }
}

mod limits {
    use super::*;

    #[test]
    fn a_request_over_32_mib_is_refused_before_it_is_sent() {
        let server = Server::shared();
        let mount = server.fresh_mount();
        let relay = Relay::to(server.port());
        let manager = open_at(server, &relay.addr(), &mount, &[]).unwrap();
        let before = (relay.connections(), relay.bytes_sent());
        let value = "x".repeat(32 << 20);
        let error = manager.store("large", &value, None, &Call::default()).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::TooLarge, 0), "{error}");
        assert!(error.message().contains("32 MiB"), "{error}");
        assert_eq!((relay.connections(), relay.bytes_sent()), before);
    }

    #[test]
    fn an_answer_over_64_mib_is_cut_off() {
        // Without an audit file, into which it would all go, too.
        let server = Server::builder().start();
        let manager = open_at(&server, &server.addr(), "secret", &[("VAULT_CLIENT_TIMEOUT", "300")]).unwrap();
        // The server writes each of these as six characters.
        manager.store("large", &"<".repeat(12 << 20), None, &Call::default()).unwrap();
        manager.store("fits", &"<".repeat(8 << 20), None, &Call::default()).unwrap();
        let error = manager.get("vault://large", &Call::default()).err().unwrap();
        assert_eq!(error.status(), Status::TooLarge, "{error}");
        assert!(error.message().contains("64 MiB") && error.message().contains(&server.addr()), "{error}");
        let fits = manager.get("vault://fits", &Call::default()).unwrap().unwrap();
        assert_eq!(fits.as_str().len(), 8 << 20);
    }

    #[test]
    fn requests_keep_to_the_rate_limit() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        for name in ["VAULT_RATE_LIMIT", "BAO_RATE_LIMIT"] {
            let start = Instant::now();
            let manager = open_at(server, &server.addr(), &mount, &[(name, "20:2")]).unwrap();
            for _ in 0..11 {
                assert_eq!(get(&*manager).unwrap(), "v");
            }
            // The opening and the first read are the burst; the other ten wait for 50 ms each.
            assert!(start.elapsed() >= Duration::from_millis(480), "{name}: {:?}", start.elapsed());
        }
    }

    #[test]
    fn the_timeout_is_one_deadline_for_the_whole_call() {
        let server = Server::builder().start();
        let mount = mount_with_secret(&server);
        for (name, value) in [("VAULT_CLIENT_TIMEOUT", "1"), ("BAO_CLIENT_TIMEOUT", "1000ms")] {
            let manager = open_at(&server, &server.addr(), &mount, &[(name, value)]).unwrap();
            server.freeze();
            let start = Instant::now();
            let error = get(&*manager).unwrap_err();
            let elapsed = start.elapsed();
            server.thaw();
            assert_eq!(error.status(), Status::Timeout, "{error}");
            assert!((950..1500).contains(&elapsed.as_millis()), "{elapsed:?}");
            assert!(error.message().contains("VAULT_CLIENT_TIMEOUT"), "{error}");
        }
    }

    #[test]
    fn retries_are_as_many_as_the_option_says() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        for (retries, expected) in [("0", 1), ("1", 2), ("2", 3)] {
            let tries = Arc::new(AtomicUsize::new(0));
            let counter = tries.clone();
            let gateway = Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
                true => {
                    counter.fetch_add(1, Ordering::AcqRel);
                    answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#)
                }
                false => Verdict::Pass,
            });
            let manager = open_at(server, &gateway.addr(), &mount, &[("VAULT_MAX_RETRIES", retries)]).unwrap();
            let error = get(&*manager).unwrap_err();
            assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 503), "{error}");
            assert_eq!(tries.load(Ordering::Acquire), expected);
        }
    }

    #[test]
    fn an_answer_that_asks_for_patience_gets_it() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        for (status, headers, body) in [
            (
                "429 Too Many Requests",
                "Retry-After: 1\r\n",
                r#"{"errors":["request path: rate limit quota exceeded"]}"#,
            ),
            ("412 Precondition Failed", "", r#"{"errors":["required index state not present"]}"#),
            ("502 Bad Gateway", "", "<html>"),
            ("503 Service Unavailable", "", ""),
            ("504 Gateway Timeout", "", ""),
            (
                "400 Bad Request",
                "",
                r#"{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}"#,
            ),
        ] {
            let refusals = Arc::new(AtomicUsize::new(0));
            let counter = refusals.clone();
            let gateway = Gateway::to(server.port(), move |asked| {
                match asked.path.contains("/data/") && counter.fetch_add(1, Ordering::AcqRel) == 0 {
                    true => answer(status, headers, body),
                    false => Verdict::Pass,
                }
            });
            let manager = open_at(server, &gateway.addr(), &mount, &[]).unwrap();
            let start = Instant::now();
            assert_eq!(get(&*manager).unwrap(), "v", "{status}");
            assert_eq!(refusals.load(Ordering::Acquire), 2, "{status}");
            let waited = start.elapsed();
            assert!(!headers.contains("Retry-After") || waited >= Duration::from_secs(1), "{waited:?}");
        }
    }

    #[test]
    fn an_agents_complaint_about_a_missing_header_is_not_repeated() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let tries = Arc::new(AtomicUsize::new(0));
        let counter = tries.clone();
        let gateway = Gateway::to(server.port(), move |asked| match asked.path.contains("/data/") {
            true => {
                counter.fetch_add(1, Ordering::AcqRel);
                answer("412 Precondition Failed", "", r#"{"errors":["missing 'X-Vault-Request' header"]}"#)
            }
            false => Verdict::Pass,
        });
        let error = read(server, &gateway.addr(), &mount, &[]).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Protocol, 412), "{error}");
        assert_eq!(tries.load(Ordering::Acquire), 1);
    }

    #[test]
    fn a_connection_that_breaks_is_made_anew() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let breaks = Arc::new(AtomicUsize::new(0));
        let counter = breaks.clone();
        let gateway = Gateway::to(server.port(), move |asked| {
            match asked.path.contains("/data/") && counter.fetch_add(1, Ordering::AcqRel) == 0 {
                true => Verdict::Close,
                false => Verdict::Pass,
            }
        });
        assert_eq!(read(server, &gateway.addr(), &mount, &[]).unwrap(), "v");
        assert_eq!(breaks.load(Ordering::Acquire), 2);
    }
}

/// Keeps the warnings.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl LogSink for Warnings {
    fn log(&self, level: Level, message: &std::ffi::CStr) {
        if level == Level::Warn {
            self.0.lock().unwrap().push(message.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn plain_http_to_another_host_is_warned_about_once() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let proxy = Gateway::to(0, |_| Verdict::Pass);
    let warnings_for = |address: &str| {
        let warnings = Arc::new(Warnings::default());
        let mut options = Options::new_isolated();
        for (name, value) in [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address),
            ("VAULT_TOKEN", server.root_token()),
            ("VAULT_MOUNT", mount.as_str()),
            ("VAULT_PROXY_ADDR", proxy.addr().as_str()),
            ("NO_PROXY", "127.0.0.1"),
        ] {
            options.set(name, value).unwrap();
        }
        options.set_log_sink(Some((warnings.clone(), LevelFilter::Warn)));
        let manager = manager::open(Some(&options), &Call::default()).unwrap();
        for _ in 0..3 {
            assert_eq!(get(&*manager).unwrap(), "v");
        }
        warnings.0.lock().unwrap().clone()
    };
    let elsewhere = format!("http://vault.invalid:{}", server.port());
    let warnings = warnings_for(&elsewhere);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&elsewhere) && warnings[0].contains("use https"), "{warnings:?}");
    assert_eq!(warnings_for(&server.addr()), [""; 0]);
}

mod layers {
    use super::*;

    /// What the child process opens: these options over its environment. It writes the secret or the error.
    const OPTIONS: &str = "HANDSFREE_TEST_OPTIONS";

    /// Runs `the_child_reads_a_secret` in a process of its own with these variables.
    fn child(variables: &[(&str, &str)], options: &[(&str, &str)]) -> String {
        child_of(Command::new(std::env::current_exe().unwrap()), variables, options)
    }

    /// The same, with a command that starts this program with the arguments added to it.
    pub fn child_of(mut command: Command, variables: &[(&str, &str)], options: &[(&str, &str)]) -> String {
        command.args(["--exact", "layers::the_child_reads_a_secret", "--nocapture"]);
        command.env_clear().envs(variables.iter().copied()).env(OPTIONS, serde_json::to_string(options).unwrap());
        let Output { stdout, stderr, .. } = command.output().unwrap();
        let (text, complaints) = (String::from_utf8(stdout).unwrap(), String::from_utf8_lossy(&stderr));
        let line = text.lines().find_map(|line| line.split_once("outcome: "));
        let line = line.unwrap_or_else(|| panic!("{text}{complaints}"));
        line.1.to_owned()
    }

    #[test]
    fn the_child_reads_a_secret() {
        let Ok(text) = std::env::var(OPTIONS) else { return };
        let set: Vec<(String, String)> = serde_json::from_str(&text).unwrap();
        let mut options = Options::new();
        for (name, value) in &set {
            options.set(name, value).unwrap();
        }
        match manager::open(Some(&options), &Call::default()).and_then(|manager| get(&*manager)) {
            Ok(value) => println!("outcome: {value}"),
            Err(error) => println!("outcome: {:?} {error}", error.status()),
        }
    }

    #[test]
    fn options_stand_over_the_real_environment_by_groups() {
        let server = Server::shared();
        let mount = mount_with_secret(server);
        let (address, token) = (server.addr(), server.root_token());
        let (address, mount) = (address.as_str(), mount.as_str());
        let base = [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_MOUNT", mount)];
        let with = |more: &[(&'static str, &str)], options: &[(&str, &str)]| {
            let variables: Vec<(&str, &str)> = base.iter().chain(more).copied().collect();
            child(&variables, options)
        };
        // The environment alone, in both spellings; the second one wins.
        assert_eq!(with(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)], &[]), "v");
        assert_eq!(
            with(&[("BAO_ADDR", address), ("VAULT_ADDR", "http://127.0.0.1:1"), ("BAO_TOKEN", token)], &[]),
            "v"
        );
        // An option of the address group takes the agent of the environment away.
        let stray = [("VAULT_AGENT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", token)];
        assert!(with(&stray, &[]).starts_with("Connection "));
        assert_eq!(with(&stray, &[("VAULT_ADDR", address)]), "v");
        // So does a role_id with the token.
        let outcome = with(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)], &[("VAULT_ROLE_ID", "r")]);
        assert!(outcome.starts_with("Config ") && outcome.contains("VAULT_SECRET_ID is missing"), "{outcome}");
        // An authority of the options takes that of the environment away, and an empty option means none.
        let secure = [("VAULT_ADDR", address), ("VAULT_TOKEN", token), ("VAULT_PROXY_ADDR", "http://127.0.0.1:1")];
        assert!(with(&secure, &[]).starts_with("Connection "));
        assert_eq!(with(&secure, &[("VAULT_PROXY_ADDR", "")]), "v");
        // A single setting of no group stands over its variable.
        let outcome = with(&[("VAULT_ADDR", address), ("VAULT_TOKEN", token)], &[("VAULT_MOUNT", "nowhere")]);
        assert!(!outcome.contains(mount) && outcome != "v", "{outcome}");
    }

    #[test]
    fn a_token_with_a_line_break_is_a_configuration_error_before_any_traffic() {
        for token in ["CANARY\nX-Evil: 1", "CANARY\r", "CANARY\u{7f}", "CANARY token", "CANARYü"] {
            let settings =
                [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", "http://127.0.0.1:1"), ("VAULT_TOKEN", token)];
            let outcome = child(&settings, &[]);
            assert!(outcome.starts_with("Config ") && outcome.contains("VAULT_TOKEN"), "{outcome}");
            assert!(!outcome.contains("CANARY"), "{outcome}");
        }
    }

    #[test]
    fn a_boolean_that_is_spelled_wrong_is_a_configuration_error() {
        for name in ["SKIP_VERIFY", "DISABLE_REDIRECTS", "SRV_LOOKUP"] {
            for name in [format!("VAULT_{name}"), format!("BAO_{name}")] {
                for value in ["yes", "on", "tRUE", "2", " true", "treu", "-1"] {
                    let settings = [
                        ("SECRET_MANAGER_TYPE", "vault"),
                        ("VAULT_ADDR", "http://127.0.0.1:1"),
                        ("VAULT_TOKEN", "t"),
                        (name.as_str(), value),
                    ];
                    let error: Error = open_with(&settings).err().unwrap();
                    assert_eq!(error.status(), Status::Config, "{name}={value}: {error}");
                    assert!(error.message().contains(&name), "{name}={value}: {error}");
                }
            }
        }
    }
}
