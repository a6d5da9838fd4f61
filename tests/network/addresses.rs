//! Addresses that are sockets, URLs or names, and the errors for those that do not work.

use super::*;

#[test]
fn a_socket_file_is_an_address() {
    let server = Server::builder().unix_socket().start();
    let mount = mount_with_secret(&server);
    let address = format!("unix://{}", server.socket_path().display());
    assert_eq!(read(&server, &address, &mount, &[]).unwrap(), "v");
    let error = read(&server, &format!("{address}.not"), &mount, &[]).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{error}");
    assert!(error.message().contains("vault.sock.not") && error.message().contains("VAULT_ADDR"), "{error}");
}

#[test]
fn the_nodes_of_a_list_are_tried_until_one_answers() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let [first, second] = free_ports();
    let list = format!("http://127.0.0.1:{first},http://127.0.0.1:{second}, {}", server.addr());
    assert_eq!(read(server, &list, &mount, &[]).unwrap(), "v");
}

#[test]
fn the_address_of_an_agent_takes_precedence_over_the_server() {
    let server = Server::shared();
    let mount = mount_with_secret(server);
    let agent = server.addr();
    for name in ["VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"] {
        assert_eq!(read(server, "http://127.0.0.1:1", &mount, &[(name, &agent)]).unwrap(), "v");
    }
    let error = read(server, &agent, &mount, &[("VAULT_AGENT_ADDR", "http://127.0.0.1:1")]).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{error}");
    assert!(error.message().contains("check VAULT_AGENT_ADDR"), "{error}");
}

#[test]
fn an_unknown_host_name_is_a_connection_error_that_names_it() {
    let server = Server::shared();
    let extra = [("VAULT_MAX_RETRIES", "0")];
    let error = read(server, "http://vault.invalid:8200", "secret", &extra).unwrap_err();
    assert_eq!(error.status(), Status::Connection, "{error}");
    assert!(error.message().contains("vault.invalid") && error.message().contains("check VAULT_ADDR"), "{error}");
}
