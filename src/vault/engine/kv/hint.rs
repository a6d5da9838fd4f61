//! Log lines that point out a likely mistake when a secret is not found. The names of fields are not secret.

use super::document::{Found, OneField};
use crate::document::Document;
use crate::observe::log::Logger;
use crate::reference::{DEFAULT_FIELD, KvPath, VaultReference};
use crate::secret::Secret;

/// The most names that a line lists.
const MAX_NAMES: usize = 20;

/// The text that was found. If there is none, and a mistake is likely, logs a hint.
#[inline]
pub fn text_or_hint(
    logger: &Logger,
    reference: &VaultReference,
    found: Found<OneField>,
    mount: &str,
) -> Option<Secret> {
    match found {
        Found::Live(OneField::Text(text)) => return Some(text),
        Found::Live(OneField::Absent { names }) => {
            log_other_fields(logger, &reference.path, reference.field_name(), &names);
        }
        Found::Missing => log_missing(logger, reference, mount),
        Found::Deleted { version, destroyed } => log_deleted(logger, reference, version, destroyed),
    }
    None
}

/// As [`text_or_hint`], for a document.
pub fn document_or_hint(
    logger: &Logger,
    reference: &VaultReference,
    found: Found<Document>,
    mount: &str,
) -> Option<Document> {
    match found {
        Found::Live(document) => return Some(document),
        Found::Missing => log_missing(logger, reference, mount),
        Found::Deleted { version, destroyed } => log_deleted(logger, reference, version, destroyed),
    }
    None
}

/// Tells which kind of absence it is: a deleted version can be undeleted, a destroyed one is gone.
#[cold]
fn log_deleted(logger: &Logger, reference: &VaultReference, version: u64, destroyed: bool) {
    let path = reference.path.as_str();
    match destroyed {
        true => logger.info(format_args!("{path}: version {version} was destroyed; its content is gone")),
        false => logger.info(format_args!("{path}: version {version} is deleted; it can be undeleted")),
    }
}

#[cold]
fn log_missing(logger: &Logger, reference: &VaultReference, mount: &str) {
    if let Some(version) = reference.version {
        let path = reference.path.as_str();
        logger.info(format_args!(
            "{path}: there is no version {version}; it was never written, or max_versions has pruned it"
        ));
    }
    warn_if_mount_in_path(logger, reference, mount);
}

/// Logs the fields of a secret that does not have the requested one. If that is the default field, a mistake is likely,
/// and the line is a warning.
#[cold]
pub fn log_other_fields(logger: &Logger, path: &KvPath, field: &str, names: &[String]) {
    let path = path.as_str();
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("{name:?}")).collect();
    let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
    let rest = if names.len() > MAX_NAMES { ", …" } else { "" };
    let line = format!(
        "{path}: the secret has no field {field:?}; it has {shown}{rest}; write the field that is meant behind a '#' in \
         the reference"
    );
    match field {
        DEFAULT_FIELD => logger.warn(format_args!("{line}")),
        _ => logger.info(format_args!("{line}")),
    }
}

/// Warns if the path of a secret that does not exist begins with the mount, which a reference leaves out.
fn warn_if_mount_in_path(logger: &Logger, reference: &VaultReference, mount: &str) {
    let path = reference.path.as_str();
    let Some(inside) = path.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')) else { return };
    let inside = inside.strip_prefix("data/").unwrap_or(inside);
    logger.warn(format_args!(
        "{path}: there is no such secret, and the path begins with the name of the mount; a reference leaves that out: \
         vault:///{inside}"
    ));
}
