//! Reads the documents and their fenced code blocks.

use std::fs;
use std::path::{Path, PathBuf};

use handsfree_secrets_test_support::repository_root;

/// One fenced block.
pub struct Block {
    /// The text after the opening fence.
    pub language: String,
    pub text: String,
    /// The document and the number of the block's first line, for messages.
    pub place: String,
}

/// README and all pages in docs/, sorted.
pub fn documents() -> Vec<PathBuf> {
    let pages = fs::read_dir(repository_root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = pages.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(repository_root().join("README.md"));
    pages.sort();
    pages
}

/// The text of a document, by its path in the repository.
pub fn document(path: &str) -> String {
    fs::read_to_string(repository_root().join(path)).unwrap()
}

/// The blocks of a document.
pub fn blocks_of(document: &Path) -> Vec<Block> {
    let name = document.file_name().unwrap().to_string_lossy();
    blocks_in(&fs::read_to_string(document).unwrap(), &name)
}

/// The blocks of a text, which may be a part of a document; `name` is used in messages.
pub fn blocks_in(text: &str, name: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                let place = format!("{name}:{}", number + 2);
                open = Some(Block { language: language.to_string(), text: String::new(), place });
            }
            (Some(_), Some(block)) => found.push(block),
            (None, Some(mut block)) => {
                block.text += line;
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{name} has a block without an end");
    found
}

/// The texts of the blocks in one language.
pub fn texts_in(text: &str, language: &str) -> Vec<String> {
    let blocks = blocks_in(text, "the text").into_iter().filter(|block| block.language == language);
    blocks.map(|block| block.text).collect()
}

/// The text of the first block in one language.
pub fn first_in(text: &str, language: &str) -> Option<String> {
    texts_in(text, language).into_iter().next()
}
