//! Gateways that serve Vault under a path, balancers that require https, and answers of other servers.

use super::*;

/// A gateway that serves `port` under `/vault`, or redirects requests to the same path at `target`.
fn under_a_path(port: u16, target: Option<String>) -> Gateway {
    Gateway::to(port, move |asked| match (&target, asked.path.strip_prefix("/vault")) {
        (Some(target), Some(path)) if path.contains("/data/") => {
            answer("307 Temporary Redirect", &format!("Location: {target}{}\r\n", asked.path), "")
        }
        (_, Some(path)) => Verdict::PassAs(path.to_owned()),
        (_, None) => answer("404 Not Found", "Content-Type: text/html\r\n", "<html>"),
    })
}

#[test]
fn a_redirect_to_another_configured_node_is_followed_below_a_base_path() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let leader = under_a_path(server.port(), None);
    let standby = under_a_path(server.port(), Some(leader.addr()));
    let list = format!("{}/vault,{}/vault", standby.addr(), leader.addr());
    let manager = open_at(server, &list, &mount, &[]).unwrap();
    assert_eq!(get(&*manager).unwrap(), "v");
    manager.store("a", "w", None, &Call::default()).unwrap();
    assert_eq!(get(&*manager).unwrap(), "w");
}

#[test]
fn two_nodes_behind_one_gateway_are_distinguished_by_their_paths() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let (own, others) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
    let (place, asked_others) = (own.clone(), others.clone());
    let gateway = Gateway::to(server.port(), move |asked| {
        if let Some(path) = asked.path.strip_prefix("/leader") {
            return Verdict::PassAs(path.to_owned());
        }
        let Some(path) = asked.path.strip_prefix("/standby") else {
            asked_others.fetch_add(1, Ordering::AcqRel);
            return Verdict::Close;
        };
        match path.contains("/data/") {
            true => {
                let location = format!("Location: {}/leader{path}\r\n", place.lock().unwrap());
                answer("307 Temporary Redirect", &location, "")
            }
            false => Verdict::PassAs(path.to_owned()),
        }
    });
    *own.lock().unwrap() = gateway.addr();
    let list = format!("{0}/standby,{0}/other,{0}/leader", gateway.addr());
    assert_eq!(read(server, &list, &mount, &[]).unwrap(), "v");
    assert_eq!(others.load(Ordering::Acquire), 0);
}

#[test]
fn a_balancer_that_redirects_to_https_is_a_configuration_error() {
    let server = Server::shared();
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        for (name, port) in [("VAULT_ADDR", ""), ("BAO_ADDR", ":443"), ("VAULT_AGENT_ADDR", "")] {
            let balancer = Gateway::to(0, move |asked| {
                answer(status, &format!("Location: https://127.0.0.1{port}{}\r\n", asked.path), "")
            });
            let settings =
                [("SECRET_MANAGER_TYPE", "vault"), (name, &*balancer.addr()), ("VAULT_TOKEN", server.root_token())];
            let error = open_with(&settings).err().unwrap();
            assert_eq!(error.status(), Status::Config, "{status}: {error}");
            assert!(error.message().contains(&format!("write https:// in {name}")), "{error}");
        }
    }
}

/// The error of a manager that gets this answer.
fn error_at(status: &'static str, headers: &'static str, body: &'static str) -> (Error, String) {
    let stranger = Gateway::to(0, move |_| answer(status, headers, body));
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &*stranger.addr()),
        ("VAULT_TOKEN", "CANARY-token"),
        ("VAULT_MAX_RETRIES", "0"),
    ];
    (open_with(&settings).err().unwrap(), stranger.addr())
}

#[test]
fn the_error_for_an_unexpected_answer_names_its_server_status_and_content_type() {
    for status in
        ["200 OK", "302 Found", "303 See Other", "401 Unauthorized", "403 Forbidden", "404 Not Found", "418 Teapot"]
            .into_iter()
            .chain(["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "530 Origin"])
    {
        let headers =
            "Content-Type: Text/HTML; charset=utf-8\r\nLocation: https://u:CANARY@sso.test/login?token=CANARY#x\r\n";
        let (error, from) = error_at(status, headers, "<html>CANARY</html>");
        let what = format!("HTTP {}, text/html", &status[..3]);
        assert!(error.message().contains(&from) && error.message().contains(&what), "{status}: {error}");
        assert!(!error.message().contains("CANARY"), "{status}: {error}");
        if status.starts_with('3') {
            assert!(error.message().contains("https://sso.test/login"), "{status}: {error}");
        }
    }
    let (error, _) = error_at("502 Bad Gateway", "Content-Type: text/CANARY-token\r\n", "");
    assert!(error.message().contains("HTTP 502, an unusual content type"), "{error}");
}

#[test]
fn sealed_and_not_initialised_have_different_messages() {
    for (initialised, says, says_not) in
        [(true, "is sealed", "not initialised"), (false, "not initialised", "is sealed (")]
    {
        // Both answers exactly as OpenBao sends them.
        let node = Gateway::to(0, move |asked| match asked.path.as_str() {
            "/v1/sys/init" => answer("200 OK", "", &json!({"initialized": initialised}).to_string()),
            _ => answer("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#),
        });
        let settings = [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", &*node.addr()),
            ("VAULT_TOKEN", "token"),
            ("VAULT_MAX_RETRIES", "0"),
        ];
        let error = open_with(&settings).err().unwrap();
        assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 503), "{error}");
        assert!(error.message().contains(says) && !error.message().contains(says_not), "{error}");
    }
    let (error, from) = error_at("501 Not Implemented", "", "");
    assert_eq!(error.status(), Status::Unavailable, "{error}");
    assert!(error.message().contains("not initialised") && error.message().contains(&from), "{error}");
}
