//! Redirects that are followed, and those that are not.

use super::*;

/// A standby that sends every read of a secret to `target`.
fn standby(port: u16, target: String) -> Gateway {
    Gateway::to(port, move |asked| match asked.path.contains("/data/") {
        true => answer("307 Temporary Redirect", &format!("Location: {target}{}\r\n", asked.path), ""),
        false => Verdict::Pass,
    })
}

/// A server that reports itself as the active node.
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
fn a_redirect_to_the_active_node_of_the_cluster_is_followed() {
    let server = active_node();
    assert_eq!(server.api().get("sys/leader")["leader_address"], server.addr());
    let mount = mount_with_secret(&server);
    let standby = standby(server.port(), server.addr());
    let manager = open_at(&server, &standby.addr(), &mount, &[]).unwrap();
    for round in 0..3 {
        assert_eq!(get(&*manager).unwrap(), "v");
        // Method and body are kept.
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
fn a_redirect_to_an_unknown_server_is_refused_without_sending_the_token() {
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
fn redirects_are_errors_if_they_are_disabled() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let standby = standby(server.port(), server.addr());
    let list = format!("{},{}", standby.addr(), server.addr());
    for name in ["VAULT_DISABLE_REDIRECTS", "BAO_DISABLE_REDIRECTS"] {
        let error = read(server, &list, &mount, &[(name, "true")]).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 307), "{error}");
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn a_redirect_loop_ends_with_an_error() {
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
