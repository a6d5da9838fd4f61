//! The programs in `examples/`, built with the commands in their first lines, and run without a server and on a real
//! one.

mod java;
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{Server, cc, repository_root};
use serde_json::json;

use crate::pkg_config;

fn example(path: &str) -> PathBuf {
    repository_root().join("examples").join(path)
}

/// The folder for the output of a language's compiler.
fn output(language: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples").join(language);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a compiler; `package` is its Debian package.
fn build(command: &mut Command, package: &str) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; install {package}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
}

/// A command that finds the library, in an environment without settings of the library.
fn quiet(program: &Path) -> Command {
    let mut command = cc::clean_command(program);
    command.env("LD_LIBRARY_PATH", cc::library_folder());
    command
}

/// The output of a quickstart, which stores, gets, updates, gets, lists, deletes, and finds nothing.
fn expected(reference: &str, canonical: &str) -> String {
    format!(
        "  store    {reference}\n  get      first value\n  get      second value\n  list     {canonical}\n  gone     it is not found any more\n"
    )
}

/// Runs a quickstart on both backends, and with a token that is refused.
fn works(language: &str, start: impl Fn() -> Command) {
    let run = |command: &mut Command| {
        let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };

    let variable = format!("env://HANDSFREE_SECRET_{}_QUICKSTART", language.to_uppercase());
    let wanted = (Some(0), expected(&variable, &variable), String::new());
    assert_eq!(run(&mut start()), wanted, "{language} on env");

    let server = Server::shared();
    let mount = server.fresh_mount();
    let on_vault = |token: &str| {
        let mut command = start();
        command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr());
        command.env("VAULT_TOKEN", token).env("VAULT_MOUNT", &mount);
        command
    };
    let [reference, canonical] = [format!("vault://{language}_quickstart"), format!("vault://{language}/quickstart")];
    let wanted = (Some(0), expected(&reference, &canonical), String::new());
    assert_eq!(run(&mut on_vault(server.root_token())), wanted, "{language} on Vault");
    assert_eq!(server.audited(&format!("{mount}/data/{language}/quickstart"), "create"), 1, "it wrote to the server");

    let (code, _, message) = run(&mut on_vault("refused-token"));
    assert_eq!(code, Some(1), "{language} with a token that is refused: {message}");
    assert!(message.contains("Failed to authenticate with Vault"), "{language}: {message}");
    assert!(!message.contains("refused-token"), "{language} shows the token");
}

#[test]
fn the_c_and_cpp_programs_show_why_opening_failed_with_every_compiler() {
    let (c, cpp) = (example("c/quickstart.c"), example("cpp/quickstart.cpp"));
    for (compiler, standard, source) in
        [("gcc", "c99", &c), ("clang", "c99", &c), ("g++", "c++17", &cpp), ("clang++", "c++17", &cpp)]
    {
        let program = cc::compile(compiler, standard, source, &format!("quickstart-{compiler}"), &[]);
        let output = quiet(&program).env("SECRET_MANAGER_TYPE", "vault").output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{compiler}: {message}");
        assert!(message.contains("HF_ERR_CONFIG: VAULT_ADDR environment variable"), "{compiler}: {message}");
    }
}

#[test]
fn the_c_program_encrypts_a_column_in_few_requests_and_reads_it_back() {
    let program = cc::compile("gcc", "c99", &example("c/encrypt_column.c"), "encrypt_column", &[]);
    let server = Server::shared();
    let mount = server.fresh_mount();
    let transit = format!("{mount}-transit");
    server.api().post(&format!("sys/mounts/{transit}"), json!({"type": "transit"}));
    server.api().post(&format!("{transit}/keys/customers"), json!({}));
    let run = |key: &str| {
        let mut command = quiet(&program);
        on_mount(server, &mount, command.arg(key).env("VAULT_TRANSIT_MOUNT", &transit))
    };
    let wanted = "  encrypted 1000 rows, the first is vault:v1:...\n  decrypted 1000 equal rows\n";
    assert_eq!(run("customers"), (Some(0), wanted.to_owned(), String::new()));
    let requests = server.audited(&format!("{transit}/encrypt/customers"), "update");
    assert!((1..=8).contains(&requests), "{requests} requests");
    let missing = run("typo");
    assert_eq!(missing, (Some(1), String::new(), "typo: HF_NOT_FOUND: not found\n".to_owned()));
}

#[test]
fn the_c_program_encrypts_a_file_and_leaves_none_that_is_not_whole() {
    let program = cc::compile("gcc", "c99", &example("c/encrypt_file.c"), "encrypt_file", &[]);
    let server = Server::shared();
    let (mount, transit) = (server.fresh_mount(), transit_mount(server, "c-files"));
    server.api().post(&format!("{transit}/keys/backups"), json!({}));
    let folder = output("encrypt_file");
    let path = |name: &str| folder.join(name);
    let run = |what: &str, from: &str, to: &str| {
        let mut command = quiet(&program);
        command.args([what, "backups"]).args([path(from), path(to)]).env("VAULT_TRANSIT_MOUNT", &transit);
        on_mount(server, &mount, &mut command)
    };
    let _ = fs::remove_file(path("cut.opened"));
    fs::write(path("plain"), "some data ".repeat(50_000)).unwrap();
    assert_eq!(run("encrypt", "plain", "sealed"), (Some(0), String::new(), String::new()));
    assert_eq!(run("decrypt", "sealed", "opened"), (Some(0), String::new(), String::new()));
    let sealed = fs::read(path("sealed")).unwrap();
    assert!(sealed.starts_with(b"HFE") && fs::read(path("opened")).unwrap() == fs::read(path("plain")).unwrap());
    fs::write(path("cut"), &sealed[..sealed.len() - 1]).unwrap();
    let (code, _, message) = run("decrypt", "cut", "cut.opened");
    assert!(code == Some(1) && message.contains("cut off"), "{message}");
    assert!(!path("cut.opened").exists() && !path("cut.opened.partial").exists());
}

#[test]
fn the_c_programs_get_a_thousand_secrets_in_one_event_loop_of_each_kind() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.api().post(&format!("{mount}/data/event/loop"), json!({"data": {"value": "any"}}));
    for (name, library, end) in [
        ("event_loop", "", "; maintained: yes; changed: 1"),
        ("libevent_loop", "-levent", ""),
        ("libuv_loop", "-luv", ""),
    ] {
        let flags: Vec<&str> = [library].into_iter().filter(|flag| !flag.is_empty()).collect();
        let program = cc::compile("gcc", "c11", &example(&format!("c/{name}.c")), name, &flags);
        let mut command = quiet(&program);
        let output = on_mount(server, &mount, command.arg("vault://event/loop"));
        assert_eq!(output, (Some(0), format!("1000 values, 0 failures{end}\n"), String::new()), "{name}");
    }
}

/// Compiles `examples/cobol/<name>.cob`.
fn cobol(name: &str) -> PathBuf {
    let program = output("cobol").join(name);
    let mut compiler = Command::new("cobc");
    compiler.current_dir(example("cobol")).args(["-x", "-fstatic-call", "-Wall", "-o"]).arg(&program);
    compiler.arg(format!("{name}.cob")).arg("-L").arg(cc::library_folder()).arg("-lhandsfree_secrets");
    build(&mut compiler, "gnucobol");
    program
}

/// Compiles `examples/fortran/<name>.f90` with the module, in a folder of its own.
fn fortran(name: &str) -> PathBuf {
    let folder = output(&format!("fortran-{name}"));
    let program = folder.join(name);
    let mut compiler = Command::new("gfortran");
    compiler.current_dir(example("fortran")).args(["-std=f2008", "-Wall", "-Wextra", "-pedantic", "-Werror"]);
    compiler.arg("-J").arg(&folder).arg("handsfree_secrets.f90").arg(format!("{name}.f90")).arg("-o").arg(&program);
    compiler.arg("-L").arg(cc::library_folder()).arg("-lhandsfree_secrets");
    build(&mut compiler, "gfortran");
    program
}

#[test]
fn the_cobol_program_does_the_five_operations() {
    let program = cobol("quickstart");
    works("cobol", || quiet(&program));
}

#[test]
fn the_fortran_program_does_the_five_operations() {
    let program = fortran("quickstart");
    works("fortran", || quiet(&program));
}

/// Runs a command on a mount of the server, and returns its exit code, output and messages.
fn on_mount(server: &Server, mount: &str, command: &mut Command) -> (Option<i32>, String, String) {
    command.env("SECRET_MANAGER_TYPE", "vault").env("VAULT_ADDR", server.addr());
    command.env("VAULT_TOKEN", server.root_token()).env("VAULT_MOUNT", mount);
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A program that reads fields of a document with one request, and does not find another field or a missing secret.
fn reads_a_document(language: &str, program: &Path) {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let path = format!("{language}/database");
    let run = || on_mount(server, &mount, &mut quiet(program));
    assert_eq!(run(), (Some(0), "there is no such secret\n".to_owned(), String::new()), "{language}");

    server.write_raw(&mount, &path, json!({"username": "old", "password": "old"}));
    server.write_raw(&mount, &path, json!({"username": "app", "password": "ü 😀", "port": 5432}));
    let before = server.audited(&format!("{mount}/data/{path}"), "read");
    let wanted = "  version  2\n  username app\n  password ü 😀\n  host     there is no such field\n";
    assert_eq!(run(), (Some(0), wanted.to_owned(), String::new()), "{language}");
    assert_eq!(server.audited(&format!("{mount}/data/{path}"), "read") - before, 1, "{language}");

    let (code, output, message) = on_mount(server, "no-such-mount", &mut quiet(program));
    assert_eq!((code, output.as_str()), (Some(1), ""), "{language}: {message}");
    assert!(message.contains("no-such-mount"), "{language}: {message}");
}

#[test]
fn the_cobol_program_reads_two_fields_of_one_version() {
    reads_a_document("cobol", &cobol("document"));
}

#[test]
fn the_fortran_program_reads_two_fields_of_one_version() {
    reads_a_document("fortran", &fortran("document"));
}

/// A transit mount with the keys of the example in this language.
fn transit_mount(server: &Server, language: &str) -> String {
    let mount = format!("transit-{language}-{}", std::process::id());
    server.api().post(&format!("sys/mounts/{mount}"), json!({"type": "transit"}));
    server.api().post(&format!("{mount}/keys/{language}-rows"), json!({}));
    server.api().post(&format!("{mount}/keys/{language}-messages"), json!({"type": "ed25519"}));
    mount
}

#[test]
fn the_go_program_does_the_five_operations() {
    let program = output("go").join("quickstart");
    let mut compiler = Command::new("go");
    compiler.current_dir(example("go")).args(["build", "-o"]).arg(&program).arg(".");
    build(pkg_config::for_go(&mut compiler, &pkg_config::folder_for("go-example")), "golang-go, 1.21 or newer");
    works("go", || quiet(&program));
}

/// systemd reports settings that it does not know, and goes on.
#[test]
fn systemd_understands_the_unit() {
    let example = repository_root().join("examples/systemd/legacy-server.service");
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("legacy-server.service");
    // The program has to be there.
    let text = std::fs::read_to_string(example).unwrap().replace("/usr/bin/hfsecret", "/bin/true");
    std::fs::write(&unit, text).unwrap();
    let mut command = cc::clean_command("systemd-analyze".as_ref());
    let output = command.arg("verify").arg(&unit).output().expect("systemd-analyze; scripts/bootstrap installs it");
    let named = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = named.lines().filter(|line| line.contains("legacy-server")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{named}");
}

/// With the schemas of Kubernetes, and without settings that it does not know.
#[test]
fn kubernetes_understands_the_manifest() {
    let validator = repository_root().join("target/recipes/bin/kubernetes-validate");
    if !validator.exists() {
        eprintln!("skipped: {} is missing, and scripts/bootstrap check could not install it", validator.display());
        return;
    }
    let manifest = repository_root().join("examples/kubernetes/legacy-server.yaml");
    let output = cc::clean_command(&validator).arg("--strict").arg(manifest).output().unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && printed.matches("passed for resource").count() == 3, "{printed}");
}
