//! The programs of the page on transit work as printed.

use handsfree_secrets_test_support::{Server, cc};
use serde_json::json;

use crate::documents::{document, texts_in};

#[test]
fn the_programs_of_the_page_on_transit_encrypt_sign_and_refuse() {
    let server = Server::shared();
    let mount = format!("transit-page-{}", std::process::id());
    server.api().post(&format!("sys/mounts/{mount}"), json!({"type": "transit"}));
    let programs = texts_in(&document("docs/transit.md"), "c");
    let run = |number: usize| {
        let program = cc::compile_text("cc", "c99", &programs[number], &format!("transit{number}"), &[]);
        let mut command = cc::clean_command(&program);
        command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr());
        command.env("VAULT_TOKEN", server.root_token()).env("VAULT_TRANSIT_MOUNT", &mount);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors, "", "program {number}");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(programs.len(), 3);
    assert_eq!(run(0), (Some(1), "there is no such key\n".to_owned()));

    server.api().post(&format!("{mount}/keys/customers"), json!({}));
    server.api().post(&format!("{mount}/keys/messages"), json!({"type": "ed25519"}));
    let (code, printed) = run(0);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!((code, lines.len(), lines[0]), (Some(0), 2, "19 bytes"), "{printed}");
    assert!(lines[1].starts_with("HF_ERR_INVALID_ARGUMENT: ") && lines[1].contains("the associated data is wrong"));
    let rows = "row 1: Alice\nrow 2: HF_ERR_INVALID_ARGUMENT\nrow 3: Carol\n";
    assert_eq!(run(1), (Some(0), rows.to_owned()));
    assert_eq!(run(2), (Some(0), "pay 5 to Bob: signed\npay 500 to Bob: not signed\n".to_owned()));
}
