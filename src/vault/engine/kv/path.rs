//! URL paths of a KV mount.

use crate::reference::write_url_path;

/// A mount, and the subtree of it that all paths are confined to.
pub struct MountPath {
    /// The mount, percent-encoded, with a trailing slash.
    mount: String,
    /// The prefix of every path, with a trailing slash; empty if there is none.
    prefix: String,
}

/// The branches of the API.
#[derive(Clone, Copy)]
pub enum Branch {
    /// KV version 1: secrets and folders.
    Root,
    /// `data`: the versions of secrets.
    Data,
    /// `metadata`: the metadata of secrets, and folders.
    Metadata,
    /// `detailed-metadata`: the metadata of all secrets of a folder (OpenBao).
    DetailedMetadata,
    /// `delete`: deletes versions.
    Delete,
    /// `undelete`: makes deleted versions readable again.
    Undelete,
    /// `destroy`: removes the content of versions for good.
    Destroy,
}

impl MountPath {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>) -> MountPath {
        let mut encoded = String::new();
        write_url_path(mount, &mut encoded);
        encoded.push('/');
        MountPath { mount: encoded, prefix: prefix.map(|p| format!("{p}/")).unwrap_or_default() }
    }

    /// The path below `/v1/`, percent-encoded, of a secret or, if `path` ends with a slash, of a folder.
    pub fn url(&self, branch: Branch, path: &str, version: Option<u64>) -> String {
        let branch = match branch {
            Branch::Root => "",
            Branch::Data => "data/",
            Branch::Metadata => "metadata/",
            Branch::DetailedMetadata => "detailed-metadata/",
            Branch::Delete => "delete/",
            Branch::Undelete => "undelete/",
            Branch::Destroy => "destroy/",
        };
        let mut url = String::with_capacity(self.mount.len() + self.prefix.len() + path.len() + 32);
        url.push_str(&self.mount);
        url.push_str(branch);
        write_url_path(&self.prefix, &mut url);
        write_url_path(path, &mut url);
        if let Some(version) = version {
            url.push_str("?version=");
            url.push_str(&version.to_string());
        }
        url
    }
}
