//! Requests through a proxy, and around it.

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
