//! Compiles C and C++ programs against the header and the shared library of this test run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::binary::repository_root;

/// The warnings with which every program has to compile.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// The folder with the test programs and the library that cargo built with them.
fn deps_folder() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    program.parent().expect("a folder").to_path_buf()
}

/// A folder in cargo's target folder for the output of this test program.
fn output_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = std::env::current_exe().expect("this program");
        let folder = deps_folder().with_file_name("linked").join(program.file_name().expect("a name"));
        std::fs::create_dir_all(&folder).expect("a folder below the target folder");
        folder
    })
}

/// The shared library as built by cargo.
pub fn shared_library() -> PathBuf {
    deps_folder().join("libhandsfree_secrets.so")
}

/// The static library as built by cargo.
pub fn static_library() -> PathBuf {
    deps_folder().join("libhandsfree_secrets.a")
}

/// A folder with the release build of the shared library under its soname, for tests of properties that only optimised
/// code has, such as the size of the stack. Building it takes a while the first time.
pub fn release_folder() -> PathBuf {
    let deps = deps_folder();
    let target = deps.ancestors().nth(2).expect("the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--release", "--lib", "--quiet", "--target-dir"])
        .arg(target)
        .current_dir(repository_root())
        .status()
        .expect("cargo");
    assert!(built.success(), "the release library does not build");
    let folder = output_folder().join("release");
    std::fs::create_dir_all(&folder).expect("a folder below the target folder");
    let link = folder.join("libhandsfree_secrets.so.0");
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(target.join("release/libhandsfree_secrets.so"), &link).expect("a link to the library");
    folder
}

/// A folder with the shared library under its link name and its soname.
pub fn library_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = output_folder().join("lib");
        std::fs::create_dir_all(&folder).expect("a folder below the target folder");
        for name in ["libhandsfree_secrets.so", "libhandsfree_secrets.so.0"] {
            let link = folder.join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(shared_library(), &link).expect("a link to the library");
        }
        folder
    })
}

/// Compiles `source` with `compiler` (`gcc`, `clang++`, …) at `standard` (`c99`, `c++17`, …) without warnings, links it
/// to the shared library, and returns the program. `name` has to be unique within the test program. Panics with the
/// message of the compiler.
pub fn compile(compiler: &str, standard: &str, source: &Path, name: &str, extra: &[&str]) -> PathBuf {
    let program = output_folder().join(name);
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(STRICT).args(["-g", "-O1", "-pthread"]);
    command.arg("-I").arg(repository_root().join("include")).arg(source).arg("-o").arg(&program).args(extra);
    command.arg("-L").arg(library_folder()).arg(format!("-Wl,-rpath,{}", library_folder().display()));
    command.arg("-lhandsfree_secrets");
    let output = command.output().unwrap_or_else(|e| panic!("{compiler}: {e}; scripts/bootstrap installs it"));
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    program
}

/// As `compile`, for a C program of all the source files in a folder.
pub fn compile_folder(compiler: &str, standard: &str, folder: &Path, name: &str) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder of sources");
    let mut sources: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    sources.retain(|path| path.extension().is_some_and(|extension| extension == "c"));
    sources.sort();
    let (first, others) = sources.split_first().expect("a source");
    let others: Vec<&str> = others.iter().map(|path| path.to_str().expect("UTF-8")).collect();
    compile(compiler, standard, first, name, &others)
}

/// As `compile`, for the text of a program.
pub fn compile_text(compiler: &str, standard: &str, text: &str, name: &str, extra: &[&str]) -> PathBuf {
    let suffix = if standard.starts_with("c++") { "cpp" } else { "c" };
    let source = output_folder().join(format!("{name}.{suffix}"));
    std::fs::write(&source, text).expect("a source file");
    compile(compiler, standard, &source, name, extra)
}

/// A command without the VAULT_*, BAO_*, SECRET_MANAGER_* and proxy variables of the environment, and with the usual
/// actions of signals, some of which nohup and shells ignore for what runs in the background.
pub fn clean_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    crate::process::with_usual_signals(&mut command);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let theirs = ["VAULT_", "BAO_", "SECRET_MANAGER_", "HANDSFREE_SECRET_"].iter().any(|p| text.starts_with(p));
        if theirs || text.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}
