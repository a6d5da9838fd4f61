//! The endpoints of a KV version 2 engine.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::document::{Content, Found, OneField, read_document, read_field, read_version_metadata};
use super::envelope::MAX_VERSION;
use super::path::{Branch, MountPath};
use super::refusal::{refused, refused_write};
use super::told::Told;
use crate::document::Document;
use crate::error::{Error, Result, Status};
use crate::reference::KvPath;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::{ErrorResponse, is_missing};
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;

/// Reads one field of a version of a secret.
pub struct ReadField<'a> {
    /// The mount.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
    /// The version; `None`: the latest.
    pub version: Option<u64>,
    /// The name of the field.
    pub field: &'a str,
    /// What the answer must not be older than.
    pub told: &'a Told,
}

impl Endpoint for ReadField<'_> {
    type Output = Found<OneField>;

    fn request(&self) -> Result<ApiRequest> {
        let request = ApiRequest::get(self.mount.url(Branch::Data, self.path.as_str(), self.version));
        Ok(ApiRequest { special: self.told.check(self.path, self.version), ..request })
    }

    fn parse(&self, path: &str, response: Response) -> Result<Found<OneField>> {
        let found = found_in(&response, read_field(&response.body, self.field))?;
        check_version(self.version, path, &response, found.is_some())?;
        let found = check_found(found, path, &response)?;
        if matches!(found, Found::Missing) {
            self.told.found_missing(self.path);
        }
        Ok(found)
    }
}

/// Reads a version of a secret with all fields.
pub struct ReadDocument<'a> {
    /// The mount.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
    /// The version; `None`: the latest.
    pub version: Option<u64>,
    /// Whether a standby, which may be behind, has to have the leader answer.
    pub from_leader: bool,
    /// What the answer must not be older than.
    pub told: Option<&'a Told>,
}

impl Endpoint for ReadDocument<'_> {
    type Output = Found<Document>;

    fn request(&self) -> Result<ApiRequest> {
        let request = ApiRequest::get(self.mount.url(Branch::Data, self.path.as_str(), self.version));
        let special = self.told.and_then(|told| told.check(self.path, self.version));
        Ok(ApiRequest { from_leader: self.from_leader, special, ..request })
    }

    fn parse(&self, path: &str, response: Response) -> Result<Found<Document>> {
        let found = found_in(&response, read_document(&response.body))?;
        check_version(self.version, path, &response, found.is_some())?;
        let found = check_found(found, path, &response)?;
        if let (Found::Missing, Some(told)) = (&found, self.told) {
            told.found_missing(self.path);
        }
        Ok(found)
    }
}

/// What a response holds. A failure to read it counts for a success only: an error response is reported as that.
pub fn found_in<T>(response: &Response, found: Option<Result<Found<T>>>) -> Result<Option<Found<T>>> {
    match found {
        Some(Err(error)) if response.status == 200 => Err(error),
        found => Ok(found.and_then(Result::ok)),
    }
}

/// Checks that the response holds the version that was requested by number: a cache that ignores the query would return
/// the value of another version.
#[inline]
fn check_version(wanted: Option<u64>, path: &str, response: &Response, is_version: bool) -> Result<()> {
    let Some(wanted) = wanted.filter(|_| is_version) else { return Ok(()) };
    match read_version_metadata(&response.body).map(|metadata| metadata.version) {
        Some(version) if version != wanted => {
            let what = format!("is about version {version}; a cache on the way may ignore the query");
            Err(not_as_documented(response, path, &what))
        }
        _ => Ok(()),
    }
}

/// Combines the status of a response with the version found in it. A deleted version still has an envelope, with a 404.
#[inline]
pub fn check_found<T>(found: Option<Found<T>>, path: &str, response: &Response) -> Result<Found<T>> {
    match (response.status, found) {
        (200, Some(found)) => Ok(found),
        (200, None) => Err(not_as_documented(response, path, "holds no KV document")),
        (404, Some(found @ Found::Deleted { .. })) => Ok(found),
        (404, _) if is_missing(response) => Ok(Found::Missing),
        _ => Err(refused(ErrorResponse::of(response), path, "\"read\"")),
    }
}

/// Writes a new version of a secret.
pub struct Write<'a> {
    /// The mount.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
    /// The content of the version.
    pub content: Content<'a>,
    /// The check-and-set condition: the latest version has this number; 0: there is no version yet.
    pub cas: Option<u64>,
}

/// The outcome of a write.
pub enum Written {
    /// The write created the version with this number.
    Done(u64),
    /// The server requires check-and-set, and the write had no condition.
    RequiresCheckAndSet(Error),
    /// The check-and-set condition was not met.
    VersionMismatch(Error),
    /// It is not known whether the write was executed.
    Unknown(Error),
}

#[derive(Deserialize)]
struct WriteResponse {
    data: Option<WriteData>,
}

#[derive(Deserialize)]
struct WriteData {
    version: Option<u64>,
}

impl Endpoint for Write<'_> {
    type Output = Written;

    fn request(&self) -> Result<ApiRequest> {
        let body = self.content.body(self.cas)?;
        Ok(ApiRequest::post(self.mount.url(Branch::Data, self.path.as_str(), None), body))
    }

    /// A write counts as done only if the response names the new version, which a KV version 1 mount does not.
    fn parse(&self, path: &str, response: Response) -> Result<Written> {
        let version = || serde_json::from_slice::<WriteResponse>(&response.body).ok()?.data?.version;
        match response.status {
            200 if let Some(version) = version().filter(|version| (1..=MAX_VERSION).contains(version)) => {
                return Ok(Written::Done(version));
            }
            200 => return Ok(Written::Unknown(not_as_documented(&response, path, "names no version"))),
            204 => {
                let message = format!("{path}: the mount is not KV version 2; check VAULT_MOUNT");
                return Err(Error::unsupported(message).with_http_status(204));
            }
            _ => {}
        }
        let refusal = ErrorResponse::of(&response);
        let (requires_cas, mismatch) = (refusal.requires_check_and_set(), refusal.is_version_mismatch());
        let may_have_acted = refusal.is_transient() && !refusal.did_not_act();
        let error = refused_write(refusal, path);
        match (requires_cas, mismatch, may_have_acted) {
            // The mismatch may be with the version that the first request has created.
            (_, true, _) if response.is_of_repeat => Ok(Written::Unknown(
                Error::new(
                    Status::Unavailable,
                    format!("{path}: the write was repeated, and may have happened before"),
                )
                .with_http_status(error.http_status()),
            )),
            (true, ..) => Ok(Written::RequiresCheckAndSet(error)),
            (_, true, _) => Ok(Written::VersionMismatch(error)),
            (.., true) => Ok(Written::Unknown(error)),
            _ => Err(error),
        }
    }
}

/// Reads the metadata of a secret, which describe all of its versions.
pub struct ReadMetadata<'a> {
    /// The mount.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
}

/// The metadata of a secret as the server sent them, for comparison only.
#[derive(PartialEq, Eq)]
pub struct MetadataText(String);

#[derive(Deserialize)]
struct MetadataResponse<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Endpoint for ReadMetadata<'_> {
    type Output = Option<MetadataText>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.mount.url(Branch::Metadata, self.path.as_str(), None)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Option<MetadataText>> {
        match response.status {
            200 => {
                let parsed: Option<MetadataResponse<'_>> = serde_json::from_slice(&response.body).ok();
                let data = parsed.and_then(|parsed| parsed.data).filter(|data| data.get().starts_with('{'));
                // A login page in front of Vault, for example, answers everything with 200.
                let data = data.ok_or_else(|| not_as_documented(&response, path, "holds no metadata"))?;
                Ok(Some(MetadataText(data.get().to_owned())))
            }
            404 if is_missing(&response) => Ok(None),
            _ => Err(refused(ErrorResponse::of(&response), path, "\"read\"")),
        }
    }
}

/// Deletes a secret with all that it has.
pub struct Delete<'a> {
    /// The mount.
    pub mount: &'a MountPath,
    /// The metadata of version 2, or the secret of version 1.
    pub branch: Branch,
    /// The secret.
    pub path: &'a KvPath,
}

/// The outcome of a deletion.
pub enum Deleted {
    /// The secret does not exist any more.
    Done,
    /// It is not known whether the deletion was executed.
    Unknown(Error),
}

#[derive(Deserialize)]
struct DeleteResponse {
    warnings: Option<Vec<IgnoredAny>>,
}

impl Endpoint for Delete<'_> {
    type Output = Deleted;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::delete(self.mount.url(self.branch, self.path.as_str(), None)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Deleted> {
        // A deletion has no response body, except for warnings.
        let has_warnings = || {
            let parsed = serde_json::from_slice::<DeleteResponse>(&response.body);
            parsed.is_ok_and(|parsed| parsed.warnings.is_some_and(|list| !list.is_empty()))
        };
        match response.status {
            204 => Ok(Deleted::Done),
            200 if has_warnings() => Ok(Deleted::Done),
            200 => Ok(Deleted::Unknown(not_as_documented(&response, path, "does not say that it was done"))),
            404 if is_missing(&response) => Ok(Deleted::Done),
            _ => {
                let refusal = ErrorResponse::of(&response);
                let may_have_acted = refusal.is_transient() && !refusal.did_not_act();
                let error = refused(refusal, path, "\"delete\"");
                if may_have_acted { Ok(Deleted::Unknown(error)) } else { Err(error) }
            }
        }
    }
}

/// Whether the server may have executed a request that failed with `error`: its response was lost or unreadable.
pub fn may_have_been_executed(error: &Error) -> bool {
    matches!(
        error.status(),
        Status::Connection | Status::Timeout | Status::Unavailable | Status::Protocol | Status::Tls
    )
}
