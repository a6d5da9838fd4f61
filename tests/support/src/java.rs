//! Runs Java programs, if a Java version is installed that can call C without JNI.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cc;

/// A command that runs a Java source file against the library, in an environment without settings of the library.
/// `None`, and a note on standard error, if there is no Java 22 or newer, which no Debian release has by default.
pub fn java(source: &Path) -> Option<Command> {
    let Some(program) = newest_enough() else {
        // Written directly to standard error, because the test harness captures output.
        let note = format!("note: no Java 22 or newer is installed, so {} was not run\n", source.display());
        std::io::stderr().write_all(note.as_bytes()).expect("standard error");
        return None;
    };
    let mut command = cc::clean_command(&program);
    command.env("LD_LIBRARY_PATH", cc::library_folder());
    command.env_remove("JAVA_TOOL_OPTIONS").env_remove("_JAVA_OPTIONS").env_remove("JDK_JAVA_OPTIONS");
    command.arg("--enable-native-access=ALL-UNNAMED").arg(source);
    Some(command)
}

/// The Java of `JAVA_HOME`, one installed in Debian's folder, or the one on the PATH.
fn newest_enough() -> Option<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let installed = std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten().map(|entry| entry.path());
    let candidates = home.into_iter().chain(installed).map(|home| home.join("bin/java"));
    candidates.chain([PathBuf::from("java")]).find(|program| {
        let Ok(output) = Command::new(program).arg("--version").output() else { return false };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split_whitespace().nth(1).and_then(|version| version.split(['.', '-', '+']).next());
        version.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 22)
    })
}
