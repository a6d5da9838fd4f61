//! Checks that files and folders of the repository named in documents and scripts exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use handsfree_secrets_test_support::repository_root;

use crate::documents::documents;

/// Paths that are not in the tree: output of programs, which git ignores.
const WRITTEN_BY_PROGRAMS: [&str; 2] = ["fuzz/artifacts", "fuzz/corpus"];

/// The texts to check: documents, scripts and the Makefile. The changelog may name removed files.
fn texts() -> Vec<PathBuf> {
    let root = repository_root();
    let mut texts = documents();
    for folder in ["", "scripts"] {
        for path in fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            let is_document = path.extension().is_some_and(|extension| extension == "md");
            if path.is_file() && (folder == "scripts" || is_document || path.ends_with("Makefile")) {
                texts.push(path);
            }
        }
    }
    texts.retain(|path| !path.ends_with("CHANGELOG.md"));
    texts.sort();
    texts.dedup();
    texts
}

/// The top-level folders that git tracks.
fn top_folders() -> BTreeSet<String> {
    let entries = fs::read_dir(repository_root()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    folders.filter(|name| !name.starts_with('.') && !["target", "build", "dist"].contains(&name.as_str())).collect()
}

/// The paths in a text that begin with one of these folders, up to the first part that is a variable or a pattern.
fn paths_in(text: &str, folders: &BTreeSet<String>) -> BTreeSet<String> {
    let belongs = |c: char| c.is_ascii_alphanumeric() || "_./-*$<{~".contains(c);
    let words = text.split(|c: char| !belongs(c)).filter_map(|word| word.split_once('/').map(|(top, _)| (top, word)));
    let named = words.filter(|(top, _)| folders.contains(*top)).map(|(_, word)| {
        let fixed: Vec<&str> = word.split('/').take_while(|part| !part.contains(['*', '$', '<', '{'])).collect();
        fixed.join("/").trim_end_matches(['.', '/']).to_owned()
    });
    named.collect()
}

#[test]
fn every_path_that_documents_and_scripts_name_exists() {
    let (root, folders) = (repository_root(), top_folders());
    let (mut missing, mut count) = (Vec::new(), 0);
    for text in texts() {
        for path in paths_in(&fs::read_to_string(&text).unwrap(), &folders) {
            count += 1;
            let known = WRITTEN_BY_PROGRAMS.iter().any(|written| Path::new(&path).starts_with(written));
            if !known && !root.join(&path).exists() {
                missing.push(format!("{}: {path}", text.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(missing.is_empty(), "these do not exist:\n{}", missing.join("\n"));
    assert!(count > 50, "{count} paths");
}

#[test]
fn paths_are_found_in_prose_in_code_and_before_variables() {
    let folders = BTreeSet::from(["tests".to_owned(), "src".to_owned()]);
    let text = "See `tests/kv`, src/lib.rs. \"tests/c/host/$program.c\" and (src/**/*.rs) but not other/x, https://e.org/src/a";
    let wanted = ["src", "src/lib.rs", "tests/c/host", "tests/kv"];
    assert_eq!(paths_in(text, &folders), wanted.map(str::to_owned).into());
}
