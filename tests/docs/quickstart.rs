//! The programs of the README and of pages in docs/ work as printed.

use handsfree_secrets_test_support::{Server, cc};

use serde_json::json;

use crate::documents::{document, first_in, texts_in};

#[test]
fn the_program_of_the_readme_compiles_as_printed_and_stores_and_gets() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let source = first_in(&document("README.md"), "c").expect("a program");
    assert!(source.lines().count() <= 25, "the program is to be short");
    let program = cc::compile_text("cc", "c99", &source, "readme", &[]);

    let mut command = cc::clean_command(&program);
    command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr()).env("VAULT_MOUNT", &mount);
    command.env("VAULT_TOKEN", server.root_token());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "vault://github_token_user_123 holds ghp_example\n");
    assert_eq!(errors, "");
    assert_eq!(server.read_raw(&mount, "github/token/user/123").unwrap()["data"]["value"], "ghp_example");

    command.env("VAULT_TOKEN", "refused");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("HF_ERR_AUTH: Failed to authenticate with Vault"));
}

#[test]
fn the_document_program_of_the_readme_prints_both_fields_of_one_version() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let programs = texts_in(&document("README.md"), "c");
    let source = programs.into_iter().find(|text| text.contains("hf_document_created")).expect("a program");
    let statements = source.lines().filter(|line| !line.starts_with("#include") && !line.trim().is_empty());
    assert!(statements.count() <= 30, "the program is to be short");
    let program = cc::compile_text("cc", "c99", &source, "readme_document", &[]);
    let mut command = cc::clean_command(&program);
    command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr()).env("VAULT_MOUNT", &mount);
    command.env("VAULT_TOKEN", server.root_token());
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "HF_NOT_FOUND: no such secret\n");

    server.write_raw(&mount, "db", json!({"username": "old"}));
    server.write_raw(&mount, "db", json!({"username": "app", "password": "s3cret", "metadata": {"owner": "billing"}}));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("version 2 of 20"), "{printed}");
    assert_eq!(lines[1..], ["app logs in with a password", "owner: billing"]);
}

#[test]
fn the_programs_of_the_page_on_secrets_run_one_after_the_other() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let programs = texts_in(&document("docs/secrets.md"), "c");
    let mut printed = Vec::new();
    for (number, source) in programs.iter().enumerate() {
        let program = cc::compile_text("cc", "c99", source, &format!("secrets{number}"), &[]);
        let mut command = cc::clean_command(&program);
        command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr()).env("VAULT_MOUNT", &mount);
        command.env("VAULT_TOKEN", server.root_token());
        for _ in 0..2 {
            let output = command.output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            // The second program reads what the third one stores.
            assert!(output.status.success() == (number != 1) && errors.is_empty(), "program {number}: {errors}");
            printed.push(String::from_utf8_lossy(&output.stdout).into_owned());
        }
    }
    let printed = printed.concat();
    for words in ["somebody was faster", "both passwords count", "HTTP 200, "] {
        assert!(printed.contains(words), "{printed}");
    }
    let stored = server.read_raw(&mount, "db?version=1").unwrap();
    assert_eq!(stored["data"], json!({"username": "app", "password": "s3cret", "port": 5432, "key": "AAEC"}));
}
