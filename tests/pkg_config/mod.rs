//! pkg-config files for a library that is not installed.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

/// Writes `<name>.pc` with these `Libs` into a new folder, and returns the folder, for `PKG_CONFIG_PATH`. `user` names
/// the test, so that concurrent tests do not write the same file.
pub fn folder_with(user: &str, name: &str, libraries: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pkg-config").join(user);
    fs::create_dir_all(&folder).unwrap();
    let include = repository_root().join("include");
    let text = format!(
        "Name: {name}\nDescription: The library as this test run built it\nVersion: {}\nCflags: -I{}\nLibs: {libraries}\n",
        env!("CARGO_PKG_VERSION"),
        include.display()
    );
    fs::write(folder.join(name).with_extension("pc"), text).unwrap();
    folder
}

/// A folder with the pkg-config file of the shared library of this test run.
#[allow(dead_code, reason = "not every test that includes this file wants it")]
pub fn folder_for(user: &str) -> PathBuf {
    folder_with(user, "handsfree_secrets", &format!("-L{} -lhandsfree_secrets", cc::library_folder().display()))
}

/// Makes a Go command use this folder, without network access. Go's cache does not consider the output of pkg-config or
/// headers outside the package, so a flag changes when either of them does.
#[allow(dead_code, reason = "not every test that includes this file is one of Go")]
pub fn for_go<'c>(command: &'c mut Command, folder: &Path) -> &'c mut Command {
    let mut hasher = DefaultHasher::new();
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "pc") {
            fs::read(file).unwrap().hash(&mut hasher);
        }
    }
    fs::read(repository_root().join("include/handsfree_secrets.h")).unwrap().hash(&mut hasher);
    command.env("PKG_CONFIG_PATH", folder).env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "1");
    command.env("CGO_CFLAGS", format!("-O2 -g -DHANDSFREE_SECRETS_TEST={}", hasher.finish()))
}
