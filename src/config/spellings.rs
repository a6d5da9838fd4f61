//! Names of settings in messages: as they were set, not as the documentation calls them.

use crate::error::Error;

/// The settings that were made under another name than the one that messages use.
#[derive(Debug, Default)]
pub struct Spellings(Vec<(&'static str, &'static str)>);

impl Spellings {
    /// Pairs of the name that messages use, and the name that was set.
    pub(super) fn new(pairs: Vec<(&'static str, &'static str)>) -> Spellings {
        Spellings(pairs)
    }

    /// The same error, whose message names the settings as they were set.
    pub fn apply(&self, error: Error) -> Error {
        let is_misnamed = |(name, _): &(&str, &str)| error.message().contains(name);
        if !self.0.iter().any(is_misnamed) {
            return error;
        }
        let message = self
            .0
            .iter()
            .fold(error.message().to_owned(), |message, (name, spelling)| replace_word(&message, name, spelling));
        Error::new(error.status(), message).with_http_status(error.http_status())
    }
}

/// Replaces `name` where it is not a part of a longer name.
fn replace_word(text: &str, name: &str, replacement: &str) -> String {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(name) {
        let is_word = !before.ends_with(is_name) && !behind.starts_with(is_name);
        replaced.push_str(before);
        replaced.push_str(if is_word { replacement } else { name });
        rest = behind;
    }
    replaced.push_str(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_replaced() {
        let replaced = replace_word("VAULT_ROLE_ID, VAULT_ROLE_ID_FILE, X_VAULT_ROLE_ID", "VAULT_ROLE_ID", "R");
        assert_eq!(replaced, "R, VAULT_ROLE_ID_FILE, X_VAULT_ROLE_ID");
    }
}
