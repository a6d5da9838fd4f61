//! The `env` backend: secrets in environment variables, with an overlay for writes.
//!
//! Writes go to an overlay, which all managers of the process share and which ends with the process; they never change
//! the environment, because `setenv` is undefined behaviour in a process with threads. Reads look in the overlay, then
//! in the current environment. A deletion leaves a tombstone in the overlay, which hides the variable.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use secrecy::{ExposeSecret, SecretString};

use crate::call::Call;
use crate::config::{EmptyEnvironment, EnvConfig, Environment, ProcessEnvironment};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fields::{Field, Fields};
use crate::observe::log::Logger;
use crate::reference::{DEFAULT_FIELD, MAX_PATH_BYTES, decode};
use crate::secret::{Secret, try_to_owned};
use crate::store::{Metadata, SecretManager, Stored};

/// The prefix of references of this backend.
const SCHEME: &str = "env://";

/// Written values by full variable name; `None` is a tombstone. Each change replaces the whole map, which copies names
/// and pointers but no value.
type Overlay = BTreeMap<Arc<str>, Option<Arc<SecretString>>>;

/// The overlay of the process. It is swapped atomically, not locked: a fork could leave a lock locked in the child.
static OVERLAY: ArcSwapOption<Overlay> = ArcSwapOption::const_empty();

/// Applies `change` to the overlay and returns the previous overlay. `change` may run several times.
fn change_overlay(change: impl Fn(&mut Overlay)) -> Option<Arc<Overlay>> {
    OVERLAY.rcu(|current| {
        let mut overlay = current.as_deref().cloned().unwrap_or_default();
        change(&mut overlay);
        Some(Arc::new(overlay))
    })
}

/// Secrets in environment variables that share a prefix. Metadata is accepted and ignored.
pub struct EnvSecretManager {
    prefix: String,
    isolated: bool,
    environment: Box<dyn Environment>,
    logger: Logger,
}

impl EnvSecretManager {
    /// A manager of the variables that start with the prefix of `config`. Nothing is read yet.
    pub fn new(config: EnvConfig, logger: Logger) -> Self {
        let environment: Box<dyn Environment> =
            if config.isolated { Box::new(EmptyEnvironment) } else { Box::new(ProcessEnvironment::new()) };
        EnvSecretManager { prefix: config.prefix, isolated: config.isolated, environment, logger }
    }

    /// The full name of the variable for `key`.
    fn variable_of_key(&self, key: &str) -> Result<String> {
        if key.is_empty() {
            return Err(Error::invalid_argument("key: is empty; name a secret"));
        }
        if key.len() > MAX_PATH_BYTES {
            let length = key.len();
            return Err(Error::invalid_argument(format!("key: is {length} bytes long; {MAX_PATH_BYTES} are the most")));
        }
        let mapped = map_key(key).map_err(|flaw| Error::invalid_argument(format!("key: {flaw}")))?;
        Ok(format!("{}{mapped}", self.prefix))
    }

    /// The full name of the variable that `reference` names. An invalid reference is logged as a warning.
    fn variable_of_reference(&self, reference: &str) -> Result<String> {
        self.parse(reference).map_err(|flaw| {
            let error = Error::invalid_reference(format!("reference: {flaw}"));
            self.logger.warn(format_args!("{error}"));
            error
        })
    }

    fn parse(&self, reference: &str) -> Result<String, String> {
        let text = reference.strip_prefix(SCHEME).ok_or_else(|| match reference.starts_with("vault://") {
            true => {
                "names a secret in Vault, and this manager is that of the env backend; set SECRET_MANAGER_TYPE to vault"
            }
            false => "does not start with env://, so it names no secret of the env backend",
        })?;
        let variable = decode(text).map_err(|flaw| flaw.to_string())?;
        let name = variable
            .strip_prefix(&self.prefix)
            .ok_or_else(|| format!("names a variable outside the prefix {}", self.prefix))?;
        if name.is_empty() {
            return Err(format!("names no variable behind the prefix {}", self.prefix));
        }
        match name.bytes().position(|byte| !is_name_byte(byte)) {
            Some(position) => Err(format!("byte {position} behind the prefix is none of A-Z, 0-9 and '_'")),
            None if name.len() > MAX_PATH_BYTES => Err(format!("its name is longer than {MAX_PATH_BYTES} bytes")),
            None => Ok(variable.into_owned()),
        }
    }

    /// The prefix of the variable names that `list` returns, from the prefix of a reference (`env://…`,
    /// percent-decoded) or of a key.
    fn variable_prefix_of(&self, prefix: &str) -> Result<String> {
        let invalid = |flaw: String| Error::invalid_argument(format!("prefix: {flaw}"));
        match prefix.strip_prefix(SCHEME) {
            Some(start) => decode(start).map(Cow::into_owned).map_err(|flaw| invalid(flaw.to_string())),
            None => Ok(format!("{}{}", self.prefix, map_key(prefix).map_err(invalid)?)),
        }
    }

    fn is_in_environment(&self, variable: &str) -> bool {
        self.environment.get(variable).is_some()
    }
}

/// Whether the variable has a value: the overlay decides, then the environment.
fn is_present(overlay: Option<&Overlay>, variable: &str, in_environment: bool) -> bool {
    overlay.and_then(|overlay| overlay.get(variable)).map_or(in_environment, Option::is_some)
}

fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')
}

/// Maps ASCII letters to upper case, and `-`, `.` and `/` to `_`. The error names the first byte that is not allowed.
fn map_key(key: &str) -> Result<String, String> {
    let mapped = key.to_ascii_uppercase().replace(['-', '.', '/'], "_");
    match mapped.bytes().position(|byte| !is_name_byte(byte)) {
        None => Ok(mapped),
        Some(position) => Err(format!(
            "byte {position} cannot stand in a variable's name; the env backend takes ASCII letters, digits and - . / _"
        )),
    }
}

/// Rejects U+0000: a C string ends there, so such a value could not be returned in full.
fn check_value(value: &str) -> Result<()> {
    match value.find('\0') {
        Some(position) => Err(Error::invalid_argument(format!("value: holds U+0000 at byte {position}"))),
        None => Ok(()),
    }
}

/// The text of the field `value`, the only one that a variable can hold. `HF_ERR_UNSUPPORTED` for other fields, and for
/// values that are not text.
fn only_value(fields: &Fields) -> Result<Cow<'_, str>> {
    let mut value = None;
    for (name, field) in fields.iter().filter(|(_, field)| !matches!(field, Field::Removed)) {
        match field {
            Field::Text(text) | Field::Bytes(text) if name == DEFAULT_FIELD => {
                value = Some(Cow::Borrowed(text.as_str()))
            }
            Field::Json(json) if name == DEFAULT_FIELD && json.as_str().starts_with('"') => {
                let text = serde_json::from_str(json.as_str());
                value =
                    Some(Cow::Owned(text.map_err(|_| Error::unsupported("fields: the value is not valid Unicode"))?));
            }
            _ if name == DEFAULT_FIELD => {
                return Err(Error::unsupported("fields: a variable holds a text, and this value is JSON"));
            }
            _ => {
                let message = "fields: a variable holds the field \"value\" alone; the env backend has no others";
                return Err(Error::unsupported(message));
            }
        }
    }
    value.ok_or_else(|| Error::unsupported("fields: has no field \"value\", the only one of the env backend"))
}

/// `HF_ERR_UNSUPPORTED` for a check-and-set condition: variables have no versions.
fn refuse_cas(call: &Call) -> Result<()> {
    match call.cas() {
        Some(_) => Err(Error::unsupported("the env backend has no versions, and so no check-and-set")),
        None => Ok(()),
    }
}

/// A copy of a value for the overlay.
fn kept(value: &str) -> Result<SecretString> {
    try_to_owned(value).map(SecretString::from).ok_or_else(|| Error::no_memory("the value", value.len()))
}

/// A copy of a value for the caller.
fn copied(value: &str) -> Result<Secret> {
    Secret::try_copy_of(value).ok_or_else(|| Error::no_memory("the value", value.len()))
}

impl SecretManager for EnvSecretManager {
    fn kind(&self) -> &'static CStr {
        c"env"
    }

    fn store(&self, key: &str, value: &str, _: Option<&Metadata>, call: &Call) -> Result<String> {
        call.check_cancelled()?;
        refuse_cas(call)?;
        let variable = self.variable_of_key(key)?;
        check_value(value)?;
        let name: Arc<str> = Arc::from(variable.as_str());
        let value = Arc::new(kept(value)?);
        change_overlay(|overlay| {
            overlay.insert(name.clone(), Some(value.clone()));
        });
        Ok(format!("{SCHEME}{variable}"))
    }

    fn get(&self, reference: &str, call: &Call) -> Result<Option<Secret>> {
        call.check_cancelled()?;
        let variable = self.variable_of_reference(reference)?;
        if let Some(written) = OVERLAY.load().as_deref().and_then(|overlay| overlay.get(variable.as_str())) {
            return written.as_ref().map(|value| copied(value.expose_secret())).transpose();
        }
        let Some(value) = self.environment.get(&variable) else { return Ok(None) };
        match value.to_str() {
            Some(text) => copied(text).map(Some),
            None => Err(Error::unsupported(format!("{variable} is not valid UTF-8; set it anew in the environment"))),
        }
    }

    fn store_document(&self, key: &str, fields: &Fields, metadata: Option<&Metadata>, call: &Call) -> Result<Stored> {
        Ok(Stored { reference: self.store(key, &only_value(fields)?, metadata, call)?, version: 0 })
    }

    fn get_document(&self, reference: &str, call: &Call) -> Result<Option<Document>> {
        let value = self.get(reference, call)?;
        value.map(|value| Document::of_text(DEFAULT_FIELD, value.as_str())).transpose()
    }

    fn update_document(
        &self,
        reference: &str,
        fields: &Fields,
        metadata: Option<&Metadata>,
        call: &Call,
    ) -> Result<Option<u64>> {
        Ok(self.update(reference, &only_value(fields)?, metadata, call)?.then_some(0))
    }

    fn check(&self, call: &Call) -> Result<()> {
        call.check_cancelled()
    }

    fn update(&self, reference: &str, value: &str, _: Option<&Metadata>, call: &Call) -> Result<bool> {
        call.check_cancelled()?;
        refuse_cas(call)?;
        let variable = self.variable_of_reference(reference)?;
        check_value(value)?;
        let in_environment = self.is_in_environment(&variable);
        let name: Arc<str> = Arc::from(variable.as_str());
        let value = Arc::new(kept(value)?);
        let before = change_overlay(|overlay| {
            if is_present(Some(overlay), &variable, in_environment) {
                overlay.insert(name.clone(), Some(value.clone()));
            }
        });
        Ok(is_present(before.as_deref(), &variable, in_environment))
    }

    fn delete(&self, reference: &str, call: &Call) -> Result<bool> {
        call.check_cancelled()?;
        let variable = self.variable_of_reference(reference)?;
        let in_environment = self.is_in_environment(&variable);
        // An isolated manager does not read the environment, so it always leaves a tombstone.
        let needs_tombstone = in_environment || self.isolated;
        let name: Arc<str> = Arc::from(variable.as_str());
        let before = change_overlay(|overlay| {
            if is_present(Some(overlay), &variable, in_environment) {
                if needs_tombstone {
                    overlay.insert(name.clone(), None);
                } else {
                    overlay.remove(&name);
                }
            }
        });
        Ok(is_present(before.as_deref(), &variable, in_environment))
    }

    fn list(&self, prefix: Option<&str>, call: &Call) -> Result<Vec<String>> {
        call.check_cancelled()?;
        let start = self.variable_prefix_of(prefix.unwrap_or_default())?;
        let overlay = OVERLAY.load();
        let overlay = overlay.as_deref();
        let written = overlay.into_iter().flatten().map(|(name, _)| name.to_string());
        let inherited = self.environment.names().into_iter().filter_map(|name| name.into_string().ok());
        let names: BTreeSet<String> = written.chain(inherited).filter(|name| name.starts_with(&start)).collect();
        let references = names.into_iter().filter_map(|name| {
            // `get` cannot return a value that is not UTF-8, so it is not listed.
            let readable = || self.environment.get(&name).is_some_and(|value| value.to_str().is_some());
            let present = match overlay.and_then(|overlay| overlay.get(name.as_str())) {
                Some(written) => written.is_some(),
                None => readable(),
            };
            let reference = format!("{SCHEME}{name}");
            (present && self.parse(&reference).is_ok()).then_some(reference)
        });
        Ok(references.collect())
    }

    fn canonical(&self, reference: &str) -> Result<String> {
        Ok(format!("{SCHEME}{}", self.variable_of_reference(reference)?))
    }
}

#[cfg(test)]
mod tests;
