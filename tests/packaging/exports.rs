//! The shared library as the loader sees it: soname, symbols, and memory protection.

use std::collections::BTreeSet;
use std::process::Command;

use handsfree_secrets_test_support::{cc, repository_root};

/// The output of a binutils program for the library.
fn inspect(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(cc::shared_library()).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; install it: apt-get install binutils"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_library_exports_the_listed_functions_and_nothing_else() {
    let table = inspect("nm", &["-D", "--defined-only", "--format=posix"]);
    let exported: BTreeSet<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let listed: BTreeSet<&str> = include_str!("symbols.txt").lines().collect();
    let missing: Vec<_> = listed.difference(&exported).collect();
    let unlisted: Vec<_> = exported.difference(&listed).collect();
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "missing: {missing:?}; exported, but not in tests/packaging/symbols.txt: {unlisted:?}"
    );
    assert!(listed.iter().all(|name| name.starts_with("hf_")));
}

#[test]
fn every_exported_function_is_in_the_header() {
    let header = std::fs::read_to_string(repository_root().join("include/handsfree_secrets.h")).unwrap();
    for name in include_str!("symbols.txt").lines() {
        assert!(header.contains(&format!("{name}(")), "{name}");
    }
}

#[test]
fn the_library_has_a_soname_and_stays_mapped() {
    let dynamic = inspect("readelf", &["--dynamic", "--wide"]);
    let has = |tag: &str, value: &str| dynamic.lines().any(|line| line.contains(tag) && line.contains(value));
    assert!(has("(SONAME)", "[libhandsfree_secrets.so.0]"), "{dynamic}");
    assert!(has("(FLAGS_1)", "NODELETE"), "{dynamic}");
}

#[test]
fn the_jump_tables_are_read_only() {
    let all = inspect("readelf", &["--dynamic", "--segments", "--wide"]);
    assert!(all.contains("GNU_RELRO"), "{all}");
    assert!(
        all.lines().any(|line| line.contains("FLAGS") && (line.contains("BIND_NOW") || line.contains("NOW"))),
        "{all}"
    );
}
