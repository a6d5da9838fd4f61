//! The prefix argument of `list`: the start of a path, and the folder to walk.

use super::SCHEME;
use super::codec::decode;
use super::flaw::Flaw;
use super::path::{check_characters, check_segments, map_key};
use crate::error::{Error, Result};

/// The start of the paths that `list` returns. It may end within a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Parses a prefix, which has four forms:
    ///
    /// - `None` or empty: everything.
    /// - `vault:///…`: the start of a literal reference, percent-decoded, nothing mapped.
    /// - `vault://…`: the start of a reference in key form, percent-decoded, `.` and `_` mapped.
    /// - anything else: the start of a key, mapped but not decoded.
    ///
    /// `HF_ERR_INVALID_ARGUMENT` if no path can start with it.
    pub fn parse(prefix: Option<&str>) -> Result<Prefix> {
        let text = prefix.unwrap_or_default();
        parse(text).map_err(|flaw| Error::invalid_argument(format!("prefix: {flaw}")))
    }

    /// The decoded and mapped start of the paths.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The deepest folder that holds all matches, with a `/` at its end; empty for the mount itself.
    pub fn folder(&self) -> &str {
        match self.0.rfind('/') {
            Some(slash) => self.0.get(..=slash).unwrap_or_default(),
            None => "",
        }
    }

    /// Whether `path`, as listed by the server, starts with this prefix.
    pub fn matches(&self, path: &str) -> bool {
        path.starts_with(&self.0)
    }

    /// Whether `folder` (with a `/` at its end) can contain a match. `list` skips other folders.
    pub fn may_be_under(&self, folder: &str) -> bool {
        folder.starts_with(&self.0) || self.0.starts_with(folder)
    }
}

fn parse(text: &str) -> Result<Prefix, Flaw> {
    let mapped = match text.strip_prefix(SCHEME) {
        None => map_key(text.into()),
        Some(reference) if reference.contains(['?', '#']) => return Err(Flaw::NotAPrefix),
        Some(reference) => match reference.strip_prefix('/') {
            Some(literal) => decode(literal)?,
            None => map_key(decode(reference)?),
        },
    };
    check_characters(&mapped)?;
    let prefix = Prefix(mapped.into_owned());
    // The last segment may be incomplete: it may be empty, and "." may be the start of ".hidden".
    if let Some(folder) = prefix.folder().strip_suffix('/') {
        check_segments(folder.split('/'))?;
    }
    Ok(prefix)
}
