//! CMake and pkg-config on systems for which nothing is linked here: the names of the files, and the libraries of the
//! system. Nothing is built.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::repository_root;

use crate::install::{fresh_folder, run, tool};

/// What a toolchain file has to say on a machine that lacks the system's own tools, beside the name of the system.
const MACOS: &str = "set(CMAKE_SYSTEM_PROCESSOR arm64)\nset(CMAKE_C_COMPILER_TARGET arm64-apple-darwin)\n\
                     set(CMAKE_OSX_SYSROOT /)\nset(CMAKE_INSTALL_NAME_TOOL true)\n";
const FREEBSD: &str = "set(CMAKE_SYSTEM_PROCESSOR amd64)\nset(CMAKE_C_COMPILER_TARGET x86_64-unknown-freebsd14)\n";

/// Writes a toolchain file and a folder to build in. The Rust target is given, so that Rust's library for it is not needed.
fn configuration(system: &str, rest: &str, target: &str) -> (PathBuf, Command) {
    let base = fresh_folder(&format!("system-{system}"));
    let toolchain = base.join("toolchain.cmake");
    let compiler = "set(CMAKE_C_COMPILER clang)\nset(CMAKE_C_COMPILER_WORKS TRUE)\n";
    fs::write(&toolchain, format!("set(CMAKE_SYSTEM_NAME {system})\n{compiler}{rest}")).unwrap();
    let build = base.join("build");
    let mut command = tool("cmake");
    command.args(["-G", "Unix Makefiles", "-S"]).arg(repository_root()).arg("-B").arg(&build);
    command.arg(format!("-DCMAKE_TOOLCHAIN_FILE={}", toolchain.display()));
    command.args([format!("-DHANDSFREE_SECRETS_TARGET={target}"), "-DHANDSFREE_SECRETS_TOOLS=ON".to_string()]);
    (build, command)
}

/// Lists the files of the library that the build makes and the installation copies.
fn check_files(build: &Path, wanted: &[&str]) {
    let rules = build.join("CMakeFiles/handsfree_secrets_libraries.dir/build.make");
    let install = fs::read_to_string(build.join("cmake_install.cmake")).unwrap();
    let rules = fs::read_to_string(rules).unwrap();
    for name in wanted {
        assert!(rules.contains(&format!("lib/{name}:")), "{name} is not built:\n{rules}");
        assert!(install.contains(&format!("lib/{name}\"")), "{name} is not installed:\n{install}");
    }
}

fn libs(build: &Path, package: &str, key: &str) -> String {
    let text = fs::read_to_string(build.join(format!("{package}.pc"))).unwrap();
    text.lines().find_map(|line| line.strip_prefix(&format!("{key}: "))).expect("a line").to_string()
}

#[test]
fn macos_has_its_names_of_libraries() {
    let (build, mut command) = configuration("Darwin", MACOS, "aarch64-apple-darwin");
    // CMake asks this program of macOS for the version of the system.
    let programs = build.with_file_name("programs");
    fs::create_dir_all(&programs).unwrap();
    fs::write(programs.join("sw_vers"), "#!/bin/sh\necho 13.0\n").unwrap();
    fs::set_permissions(programs.join("sw_vers"), fs::Permissions::from_mode(0o755)).unwrap();
    run(command.env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap())));
    let version = env!("CARGO_PKG_VERSION");
    let file = format!("libhandsfree_secrets.{version}.dylib");
    check_files(
        &build,
        &[&file, "libhandsfree_secrets.0.dylib", "libhandsfree_secrets.dylib", "libhandsfree_secrets.a"],
    );
    let program = fs::read_to_string(build.join("cmake_install.cmake")).unwrap();
    assert!(program.contains("@loader_path/../lib"), "hfsecret finds the library beside it");
    assert_eq!(libs(&build, "handsfree_secrets", "Libs"), "-L${libdir} -lhandsfree_secrets");
    let of_static = libs(&build, "handsfree_secrets-static", "Libs");
    assert!(of_static.starts_with("${libdir}/libhandsfree_secrets.a -framework Security"), "{of_static}");
}

#[test]
fn freebsd_has_the_names_of_linux_and_libraries_of_its_own() {
    let (build, mut command) = configuration("FreeBSD", FREEBSD, "x86_64-unknown-freebsd");
    run(&mut command);
    let version = env!("CARGO_PKG_VERSION");
    let file = format!("libhandsfree_secrets.so.{version}");
    check_files(&build, &[&file, "libhandsfree_secrets.so.0", "libhandsfree_secrets.so", "libhandsfree_secrets.a"]);
    let of_static = libs(&build, "handsfree_secrets-static", "Libs");
    assert!(of_static.starts_with("-L${libdir} -l:libhandsfree_secrets.a -lexecinfo"), "{of_static}");
}

#[test]
fn other_systems_are_refused() {
    let (_, mut command) = configuration("SunOS", "", "x86_64-pc-solaris");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("builds for Linux, FreeBSD and macOS"), "{text}");
}
