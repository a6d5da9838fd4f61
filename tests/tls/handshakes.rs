//! Handshakes: client certificates, versions, key exchange, resumption, and peers that do not speak TLS.

use std::io::Read;
use std::net::TcpListener;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{Identity, Server, Tls, TlsFront};
use rustls::{NamedGroup, ProtocolVersion};

use crate::managers::{open, open_at};
use crate::{place, read, server, text, tls_error};

/// With TLS 1.3 the handshake of the client ends before the server notices the missing certificate: the alert arrives
/// with the first read. With TLS 1.2 it arrives in the handshake.
#[test]
fn a_missing_or_unknown_client_certificate_is_an_error_with_advice() {
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
fn a_server_with_tls_1_1_only_is_refused() {
    let tls = Tls::new();
    let server = server(&tls.server(), None, "tls_min_version = \"tls10\"\n  tls_max_version = \"tls11\"");
    let error = read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&tls.ca_file()))]).unwrap_err();
    assert_eq!(error.status(), Status::Tls, "{error}");
    assert!(error.message().contains(&place(&server)) && error.message().contains("TLS 1.2"), "{error}");
}

#[test]
fn tls_1_2_and_1_3_are_supported() {
    let tls = Tls::new();
    for version in ["tls12", "tls13"] {
        let hcl = format!("tls_min_version = \"{version}\"\n  tls_max_version = \"{version}\"");
        let server = server(&tls.server(), None, &hcl);
        let ca = tls.ca_file();
        assert_eq!(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&ca))]).unwrap(), "v", "{version}");
    }
}

#[test]
fn the_post_quantum_key_exchange_is_preferred() {
    let tls = Tls::new();
    let server = Server::shared();
    let mount = server.fresh_mount();
    open(server, &mount, server.root_token()).store("a", "v", None, &Call::default()).unwrap();
    let ca = tls.ca_file();
    let settings = [("VAULT_CACERT", text(&ca)), ("VAULT_MOUNT", mount.as_str())];
    // A server that supports several groups, and one that supports only this one.
    for group in [None, Some(NamedGroup::X25519MLKEM768)] {
        let front = TlsFront::to(server.port(), &tls.server(), true, group);
        assert_eq!(read(server, &front.addr(), &settings).unwrap(), "v");
        let handshakes = front.handshakes();
        assert_eq!(handshakes.len(), 1);
        assert_eq!(handshakes[0].group, Some(NamedGroup::X25519MLKEM768));
        assert_eq!(handshakes[0].version, ProtocolVersion::TLSv1_3);
    }
    // Servers that do not support it work, too.
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
        // Connections are never reused: each request performs a handshake.
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
fn sessions_with_a_real_server_resume() {
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
fn http_to_a_tls_port_and_https_to_a_plain_port_have_specific_errors() {
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
fn a_connection_closed_in_the_handshake_is_a_tls_error() {
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
