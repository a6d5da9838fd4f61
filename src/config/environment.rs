//! The process environment, behind a trait so that tests and isolated managers can replace it.

use std::ffi::OsString;

/// A source of variables.
pub trait Environment: Send + Sync {
    /// The value of a variable, if it is set.
    fn get(&self, name: &str) -> Option<OsString>;

    /// The names of all variables.
    fn names(&self) -> Vec<OsString>;
}

/// The environment of this process, read again at each call. It appears empty in a setuid-like process (AT_SECURE),
/// because the user who starts such a process controls its environment but does not have its rights.
#[derive(Debug)]
pub struct ProcessEnvironment {
    secure: bool,
}

impl ProcessEnvironment {
    /// Reads AT_SECURE: whether this process has more rights than the user who started it.
    pub fn new() -> Self {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: getauxval takes a number and reads memory set up by the loader only.
        let secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        // SAFETY: issetugid asks the kernel, and takes nothing.
        let secure = unsafe { libc::issetugid() } != 0;
        ProcessEnvironment { secure }
    }
}

impl Default for ProcessEnvironment {
    fn default() -> Self {
        ProcessEnvironment::new()
    }
}

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<OsString> {
        if self.secure { None } else { std::env::var_os(name) }
    }

    fn names(&self) -> Vec<OsString> {
        if self.secure { Vec::new() } else { std::env::vars_os().map(|(name, _)| name).collect() }
    }
}

/// An environment without variables, for isolated managers.
#[derive(Debug)]
pub struct EmptyEnvironment;

impl Environment for EmptyEnvironment {
    fn get(&self, _: &str) -> Option<OsString> {
        None
    }

    fn names(&self) -> Vec<OsString> {
        Vec::new()
    }
}

/// Variables from a list, for tests.
#[cfg(test)]
pub(crate) struct FixedEnvironment(pub(crate) Vec<(OsString, OsString)>);

#[cfg(test)]
impl FixedEnvironment {
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        FixedEnvironment(variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
impl Environment for FixedEnvironment {
    fn get(&self, name: &str) -> Option<OsString> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn names(&self) -> Vec<OsString> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setuid_like_process_sees_no_variables() {
        let secure = ProcessEnvironment { secure: true };
        assert!(std::env::var_os("PATH").is_some());
        assert_eq!(secure.get("PATH"), None);
        assert!(secure.names().is_empty());
    }

    #[test]
    fn an_ordinary_process_sees_its_variables() {
        let ordinary = ProcessEnvironment::new();
        assert_eq!(ordinary.get("PATH"), std::env::var_os("PATH"));
        assert!(ordinary.names().iter().any(|name| name == "PATH"));
    }
}
