//! Paths as policies have them.

use crate::reference::decode;

/// The path that a policy must allow for a request to `path`: without the query, and not encoded, so that it can be
/// pasted into a policy.
pub fn path_of(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    decode(path).map_or_else(|_| path.to_owned(), |decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_path_has_neither_query_nor_escapes() {
        assert_eq!(path_of("secret/metadata/app/?list=true"), "secret/metadata/app/");
        assert_eq!(path_of("secret/data/a%20b%25q?version=1"), "secret/data/a b%q");
        assert_eq!(path_of("secret/data/%3F%23"), "secret/data/?#");
    }
}
