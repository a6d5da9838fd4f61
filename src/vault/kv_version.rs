//! The version of the KV engine at the mount of a manager.

use std::sync::atomic::{AtomicU8, Ordering};

use super::client::Context;
use super::engine::mount::{self, Kind, Mount};
use crate::config::KvVersion;
use crate::error::{Error, Result, Status};
use crate::reference::KvPath;

/// The version of the engine: what the server said, or what `VAULT_KV_VERSION` says.
pub struct MountVersion {
    /// `VAULT_MOUNT`.
    mount: String,
    /// `VAULT_PATH_PREFIX`.
    prefix: Option<String>,
    configured: Option<KvVersion>,
    /// 0 as long as it is not known.
    known: AtomicU8,
}

impl MountVersion {
    /// The version of `mount`, not known yet.
    pub fn new(mount: String, prefix: Option<String>, configured: Option<KvVersion>) -> MountVersion {
        MountVersion { mount, prefix, configured, known: AtomicU8::new(0) }
    }

    /// The name of the mount.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The version as far as it is known. Sends no request.
    pub fn known(&self) -> Option<KvVersion> {
        match self.known.load(Ordering::Relaxed) {
            1 => Some(KvVersion::V1),
            2 => Some(KvVersion::V2),
            _ => None,
        }
    }

    /// The version for a read, which does no harm with the wrong one. Version 2 if it is not known.
    pub fn for_read(&self) -> KvVersion {
        self.known().or(self.configured).unwrap_or(KvVersion::V2)
    }

    /// The version as far as it is known, for a secret. After an upgrade of the mount, most paths of version 1 are refused,
    /// but a few name other secrets of version 2: before such a path is used, the mount is looked up again.
    pub fn for_path(&self, context: Context<'_>, path: &KvPath) -> Result<KvVersion> {
        let version = self.for_read();
        if version == KvVersion::V1 && self.configured.is_none() && self.is_path_of_version_2(path) {
            return self.find(context);
        }
        Ok(version)
    }

    /// As [`MountVersion::for_path`], and looks the mount up if its version is not known yet.
    #[cold]
    pub fn get_for_path(&self, context: Context<'_>, path: &KvPath) -> Result<KvVersion> {
        self.get(context)?;
        self.for_path(context, path)
    }

    fn is_path_of_version_2(&self, path: &KvPath) -> bool {
        const BRANCHES: [&str; 8] =
            ["config", "data", "delete", "destroy", "detailed-metadata", "metadata", "subkeys", "undelete"];
        let path = self.prefix.as_deref().unwrap_or_else(|| path.as_str());
        path.split('/').next().is_some_and(|first| BRANCHES.contains(&first))
    }

    /// The version, which is looked up unless it is known. If the token may not see the mount, it may not use it either:
    /// then version 2 is assumed, and the operation itself fails with the reason.
    pub fn get(&self, context: Context<'_>) -> Result<KvVersion> {
        match self.known() {
            Some(version) => Ok(version),
            None => self.find(context),
        }
    }

    /// Looks up the mount.
    pub fn find(&self, context: Context<'_>) -> Result<KvVersion> {
        let Some(found) = context.call(&mount::LookUp { name: &self.mount })? else { return Ok(self.for_read()) };
        let version = version_of(&self.mount, &found)?;
        if let Some(configured) = self.configured.filter(|&configured| configured != version) {
            let (configured, version) = (configured as u8, version as u8);
            return Err(Error::config(format!(
                "VAULT_KV_VERSION is {configured}, and the mount {:?} is KV version {version}; leave it out, or correct it",
                self.mount
            )));
        }
        if version == KvVersion::V1 && self.known() != Some(KvVersion::V1) {
            context.client.logger().warn(format_args!(
                "the mount {:?} is KV version 1: it keeps no versions, and an update can lose what others write at the \
                 same time",
                self.mount
            ));
        }
        self.known.store(version as u8, Ordering::Relaxed);
        Ok(version)
    }

    /// Whether an operation for version 1 failed with `error` because the mount was upgraded to version 2.
    pub fn was_upgraded(&self, version: KvVersion, error: &Error, context: Context<'_>) -> bool {
        version == KvVersion::V1
            && error.status() == Status::Config
            && error.http_status() == 404
            && self.configured.is_none()
            && self.find(context).is_ok_and(|version| version == KvVersion::V2)
    }
}

/// The version of the engine. Fails with `HF_ERR_CONFIG` or `HF_ERR_UNSUPPORTED` unless `VAULT_MOUNT`, which is `name`, is
/// a KV engine.
fn version_of(name: &str, found: &Mount) -> Result<KvVersion> {
    if let Some(place) = found.enclosing(name) {
        return Err(Error::config(format!(
            "VAULT_MOUNT is {name:?}, which lies inside of the mount {place:?}; set it to that one, and put what is \
             behind it into VAULT_PATH_PREFIX or the keys"
        )));
    }
    match &found.kind {
        Kind::Kv1 => Ok(KvVersion::V1),
        Kind::Kv2 => Ok(KvVersion::V2),
        Kind::Other(kind) => {
            let message =
                format!("the mount {name:?} is an engine of type {kind:?}; VAULT_MOUNT has to name a KV engine");
            Err(Error::unsupported(message).with_http_status(200))
        }
    }
}
