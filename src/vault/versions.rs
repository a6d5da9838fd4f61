//! The operations on versions, which only KV version 2 has.

use super::VaultSecretManager;
use super::client::Context;
use super::engine::kv::document::{Change, NewFields};
use super::engine::kv::versions::{VersionChange, Versions, check_custom_metadata};
use super::engine::password;
use crate::call::Call;
use crate::config::KvVersion;
use crate::error::{Error, Result};
use crate::reference::is_printable;
use crate::secret::Secret;
use crate::store::Metadata;

const WHOLE: &str = "versions are those of a whole secret";

/// The result of a rotation.
pub struct Rotated {
    /// The new value.
    pub value: Secret,
    /// The number of the new version.
    pub version: u64,
}

impl VaultSecretManager {
    /// The versions of a secret; `None` if it does not exist.
    pub fn list_versions(&self, reference: &str, call: &Call) -> Result<Option<Versions>> {
        let path = self.parse_whole(reference, WHOLE)?.path;
        self.client.run("Failed to list versions", call, |context| {
            self.with_version_2(context, || self.kv2.versions(context, &path))
        })
    }

    /// Deletes, undeletes or destroys versions. Only a deletion may name version 0, the latest. `false`, and nothing is
    /// changed, if one of them does not exist.
    pub fn change_versions(
        &self,
        reference: &str,
        versions: &[i64],
        change: VersionChange,
        call: &Call,
    ) -> Result<bool> {
        let path = self.parse_whole(reference, WHOLE)?.path;
        let least = if change == VersionChange::Delete { 0 } else { 1 };
        let versions = checked_versions(versions, least)?;
        let failed = match change {
            VersionChange::Delete => "Failed to delete versions",
            VersionChange::Undelete => "Failed to undelete versions",
            VersionChange::Destroy => "Failed to destroy versions",
        };
        self.changing(&path, || {
            self.client.run(failed, call, |context| {
                self.with_version_2(context, || self.kv2.change_versions(context, &path, &versions, change))
            })
        })
    }

    /// Writes the content of an older version as a new one, and returns its number. `None` if there is no such version.
    pub fn rollback(&self, reference: &str, version: i64, call: &Call) -> Result<Option<u64>> {
        let path = self.parse_whole(reference, WHOLE)?.path;
        let version = checked_version("version", version, 1)?;
        self.changing(&path, || {
            self.client.run("Failed to roll back secret", call, |context| {
                self.with_version_2(context, || self.kv2.rollback(context, &path, version))
            })
        })
    }

    /// Replaces the custom metadata of a secret; `false` if it does not exist.
    pub fn set_custom_metadata(&self, reference: &str, metadata: &Metadata, call: &Call) -> Result<bool> {
        let path = self.parse_whole(reference, WHOLE)?.path;
        check_custom_metadata(metadata)?;
        self.client.run("Failed to set custom metadata", call, |context| {
            self.with_version_2(context, || self.kv2.set_custom_metadata(context, &path, metadata))
        })
    }

    /// Gives a field of a secret a new random value, by one write on condition that nobody has changed the secret
    /// meanwhile. `None` if there is no such secret or field.
    pub fn rotate(&self, reference: &str, password_policy: Option<&str>, call: &Call) -> Result<Option<Rotated>> {
        let parsed = self.parse_for_change(reference)?;
        password_policy.map_or(Ok(()), check_policy_name)?;
        let rotate = |context: Context<'_>| {
            self.with_version_2(context, || {
                let Some(latest) = self.kv2.latest(context, &parsed.path)? else { return Ok(None) };
                let field = NewFields::One { name: parsed.field_name(), value: "" };
                if !self.kv2.applies(context, &parsed.path, Change { fields: field, metadata: None }, &latest) {
                    return Ok(None);
                }
                let value = match password_policy {
                    Some(policy) => context.call(&password::Generate { policy })?,
                    None => password::random()?,
                };
                let fields = NewFields::One { name: parsed.field_name(), value: value.as_str() };
                let change = Change { fields, metadata: None };
                let version = self.kv2.write_unique(context, &parsed.path, &latest, change)?;
                Ok(Some(Rotated { value, version }))
            })
        };
        self.changing(&parsed.path, || self.client.run("Failed to rotate secret", call, rotate))
    }

    pub(super) fn with_version_2<T>(&self, context: Context<'_>, operation: impl Fn() -> Result<T>) -> Result<T> {
        let version = match self.version.get(context)? {
            KvVersion::V1 => self.version.find(context)?,
            version => version,
        };
        match version {
            KvVersion::V1 => Err(self.no_versions("versions")),
            KvVersion::V2 => operation(),
        }
    }
}

fn checked_versions(versions: &[i64], least: i64) -> Result<Vec<u64>> {
    if versions.is_empty() {
        return Err(Error::invalid_argument("count: is 0; name at least one version"));
    }
    let named = |(index, &version): (usize, &i64)| checked_version(&format!("versions[{index}]"), version, least);
    versions.iter().enumerate().map(named).collect()
}

fn checked_version(parameter: &str, version: i64, least: i64) -> Result<u64> {
    u64::try_from(version)
        .ok()
        .filter(|_| version >= least)
        .ok_or_else(|| Error::invalid_argument(format!("{parameter}: is {version}; {least} is the least")))
}

/// The name is one segment of a path.
fn check_policy_name(name: &str) -> Result<()> {
    let is_segment = !matches!(name, "" | "." | "..") && !name.contains('/') && name.chars().all(is_printable);
    if is_segment {
        return Ok(());
    }
    Err(Error::invalid_argument("password_policy: is not the name of a policy"))
}
