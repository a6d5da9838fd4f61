//! A panic inside the library, seen from a C program, with a library that has an additional function that panics.

use std::path::{Path, PathBuf};
use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

use crate::programs::{succeeds, text_of};

const CANARY: &str = "canary-5d09be-of-a-panic";

/// A folder with the library that has this function. It is built in its own folder, so that it cannot be mistaken for
/// the released one.
fn library() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--locked", "--quiet", "--lib", "--features", "test-panic", "--target-dir"]).arg(&folder);
    succeeds(build.current_dir(repository_root()));
    let libraries = folder.join("debug");
    let link = libraries.join("libhandsfree_secrets.so.0");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink("libhandsfree_secrets.so", link).unwrap();
    libraries
}

#[test]
fn a_panic_is_an_internal_error_and_its_message_is_not_shown() {
    let libraries = library();
    let source = repository_root().join("tests/c/host/panic.c");
    let program = cc::compile("gcc", "c99", &source, "panic", &["-L", libraries.to_str().unwrap()]);
    for backtrace in ["0", "full"] {
        let mut command = cc::clean_command(&program);
        command.arg(CANARY).env("LD_LIBRARY_PATH", &libraries).env("RUST_BACKTRACE", backtrace);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text_of(&output));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing on standard error");
        assert!(!text_of(&output).contains(CANARY));
    }
}
