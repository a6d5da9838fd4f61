//! The versions of a secret (KV version 2): lists, deletes, undeletes and destroys them, and sets the custom metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::document::{Content, Found};
use super::envelope::MAX_VERSION;
use super::path::{Branch, MountPath};
use super::refusal::refused;
use super::v2::Kv2;
use crate::error::{Error, Result};
use crate::json::to_body;
use crate::observe::log::Logger;
use crate::reference::{KvPath, is_printable};
use crate::store::Metadata;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{ErrorResponse, is_missing};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::client::Context;

/// The versions of a secret that the server knows, in ascending order, and the custom metadata.
pub struct Versions {
    /// The versions. Pruned ones are absent.
    pub versions: Vec<Version>,
    /// The custom metadata of the secret.
    pub custom_metadata: Metadata,
    /// The number of the latest version; 0 if the secret has none.
    pub current: u64,
    /// When the secret was created, in RFC 3339; empty if the server does not tell.
    pub created: String,
}

/// One version.
pub struct Version {
    /// Its number.
    pub number: u64,
    /// Whether it can be read.
    pub state: State,
    /// When it was created, in RFC 3339.
    pub created: String,
    /// When it was, or will be, deleted; empty if never.
    pub deletion: String,
}

/// The state of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be read.
    Live = 1,
    /// It was deleted, and can be undeleted.
    Deleted = 2,
    /// Its content is gone for good.
    Destroyed = 3,
}

impl Versions {
    fn state_of(&self, number: u64) -> Option<State> {
        let index = self.versions.binary_search_by_key(&number, |version| version.number).ok()?;
        self.versions.get(index).map(|version| version.state)
    }
}

/// Reads the versions of a secret.
pub(super) struct ReadVersions<'a> {
    pub(super) mount: &'a MountPath,
    pub(super) path: &'a KvPath,
}

#[derive(Deserialize)]
struct MetadataResponse<'a> {
    #[serde(borrow)]
    data: SecretMetadata<'a>,
}

#[derive(Deserialize)]
pub(super) struct SecretMetadata<'a> {
    #[serde(default)]
    pub(super) current_version: u64,
    #[serde(borrow, default)]
    pub(super) created_time: Cow<'a, str>,
    custom_metadata: Option<Metadata>,
    #[serde(borrow)]
    pub(super) versions: BTreeMap<u64, Entry<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    created_time: Cow<'a, str>,
    #[serde(borrow)]
    deletion_time: Cow<'a, str>,
    destroyed: bool,
}

impl Endpoint for ReadVersions<'_> {
    type Output = Option<Versions>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.mount.url(Branch::Metadata, self.path.as_str(), None)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Option<Versions>> {
        match response.status {
            200 => {
                let parsed = serde_json::from_slice::<MetadataResponse<'_>>(&response.body);
                let data = parsed.map_err(|_| not_as_documented(&response, path, "lists no versions"))?.data;
                let highest = data.versions.last_key_value().map_or(0, |(&number, _)| number).max(data.current_version);
                if highest > MAX_VERSION {
                    return Err(not_as_documented(&response, path, "has a version that cannot be"));
                }
                let now = now_at_the_server(&response);
                let versions = data.versions.into_iter().map(|(number, entry)| entry.version(number, now)).collect();
                let custom_metadata = data.custom_metadata.unwrap_or_default();
                let created = data.created_time.into_owned();
                Ok(Some(Versions { versions, custom_metadata, current: data.current_version, created }))
            }
            404 if is_missing(&response) => Ok(None),
            _ => Err(refused(ErrorResponse::of(&response), path, "\"read\"")),
        }
    }
}

impl Entry<'_> {
    pub(super) fn version(self, number: u64, now: OffsetDateTime) -> Version {
        let is_past = |text: &str| OffsetDateTime::parse(text, &Rfc3339).is_ok_and(|time| time <= now);
        let state = match (self.destroyed, self.deletion_time.as_ref()) {
            (true, _) => State::Destroyed,
            (false, "") => State::Live,
            (false, time) if is_past(time) => State::Deleted,
            (false, _) => State::Live,
        };
        let (created, deletion) = (self.created_time.into_owned(), self.deletion_time.into_owned());
        Version { number, state, created, deletion }
    }
}

/// The end of the second in which the server answered, by its own clock: that of this host may be wrong.
pub(super) fn now_at_the_server(response: &Response) -> OffsetDateTime {
    let end = response.date().and_then(|date| date.checked_add(time::Duration::SECOND));
    end.unwrap_or_else(|| SystemTime::now().into())
}

/// Deletes, undeletes or destroys versions. The server answers the same for versions that do not exist.
struct ChangeVersions<'a> {
    mount: &'a MountPath,
    branch: Branch,
    path: &'a KvPath,
    versions: &'a [u64],
}

#[derive(Serialize)]
struct Numbers<'a> {
    versions: &'a [u64],
}

impl Endpoint for ChangeVersions<'_> {
    type Output = ();

    fn request(&self) -> Result<ApiRequest> {
        let body = to_body(self.versions.len() * 8, &Numbers { versions: self.versions })?;
        Ok(ApiRequest::post(self.mount.url(self.branch, self.path.as_str(), None), body))
    }

    fn parse(&self, path: &str, response: Response) -> Result<()> {
        done(path, &response, "\"update\"")
    }
}

/// Replaces the custom metadata of a secret.
struct SetCustomMetadata<'a> {
    mount: &'a MountPath,
    path: &'a KvPath,
    custom_metadata: &'a Metadata,
}

#[derive(Serialize)]
struct CustomMetadata<'a> {
    custom_metadata: &'a Metadata,
}

impl Endpoint for SetCustomMetadata<'_> {
    type Output = ();

    fn request(&self) -> Result<ApiRequest> {
        let body = to_body(1024, &CustomMetadata { custom_metadata: self.custom_metadata })?;
        Ok(ApiRequest::post(self.mount.url(Branch::Metadata, self.path.as_str(), None), body))
    }

    fn parse(&self, path: &str, response: Response) -> Result<()> {
        done(path, &response, "\"create\" and \"update\"")
    }
}

fn done(path: &str, response: &Response, capability: &str) -> Result<()> {
    if matches!(response.status, 200 | 204) {
        return Ok(());
    }
    let refusal = ErrorResponse::of(response);
    if !refusal.is_about_arguments() {
        return Err(refused(refusal, path, capability));
    }
    let (text, http_status) = (refusal.summary(), refusal.http_status);
    Err(Error::invalid_argument(format!("{path}: the server refuses this ({text})")).with_http_status(http_status))
}

/// A change of versions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VersionChange {
    /// They cannot be read until they are undeleted.
    Delete,
    /// Deleted ones can be read again.
    Undelete,
    /// Their content is removed for good.
    Destroy,
}

impl Kv2 {
    /// The versions of a secret; `None` if it does not exist.
    pub fn versions(&self, context: Context<'_>, path: &KvPath) -> Result<Option<Versions>> {
        context.call(&ReadVersions { mount: &self.path, path })
    }

    /// Changes versions; 0 is the latest one. `false`, and nothing is changed, if one of them does not exist, or was
    /// destroyed and shall be undeleted: the server would say nothing.
    pub fn change_versions(
        &self,
        context: Context<'_>,
        path: &KvPath,
        versions: &[u64],
        change: VersionChange,
    ) -> Result<bool> {
        let Some(known) = self.versions(context, path)? else { return Ok(false) };
        let numbers: Vec<u64> =
            versions.iter().map(|&number| if number == 0 { known.current } else { number }).collect();
        for &number in &numbers {
            let state = known.state_of(number);
            if state.is_none() || (change == VersionChange::Undelete && state == Some(State::Destroyed)) {
                log_absent(context.client.logger(), path, number, state);
                return Ok(false);
            }
        }
        let branch = match change {
            VersionChange::Delete => Branch::Delete,
            VersionChange::Undelete => Branch::Undelete,
            VersionChange::Destroy => Branch::Destroy,
        };
        context.call(&ChangeVersions { mount: &self.path, branch, path, versions: &numbers })?;
        Ok(true)
    }

    /// Writes the content of an older version as a new one, and returns its number. `None` if the version cannot be read.
    pub fn rollback(&self, context: Context<'_>, path: &KvPath, version: u64) -> Result<Option<u64>> {
        let logger = context.client.logger();
        let Some(known) = self.versions(context, path)? else { return Ok(None) };
        let document = match self.read_document(context, path, Some(version))? {
            Found::Live(document) => document,
            Found::Missing | Found::Deleted { .. } => {
                log_absent(logger, path, version, known.state_of(version));
                return Ok(None);
            }
        };
        self.write(context, path, Content::Copy(&document), Some(known.current)).map(Some)
    }

    /// Replaces the custom metadata; `false` if there is no such secret.
    pub fn set_custom_metadata(&self, context: Context<'_>, path: &KvPath, metadata: &Metadata) -> Result<bool> {
        if self.versions(context, path)?.is_none() {
            return Ok(false);
        }
        context.call(&SetCustomMetadata { mount: &self.path, path, custom_metadata: metadata })?;
        Ok(true)
    }
}

/// Tells why a version cannot be used.
#[cold]
fn log_absent(logger: &Logger, path: &KvPath, number: u64, state: Option<State>) {
    let path = path.as_str();
    match state {
        None => logger.info(format_args!(
            "{path}: there is no version {number}; it was never written, or max_versions has pruned it"
        )),
        Some(State::Destroyed) => {
            logger.info(format_args!("{path}: version {number} was destroyed; its content is gone"))
        }
        Some(_) => logger.info(format_args!("{path}: version {number} is deleted; it can be undeleted")),
    }
}

/// `HF_ERR_INVALID_ARGUMENT` if a server would refuse the custom metadata: the limits of Vault and OpenBao.
pub fn check_custom_metadata(metadata: &Metadata) -> Result<()> {
    const MAX_KEYS: usize = 64;
    const MAX_KEY: usize = 128;
    const MAX_VALUE: usize = 512;
    const MAX_SHOWN: usize = 40;
    if metadata.len() > MAX_KEYS {
        let keys = metadata.len();
        return Err(Error::invalid_argument(format!("metadata: has {keys} keys; {MAX_KEYS} are the most")));
    }
    for (key, value) in metadata {
        let shown: String = key.chars().filter(|&character| is_printable(character)).take(MAX_SHOWN).collect();
        for (what, length, most) in [("key", key.len(), MAX_KEY), ("value", value.len(), MAX_VALUE)] {
            if length == 0 || length > most {
                return Err(Error::invalid_argument(format!(
                    "metadata: the {what} of {shown:?} has {length} bytes; 1 to {most} are possible"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::header;

    fn parsed(body: &str) -> Result<Option<Versions>> {
        let (mount, path) = (MountPath::new("secret", None), KvPath::literal("a").unwrap());
        ReadVersions { mount: &mount, path: &path }.parse("secret/metadata/a", Response::for_tests(200, body))
    }

    #[test]
    fn a_version_is_deleted_once_its_time_has_come() {
        let version = |deletion: &str, destroyed: bool| {
            format!(
                r#"{{"created_time":"2026-01-01T00:00:00.5Z","deletion_time":"{deletion}","destroyed":{destroyed}}}"#
            )
        };
        let versions = [
            ("10", version("", false), State::Live),
            ("2", version("2026-01-02T00:00:00.123456789Z", false), State::Deleted),
            ("3", version("2999-01-01T00:00:00Z", false), State::Live),
            ("4", version("2026-01-02T01:00:00+05:30", false), State::Deleted),
            ("5", version("", true), State::Destroyed),
        ];
        let list: Vec<String> = versions.iter().map(|(number, json, _)| format!(r#""{number}":{json}"#)).collect();
        let body =
            format!(r#"{{"data":{{"current_version":10,"custom_metadata":null,"versions":{{{}}}}}}}"#, list.join(","));
        let versions_found = parsed(&body).unwrap().unwrap();
        let numbers: Vec<u64> = versions_found.versions.iter().map(|version| version.number).collect();
        assert_eq!(numbers, [2, 3, 4, 5, 10], "ascending as numbers");
        for (number, _, state) in &versions {
            assert_eq!(versions_found.state_of(number.parse().unwrap()), Some(*state), "{number}");
        }
        assert_eq!(versions_found.state_of(1), None);
    }

    #[test]
    fn a_date_that_cannot_be_counted_on_is_not_used() {
        let (mount, path) = (MountPath::new("secret", None), KvPath::literal("a").unwrap());
        let body = r#"{"data":{"versions":{"1":{"created_time":"","deletion_time":"2026-01-01T00:00:00Z","destroyed":false}}}}"#;
        let mut response = Response::for_tests(200, body);
        let date = crate::http::HeaderValue::from_static("Fri, 31 Dec 9999 23:59:59 GMT");
        response.headers.append(header::DATE, date);
        let versions = ReadVersions { mount: &mount, path: &path }.parse("p", response).unwrap().unwrap();
        assert_eq!(versions.state_of(1), Some(State::Deleted));
    }

    #[test]
    fn what_lists_no_versions_is_not_vault() {
        for body in [
            "{}",
            "<html>",
            r#"{"data":{"keys":["a"]}}"#,
            r#"{"data":{"versions":{"x":{}}}}"#,
            r#"{"data":{"current_version":18446744073709551615,"versions":{}}}"#,
        ] {
            assert!(parsed(body).is_err(), "{body}");
        }
    }

    #[test]
    fn custom_metadata_over_the_limits_of_servers_are_refused() {
        let map = |entries: &[(usize, usize)]| -> Metadata {
            entries.iter().enumerate().map(|(n, (key, value))| (format!("{n:0key$}"), "v".repeat(*value))).collect()
        };
        assert!(check_custom_metadata(&map(&[(128, 512), (1, 1)])).is_ok());
        assert!(check_custom_metadata(&map(&[(3, 3); 64])).is_ok());
        for bad in [map(&[(3, 3); 65]), map(&[(129, 1)]), map(&[(1, 513)]), map(&[(1, 0)])] {
            let error = check_custom_metadata(&bad).unwrap_err();
            assert!(error.message().starts_with("metadata: "), "{error}");
        }
    }
}
