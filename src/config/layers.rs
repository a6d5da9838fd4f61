//! Finds a setting in two layers: options, which take precedence, and the environment.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::settings::{Named, Source};
use super::table::{self, Group, OptionEntry};
use super::{Environment, Options};
use crate::error::{Error, Result};

/// A setting that is set: its text, and the name under which it was set, for messages.
pub(super) struct Setting {
    pub(super) name: &'static str,
    text: SecretString,
}

impl Setting {
    /// The text; never empty. It may be a credential, so it must not appear in a message.
    pub(super) fn text(&self) -> &str {
        self.text.expose_secret()
    }

    pub(super) fn into_secret(self) -> SecretString {
        self.text
    }

    /// The parsed value with the name of the setting.
    pub(super) fn named<T>(&self, value: T) -> Named<T> {
        Named { value, variable: self.name }
    }

    /// `HF_ERR_CONFIG` with the message `<name> <problem>`.
    pub(super) fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::config(format!("{} {problem}", self.name))
    }
}

#[cfg(test)]
impl Setting {
    pub(super) fn of(name: &'static str, text: &str) -> Self {
        Setting { name, text: SecretString::from(text) }
    }
}

/// The two layers.
pub(super) struct Layers<'a> {
    pub(super) options: &'a Options,
    pub(super) environment: &'a dyn Environment,
}

impl Layers<'_> {
    /// The setting `name`, if it is set.
    ///
    /// If the options set one of its spellings, or any member of its group, the environment is not read; an empty
    /// option means unset. Otherwise the environment decides, where an empty variable means unset.
    pub(super) fn find(&self, name: &str) -> Result<Option<Setting>> {
        let Some((entry, _)) = table::find(name) else { return Ok(None) };
        let setting = match self.in_options(entry) {
            Some((name, text)) => {
                let text = text.clone();
                (!text.expose_secret().is_empty()).then_some(Setting { name, text })
            }
            None if !entry.is_variable || self.group_is_in_options(entry.group) => None,
            None => self.in_environment(entry)?,
        };
        setting.map(|setting| one_line(entry, setting)).transpose()
    }

    /// The setting `name`, or its default from the table.
    pub(super) fn find_or_default(&self, name: &'static str) -> Result<Setting> {
        let default = table::find(name).map_or("", |(entry, _)| entry.default);
        Ok(self.find(name)?.unwrap_or_else(|| Setting { name, text: SecretString::from(default) }))
    }

    /// The environment variable `name`, if it is set and not empty.
    pub(super) fn variable(&self, name: &'static str) -> Result<Option<Setting>> {
        let Some(value) = self.environment.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        match value.into_string() {
            Ok(text) => Ok(Some(Setting { name, text: SecretString::from(text) })),
            Err(_) => Err(Error::config(format!("{name} is not valid UTF-8; set it anew, or unset it"))),
        }
    }

    /// Whether the setting `name` is set as an option.
    pub(super) fn is_option(&self, name: &str) -> bool {
        table::find(name).is_some_and(|(entry, _)| self.in_options(entry).is_some())
    }

    /// A credential from the setting `name`, else from the file that the setting `file_name` names.
    pub(super) fn source(&self, name: &str, file_name: &str) -> Result<Option<Source>> {
        if let Some(setting) = self.find(name)? {
            // A password may be anything.
            if setting.text().trim() != setting.text() && name != "VAULT_PASSWORD" {
                return Err(setting.error("begins or ends with a blank, which was most likely copied along"));
            }
            return Ok(Some(Source::Text(setting.into_secret())));
        }
        Ok(self.path(file_name)?.map(|path| Source::File(path.value)))
    }

    /// The path of a file or directory. It is not opened here.
    pub(super) fn path(&self, name: &str) -> Result<Option<Named<PathBuf>>> {
        Ok(self.find(name)?.map(|setting| setting.named(PathBuf::from(setting.text()))))
    }

    fn in_options(&self, entry: &OptionEntry) -> Option<(&'static str, &SecretString)> {
        entry.spellings.iter().find_map(|&spelling| Some((spelling, self.options.get(spelling)?)))
    }

    fn group_is_in_options(&self, group: Group) -> bool {
        group != Group::None
            && table::OPTIONS.iter().any(|entry| entry.group == group && self.in_options(entry).is_some())
    }

    fn in_environment(&self, entry: &OptionEntry) -> Result<Option<Setting>> {
        for &spelling in entry.spellings {
            if let Some(setting) = self.variable(spelling)? {
                return Ok(Some(setting));
            }
        }
        Ok(None)
    }
}

/// A setting is one line, but for PEM and JSON. A line break or a byte order mark that was copied along, from a file say,
/// would otherwise be taken for a part of a name, a path or a password.
fn one_line(entry: &OptionEntry, setting: Setting) -> Result<Setting> {
    const SEVERAL_LINES: [&str; 2] = ["VAULT_CACERT_BYTES", "VAULT_HEADERS"];
    let is_control = |character: char| (character.is_control() && character != '\t') || character == '\u{feff}';
    match SEVERAL_LINES.contains(&entry.name) || !setting.text().contains(is_control) {
        true => Ok(setting),
        false => {
            Err(setting.error("holds a line break, a byte order mark or another control character; set the text alone"))
        }
    }
}
