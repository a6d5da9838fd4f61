//! pkg-config files for a library that is not installed.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

/// Writes `<name>.pc`, whose `Libs` are these, into a folder of its own, and gives that folder: `PKG_CONFIG_PATH`.
/// `user` is the test that it is for: two that run at once do not write one file.
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

/// The library of this test run, shared.
#[allow(dead_code, reason = "not every test that includes this file wants it")]
pub fn folder_for(user: &str) -> PathBuf {
    folder_with(user, "handsfree_secrets", &format!("-L{} -lhandsfree_secrets", cc::library_folder().display()))
}

/// Has a command of Go's look into this folder, without a network. Go's cache knows neither what stands behind pkg-config
/// nor headers outside of a package: where either is another one, so is a flag.
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
