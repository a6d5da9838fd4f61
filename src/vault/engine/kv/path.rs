//! Paths of a KV version 2 mount.

use crate::reference::write_url_path;

/// Where a mount is, and the subtree of it that everything is confined to.
pub struct MountPath {
    /// The mount, encoded, with a slash at its end.
    mount: String,
    /// The subtree that stands in front of every path, with a slash at its end; mostly empty.
    prefix: String,
}

/// What `data` and `metadata` are for.
#[derive(Clone, Copy)]
pub enum Branch {
    /// Versions of documents.
    Data,
    /// What there is, and folders.
    Metadata,
}

impl MountPath {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>) -> MountPath {
        let mut encoded = String::new();
        write_url_path(mount, &mut encoded);
        encoded.push('/');
        MountPath { mount: encoded, prefix: prefix.map(|p| format!("{p}/")).unwrap_or_default() }
    }

    /// The path behind `/v1/`, encoded, of a document or, with a slash at its end, of a folder.
    pub fn url(&self, branch: Branch, path: &str, version: Option<u64>) -> String {
        let branch = match branch {
            Branch::Data => "data/",
            Branch::Metadata => "metadata/",
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
