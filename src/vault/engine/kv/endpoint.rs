//! The endpoints of a KV version 2 engine.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::document::{Content, Document, Field, Found, read_field, read_version};
use super::path::{Branch, MountPath};
use super::refusal::refused;
use crate::error::{Error, Result, Status};
use crate::http::Response;
use crate::reference::KvPath;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::{ErrorResponse, is_missing};

/// Reads one field of a version of a secret.
pub struct ReadField<'a> {
    /// Where the mount is.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
    /// The version; the latest where there is none.
    pub version: Option<u64>,
    /// The field's name.
    pub field: &'a str,
}

impl Endpoint for ReadField<'_> {
    type Output = Found<Field>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.mount.url(Branch::Data, self.path.as_str(), self.version)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Found<Field>> {
        let found = match read_field(&response.body, self.field) {
            Some(Err(error)) if response.status == 200 => return Err(error),
            found => found.and_then(Result::ok),
        };
        check_version(self.version, path, &response, found.is_some())?;
        version_found(found, path, &response)
    }
}

/// Reads a version of a secret, whole.
pub struct ReadDocument<'a> {
    /// Where the mount is.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
    /// The version; the latest where there is none.
    pub version: Option<u64>,
}

impl Endpoint for ReadDocument<'_> {
    type Output = Found<Document>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.mount.url(Branch::Data, self.path.as_str(), self.version)))
    }

    fn parse(&self, path: &str, mut response: Response) -> Result<Found<Document>> {
        let is_version = read_version(&response.body).is_some();
        check_version(self.version, path, &response, is_version)?;
        if response.status == 200 && is_version {
            let body = std::mem::take(&mut response.body);
            let found = Document::read(body);
            return found.ok_or_else(|| not_as_documented(&response, path, "holds no KV version 2 document"));
        }
        let found = read_version(&response.body).map(|version| Found::Deleted { version });
        version_found(found, path, &response)
    }
}

/// A version that was asked for by its number has to be that one: a cache that forgets a request's query would hand out
/// the value of another.
fn check_version(wanted: Option<u64>, path: &str, response: &Response, is_version: bool) -> Result<()> {
    let Some(wanted) = wanted.filter(|_| is_version) else { return Ok(()) };
    match read_version(&response.body) {
        Some(version) if version != wanted => {
            let what = format!("is about version {version}; a cache on the way may ignore the query");
            Err(not_as_documented(response, path, &what))
        }
        _ => Ok(()),
    }
}

/// What the answer to a read of a version means. A deleted version still has its envelope, with a 404.
fn version_found<T>(found: Option<Found<T>>, path: &str, response: &Response) -> Result<Found<T>> {
    match (response.status, found) {
        (200, Some(found)) => Ok(found),
        (200, None) => Err(not_as_documented(response, path, "holds no KV version 2 document")),
        (404, Some(found @ Found::Deleted { .. })) => Ok(found),
        (404, _) if is_missing(response) => Ok(Found::Missing),
        _ => Err(refused(ErrorResponse::of(response), path, "\"read\"")),
    }
}

/// Writes a version.
pub struct Write<'a> {
    /// Where the mount is.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
    /// What it holds.
    pub content: Content<'a>,
}

/// What came of a write.
pub enum Written {
    /// It made a version.
    Done,
    /// The server demands a condition, and there was none.
    WantsCheckAndSet(Error),
    /// The condition was not met.
    VersionMismatch(Error),
    /// Nobody has said whether it was done.
    Unknown(Error),
}

#[derive(Deserialize)]
struct WriteAnswer {
    data: Option<WriteData>,
}

#[derive(Deserialize)]
struct WriteData {
    version: Option<u64>,
}

impl Endpoint for Write<'_> {
    type Output = Written;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::post(self.mount.url(Branch::Data, self.path.as_str(), None), self.content.body()?))
    }

    /// A write is done only if the answer names the version that it made: a KV version 1 mount does not.
    fn parse(&self, path: &str, response: Response) -> Result<Written> {
        let version = || serde_json::from_slice::<WriteAnswer>(&response.body).ok()?.data?.version;
        match response.status {
            200 if version().is_some() => return Ok(Written::Done),
            200 => return Ok(Written::Unknown(not_as_documented(&response, path, "names no version"))),
            204 => {
                let message = format!("{path}: the mount is not KV version 2; check VAULT_MOUNT");
                return Err(Error::unsupported(message).with_http_status(204));
            }
            _ => {}
        }
        let refusal = ErrorResponse::of(&response);
        let (wants, mismatch) = (refusal.requires_check_and_set(), refusal.is_version_mismatch());
        let may_have_acted = refusal.is_transient() && !refusal.did_not_act();
        let error = refused(refusal, path, "\"create\" and \"update\"");
        match (wants, mismatch, may_have_acted) {
            (true, ..) => Ok(Written::WantsCheckAndSet(error)),
            (_, true, _) => Ok(Written::VersionMismatch(error)),
            (.., true) => Ok(Written::Unknown(error)),
            _ => Err(error),
        }
    }
}

/// Reads the metadata of a secret, which tell all of its versions.
pub struct ReadMetadata<'a> {
    /// Where the mount is.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
}

/// The metadata of a secret as the server wrote them: good for telling whether they have changed.
#[derive(PartialEq, Eq)]
pub struct MetadataText(String);

#[derive(Deserialize)]
struct MetadataAnswer<'a> {
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
                let answer: Option<MetadataAnswer<'_>> = serde_json::from_slice(&response.body).ok();
                let data = answer.and_then(|answer| answer.data).filter(|data| data.get().starts_with('{'));
                // Others, a login page in front of Vault say, answer 200 to everything.
                let data = data.ok_or_else(|| not_as_documented(&response, path, "holds no metadata"))?;
                Ok(Some(MetadataText(data.get().to_owned())))
            }
            404 if is_missing(&response) => Ok(None),
            _ => Err(refused(ErrorResponse::of(&response), path, "\"read\"")),
        }
    }
}

/// Deletes a secret with all of its versions.
pub struct Delete<'a> {
    /// Where the mount is.
    pub mount: &'a MountPath,
    /// The secret.
    pub path: &'a KvPath,
}

/// What came of a deletion.
pub enum Deleted {
    /// Nothing is there any more.
    Done,
    /// Nobody has said whether it was done.
    Unknown(Error),
}

#[derive(Deserialize)]
struct DeleteAnswer {
    warnings: Option<Vec<IgnoredAny>>,
}

impl Endpoint for Delete<'_> {
    type Output = Deleted;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::delete(self.mount.url(Branch::Metadata, self.path.as_str(), None)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Deleted> {
        // The one reason to answer 200 where there is nothing to tell.
        let has_warnings = || {
            let answer = serde_json::from_slice::<DeleteAnswer>(&response.body);
            answer.is_ok_and(|answer| answer.warnings.is_some_and(|list| !list.is_empty()))
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

/// Whether the server may have done what a request asked for whose answer did not come, or could not be read.
pub fn may_have_arrived(error: &Error) -> bool {
    matches!(
        error.status(),
        Status::Connection | Status::Timeout | Status::Unavailable | Status::Protocol | Status::Tls
    )
}
