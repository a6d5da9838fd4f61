//! Server certificates: which certificate authorities are trusted, and which certificates are refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::open;
use handsfree_secrets_test_support::{Identity, Server, Tls, TlsFront};
use log::LevelFilter;

use crate::managers::{Warnings, options};
use crate::{place, read, server, text, tls_error};

#[test]
fn the_ca_can_be_a_file_a_text_or_a_directory() {
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
fn a_ca_directory_is_read_recursively_and_other_files_are_ignored() {
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
    // A link is followed to a file anywhere.
    fs::remove_file(deep.join("ca")).unwrap();
    symlink(tls.ca_file(), folder.path().join("one/ca.pem")).unwrap();
    assert_eq!(read(&server, &server.https_addr(0), &setting).unwrap(), "v");

    // A file that begins like a certificate but is invalid is an error: it was meant to be trusted.
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
fn the_ca_file_takes_precedence_over_the_text_and_the_text_over_the_directory() {
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
fn the_error_for_an_unknown_ca_names_the_variable_to_set() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let server = server(&tls.server(), None, "");
    let end =
        format!("certificate of {} is signed by an unknown authority; set VAULT_CACERT to its CA", place(&server));
    tls_error(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&stranger.ca_file()))]), &end);
    // It is not among the system's authorities either.
    tls_error(read(&server, &server.https_addr(0), &[]), &end);
}

#[test]
fn a_self_signed_ca_certificate_is_accepted_if_it_is_configured() {
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
    // Also together with other certificates.
    let both = format!("{}{pem}", tls.ca_pem());
    assert_eq!(read(&server, &server.https_addr(0), &[("VAULT_CACERT_BYTES", &both)]).unwrap(), "v");
}

#[test]
fn a_self_signed_ca_certificate_is_refused_if_it_is_not_configured() {
    let (tls, stranger) = (Tls::new(), Tls::new());
    let server = server(&tls.server_and_ca("localhost", false), None, "");
    let end = format!(
        "certificate of {} is a CA's own, which proves a server only where it is itself trusted; \
         set VAULT_CACERT to it, or give the server a certificate that is no CA's",
        place(&server)
    );
    // A certificate with the same name but another key.
    let twin = stranger.server_and_ca("localhost", false);
    for setting in [&[][..], &[("VAULT_CACERT", text(&tls.ca_file()))], &[("VAULT_CACERT", text(&twin.certificate))]] {
        tls_error(read(&server, &server.https_addr(0), setting), &end);
    }
}

#[test]
fn a_self_signed_ca_certificate_needs_the_right_name_and_must_not_have_expired() {
    let tls = Tls::new();
    let other = tls.server_and_ca("vault.example", false);
    let server_of_other = server(&other, None, "");
    let ca = ("VAULT_CACERT", text(&other.certificate));
    let end = "is not for that name; use a name that is in the certificate, or set VAULT_TLS_SERVER_NAME to it";
    tls_error(read(&server_of_other, &server_of_other.https_addr(0), &[ca]), end);
    let named = [ca, ("VAULT_TLS_SERVER_NAME", "vault.example")];
    assert_eq!(read(&server_of_other, &server_of_other.https_addr(0), &named).unwrap(), "v");

    let old = tls.server_and_ca("localhost", true);
    let server_of_old = server(&old, None, "");
    let end = "has expired; renew it on the server, and check this machine's clock";
    tls_error(read(&server_of_old, &server_of_old.https_addr(0), &[("VAULT_CACERT", text(&old.certificate))]), end);
}

#[test]
fn a_server_without_the_key_of_its_certificate_is_refused() {
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
fn a_certificate_without_server_auth_is_refused_with_advice() {
    let tls = Tls::new();
    let server = server(&tls.client("localhost"), None, "");
    let end =
        format!("certificate of {} is not for servers; give the server one with the usage serverAuth", place(&server));
    tls_error(read(&server, &server.https_addr(0), &[("VAULT_CACERT", text(&tls.ca_file()))]), &end);
}

#[test]
fn a_wrong_name_is_refused_unless_tls_server_name_expects_it() {
    let tls = Tls::new();
    let server = server(&tls.server_named("vault.example"), None, "");
    let ca = tls.ca_file();
    let end = format!(
        "certificate of {} is not for that name; use a name that is in the certificate, \
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

#[test]
fn skip_verify_accepts_any_certificate_and_warns_once_at_open() {
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
        assert_eq!(manager.secrets().get("vault://a", &Call::default()).unwrap().unwrap().as_str(), "v");
    }
    let warnings = warnings.so_far();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("VAULT_SKIP_VERIFY is on"), "{warnings:?}");
}
