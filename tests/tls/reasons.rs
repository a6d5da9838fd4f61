//! The messages of TLS failures: OpenSSL servers with settings that this client refuses, or that refuse this client.
//! Each message is one sentence with the actual reason and without debug output.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use handsfree_secrets::error::{Error, Status};
use handsfree_secrets_test_support::{Identity, Server, Tls};

use crate::managers::open_with;

/// `openssl s_server` on a free port, until it is dropped.
struct OpenSsl {
    child: Child,
    port: u16,
}

impl OpenSsl {
    fn start(identity: &Identity, arguments: &str) -> OpenSsl {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-www"]);
        command.arg("-cert").arg(&identity.certificate).arg("-key").arg(&identity.key);
        command.args(arguments.split_whitespace());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl");
        let lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines().map_while(Result::ok);
        let port = lines.filter_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok()).next();
        OpenSsl { port: port.unwrap_or_else(|| panic!("openssl s_server {arguments} does not start")), child }
    }

    /// The error of opening a manager for it that trusts this file.
    fn refusal(&self, ca: &Path, extra: &[(&str, &str)]) -> Error {
        let address = format!("https://localhost:{}", self.port);
        let mut settings = vec![
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_TOKEN", "t"),
            ("VAULT_MAX_RETRIES", "0"),
            ("VAULT_CACERT", ca.to_str().unwrap()),
        ];
        settings.extend_from_slice(extra);
        open_with(&settings).map(|_| ()).unwrap_err()
    }

    /// Checks that the refusal is HF_ERR_TLS, and that its message contains these words about this server.
    fn is_refused(&self, ca: &Path, extra: &[(&str, &str)], words: &str) {
        let error = self.refusal(ca, extra);
        assert_eq!(error.status(), Status::Tls, "{error}");
        reads_well(&error);
        let message = error.message();
        assert!(message.contains(words), "{message}\nshould say\n{words}");
        assert!(message.contains(&format!("localhost:{}", self.port)), "{message}");
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reads_well(error: &Error) {
    let message = error.message();
    let is_rust = ["{", "}", "Error(", "Some(", "::", "Context"].iter().any(|value| message.contains(value));
    assert!(!is_rust && message.len() < 400 && message.contains("; "), "{message}");
}

/// Runs `openssl` in this folder.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Creates a root `<name>-ca.pem`, and a server identity signed by it, with these kinds of keys and this digest.
fn chain(folder: &Path, name: &str, ca_key: &str, key: &str, signed: &str) -> Identity {
    fs::write(folder.join("ca"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    fs::write(folder.join("san"), "subjectAltName=DNS:localhost\n").unwrap();
    fs::write(folder.join("nothing"), "basicConstraints=CA:FALSE\n").unwrap();
    openssl(folder, &format!("req -newkey {ca_key} -noenc -keyout {name}-ca.key -out ca.csr -subj /CN=root"));
    openssl(folder, &format!("x509 -req -in ca.csr -signkey {name}-ca.key -days 30 -out {name}-ca.pem -extfile ca"));
    openssl(folder, &format!("req -newkey {key} -noenc -keyout {name}.key -out leaf.csr -subj /CN=localhost"));
    let by = format!("-CA {name}-ca.pem -CAkey {name}-ca.key -CAcreateserial");
    openssl(folder, &format!("x509 -req -in leaf.csr {by} -days 30 -out {name}.pem {signed}"));
    Identity { certificate: folder.join(format!("{name}.pem")), key: folder.join(format!("{name}.key")) }
}

#[test]
fn no_common_protocol_or_cipher_is_reported() {
    let tls = Tls::new();
    let identity = tls.server();
    for arguments in [
        "-tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384",
        "-tls1_3 -ciphersuites TLS_AES_128_CCM_SHA256",
        "-tls1_3 -groups P-521",
    ] {
        let server = OpenSsl::start(&identity, arguments);
        let words = "and this client have no cipher suite or key exchange group in common; ";
        server.is_refused(&tls.ca_file(), &[], words);
        // A client certificate that was not requested is not blamed.
        let client = tls.client("web");
        let own = [
            ("VAULT_CLIENT_CERT", client.certificate.to_str().unwrap()),
            ("VAULT_CLIENT_KEY", client.key.to_str().unwrap()),
        ];
        server.is_refused(&tls.ca_file(), &own, words);
    }
    let old = OpenSsl::start(&identity, "-tls1_1 -cipher DEFAULT@SECLEVEL=0");
    old.is_refused(&tls.ca_file(), &[], "speaks neither TLS 1.2 nor 1.3");
}

#[test]
fn unsupported_keys_and_signatures_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (good, short) = ("rsa:2048", "rsa:1024");
    for (name, ca_key, key, signed, words) in [
        ("key", good, short, "-extfile san", "has an RSA key of 1024 bits, which is too short; make one of 2048"),
        ("ca", short, good, "-extfile san", "is signed by a CA that has an RSA key of 1024 bits, which is too short; "),
        ("sha1", good, good, "-extfile san -sha1", "is signed with SHA-1, which is not accepted any more; "),
        (
            "cn",
            good,
            good,
            "-extfile nothing",
            "has no name or address in its subjectAltName, where they are looked for",
        ),
    ] {
        let identity = chain(folder, name, ca_key, key, signed);
        let ca = folder.join(format!("{name}-ca.pem"));
        for version in ["-tls1_2", "-tls1_3"] {
            let server = OpenSsl::start(&identity, &format!("{version} -cipher DEFAULT@SECLEVEL=0"));
            server.is_refused(&ca, &[], words);
        }
    }
}

#[test]
fn a_missing_or_expired_client_certificate_is_reported() {
    let tls = Tls::new();
    let ca = tls.ca_file();
    let expired = tls.expired_client("web");
    let own = [
        ("VAULT_CLIENT_CERT", expired.certificate.to_str().unwrap()),
        ("VAULT_CLIENT_KEY", expired.key.to_str().unwrap()),
    ];
    for version in ["-tls1_2", "-tls1_3"] {
        let arguments = format!("{version} -Verify 1 -verify_return_error -CAfile {}", ca.display());
        let server = OpenSsl::start(&tls.server(), &arguments);
        server.is_refused(&ca, &[], "set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY");
        server.is_refused(&ca, &own, "which has expired; set VAULT_CLIENT_CERT to one that is valid");
    }
}

#[test]
fn files_in_other_formats_are_reported_with_advice() {
    let tls = Tls::new();
    let client = tls.client("web");
    let folder = tempfile::tempdir().unwrap();
    let (pem, key) = (client.certificate.to_str().unwrap(), client.key.to_str().unwrap());
    openssl(folder.path(), &format!("x509 -in {pem} -outform der -out der"));
    openssl(folder.path(), &format!("pkcs12 -export -in {pem} -inkey {key} -out p12 -passout pass:x"));
    openssl(folder.path(), &format!("pkey -in {key} -aes256 -passout pass:x -out encrypted"));
    openssl(folder.path(), &format!("ec -in {key} -aes256 -passout pass:x -out encrypted-old"));
    openssl(folder.path(), &format!("pkey -in {key} -outform der -out key-der"));
    let text = fs::read_to_string(pem).unwrap();
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(folder.path().join("utf16"), utf16).unwrap();
    fs::write(folder.path().join("html"), "<html><body>Log in first</body></html>").unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    for (name, words) in [
        ("der", "is DER, not PEM; convert it with \"openssl x509 -inform der"),
        ("p12", "is PKCS#12, not PEM; convert it with \"openssl pkcs12"),
        ("utf16", "is UTF-16; save it as UTF-8"),
        ("html", "holds HTML or XML; "),
    ] {
        let settings = [("VAULT_CACERT", place(name))];
        refused_as_config(&settings, &format!("VAULT_CACERT: {} {words}", place(name)));
        let settings = [("VAULT_CLIENT_CERT", place(name)), ("VAULT_CLIENT_KEY", key.to_owned())];
        refused_as_config(&settings, &format!("VAULT_CLIENT_CERT: {} {words}", place(name)));
    }
    for (name, words) in [
        ("encrypted", "holds an encrypted private key; write it without a passphrase"),
        ("encrypted-old", "holds an encrypted private key; write it without a passphrase"),
        ("key-der", "is DER, not PEM; convert it with \"openssl pkey -inform der"),
        ("p12", "is PKCS#12, not PEM; convert it with \"openssl pkcs12"),
    ] {
        let settings = [("VAULT_CLIENT_CERT", pem.to_owned()), ("VAULT_CLIENT_KEY", place(name))];
        refused_as_config(&settings, &format!("VAULT_CLIENT_KEY: {} {words}", place(name)));
    }
}

fn refused_as_config(extra: &[(&str, String)], words: &str) {
    let mut settings =
        vec![("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", "https://localhost:1"), ("VAULT_TOKEN", "t")];
    settings.extend(extra.iter().map(|(name, value)| (*name, value.as_str())));
    let error = open_with(&settings).map(|_| ()).unwrap_err();
    assert_eq!(error.status(), Status::Config, "{error}");
    assert!(error.message().contains(words), "{error}\nshould say\n{words}");
    reads_well(&error);
}

#[test]
fn a_cert_login_with_an_expired_certificate_is_reported() {
    let tls = Tls::new();
    let identity = tls.server();
    let server = Server::builder().tls_with(&identity.certificate, &identity.key, None, "").start();
    server.api().post("sys/auth/cert", serde_json::json!({"type": "cert"}));
    server
        .api()
        .post("auth/cert/certs/web", serde_json::json!({"certificate": tls.ca_pem(), "token_policies": "default"}));
    let expired = tls.expired_client("web");
    let (address, ca) = (server.https_addr(0), tls.ca_file());
    let error = open_with(&[
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_AUTH_METHOD", "cert"),
        ("VAULT_CACERT", ca.to_str().unwrap()),
        ("VAULT_CLIENT_CERT", expired.certificate.to_str().unwrap()),
        ("VAULT_CLIENT_KEY", expired.key.to_str().unwrap()),
    ])
    .map(|_| ())
    .unwrap_err();
    assert_eq!(error.status(), Status::Auth, "{error}");
    assert!(error.message().ends_with("the certificate of VAULT_CLIENT_CERT has expired; renew it"), "{error}");
}
