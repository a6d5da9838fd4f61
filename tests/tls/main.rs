//! TLS with an authority of the test's own: who is trusted, who is not, and what people are told.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod reasons;
mod reload;
mod special_files;

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets::open;
use handsfree_secrets_test_support::{Identity, Server, ServerBuilder, Tls, TlsFront};
use log::LevelFilter;
use managers::{Warnings, get, open, open_at, options};
use rustls::{NamedGroup, ProtocolVersion};
use serde_json::json;

/// A server with one TLS listener.
fn server(identity: &Identity, client_ca: Option<&Path>, hcl: &str) -> Server {
    let builder: ServerBuilder = Server::builder();
    let server = builder.tls_with(&identity.certificate, &identity.key, client_ca, hcl).start();
    server.write_raw("secret", "a", json!({"value": "v"}));
    server
}

/// Opens a manager for the server's mount `secret`, behind `address`, and reads the secret.
fn read(server: &Server, address: &str, extra: &[(&str, &str)]) -> Result<String> {
    get(&*open_at(server, address, "secret", extra)?)
}

/// The error, which is HF_ERR_TLS and ends in these words.
fn tls_error(outcome: Result<String>, end: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::Tls, 0), "{error}");
    assert!(error.message().ends_with(end), "{error}\nshould end in\n{end}");
    error
}

fn place(server: &Server) -> String {
    format!("localhost:{}", server.https_port(0))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_authority_can_be_named_as_file_text_or_directory() {
    let tls = Tls::new();
    let server = server(&tls.server(), None, "");
    let address = server.https_addr(0);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(tls.ca_file(), folder.path().join("ca.pem")).unwrap();
    for setting in [
        ("VAULT_CACERT", text(&tls.ca_file())),
        ("VAULT_CACERT_BYTES", tls.ca_pem().as_str()),
        ("VAULT_CAPATH", text(folder.path())),
        ("BAO_CACERT", text(&tls.ca_file())),
    ] {
        assert_eq!(read(&server, &address, &[setting]).unwrap(), "v", "{}", setting.0);
    }
    let by_number = format!("https://127.0.0.1:{}", server.https_port(0));
    assert_eq!(read(&server, &by_number, &[("VAULT_CACERT", text(&tls.ca_file()))]).unwrap(), "v");
}

#[test]
fn a_directory_of_authorities_is_read_with_all_below_it_and_files_of_other_kinds_are_passed_over() {
    let tls = Tls::new();
    let server = server(&tls.server(), None, "");
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("one/two");
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("README"), "Here are CAs.\nEach begins with -----BEGIN CERTIFICATE-----.\n").unwrap();
    fs::write(folder.path().join("blob"), [0, 0xff, 0x30, 0x82]).unwrap();
    fs::copy(&tls.client("web").key, folder.path().join("web.key")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    symlink("../..", deep.join("round")).unwrap();
    let setting = [("VAULT_CAPATH", text(folder.path()))];

    let error = read(&server, &server.https_addr(0), &setting).unwrap_err();
    assert_eq!(error.status(), Status::Config, "{error}");
    let expected = format!("VAULT_CAPATH: no file in {} holds a certificate in PEM form", folder.path().display());
    assert!(error.message().contains(&expected), "{error}");

    fs::copy(tls.ca_file(), deep.join("ca")).unwrap();
    assert_eq!(read(&server, &server.https_addr(0), &setting).unwrap(), "v");
    // A link stands for its file, wherever that is.
    fs::remove_file(deep.join("ca")).unwrap();
    symlink(tls.ca_file(), folder.path().join("one/ca.pem")).unwrap();
    assert_eq!(read(&server, &server.https_addr(0), &setting).unwrap(), "v");

    // What begins like a certificate and is none spoils it all: somebody meant it to be trusted.
    for rest in ["CANARY!\n-----END CERTIFICATE-----\n", "CANA", "CANA\n-----END CERTIFICATE-----\n"] {
        let broken = folder.path().join("one/broken.pem");
        fs::write(&broken, format!("-----BEGIN CERTIFICATE-----\n{rest}")).unwrap();
        let error = read(&server, &server.https_addr(0), &setting).unwrap_err();
        assert_eq!(error.status(), Status::Config, "{error}");
        assert!(error.message().contains("VAULT_CAPATH: ") && error.message().contains(text(&broken)), "{error}");
        assert!(!error.message().contains("CANA"), "{error}");
    }
}

#[test]
fn the_file_beats_the_text_and_the_text_the_directory() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let server = server(&tls.server(), None, "");
    let address = server.https_addr(0);
    let (right, wrong) = (tls.ca_file(), stranger.ca_file());
    let folder = text(stranger.folder()).to_owned();
    let both = [("VAULT_CACERT", text(&right)), ("VAULT_CACERT_BYTES", &stranger.ca_pem())];
    assert_eq!(read(&server, &address, &both).unwrap(), "v");
    let both = [("VAULT_CACERT_BYTES", tls.ca_pem()), ("VAULT_CAPATH", folder)];
    assert_eq!(read(&server, &address, &both.each_ref().map(|(n, v)| (*n, v.as_str()))).unwrap(), "v");
    let wrong = [("VAULT_CACERT", text(&wrong)), ("VAULT_CACERT_BYTES", &tls.ca_pem())];
    assert_eq!(read(&server, &address, &wrong).unwrap_err().status(), Status::Tls);
}

#[test]
fn an_unknown_authority_is_named_with_the_variable_that_helps() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let server = server(&tls.server(), None, "");
    let end =
        format!("certificate of {} is signed by an unknown authority; set VAULT_CACERT to its CA", place(&server));
    tls_error(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&stranger.ca_file()))]), &end);
    // The system's authorities do not know it either.
    tls_error(read(&server, &server.https_addr(0), &[]), &end);
}

#[test]
fn a_certificate_that_is_its_own_authority_is_taken_where_it_is_named() {
    let tls = Tls::new();
    let folder = tempfile::tempdir().unwrap();
    let own = tls.server_and_ca("localhost", false);
    fs::copy(&own.certificate, folder.path().join("own.pem")).unwrap();
    let pem = fs::read_to_string(&own.certificate).unwrap();
    let server = server(&own, None, "");
    for setting in
        [("VAULT_CACERT", text(&own.certificate)), ("BAO_CACERT_BYTES", &pem), ("VAULT_CAPATH", text(folder.path()))]
    {
        assert_eq!(read(&server, &server.https_addr(0), &[setting]).unwrap(), "v", "{}", setting.0);
    }
    // Beside others, too.
    let both = format!("{}{pem}", tls.ca_pem());
    assert_eq!(read(&server, &server.https_addr(0), &[("VAULT_CACERT_BYTES", &both)]).unwrap(), "v");
}

#[test]
fn a_certificate_that_is_its_own_authority_is_refused_where_it_is_not_named() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let server = server(&tls.server_and_ca("localhost", false), None, "");
    let end = format!(
        "certificate of {} is a CA's own, which proves a server only where it is itself trusted; \
         set VAULT_CACERT to it, or give the server a certificate that is no CA's",
        place(&server)
    );
    // One of the same name with another key.
    let twin = stranger.server_and_ca("localhost", false);
    for setting in [&[][..], &[("VAULT_CACERT", text(&tls.ca_file()))], &[("VAULT_CACERT", text(&twin.certificate))]] {
        tls_error(read(&server, &server.https_addr(0), setting), &end);
    }
}

#[test]
fn a_certificate_that_is_its_own_authority_has_to_bear_the_name_and_to_be_valid() {
    let tls = Tls::new();
    let other = tls.server_and_ca("vault.example", false);
    let server_of_other = server(&other, None, "");
    let ca = ("VAULT_CACERT", text(&other.certificate));
    let end = "is not for that name; use a name that stands in the certificate, or set VAULT_TLS_SERVER_NAME to it";
    tls_error(read(&server_of_other, &server_of_other.https_addr(0), &[ca]), end);
    let named = [ca, ("VAULT_TLS_SERVER_NAME", "vault.example")];
    assert_eq!(read(&server_of_other, &server_of_other.https_addr(0), &named).unwrap(), "v");

    let old = tls.server_and_ca("localhost", true);
    let server_of_old = server(&old, None, "");
    let end = "has expired; renew it on the server, and check this machine's clock";
    tls_error(read(&server_of_old, &server_of_old.https_addr(0), &[("VAULT_CACERT", text(&old.certificate))]), end);
}

#[test]
fn who_shows_a_certificate_has_to_hold_its_key() {
    let (tls, thief) = (Tls::new(), Tls::new());
    let own = tls.server_and_ca("localhost", false);
    let stolen = Identity { certificate: own.certificate.clone(), key: thief.server().key };
    for tls13 in [true, false] {
        let front = TlsFront::to(Server::shared().port(), &stolen, tls13, None);
        let error = read(Server::shared(), &front.addr(), &[("VAULT_CACERT", text(&own.certificate))]).unwrap_err();
        assert_eq!(error.status(), Status::Tls, "{error}");
    }
}

#[test]
fn a_certificate_that_is_not_for_servers_is_refused_with_what_it_lacks() {
    let tls = Tls::new();
    let server = server(&tls.client("localhost"), None, "");
    let end =
        format!("certificate of {} is not for servers; give the server one with the usage serverAuth", place(&server));
    tls_error(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&tls.ca_file()))]), &end);
}

#[test]
fn a_name_that_the_certificate_does_not_bear_is_refused_unless_it_is_the_one_to_expect() {
    let tls = Tls::new();
    let server = server(&tls.server_named("vault.example"), None, "");
    let ca = tls.ca_file();
    let end = format!(
        "certificate of {} is not for that name; use a name that stands in the certificate, \
         or set VAULT_TLS_SERVER_NAME to it",
        place(&server)
    );
    tls_error(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&ca))]), &end);
    let with_name = [("VAULT_CACERT", text(&ca)), ("VAULT_TLS_SERVER_NAME", "vault.example")];
    assert_eq!(read(&server, &server.https_addr(0), &with_name).unwrap(), "v");
    let with_other = [("VAULT_CACERT", text(&ca)), ("VAULT_TLS_SERVER_NAME", "localhost")];
    tls_error(read(&server, &server.https_addr(0), &with_other), &end);
}

#[test]
fn an_expired_certificate_is_refused() {
    let tls = Tls::new();
    let server = server(&tls.expired_server(), None, "");
    let end = format!(
        "certificate of {} has expired; renew it on the server, and check this machine's clock",
        place(&server)
    );
    tls_error(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&tls.ca_file()))]), &end);
}

/// With TLS 1.3 the client is done before the server has seen that a certificate is missing: the alert comes with the
/// first read. With TLS 1.2 it comes in the handshake.
#[test]
fn a_client_certificate_that_is_asked_for_has_to_be_given() {
    for hcl in ["", "tls_max_version = \"tls12\""] {
        let (tls, stranger) = (Tls::new(), Tls::new());
        let ca = tls.ca_file();
        let server = server(&tls.server(), Some(&ca), hcl);
        let address = server.https_addr(0);
        for _ in 0..20 {
            let outcome = read(&server, &address, &[("VAULT_CACERT", text(&ca))]);
            let error = tls_error(outcome, "; set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY");
            assert!(error.message().contains(&place(&server)), "{error}");
            assert!(error.message().contains(" asks for a client certificate"), "{error}");
        }
        let with = |identity: &Identity| {
            read(
                &server,
                &address,
                &[
                    ("VAULT_CACERT", text(&ca)),
                    ("BAO_CLIENT_CERT", text(&identity.certificate)),
                    ("VAULT_CLIENT_KEY", text(&identity.key)),
                ],
            )
        };
        assert_eq!(with(&tls.client("web")).unwrap(), "v", "{hcl}");
        tls_error(with(&stranger.client("web")), "; check BAO_CLIENT_CERT against the CA that the server trusts");
    }
}

#[test]
fn a_server_that_speaks_tls_1_1_alone_is_refused() {
    let tls = Tls::new();
    let server = server(&tls.server(), None, "tls_min_version = \"tls10\"\n  tls_max_version = \"tls11\"");
    let error = read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&tls.ca_file()))]).unwrap_err();
    assert_eq!(error.status(), Status::Tls, "{error}");
    assert!(error.message().contains(&place(&server)) && error.message().contains("TLS 1.2"), "{error}");
}

#[test]
fn tls_1_2_and_1_3_are_both_spoken() {
    let tls = Tls::new();
    for version in ["tls12", "tls13"] {
        let hcl = format!("tls_min_version = \"{version}\"\n  tls_max_version = \"{version}\"");
        let server = server(&tls.server(), None, &hcl);
        let ca = tls.ca_file();
        assert_eq!(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&ca))]).unwrap(), "v", "{version}");
    }
}

#[test]
fn the_post_quantum_key_exchange_is_what_is_agreed_on() {
    let tls = Tls::new();
    let server = Server::shared();
    let mount = server.fresh_mount();
    open(server, &mount, server.root_token()).store("a", "v", None, &Call::default()).unwrap();
    let ca = tls.ca_file();
    let settings = [("VAULT_CACERT", text(&ca)), ("VAULT_MOUNT", mount.as_str())];
    // A server that has the choice, and one that takes nothing else.
    for group in [None, Some(NamedGroup::X25519MLKEM768)] {
        let front = TlsFront::to(server.port(), &tls.server(), true, group);
        assert_eq!(read(server, &front.addr(), &settings).unwrap(), "v");
        let handshakes = front.handshakes();
        assert_eq!(handshakes.len(), 1);
        assert_eq!(handshakes[0].group, Some(NamedGroup::X25519MLKEM768));
        assert_eq!(handshakes[0].version, ProtocolVersion::TLSv1_3);
    }
    // Servers that know nothing of it are served, too.
    for group in [NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1] {
        let front = TlsFront::to(server.port(), &tls.server(), true, Some(group));
        assert_eq!(read(server, &front.addr(), &settings).unwrap(), "v");
        assert_eq!(front.handshakes()[0].group, Some(group));
    }
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let tls = Tls::new();
    let server = Server::shared();
    let mount = server.fresh_mount();
    open(server, &mount, server.root_token()).store("a", "v", None, &Call::default()).unwrap();
    for tls13 in [true, false] {
        let front = TlsFront::to(server.port(), &tls.server(), tls13, None);
        let ca = tls.ca_file();
        // Connections that are never used again: each request shakes hands.
        let settings =
            [("VAULT_CACERT", text(&ca)), ("VAULT_MOUNT", mount.as_str()), ("VAULT_MAX_CONNECTION_AGE", "0")];
        let manager = open_at(server, &front.addr(), "secret", &settings).unwrap();
        for _ in 0..4 {
            assert_eq!(manager.get("vault://a", &Call::default()).unwrap().unwrap().as_str(), "v");
        }
        let resumed: Vec<bool> = front.handshakes().iter().map(|handshake| handshake.resumed).collect();
        assert_eq!(resumed, [false, true, true, true, true], "TLS 1.3: {tls13}");
    }
}

#[test]
fn the_servers_own_sessions_resume() {
    let tls = Tls::new();
    let server = server(&tls.server(), None, "");
    let ca = tls.ca_file();
    let settings = [("VAULT_CACERT", text(&ca)), ("VAULT_MAX_CONNECTION_AGE", "0")];
    let manager = open_at(&server, &server.https_addr(0), "secret", &settings).unwrap();
    for _ in 0..20 {
        assert_eq!(manager.get("vault://a", &Call::default()).unwrap().unwrap().as_str(), "v");
    }
}

#[test]
fn skip_verify_takes_any_certificate_and_warns_once_at_open() {
    let tls = Tls::new();
    let server = server(&tls.expired_server(), None, "");
    let (address, warnings) = (server.https_addr(0), Arc::new(Warnings::default()));
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_SKIP_VERIFY", "true"),
        ("VAULT_MAX_CONNECTION_AGE", "0"),
    ];
    let mut options = options(&settings).unwrap();
    options.set_log_sink(Some((warnings.clone(), LevelFilter::Trace)));
    let manager = open::open(Some(&options), &Call::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(manager.get("vault://a", &Call::default()).unwrap().unwrap().as_str(), "v");
    }
    let warnings = warnings.so_far();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("VAULT_SKIP_VERIFY is on"), "{warnings:?}");
}

#[test]
fn http_to_a_tls_port_and_https_to_a_plain_one_say_so() {
    let tls = Tls::new();
    let server = server(&tls.server(), None, "");
    let plain = format!("http://localhost:{}", server.https_port(0));
    let error = read(&server, &plain, &[]).unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::Protocol, 400), "{error}");
    assert!(error.message().contains(&plain) && error.message().contains("write https://"), "{error}");

    let secure = format!("https://localhost:{}", server.port());
    let error = read(&server, &secure, &[("VAULT_CACERT", text(&tls.ca_file()))]).unwrap_err();
    assert_eq!(error.status(), Status::Tls, "{error}");
    let expected = format!("localhost:{} does not speak TLS; is its address http:// and not https://?", server.port());
    assert!(error.message().ends_with(&expected), "{error}");
}

#[test]
fn a_peer_that_hangs_up_in_the_handshake_is_a_tls_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.unwrap().read(&mut [0; 64]);
        }
    });
    let tls = Tls::new();
    let error = read(Server::shared(), &address, &[("VAULT_CACERT", text(&tls.ca_file()))]).unwrap_err();
    assert_eq!(error.status(), Status::Tls, "{error}");
    assert!(error.message().contains("TLS handshake"), "{error}");
}

#[test]
fn files_that_hold_no_certificate_are_named_with_their_variable() {
    let tls = Tls::new();
    let client = tls.client("web");
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.pem");
    fs::write(&junk, "CANARY").unwrap();
    let (junk, key, certificate) = (text(&junk), text(&client.key), text(&client.certificate));
    for (settings, variable, place) in [
        (vec![("VAULT_CACERT", junk)], "VAULT_CACERT", junk),
        (vec![("BAO_CACERT", junk)], "BAO_CACERT", junk),
        (vec![("BAO_CACERT_BYTES", "CANARY")], "BAO_CACERT_BYTES", ""),
        (vec![("BAO_CAPATH", "/nowhere")], "BAO_CAPATH", "/nowhere"),
        (vec![("BAO_CLIENT_CERT", junk), ("VAULT_CLIENT_KEY", key)], "BAO_CLIENT_CERT", junk),
        (vec![("VAULT_CLIENT_CERT", certificate), ("BAO_CLIENT_KEY", junk)], "BAO_CLIENT_KEY", junk),
        (vec![("BAO_TLS_SERVER_NAME", "-a")], "BAO_TLS_SERVER_NAME", ""),
        (vec![("VAULT_CACERT", "/nowhere/ca.pem")], "VAULT_CACERT", "/nowhere/ca.pem"),
        (vec![("VAULT_CACERT_BYTES", "CANARY")], "VAULT_CACERT_BYTES", ""),
        (vec![("VAULT_CAPATH", "/nowhere")], "VAULT_CAPATH", "/nowhere"),
        (vec![("VAULT_CAPATH", text(folder.path()))], "VAULT_CAPATH", text(folder.path())),
        (vec![("VAULT_CLIENT_CERT", junk), ("VAULT_CLIENT_KEY", key)], "VAULT_CLIENT_CERT", junk),
        (vec![("VAULT_CLIENT_CERT", certificate), ("VAULT_CLIENT_KEY", junk)], "VAULT_CLIENT_KEY", junk),
        (vec![("VAULT_CLIENT_CERT", certificate)], "VAULT_CLIENT_KEY", ""),
        (vec![("VAULT_CLIENT_KEY", key)], "VAULT_CLIENT_CERT", ""),
    ] {
        let error = read(Server::shared(), "https://localhost:1", &settings).unwrap_err();
        assert_eq!(error.status(), Status::Config, "{settings:?}: {error}");
        assert!(error.message().contains(variable) && error.message().contains(place), "{error}");
        assert!(!error.message().contains("CANARY"), "{error}");
    }
    let other = tls.client("other");
    let mixed = [("BAO_CLIENT_CERT", certificate), ("VAULT_CLIENT_KEY", text(&other.key))];
    let error = read(Server::shared(), "https://localhost:1", &mixed).unwrap_err();
    assert_eq!(error.status(), Status::Config, "{error}");
    assert!(error.message().contains("BAO_CLIENT_CERT and VAULT_CLIENT_KEY do not fit together"), "{error}");
}
