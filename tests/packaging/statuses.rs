//! Compares the lists of statuses in other languages and documents with the table of the library. Fails for a new
//! status until all of them have it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::repository_root;

type Statuses = BTreeMap<String, i32>;

/// The table.
fn table() -> Statuses {
    let row = |status: &Status| (status.name().to_str().unwrap().to_owned(), status.code());
    Status::ALL.iter().map(row).collect()
}

/// The statuses in the lines of a list. `pair` finds name and number in a line.
fn listed(text: &str, pair: impl Fn(&str) -> Option<(&str, &str)>) -> Statuses {
    let read = |line: &str| {
        let (name, number) = pair(line)?;
        let name = name.trim().replace('-', "_");
        let is_status = ["HF_OK", "HF_NOT_FOUND", "HF_PENDING", "HF_MISMATCH"].contains(&name.as_str())
            || name.starts_with("HF_ERR_");
        is_status.then(|| (name, number.trim().parse().unwrap()))
    };
    text.lines().filter_map(read).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(repository_root().join(path)).unwrap()
}

/// The text of the file with this name in a folder of the repository or below it.
fn find(folder: &str, name: &str) -> String {
    fn paths(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { paths(&path) } else { vec![path] }).collect()
    }
    let found: Vec<PathBuf> =
        paths(&repository_root().join(folder)).into_iter().filter(|path| path.ends_with(name)).collect();
    assert_eq!(found.len(), 1, "{name} below {folder}: {found:?}");
    fs::read_to_string(&found[0]).unwrap()
}

#[test]
fn the_numbers_are_those_of_the_abi_and_no_two_statuses_share_a_name() {
    let numbers: Vec<i32> = Status::ALL.iter().map(|status| status.code()).collect();
    let (answers, failures): (Vec<i32>, Vec<i32>) = numbers.iter().partition(|&&number| number >= 0);
    assert_eq!(answers, [0, 1, 2, 3]);
    assert_eq!(failures, (1..=failures.len() as i32).map(|number| -number).collect::<Vec<_>>());
    assert_eq!(table().len(), numbers.len());
}

#[test]
fn the_header_has_a_macro_with_a_comment_for_each_status() {
    let header = read("include/handsfree_secrets.h");
    let macros = listed(&header.replace(['(', ')'], ""), |line| line.strip_prefix("#define ")?.split_once(' '));
    assert_eq!(macros, table());
    for status in Status::ALL {
        let comment: String = status.meaning().iter().map(|line| format!(" *{line}\n")).collect();
        let name = status.name().to_str().unwrap();
        assert!(header.contains(&format!("/**\n{comment} */\n#define {name} ")), "{name}");
    }
}

#[test]
fn the_page_on_statuses_explains_each_status() {
    let rows = listed(&read("docs/statuses.md"), |line| {
        let mut cells = line.strip_prefix('|')?.split('|');
        Some((cells.next()?.trim().trim_matches('`'), cells.next()?))
    });
    assert_eq!(rows, table());
}

#[test]
fn the_cobol_copybook_has_each_status() {
    let constants = listed(&find("examples", "handsfree_secrets.cpy"), |line| {
        line.trim().strip_prefix("78")?.trim_end_matches('.').split_once("VALUE")
    });
    assert_eq!(constants, table());
}

#[test]
fn the_fortran_module_has_each_status() {
    let module = find("examples", "handsfree_secrets.f90");
    let parameters = module.split_once("parameter, public :: ").unwrap().1.split_once("\n\n").unwrap().0;
    let one_a_line = parameters.replace('&', "").replace(',', "\n").replace("\n\n", "\n");
    assert_eq!(listed(&one_a_line, |line| line.split_once('=')), table());
}

/// Its numbers come from the macros of the header. A test of the package checks that each status has a sentinel error.
#[test]
fn the_go_package_has_each_status() {
    let source = find("bindings/go", "errors.go");
    let constant = |line: &str| {
        let (name, number) = line.trim().strip_prefix("Status")?.split_once("Status = C.")?;
        Some((number.to_owned(), name.trim().to_uppercase()))
    };
    let constants: BTreeMap<String, String> = source.lines().filter_map(constant).collect();
    let wanted = table().into_keys().map(|name| {
        let words = name.trim_start_matches("HF_").trim_start_matches("ERR_").replace('_', "");
        (name, words)
    });
    assert_eq!(constants, wanted.collect());
}

/// They get the names from `hf_status_name` and handle unknown failures like others, so they list only the statuses
/// that they handle specially.
#[test]
fn the_statuses_in_python_java_and_cpp_match_the_table() {
    let python = find("bindings/python", "_library.py");
    let assignments = python.lines().filter(|line| line.starts_with("HF_")).filter_map(|line| line.split_once(" = "));
    let pairs: Vec<(&str, &str)> =
        assignments.flat_map(|(names, numbers)| names.split(", ").zip(numbers.split(", "))).collect();
    assert!(pairs.iter().any(|(name, _)| *name == "HF_OK"), "{pairs:?}");
    for (name, number) in pairs {
        assert_eq!(table().get(name), number.parse().ok().as_ref(), "Python: {name}");
    }
    for (language, text) in [("Java", find("examples", "HandsfreeSecrets.java")), ("C++", read_cpp())] {
        let names = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
        for name in names.filter(|name| name.starts_with("HF_ERR_")) {
            assert!(table().contains_key(name), "{language}: {name}");
        }
    }
}

/// The C++ header, with the files that it includes.
fn read_cpp() -> String {
    let parts = fs::read_dir(repository_root().join("include/handsfree_secrets")).unwrap();
    let parts: String = parts.map(|part| fs::read_to_string(part.unwrap().path()).unwrap()).collect();
    read("include/handsfree_secrets.hpp") + &parts
}
