//! Turns options and environment variables into a checked configuration. Pure: the environment is passed in.

mod address;
mod duration;
mod environment;
mod headers;
mod layers;
mod login;
mod proxy;
mod resolve;
pub mod settings;
mod spellings;
pub mod table;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ::log::LevelFilter;
use secrecy::SecretString;

pub use address::address as parse_address;
#[cfg(test)]
pub(crate) use environment::FixedEnvironment;
pub use environment::{EmptyEnvironment, Environment, ProcessEnvironment};
pub use headers::is_token_byte;
pub use resolve::resolve;
pub use settings::*;
pub use spellings::Spellings;

use crate::error::{Error, Result};
use crate::observe::log::LogSink;

/// The options of a manager, by the names of the environment variables.
#[derive(Clone, Default)]
pub struct Options {
    values: BTreeMap<&'static str, SecretString>,
    isolated: bool,
    log_sink: Option<(Arc<dyn LogSink>, LevelFilter)>,
}

impl Options {
    /// No options. Settings that are not options come from the environment.
    pub fn new() -> Self {
        Options::default()
    }

    /// No options, and the environment is not read.
    pub fn new_isolated() -> Self {
        Options { isolated: true, ..Options::default() }
    }

    /// Sets one option. An empty `value` unsets the setting explicitly. The value is checked when the manager opens.
    /// `HF_ERR_INVALID_ARGUMENT` if the name is unknown.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let Some((_, spelling)) = table::find(name) else {
            return Err(unknown_name(name));
        };
        self.values.insert(spelling, SecretString::from(value));
        Ok(())
    }

    /// Whether the environment is ignored.
    pub fn is_isolated(&self) -> bool {
        self.isolated
    }

    /// Sets the log sink of the manager and its level, in place of the process-wide sink and of standard error. `None`
    /// removes it.
    pub fn set_log_sink(&mut self, sink: Option<(Arc<dyn LogSink>, LevelFilter)>) {
        self.log_sink = sink;
    }

    /// The log sink of the manager and its level.
    pub fn log_sink(&self) -> Option<&(Arc<dyn LogSink>, LevelFilter)> {
        self.log_sink.as_ref()
    }

    /// The value that was set under exactly this spelling.
    fn get(&self, spelling: &str) -> Option<&SecretString> {
        self.values.get(spelling)
    }
}

impl fmt::Debug for Options {
    /// Names only: any value may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("set", &self.values.keys().collect::<Vec<_>>())
            .field("isolated", &self.isolated)
            .field("log_sink", &self.log_sink.is_some())
            .finish()
    }
}

/// The message repeats the name only if it looks like a name: a caller may have swapped name and value.
fn unknown_name(name: &str) -> Error {
    let looks_like_a_name = name.len() <= 40 && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase());
    let named = if looks_like_a_name { format!("{name:?}") } else { "this name".to_owned() };
    Error::invalid_argument(format!("name: no option is called {named}; {}", table::advice(name)))
}
