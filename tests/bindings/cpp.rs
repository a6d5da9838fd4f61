//! The C++ wrapper: it compiles as C++17 and later, works as documented on the env backend, and its example works.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use handsfree_secrets_test_support::{Server, cc, repository_root};

/// The compilers and the names of the standards that the header supports.
const COMPILERS: [(&str, [&str; 3]); 2] =
    [("g++", ["c++17", "c++20", "c++23"]), ("clang++", ["c++17", "c++20", "c++2b"])];

/// Runs a program in an environment without settings of the library except `environment`, and returns its output. It
/// has to succeed.
fn run(program: &Path, environment: &[(&str, &str)]) -> String {
    let output: Output = cc::clean_command(program).envs(environment.iter().copied()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {}\n{errors}", program.display(), output.status);
    assert_eq!(errors, "", "{}", program.display());
    String::from_utf8(output.stdout).unwrap()
}

fn source(name: &str) -> PathBuf {
    repository_root().join("tests/cpp").join(name)
}

/// Checks the syntax of the headers, included in this order, with all warnings enabled.
fn check_syntax(compiler: &str, standard: &str, mode: &[&str], headers: &[&Path]) {
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(cc::STRICT).args(["-Wshadow", "-Wconversion"]).args(mode);
    // Included from a source file: compilers warn about `#pragma once` in a main file.
    command.args(["-fsyntax-only", "-x", "c++"]);
    for header in headers {
        command.arg("-include").arg(header);
    }
    let output = command.arg("/dev/null").output().unwrap_or_else(|e| panic!("{compiler}: {e}"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// The headers in `handsfree_secrets/`, sorted.
fn parts() -> Vec<PathBuf> {
    let folder = fs::read_dir(repository_root().join("include/handsfree_secrets")).unwrap();
    let mut parts: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    parts.sort();
    parts
}

/// The names of the C++ headers that this one includes.
fn includes(header: &Path) -> Vec<String> {
    let text = fs::read_to_string(header).unwrap();
    let quoted = text.lines().filter_map(|line| line.strip_prefix("#include \"")?.strip_suffix(".hpp\""));
    quoted.map(|path| path.rsplit('/').next().unwrap().to_string()).collect()
}

#[test]
fn each_part_compiles_alone_and_twice() {
    for part in parts() {
        check_syntax("g++", "c++17", &[], &[&part, &part]);
        check_syntax("clang++", "c++17", &[], &[&part, &part]);
        check_syntax("clang++", "c++17", &["-fno-exceptions", "-fno-rtti"], &[&part, &part]);
    }
}

#[test]
fn the_header_includes_every_part_and_the_parts_have_no_cycle() {
    let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in parts() {
        left.insert(part.file_stem().unwrap().to_str().unwrap().to_string(), includes(&part));
    }
    let umbrella = includes(&repository_root().join("include/handsfree_secrets.hpp"));
    assert_eq!(umbrella, left.keys().cloned().collect::<Vec<_>>());
    // A header that includes none of the remaining ones is not on a cycle.
    while !left.is_empty() {
        let names: Vec<String> = left.keys().cloned().collect();
        left.retain(|_, included| included.iter().any(|name| names.contains(name)));
        assert!(left.len() < names.len(), "a cycle among {names:?}");
    }
}

#[test]
fn the_header_compiles_alone_in_every_mode() {
    let header = repository_root().join("include/handsfree_secrets.hpp");
    let modes: [&[&str]; 4] =
        [&[], &["-fno-exceptions"], &["-fno-exceptions", "-fno-rtti"], &["-DHF_NO_EXCEPTIONS", "-fno-rtti"]];
    for (compiler, standards) in COMPILERS {
        for standard in standards {
            for mode in modes {
                check_syntax(compiler, standard, mode, &[&header]);
            }
        }
    }
}

#[test]
fn the_wrapper_with_exceptions_works() {
    for (compiler, _) in COMPILERS {
        run(&cc::compile(compiler, "c++17", &source("wrapper.cpp"), &format!("wrapper-{compiler}"), &[]), &[]);
    }
}

#[test]
fn the_wrapper_with_exceptions_passes_the_sanitizers() {
    let extra = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    run(&cc::compile("g++", "c++17", &source("wrapper.cpp"), "wrapper-sanitized", &extra), &[]);
}

/// Compiles a program with both compilers: with the sanitizers, and in a standard that has ranges.
fn compile_twice(name: &str) -> [PathBuf; 2] {
    let source = source(&format!("{name}.cpp"));
    let sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    [
        cc::compile("g++", "c++17", &source, &format!("{name}-sanitized"), &sanitizers),
        cc::compile("clang++", "c++20", &source, &format!("{name}-ranges"), &[]),
    ]
}

#[test]
fn documents_and_fields_work_on_env() {
    for program in compile_twice("documents") {
        run(&program, &[]);
    }
}

#[test]
fn documents_versions_rotation_and_requests_work_on_a_server() {
    let server = Server::shared();
    let address = server.addr();
    for program in compile_twice("documents_on_vault") {
        let mount = server.fresh_mount();
        let environment = [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_MOUNT", &mount),
            ("VAULT_TOKEN", server.root_token()),
        ];
        run(&program, &environment);
    }
}

#[test]
fn leases_and_credentials_work_on_a_server() {
    let server = Server::shared();
    let address = server.addr();
    for program in compile_twice("leases_on_vault") {
        let mount = server.fresh_mount();
        let environment = [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_MOUNT", &mount),
            ("VAULT_TOKEN", server.root_token()),
        ];
        run(&program, &environment);
    }
}

#[test]
fn keys_of_transit_work_on_a_server() {
    works_with_transit("transit_on_vault");
}

#[test]
fn envelopes_work_on_a_server() {
    works_with_transit("envelope_on_vault");
}

/// Runs a program with a name for a mount of the transit engine, which it makes.
fn works_with_transit(name: &str) {
    let server = Server::shared();
    let address = server.addr();
    for (number, program) in compile_twice(name).iter().enumerate() {
        let (mount, transit_mount) = (server.fresh_mount(), format!("cpp-{name}-{number}"));
        let environment = [
            ("SECRET_MANAGER_TYPE", "vault"),
            ("VAULT_ADDR", address.as_str()),
            ("VAULT_MOUNT", &mount),
            ("VAULT_TRANSIT_MOUNT", &transit_mount),
            ("VAULT_TOKEN", server.root_token()),
        ];
        run(program, &environment);
    }
}

#[test]
fn the_wrapper_without_exceptions_works() {
    for (compiler, _) in COMPILERS {
        let modes: [(&str, &[&str]); 2] = [("off", &["-fno-exceptions", "-fno-rtti"]), ("unused", &[])];
        for (name, mode) in modes {
            let name = format!("no-exceptions-{name}-{compiler}");
            run(&cc::compile(compiler, "c++20", &source("no_exceptions.cpp"), &name, mode), &[]);
        }
    }
}

#[test]
fn units_with_and_without_exceptions_link_into_one_program() {
    let other = source("two_units_other.cpp");
    for (compiler, _) in COMPILERS {
        let extra = [other.to_str().unwrap()];
        run(&cc::compile(compiler, "c++17", &source("two_units.cpp"), &format!("two-units-{compiler}"), &extra), &[]);
    }
}

#[test]
fn two_units_of_the_same_kind_link_into_one_program_and_share_classes() {
    let other = source("same_kind_other.cpp");
    let modes: [&[&str]; 4] = [&[], &["-fno-exceptions"], &["-fno-rtti"], &["-fno-exceptions", "-fno-rtti"]];
    for (compiler, _) in COMPILERS {
        for mode in modes {
            let extra = [&[other.to_str().unwrap()], mode].concat();
            let name = format!("same-kind-{compiler}{}", mode.concat());
            run(&cc::compile(compiler, "c++17", &source("same_kind.cpp"), &name, &extra), &[]);
        }
    }
}

#[test]
fn coroutines_wait_for_operations_and_may_be_destroyed_while_they_do() {
    let server = Server::shared();
    for compiler in ["g++", "clang++"] {
        let program = cc::compile(
            compiler,
            "c++20",
            &source("async_on_vault.cpp"),
            &format!("async-{compiler}"),
            &["-Wconversion"],
        );
        let mount = server.fresh_mount();
        run(
            &program,
            &[
                ("SECRET_MANAGER_TYPE", "vault"),
                ("VAULT_ADDR", &server.addr()),
                ("VAULT_TOKEN", server.root_token()),
                ("VAULT_MOUNT", &mount),
            ],
        );
    }
}

#[test]
fn the_quickstart_works_on_env_and_on_vault() {
    let quickstart = repository_root().join("examples/cpp/quickstart.cpp");
    let program = cc::compile("g++", "c++17", &quickstart, "quickstart", &[]);
    let expected = |kind: &str, reference: &str, listed: &str| {
        format!("manager: {kind}\nstored: {reference}\nfound a value of 16 bytes\nupdated\nlisted: {listed}\ndeleted\n")
    };
    let variable = "env://HANDSFREE_SECRET_GITHUB_TOKEN_USER_123";
    assert_eq!(run(&program, &[]), expected("env", variable, variable));

    let server = Server::shared();
    let (address, mount) = (server.addr(), server.fresh_mount());
    let environment = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", &address),
        ("VAULT_MOUNT", &mount),
        ("VAULT_TOKEN", server.root_token()),
    ];
    let printed = run(&program, &environment);
    assert_eq!(printed, expected("vault", "vault://github_token_user_123", "vault://github/token/user/123"));
}

#[test]
fn an_error_of_vault_has_its_status_and_http_status_in_cpp() {
    let server = Server::shared();
    let (address, mount) = (server.addr(), server.fresh_mount());
    let token = server.policy_token(r#"path "sys/capabilities-self" { capabilities = ["update"] }"#);
    let program = cc::compile("g++", "c++17", &source("denied.cpp"), "denied", &[]);
    let environment = [
        ("SECRET_MANAGER_TYPE", "vault"),
        ("VAULT_ADDR", address.as_str()),
        ("VAULT_MOUNT", &mount),
        ("VAULT_TOKEN", &token),
    ];
    assert_eq!(run(&program, &environment), "HF_ERR_PERMISSION_DENIED 403\n".repeat(2));
}
