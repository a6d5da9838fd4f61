//! Finds the server's binary, and the repository of the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The top folder of the repository. Cargo sets it when it runs a test. The value compiled in is used only if a test is
/// run without cargo, since checkouts that share a target folder share compiled crates.
pub fn repository_root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package).ancestors().find(|folder| folder.join("tests/support/openbao.txt").exists());
        root.expect("a package of this repository").to_path_buf()
    })
}

/// The server's binary: the one that `BAO_BIN` names, else the pinned one, which is downloaded on first use.
pub(crate) fn server_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let script = repository_root().join("scripts/openbao");
        let output = Command::new(&script).output().unwrap_or_else(|e| panic!("{}: {e}", script.display()));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8").trim_end())
    })
}
