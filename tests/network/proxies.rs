//! Requests through a proxy, and hosts reached without it.

use super::*;

/// A proxy, and the requests that it got: `CONNECT host:port`, or `GET http://host:port`. With `credentials` it requires
/// them in `Proxy-Authorization`.
fn proxy(credentials: Option<&'static str>) -> (Gateway, Arc<Mutex<Vec<String>>>) {
    let asked_for = Arc::new(Mutex::new(Vec::new()));
    let seen = asked_for.clone();
    let gateway = Gateway::to(0, move |asked| {
        if credentials.is_some() && asked.header("Proxy-Authorization") != credentials {
            return answer("407 Proxy Authentication Required", "", "<html>who are you?</html>");
        }
        let authority: Vec<&str> = asked.path.split('/').take(3).collect();
        seen.lock().unwrap().push(format!("{} {}", asked.method, authority.join("/")));
        Verdict::Pass
    });
    (gateway, asked_for)
}

#[test]
fn https_uses_a_tunnel_through_the_configured_proxy() {
    let tls = Tls::new();
    let identity = tls.server();
    let server = Server::builder().tls(&identity.certificate, &identity.key, None).start();
    let (mount, ca) = (mount_with_secret(&server), tls.ca_file());
    let ca = ("VAULT_CACERT", ca.to_str().unwrap());
    for name in ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "BAO_PROXY_ADDR"] {
        let (proxy, asked_for) = proxy(None);
        let address = server.https_addr(0);
        assert_eq!(read(&server, &address, &mount, &[(name, &proxy.addr()), ca]).unwrap(), "v", "{name}");
        let place = address.trim_start_matches("https://");
        assert_eq!(*asked_for.lock().unwrap(), [format!("CONNECT {place}")], "{name}: one tunnel for all requests");
    }
}

#[test]
fn plain_http_is_forwarded_by_the_configured_proxy() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    // A name that only the proxy resolves.
    let elsewhere = format!("http://vault.invalid:{}", server.port());
    let expected = format!("GET {elsewhere}");
    // The list may also start with a socket.
    for address in [elsewhere.clone(), format!("unix:///nowhere.sock,{elsewhere}")] {
        let (proxy, asked_for) = proxy(None);
        assert_eq!(read(server, &address, &mount, &[("VAULT_PROXY_ADDR", &proxy.addr())]).unwrap(), "v");
        let asked_for = asked_for.lock().unwrap();
        assert!(asked_for.len() >= 2 && asked_for.iter().all(|asked| *asked == expected), "{asked_for:?}");
    }
    let (proxy, asked_for) = proxy(None);
    let manager = open_at(server, &elsewhere, &mount, &[("VAULT_PROXY_ADDR", &proxy.addr())]).unwrap();
    manager.store("by_proxy", "v", None, &Call::default()).unwrap();
    assert_eq!(asked_for.lock().unwrap().last(), Some(&format!("POST {elsewhere}")));
}

#[test]
fn squid_forwards_http_and_https() {
    let tls = Tls::new();
    let identity = tls.server();
    let https = Server::builder().tls(&identity.certificate, &identity.key, None).start();
    let squid = Squid::start(https.https_port(0));
    let ca = tls.ca_file();
    let ca = ("VAULT_CACERT", ca.to_str().unwrap());
    for user in ["ann:CANARY-right@", "ann:CANARY-wrong@", ""] {
        let proxy = format!("http://{user}127.0.0.1:{}", squid.port());
        let proxy = ("VAULT_PROXY_ADDR", proxy.as_str());
        let plain = Server::shared();
        let retries = ("VAULT_MAX_RETRIES", "0");
        for (server, address) in [(&https, https.https_addr(0)), (plain, plain.addr())] {
            let mount = mount_with_secret(server);
            let outcome = read(server, &address, &mount, &[proxy, ca, retries]);
            if user.contains("right") {
                assert_eq!(outcome.unwrap(), "v", "{address}");
                continue;
            }
            let error = outcome.unwrap_err();
            assert_eq!((error.status(), error.http_status()), (Status::Connection, 407), "{address}: {error}");
            assert!(error.message().contains("put them into VAULT_PROXY_ADDR"), "{error}");
            assert!(!error.message().contains("CANARY"), "{error}");
        }
    }
}

#[test]
fn no_proxy_applies_to_the_vault_proxy() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (proxy, asked_for) = proxy(None);
    for entry in ["127.0.0.1", "*", "10.0.0.0/8,127.0.0.0/8"] {
        let extra = [("VAULT_PROXY_ADDR", proxy.addr()), ("NO_PROXY", entry.to_owned())];
        let extra = extra.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(read(server, &server.addr(), &mount, &extra).unwrap(), "v");
    }
    assert_eq!(*asked_for.lock().unwrap(), [""; 0]);
    let extra = [("VAULT_PROXY_ADDR", proxy.addr()), ("NO_PROXY", "example.com".to_owned())];
    let extra = extra.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(read(server, &server.addr(), &mount, &extra).unwrap(), "v");
    assert_ne!(*asked_for.lock().unwrap(), [""; 0]);
}

#[test]
fn a_proxy_gets_the_password_of_its_url() {
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
fn the_error_of_an_unreachable_proxy_names_the_proxy() {
    let server = Server::shared();
    let [port] = free_ports();
    let address = format!("http://127.0.0.1:{port}");
    let extra = [("VAULT_HTTP_PROXY", address.as_str()), ("VAULT_MAX_RETRIES", "0")];
    let error = read(server, &server.addr(), "secret", &extra).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{error}");
    let expected = format!("cannot connect to the proxy {address}: ");
    assert!(error.message().contains(&expected) && error.message().contains("VAULT_HTTP_PROXY"), "{error}");
}
