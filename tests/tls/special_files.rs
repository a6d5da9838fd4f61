//! Files in settings: files without certificates, and files that are not regular files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use handsfree_secrets::call::Call;
use handsfree_secrets::config::Options;
use handsfree_secrets::error::{Error, Status};
use handsfree_secrets::open;
use handsfree_secrets_test_support::{Server, Tls};

use crate::{read, text};

fn fifo(folder: &Path) -> PathBuf {
    let path = folder.join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Opens a manager with these settings and a timeout.
fn open_within(limit: Duration, settings: &[(&str, &str)]) -> Result<(), Error> {
    let mut options = Options::new_isolated();
    options.set("SECRET_MANAGER_TYPE", "vault").unwrap();
    for (name, value) in settings {
        options.set(name, value).unwrap();
    }
    let mut call = Call::default();
    call.set_timeout(limit);
    open::open(Some(&options), &call).map(|_| ())
}

#[test]
fn a_fifo_without_a_writer_ends_at_the_deadline_and_is_named() {
    let (server, tls) = (Server::shared(), Tls::new());
    let client = tls.client("web");
    let path = fifo(tls.folder());
    let (fifo, certificate, key) =
        (path.to_str().unwrap(), client.certificate.to_str().unwrap(), client.key.to_str().unwrap());
    let (http, https) = (server.addr(), "https://localhost:1");
    let token = ("VAULT_TOKEN", "t");
    for (variable, settings) in [
        ("VAULT_TOKEN_FILE", vec![("VAULT_ADDR", http.as_str()), ("VAULT_TOKEN_FILE", fifo)]),
        ("VAULT_CACERT", vec![("VAULT_ADDR", https), token, ("VAULT_CACERT", fifo)]),
        (
            "VAULT_CLIENT_CERT",
            vec![("VAULT_ADDR", https), token, ("VAULT_CLIENT_CERT", fifo), ("VAULT_CLIENT_KEY", key)],
        ),
        (
            "VAULT_CLIENT_KEY",
            vec![("VAULT_ADDR", https), token, ("VAULT_CLIENT_CERT", certificate), ("VAULT_CLIENT_KEY", fifo)],
        ),
    ] {
        let began = Instant::now();
        let error = open_within(Duration::from_millis(200), &settings).unwrap_err();
        assert_eq!(error.status(), Status::Timeout, "{error}");
        assert!(error.message().contains(&format!("{variable}: cannot read {fifo}: ")), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{variable}: {:?}", began.elapsed());
    }
}

#[test]
fn a_fifo_with_a_late_writer_is_waited_for() {
    let (server, folder) = (Server::shared(), tempfile::tempdir().unwrap());
    let path = fifo(folder.path());
    let token = server.root_token().to_owned();
    let writer = std::thread::spawn({
        let path = path.clone();
        // Opening blocks until there is a reader.
        move || fs::OpenOptions::new().write(true).open(path).unwrap().write_all(token.as_bytes()).unwrap()
    });
    let settings = [("VAULT_ADDR", server.addr()), ("VAULT_TOKEN_FILE", path.to_str().unwrap().to_owned())];
    open_within(Duration::from_secs(60), &settings.each_ref().map(|(n, v)| (*n, v.as_str()))).unwrap();
    writer.join().unwrap();
}

#[test]
fn an_endless_device_is_refused_as_a_credential() {
    let server = Server::shared();
    for (device, why) in [("/dev/zero", "too large"), ("/dev/null", "is empty")] {
        let settings = [("VAULT_ADDR", server.addr()), ("VAULT_TOKEN_FILE", device.to_owned())];
        let error =
            open_within(Duration::from_secs(60), &settings.each_ref().map(|(n, v)| (*n, v.as_str()))).unwrap_err();
        assert_eq!(error.status(), Status::Config, "{error}");
        assert!(error.message().contains(device) && error.message().contains(why), "{error}");
    }
}

#[test]
fn files_without_certificates_are_named_with_their_variable() {
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
