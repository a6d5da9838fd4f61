//! The README's program works as printed.

use handsfree_secrets_test_support::{Server, cc};

use crate::documents::{document, first_in};

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
