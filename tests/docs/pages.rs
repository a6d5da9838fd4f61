//! Every C and C++ block of the documents is a complete program that compiles and links without warnings (programs.rs
//! does the same for Go). The pages of the languages have the same sections, and no link is broken.

use std::fs;

use handsfree_secrets_test_support::{cc, repository_root};

use crate::documents::{Block, blocks_of, document, documents};

/// The blocks of all documents.
fn all_blocks() -> impl Iterator<Item = Block> {
    documents().into_iter().flat_map(|document| blocks_of(&document))
}

/// Compiles every block of the language with each compiler.
fn compile_all(language: &str, compilers: [&str; 2], standard: &str) {
    let blocks: Vec<Block> = all_blocks().filter(|block| block.language == language).collect();
    assert!(!blocks.is_empty(), "the documents show {language}");
    for (number, block) in blocks.iter().enumerate() {
        assert!(block.text.contains("int main("), "{} is no whole program", block.place);
        for compiler in compilers {
            // Messages of the compiler name this line of the document.
            let text = format!("#line 1 \"{}\"\n{}", block.place, block.text);
            cc::compile_text(compiler, standard, &text, &format!("{language}-{number}-{compiler}"), &[]);
        }
    }
}

#[test]
fn every_c_program_of_the_documents_compiles_and_links() {
    compile_all("c", ["gcc", "clang"], "c99");
}

#[test]
fn every_cpp_program_of_the_documents_compiles_and_links() {
    compile_all("cpp", ["g++", "clang++"], "c++17");
}

#[test]
fn code_blocks_are_in_languages_that_are_tested() {
    const KNOWN: [&str; 13] =
        ["", "c", "cpp", "go", "sh", "cmake", "cobol", "fortran", "python", "java", "hcl", "json", "meson"];
    for block in all_blocks() {
        assert!(KNOWN.contains(&block.language.as_str()), "{}: ```{}", block.place, block.language);
    }
}

/// Every C source that a reader may copy: examples, tools, and the blocks of the documents.
fn c_sources() -> Vec<(String, String)> {
    let mut sources: Vec<(String, String)> = all_blocks()
        .filter(|block| ["c", "cpp"].contains(&block.language.as_str()))
        .map(|block| (block.place, block.text))
        .collect();
    for folder in ["examples/c", "examples/cpp", "tools/hfsecret"] {
        for path in fs::read_dir(repository_root().join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
            sources.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    sources
}

/// Arguments are evaluated in unspecified order: gcc reads `error` before the library has set it.
#[test]
fn no_statement_reads_an_error_in_the_arguments_of_the_call_that_sets_it() {
    let mut set = 0;
    for (place, text) in c_sources() {
        let code =
            text.lines().filter(|line| !line.trim_start().starts_with(['*', '/'])).collect::<Vec<_>>().join("\n");
        for statement in code.split([';', '{', '}']) {
            set += usize::from(statement.contains("&error)"));
            let reads = [", error)", ", error,", "(error)", "(error,"].iter().any(|read| statement.contains(read));
            assert!(!(statement.contains("&error") && reads), "{place}: {statement}");
        }
    }
    assert!(set > 20, "{set} calls");
}

/// The level-two sections of a page: the heading, and its text with each run of white space replaced by one blank.
fn sections(page: &str) -> Vec<(String, String)> {
    let text = document(&format!("docs/{page}"));
    let parts = text.split("\n## ").skip(1);
    let section = |part: &str| {
        let (heading, below) = part.split_once('\n').unwrap();
        (heading.to_string(), below.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    parts.map(section).collect()
}

#[test]
fn the_page_of_every_language_has_the_same_sections() {
    for language in ["c", "cobol", "cpp", "fortran", "go", "java", "python", "shell"] {
        let wanted = ["Install", "First program", "Errors", "Threads", "Memory"];
        let mut headings: Vec<String> = sections(&format!("{language}.md")).into_iter().map(|(name, _)| name).collect();
        headings.retain(|heading| wanted.contains(&heading.as_str()));
        assert_eq!(headings, wanted, "docs/{language}.md");
    }
}

#[test]
fn the_page_of_every_language_says_after_which_errors_a_change_may_have_happened() {
    for language in ["c", "cobol", "cpp", "fortran", "go", "java", "python", "shell"] {
        let sections = sections(&format!("{language}.md"));
        let (_, errors) = sections.iter().find(|(heading, _)| heading == "Errors").unwrap();
        assert!(errors.contains("change may have happened"), "docs/{language}.md: {errors}");
    }
}

#[test]
fn every_relative_link_of_the_documents_names_a_file_of_the_repository() {
    let mut links = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let path = link.split_once('#').map_or(link, |(path, _)| path);
            // Other matches are links within the page, or C++ lambdas.
            if path.contains(['/', '.']) && !path.contains("://") && !path.contains(' ') {
                links += 1;
                assert!(document.parent().unwrap().join(path).exists(), "{}: {link}", document.display());
            }
        }
    }
    assert!(links > 20, "{links} links");
}
