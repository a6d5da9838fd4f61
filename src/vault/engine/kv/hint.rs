//! Log lines about a secret that was not found because of a likely mistake. Names of fields are no secrets.

use crate::observe::log::Logger;
use crate::reference::VaultReference;

/// More names than this are not listed.
const MOST_NAMES: usize = 20;

/// The secret is there, but not the field that was asked for: the log says which fields there are. That the default field
/// is missing is a mistake more often than that a named one is.
pub fn other_fields(logger: &Logger, reference: &VaultReference, names: &[String]) {
    let (path, field) = (reference.path.as_str(), reference.field_name());
    let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("{name:?}")).collect();
    let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
    let rest = if names.len() > MOST_NAMES { ", …" } else { "" };
    let line = format!(
        "{path}: the secret has no field {field:?}; it has {shown}{rest}; write the field that is meant behind a '#' in \
         the reference"
    );
    match reference.field {
        None => logger.warn(format_args!("{line}")),
        Some(_) => logger.info(format_args!("{line}")),
    }
}

/// Nothing is there, and the path begins with the mount: a reference names what is inside of the mount.
pub fn mount_in_path(logger: &Logger, reference: &VaultReference, mount: &str) {
    let path = reference.path.as_str();
    let Some(inside) = path.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')) else { return };
    let inside = inside.strip_prefix("data/").unwrap_or(inside);
    logger.warn(format_args!(
        "{path}: there is no such secret, and the path begins with the name of the mount; a reference leaves that out: \
         vault:///{inside}"
    ));
}
