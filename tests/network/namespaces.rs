//! Namespaces, by header and by path.

use super::*;

#[test]
fn two_namespaces_hold_the_same_key_with_two_values() {
    let server = Server::shared();
    let managers = ["left", "right"].map(|value| {
        let namespace = server.fresh_namespace();
        server.api().in_namespace(&namespace).enable_kv2("kv");
        let manager = open_at(server, &server.addr(), "kv", &[("VAULT_NAMESPACE", &namespace)]).unwrap();
        manager.store("a", value, None, &Call::default()).unwrap();
        (manager, namespace, value)
    });
    for (manager, namespace, value) in &managers {
        assert_eq!(get(&**manager).unwrap(), *value);
        let document = server.api().in_namespace(namespace).get("kv/data/a");
        assert_eq!(document["data"]["data"]["value"], *value);
        assert_eq!(manager.list(None, &Call::default()).unwrap(), ["vault://a"]);
        let by_other_name = [("BAO_NAMESPACE", namespace.as_str())];
        assert_eq!(read(server, &server.addr(), "kv", &by_other_name).unwrap(), *value);
    }
    assert!(managers[0].0.delete("vault://a", &Call::default()).unwrap());
    assert_eq!(get(&*managers[1].0).unwrap(), "right");
}

#[test]
fn a_namespace_that_does_not_exist_is_a_configuration_error() {
    let server = Server::shared();
    let error = read(server, &server.addr(), "secret", &[("VAULT_NAMESPACE", "nowhere")]).unwrap_err();
    assert_eq!((error.status(), error.http_status()), (Status::Config, 404), "{error}");
    assert!(error.message().contains("check VAULT_NAMESPACE"), "{error}");
}
