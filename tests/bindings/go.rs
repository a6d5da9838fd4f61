//! The Go package, vetted and tested with Go's tools against the library of this test run.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use handsfree_secrets_test_support::{cc, repository_root};

use crate::pkg_config;

/// A `go` command in this folder of the repository, without network access and without settings of the library.
fn go(folder: &str, pkg_config: &Path) -> Command {
    let mut command = cc::clean_command(Path::new("go"));
    command.current_dir(repository_root().join(folder));
    command.env("LD_LIBRARY_PATH", cc::library_folder());
    pkg_config::for_go(&mut command, pkg_config);
    command
}

fn succeeds(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}; Go 1.21 or newer and a C compiler have to be installed"));
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    output
}

#[test]
fn the_go_package_passes_vet_and_its_tests_under_the_race_detector() {
    let folder = pkg_config::folder_for("go-tests");
    succeeds(go("bindings/go", &folder).args(["vet", "./..."]));
    // The cache of test results does not consider the library, so -count=1 disables it.
    succeeds(go("bindings/go", &folder).args(["test", "-race", "-count=1", "./..."]));
}

#[test]
fn the_tests_of_the_go_package_pass_with_all_calls_in_queues() {
    let folder = pkg_config::folder_for("go-queue-tests");
    // The flag is one of the tests, and comes last. The race detector allows fewer goroutines than the other run has.
    for race in ["-race", "-race=false"] {
        succeeds(go("bindings/go", &folder).args(["test", race, "-count=1", "./...", "-queue", "8"]));
    }
}

#[test]
fn every_go_package_has_the_name_of_its_folder() {
    let folder = pkg_config::folder_for("go-names");
    let listed = succeeds(go("bindings/go", &folder).args(["list", "-f", "{{.ImportPath}} {{.Name}}", "./..."]));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed, "github.com/handsfree/libhandsfree_secrets/bindings/go/secrets secrets\n");
}

/// `go mod vendor` and the sites that show Go packages take licences from the folder of the module, and not from that of the
/// repository.
#[test]
fn the_go_module_brings_the_licences() {
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let read = |folder: &str| std::fs::read(repository_root().join(folder).join(name)).unwrap();
        assert!(read("bindings/go") == read("."), "{name}");
    }
}

#[test]
fn the_go_sources_are_formatted() {
    for folder in ["bindings/go", "examples/go"] {
        let unformatted = succeeds(Command::new("gofmt").args(["-l", "."]).current_dir(repository_root().join(folder)));
        assert_eq!(String::from_utf8_lossy(&unformatted.stdout), "", "{folder}: gofmt -w these");
    }
}

#[test]
fn the_package_without_cgo_is_generated_from_the_one_with_it() {
    let mut command = Command::new("go");
    command.current_dir(repository_root()).args(["run", "scripts/go_stub/main.go", "bindings/go/secrets"]);
    let generated = succeeds(command.arg("include/handsfree_secrets.h")).stdout;
    let committed = std::fs::read(repository_root().join("bindings/go/secrets/stub.go")).unwrap();
    assert!(generated == committed, "the Go package has changed: make stub");
}

/// The functions and methods that the documentation of the package shows.
fn documented(cgo: &str) -> BTreeSet<String> {
    let folder = pkg_config::folder_for("go-api");
    let shown = succeeds(go("bindings/go", &folder).args(["doc", "-all", "./secrets"]).env("CGO_ENABLED", cgo)).stdout;
    let shown = String::from_utf8(shown).unwrap();
    let name = |line: &str| {
        let rest = line.strip_prefix("func ")?;
        let parts: Vec<&str> = rest.splitn(3, ['(', ')']).collect();
        let method = || parts[2].split('(').next().unwrap_or_default();
        let receiver = parts.get(1).and_then(|receiver| receiver.split_whitespace().last());
        Some(if parts[0].is_empty() { format!("{}{}", receiver?, method()) } else { parts[0].to_string() })
    };
    shown.lines().filter_map(name).collect()
}

#[test]
fn the_package_without_cgo_has_the_same_functions_and_says_what_is_missing() {
    let without = documented("0");
    assert!(without.len() > 100 && without.contains("Open") && without.contains("*Manager Get"), "{without:?}");
    assert_eq!(without, documented("1"));
    let folder = pkg_config::folder_for("go-without-cgo");
    let program = folder.join("quickstart");
    let mut build = go("examples/go", &folder);
    succeeds(build.env("CGO_ENABLED", "0").args(["build", "-o"]).arg(&program).arg("."));
    let output = cc::clean_command(&program).output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("built without cgo") && message.contains("CGO_ENABLED=1"), "{message}");
}

#[test]
fn the_static_link_tag_builds_a_program_without_the_shared_library() {
    let native = "-lutil -lrt -lpthread -lm -ldl -lc";
    let library = cc::static_library();
    let libraries = format!("-L{} -l:libhandsfree_secrets.a {native}", library.parent().unwrap().display());
    let folder = pkg_config::folder_with("go-static", "handsfree_secrets-static", &libraries);
    let program = folder.join("quickstart");
    succeeds(go("examples/go", &folder).args(["build", "-tags", "static_link", "-o"]).arg(&program).arg("."));
    let needed = succeeds(Command::new("readelf").arg("--dynamic").arg(&program));
    assert!(!String::from_utf8_lossy(&needed.stdout).contains("libhandsfree_secrets"), "it needs the shared library");
    let output = succeeds(cc::clean_command(&program).env_remove("LD_LIBRARY_PATH"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("env://HANDSFREE_SECRET_GO_QUICKSTART"));
}
