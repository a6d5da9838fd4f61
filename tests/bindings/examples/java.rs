//! The Java classes, and the programs in `examples/java`.

use std::fs;
use std::process::Command;

use handsfree_secrets_test_support::{Server, java, repository_root};

use super::{example, on_mount, output, transit_mount, works};

#[test]
fn the_java_program_does_the_five_operations() {
    let program = example("java/Quickstart.java");
    if java(&program).is_some() {
        works("java", || java(&program).unwrap());
    }
}

#[test]
fn the_java_program_stores_reads_and_rotates_a_document() {
    let Some(mut command) = java(&example("java/Documents.java")) else { return };
    let server = Server::shared();
    let wanted = concat!(
        "  store    vault://java_database version 1\n  read     app 5432\n",
        "  rotate   32 characters, version 3\n  version  1 LIVE\n  version  2 LIVE\n  version  3 LIVE\n",
    );
    let got = on_mount(server, &server.fresh_mount(), &mut command);
    assert_eq!(got, (Some(0), wanted.to_owned(), String::new()));
}

#[test]
fn documents_versions_and_requests_work_in_java() {
    java_checks_pass("DocumentChecks", |_| ());
}

#[test]
fn the_java_program_encrypts_and_signs() {
    let Some(mut command) = java(&example("java/Transit.java")) else { return };
    let server = Server::shared();
    command.env("VAULT_TRANSIT_MOUNT", transit_mount(server, "java"));
    let wanted =
        "  encrypt  vault:v1:\n  decrypt  4111 1111 1111 1111\n  verify   true false\n  hmac     true\n".to_owned();
    let got = on_mount(server, &server.fresh_mount(), &mut command);
    assert_eq!(got, (Some(0), wanted, String::new()));
}

#[test]
fn transit_works_in_java() {
    java_checks_pass("TransitChecks", |command| {
        command.env("VAULT_TRANSIT_MOUNT", transit_mount(Server::shared(), "java-checks"));
    });
}

#[test]
fn envelopes_work_in_java() {
    java_checks_pass("EnvelopeChecks", |command| {
        command.env("VAULT_TRANSIT_MOUNT", transit_mount(Server::shared(), "java-envelopes"));
    });
}

#[test]
fn a_queue_lets_a_thousand_virtual_threads_share_one_carrier() {
    java_checks_pass("QueueChecks", |_| ());
}

/// Runs `tests/java/<name>.java`, beside the classes, on a mount of its own.
fn java_checks_pass(name: &str, prepare: impl FnOnce(&mut Command)) {
    let folder = output(&format!("java-{name}"));
    let classes = [
        "HandsfreeSecrets",
        "HandsfreeDocuments",
        "HandsfreeQueue",
        "HandsfreeTransit",
        "HandsfreeTransitMany",
        "HandsfreeEnvelopes",
    ];
    let checks = |name: &str| repository_root().join("tests/java").join(name).with_extension("java");
    let program = checks(name);
    let classes = classes.map(|name| example("java").join(name).with_extension("java"));
    for source in classes.iter().chain([&program, &checks("Checks")]) {
        fs::copy(source, folder.join(source.file_name().unwrap())).unwrap();
    }
    let Some(mut command) = java(&folder.join(program.file_name().unwrap())) else { return };
    prepare(&mut command);
    let server = Server::shared();
    let got = on_mount(server, &server.fresh_mount(), &mut command);
    assert_eq!(got, (Some(0), String::new(), String::new()));
}
