//! pkg-config files for a library that is not installed.

use std::fs;
use std::path::{Path, PathBuf};

use handsfree_secrets_test_support::repository_root;

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
