//! Where a key is.

use crate::reference::write_url_path;

/// The mount and the name of a key, for URLs.
pub struct Place {
    /// The mount, percent-encoded, with a trailing slash.
    mount: String,
    /// The name, percent-encoded.
    name: String,
}

impl Place {
    /// The key `name` of the engine at `mount`.
    pub fn new(mount: &str, name: &str) -> Place {
        let mut place = Place { mount: String::new(), name: String::new() };
        write_url_path(mount, &mut place.mount);
        place.mount.push('/');
        write_url_path(name, &mut place.name);
        place
    }

    /// The path of one operation with the key.
    pub fn path(&self, operation: &str) -> String {
        format!("{}{operation}/{}", self.mount, self.name)
    }
}
