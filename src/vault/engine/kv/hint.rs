//! Log lines that point out a likely mistake when a secret is not found. The names of fields are not secret.

use crate::observe::log::Logger;
use crate::reference::VaultReference;

/// The most names that a line lists.
const MAX_NAMES: usize = 20;

/// Logs the fields of a secret that does not have the requested one. If that is the default field, a mistake is likely,
/// and the line is a warning.
pub fn log_other_fields(logger: &Logger, reference: &VaultReference, names: &[String]) {
    let (path, field) = (reference.path.as_str(), reference.field_name());
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("{name:?}")).collect();
    let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
    let rest = if names.len() > MAX_NAMES { ", …" } else { "" };
    let line = format!(
        "{path}: the secret has no field {field:?}; it has {shown}{rest}; write the field that is meant behind a '#' in \
         the reference"
    );
    match reference.field {
        None => logger.warn(format_args!("{line}")),
        Some(_) => logger.info(format_args!("{line}")),
    }
}

/// Warns if the path of a secret that does not exist begins with the mount, which a reference leaves out.
pub fn warn_if_mount_in_path(logger: &Logger, reference: &VaultReference, mount: &str) {
    let path = reference.path.as_str();
    let Some(inside) = path.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')) else { return };
    let inside = inside.strip_prefix("data/").unwrap_or(inside);
    logger.warn(format_args!(
        "{path}: there is no such secret, and the path begins with the name of the mount; a reference leaves that out: \
         vault:///{inside}"
    ));
}
