//! Which keys and values are accepted, and that they are returned unchanged.

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{Relay, Server};

use crate::managers::{open, open_with};

#[test]
fn the_references_of_unusual_keys_work() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let manager = open(server, &mount, server.root_token());
    let call = Call::default();
    let longest = "k".repeat(512);
    let keys = [
        ("a b", "vault://a b"),
        ("ü/ö", "vault://ü/ö"),
        ("100%", "vault://100%25"),
        ("%2F", "vault://%252F"),
        ("a?b#c", "vault://a%3Fb%23c"),
        ("😀", "vault://😀"),
        ("Mixed-Case~!$&'()*+,;=:@\"\\<>", "vault://Mixed-Case~!$&'()*+,;=:@\"\\<>"),
        (longest.as_str(), &format!("vault://{longest}")),
    ];
    for (key, reference) in keys {
        let value = format!("value of {key}");
        assert_eq!(manager.store(key, &value, None, &call).unwrap(), reference);
        assert_eq!(manager.get(reference, &call).unwrap().unwrap().as_str(), value, "{key}");
        assert!(manager.update(reference, "updated", None, &call).unwrap(), "{key}");
        let listed = manager.list(None, &call).unwrap();
        assert_eq!(listed, [manager.canonical(reference).unwrap()]);
        assert_eq!(manager.get(&listed[0], &call).unwrap().unwrap().as_str(), "updated", "{key}");
        assert!(manager.delete(reference, &call).unwrap(), "{key}");
        assert!(manager.get(reference, &call).unwrap().is_none(), "{key}");
    }
}

#[test]
fn a_key_of_many_folders_and_512_bytes_works() {
    let server = Server::shared();
    let manager = open(server, &server.fresh_mount(), server.root_token());
    let key = format!("{}ab", "x_".repeat(255));
    assert_eq!(key.len(), 512);
    let reference = manager.store(&key, "deep", None, &Call::default()).unwrap();
    assert_eq!(manager.get(&reference, &Call::default()).unwrap().unwrap().as_str(), "deep");
    assert_eq!(manager.list(None, &Call::default()).unwrap(), [format!("vault://{}", key.replace('_', "/"))]);
}

#[test]
fn every_value_is_returned_unchanged() {
    let server = Server::shared();
    let manager = open(server, &server.fresh_mount(), server.root_token());
    let call = Call::default();
    let planes: String = (0..17u32)
        .flat_map(|plane| [1, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff].map(|low| plane << 16 | low))
        .filter_map(char::from_u32)
        .collect();
    let values = [
        String::new(),
        " ".to_string(),
        "s".repeat(1 << 20),
        planes,
        r#"{"value":"v","data":{"data":null},"errors":[]}"#.to_string(),
        "null".to_string(),
        "1e400".to_string(),
        "\"quoted\" \\ back\\u0041slash \u{2028} \r\n\t\u{7f}".to_string(),
        "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n".to_string(),
    ];
    for value in &values {
        let reference = manager.store("any_value", value, None, &call).unwrap();
        let got = manager.get(&reference, &call).unwrap().unwrap();
        assert!(got.as_str() == value, "a value of {} bytes came back different, with {}", value.len(), got.len());
        assert!(manager.update(&reference, value, None, &call).unwrap());
        let got = manager.get(&reference, &call).unwrap().unwrap();
        assert!(got.as_str() == value, "a value of {} bytes was updated to another, with {}", value.len(), got.len());
    }
}

#[test]
fn bad_keys_and_references_are_refused_without_a_request() {
    let server = Server::shared();
    let relay = Relay::to(server.port());
    let (mount, address) = (server.fresh_mount(), relay.addr());
    let settings = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_TOKEN", server.root_token()),
        ("VAULT_MOUNT", mount.as_str()),
    ];
    let manager = open_with(&settings).unwrap();
    let call = Call::default();
    let before = (relay.connections(), relay.bytes_sent());
    let (too_long, too_long_in_two) = ("k".repeat(513), format!("{}é", "k".repeat(511)));
    let keys = [
        "",
        "a__b",
        "_a",
        "a.",
        "//",
        "/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a\nb",
        "a\u{1}",
        "\u{7f}",
        "a\u{200b}b",
        "a\u{202e}b",
        "\u{a0}",
        "a\u{2003}b",
        "\u{feff}",
        "\u{e000}",
        "\u{378}",
        "\u{10ffff}",
        &too_long,
        &too_long_in_two,
    ];
    for key in keys {
        let error = manager.store(key, "v", None, &call).unwrap_err();
        assert_eq!((error.status(), error.http_status()), (Status::InvalidArgument, 0), "{key:?}");
    }
    let references = [
        "vault://",
        "vault:///",
        "vault://a__b",
        "vault://a%5F%5Fb",
        "vault:///a/../b",
        "vault:///./b",
        "vault:///a/%2E%2E",
        "vault://a%0Ab",
        "vault://a%",
        "vault://a%2",
        "vault://a%zz",
        "vault://%ff",
        "vault://a?version=0",
        "vault://a?version=01",
        "vault://a?version=+1",
        "vault://a?version=-1",
        "vault://a?version=9223372036854775808",
        "vault://a?version=",
        "vault://a?versions=1",
        "vault://a?version=1&version=1",
        "vault://a?",
        "vault://a#",
        "vault:///a//b",
        "vault:///a/",
        "vault://a%E2%80%8Bb",
    ];
    for reference in references {
        let error = manager.get(reference, &call).err();
        assert_eq!(error.map(|e| (e.status(), e.http_status())), Some((Status::InvalidReference, 0)), "{reference}");
    }
    assert_eq!((relay.connections(), relay.bytes_sent()), before);
    assert!(manager.get("vault://a", &call).unwrap().is_none());
    assert!(relay.bytes_sent() > before.1, "the relay sees what is sent");
}

#[test]
fn a_list_of_a_thousand_secrets_in_nested_folders_returns_working_references() {
    let server = Server::shared();
    let manager = open(server, &server.fresh_mount(), server.root_token());
    let call = Call::default();
    let mut expected = Vec::new();
    for i in 0..1000 {
        let key = format!("team{}/service{}/key{i}", i % 4, i % 40);
        manager.store(&key, &format!("value {i}"), None, &call).unwrap();
        expected.push((format!("vault://{key}"), format!("value {i}")));
    }
    expected.sort();
    let listed = manager.list(None, &call).unwrap();
    assert!(listed.iter().eq(expected.iter().map(|(reference, _)| reference)));
    for (reference, value) in &expected {
        assert_eq!(manager.get(reference, &call).unwrap().unwrap().as_str(), value, "{reference}");
    }
}
