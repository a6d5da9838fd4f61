//! Servers that are down, are not Vault, or are sealed.

use std::io::{Read, Write};
use std::net::TcpListener;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::{Error, Status};
use handsfree_secrets_test_support::{Server, free_ports};

use crate::managers::{open, open_with};

/// The error of opening a manager for this address.
fn open_error(address: &str) -> Error {
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address),
        ("VAULT_TOKEN", "CANARY-token"),
        ("VAULT_MAX_RETRIES", "0"),
        ("VAULT_CLIENT_TIMEOUT", "20"),
    ];
    let error = open_with(&settings).err().unwrap();
    assert!(!error.message().contains("CANARY"), "{error}");
    error
}

#[test]
fn a_refused_port_is_a_connection_error_that_names_the_address() {
    let [port] = free_ports();
    let error = open_error(&format!("http://127.0.0.1:{port}"));
    assert_eq!((error.status(), error.http_status()), (Status::Connection, 0), "{error}");
    assert!(error.message().starts_with("Failed to initialize Vault client: "), "{error}");
    assert!(error.message().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn a_server_that_is_not_vault_is_a_protocol_error() {
    for status_line in ["200 OK", "404 Not Found", "403 Forbidden"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.read(&mut [0; 8192]);
                let page = "<!DOCTYPE html><html><body>Welcome to CANARY-page</body></html>";
                let length = page.len();
                let head =
                    format!("HTTP/1.1 {status_line}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n");
                let _ = connection.write_all(format!("{head}{page}").as_bytes());
            }
        });
        let error = open_error(&address);
        assert_eq!(error.status(), Status::Protocol, "{status_line}: {error}");
        assert!(error.message().contains(&address), "{error}");
    }
}

#[test]
fn a_sealed_server_is_unavailable_for_new_and_open_managers() {
    let server = Server::builder().start();
    let manager = open(&server, "secret", server.root_token());
    manager.store("a", "v", None, &Call::default()).unwrap();
    server.seal();
    let error = manager.get("vault://a", &Call::default()).err().unwrap();
    assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 503), "{error}");
    let error = open_error(&server.addr());
    assert_eq!((error.status(), error.http_status()), (Status::Unavailable, 503), "{error}");
    assert!(error.message().contains("sealed"), "{error}");
}

#[test]
fn a_server_that_has_stopped_is_a_connection_error() {
    let mut server = Server::builder().start();
    let manager = open(&server, "secret", server.root_token());
    server.kill();
    let error = manager.get("vault://a", &Call::default()).err().unwrap();
    assert_eq!(error.status(), Status::Connection, "{error}");
}
