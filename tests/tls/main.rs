//! TLS with a certificate authority of the test: which servers are trusted, and the errors for others.

#![cfg(test)]

#[path = "../managers/mod.rs"]
mod managers;

mod handshakes;
mod reasons;
mod reload;
mod server_certificates;
mod special_files;

use std::path::Path;

use handsfree_secrets::error::{Error, Result, Status};
use handsfree_secrets_test_support::{Identity, Server, ServerBuilder};
use managers::{get, open_at};
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

/// The error of an outcome. Checks that it is HF_ERR_TLS and that its message ends with `end`.
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
