//! `cargo cinstall`, for distributions, installs the same names as CMake.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::repository_root;
use serde_json::{Value, json};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The [package] section of Cargo.toml.
fn package() -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(repository_root()).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == "handsfree_secrets").unwrap().clone()
}

fn read(path: &str) -> String {
    fs::read_to_string(repository_root().join(path)).unwrap()
}

#[test]
fn the_manifest_gives_cargo_c_the_names_of_cmake() {
    let package = package();
    assert_eq!(package["features"]["capi"], json!([]), "cargo-c turns this feature on");

    let capi = &package["metadata"]["capi"];
    let library = capi["library"]["name"].as_str().unwrap();
    assert_eq!(capi["library"]["version_suffix_components"], 1);
    let soname = format!("set(${{soname}} \"lib{library}.so.${{major}}\" PARENT_SCOPE)");
    assert!(read("cmake/handsfree_secretsTargets.cmake").contains(&soname), "{soname}");

    let file = capi["pkg_config"]["filename"].as_str().unwrap();
    let name = format!("Name: {}\n", capi["pkg_config"]["name"].as_str().unwrap());
    assert!(read(&format!("cmake/{file}.pc.in")).contains(&name), "{file}.pc has {name}");

    let assets = capi["install"]["include"]["asset"].as_array().unwrap();
    let (folders, files): (Vec<_>, Vec<_>) = assets.iter().partition(|asset| asset["to"].is_string());
    let headers: Vec<&str> = files.iter().map(|asset| asset["from"].as_str().unwrap()).collect();
    let installed = format!("install(FILES {}\n    DESTINATION \"${{CMAKE_INSTALL_INCLUDEDIR}}\"", headers.join(" "));
    assert!(read("cmake/Install.cmake").contains(&installed), "{headers:?}");
    for asset in folders {
        let (from, to) = (asset["from"].as_str().unwrap(), asset["to"].as_str().unwrap());
        let installed = format!("install(DIRECTORY include/{to}\n    DESTINATION \"${{CMAKE_INSTALL_INCLUDEDIR}}\"");
        assert!(read("cmake/Install.cmake").contains(&installed), "{from}");
        assert_eq!(from, format!("include/{to}/*.hpp"));
    }
    assert_eq!(capi["header"]["subdirectory"], false);
    assert_eq!(capi["header"]["generation"], false);
}

/// The command in docs/install.md without its destination. `None`, and a note on standard error, if cargo-c is not
/// installed: Debian's is too old for this crate.
fn cinstall() -> Option<Command> {
    let mut command = Command::new(env!("CARGO"));
    if !command.args(["cinstall", "--version"]).output().unwrap().status.success() {
        // Written directly to standard error, because the test harness captures output.
        let note = b"note: cargo-c is not installed, so `cargo cinstall` was not run\n";
        std::io::stderr().write_all(note).unwrap();
        return None;
    }
    let page = read("docs/install.md");
    let line = page.lines().find_map(|line| line.strip_prefix("cargo ")).expect("the command");
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(repository_root());
    command.args(line.split_whitespace().take_while(|word| !word.starts_with("--prefix")));
    Some(command)
}

/// Every file and link below the folder, sorted.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn cargo_cinstall_installs_the_shared_library_its_headers_and_its_pc_file() {
    let Some(mut command) = cinstall() else { return };
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cargo-c");
    let prefix = base.join("prefix");
    let _ = fs::remove_dir_all(&prefix);
    command.args(["--debug", "--target-dir"]).arg(base.join("cargo")).arg("--prefix").arg(&prefix);
    command.arg("--libdir").arg(prefix.join("lib"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));

    let library = format!("lib/libhandsfree_secrets.so.{VERSION}");
    let mut wanted = listing(&repository_root().join("include"));
    wanted.iter_mut().for_each(|header| *header = Path::new("include").join(&*header));
    assert!(wanted.len() > 10, "the headers of C++ stand in a folder: {wanted:?}");
    let installed = [
        "lib/libhandsfree_secrets.so",
        "lib/libhandsfree_secrets.so.0",
        &library,
        "lib/pkgconfig/handsfree_secrets.pc",
    ];
    wanted.extend(installed.map(PathBuf::from));
    assert_eq!(listing(&prefix), wanted);
    let dynamic = Command::new("readelf").arg("--dynamic").arg(prefix.join(&library)).output().unwrap();
    let dynamic = String::from_utf8_lossy(&dynamic.stdout);
    assert!(dynamic.contains("Library soname: [libhandsfree_secrets.so.0]"), "{dynamic}");

    let program = base.join("consumer");
    let flags = Command::new("pkg-config")
        .args(["--cflags", "--libs", "handsfree_secrets"])
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
        .output()
        .unwrap();
    let mut compiler = Command::new("cc");
    compiler.arg(repository_root().join("tests/packaging/consumers/consumer.c")).arg("-o").arg(&program);
    compiler.args(String::from_utf8(flags.stdout).unwrap().split_whitespace());
    assert!(compiler.status().unwrap().success(), "{compiler:?}");
    let ran = Command::new(&program).env("LD_LIBRARY_PATH", prefix.join("lib")).output().unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).starts_with(VERSION), "{ran:?}");
}
