//! The KV version 1 engine: secrets without versions. Nothing makes an update atomic there: it reads and writes.

use super::document::{Change, Content, Found, OneField, read_document_v1, read_field_v1};
use super::endpoint::{Delete, Deleted, check_found, found_in, may_have_been_executed};
use super::hint;
use super::path::{Branch, MountPath};
use super::read::Reads;
use super::refusal::refused_write;
use super::v2::value_content;
use crate::document::Document;
use crate::error::Result;
use crate::reference::{KvPath, VaultReference};
use crate::vault::api::endpoint::Endpoint;
use crate::vault::api::error_response::ErrorResponse;
use crate::vault::api::explain::not_as_documented;
use crate::vault::api::request::ApiRequest;
use crate::vault::api::response::Response;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// Reads one field of a secret.
pub struct ReadField<'a> {
    mount: &'a MountPath,
    path: &'a KvPath,
    field: &'a str,
}

impl Endpoint for ReadField<'_> {
    type Output = Found<OneField>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.mount.url(Branch::Root, self.path.as_str(), None)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Found<OneField>> {
        let found = found_in(&response, read_field_v1(&response.body, self.field))?;
        check_found(found, path, &response)
    }
}

/// Reads a secret with all fields.
pub struct ReadDocument<'a> {
    mount: &'a MountPath,
    path: &'a KvPath,
}

impl Endpoint for ReadDocument<'_> {
    type Output = Found<Document>;

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::get(self.mount.url(Branch::Root, self.path.as_str(), None)))
    }

    fn parse(&self, path: &str, response: Response) -> Result<Found<Document>> {
        let found = found_in(&response, read_document_v1(&response.body))?;
        check_found(found, path, &response)
    }
}

/// Replaces a secret.
struct Write<'a> {
    mount: &'a MountPath,
    path: &'a KvPath,
    content: Content<'a>,
}

impl Endpoint for Write<'_> {
    type Output = ();

    fn request(&self) -> Result<ApiRequest> {
        Ok(ApiRequest::post(self.mount.url(Branch::Root, self.path.as_str(), None), self.content.body_v1()?))
    }

    fn parse(&self, path: &str, response: Response) -> Result<()> {
        match response.status {
            204 => Ok(()),
            200 => Err(not_as_documented(&response, path, "is not that of a write to KV version 1")),
            _ => Err(refused_write(ErrorResponse::of(&response), path)),
        }
    }
}

/// One KV version 1 mount.
pub struct Kv1 {
    mount: String,
    path: MountPath,
    /// The number of requests that a batch has in flight at a time.
    concurrency: usize,
}

impl Kv1 {
    /// The mount `mount`, confined to the subtree `prefix`.
    pub fn new(mount: &str, prefix: Option<&str>, concurrency: usize) -> Kv1 {
        Kv1 { mount: mount.to_owned(), path: MountPath::new(mount, prefix), concurrency }
    }

    fn read_document<'a>(&'a self, path: &'a KvPath) -> ReadDocument<'a> {
        ReadDocument { mount: &self.path, path }
    }

    /// Replaces the whole secret.
    pub fn write(&self, context: Context<'_>, path: &KvPath, content: Content<'_>) -> Result<()> {
        context.call(&Write { mount: &self.path, path, content })
    }

    /// Replaces several secrets. If two of them have the same path, either may be written last.
    pub fn write_many(&self, context: Context<'_>, secrets: &[(KvPath, &str)]) -> Vec<Result<()>> {
        let writes =
            secrets.iter().map(|(path, value)| Write { mount: &self.path, path, content: value_content(value) });
        call_each(context, writes, self.concurrency)
    }

    /// Changes an existing secret; `false` if there is no such secret, or not the one field that is changed. What others
    /// write between the read and the write is lost.
    pub fn update(&self, context: Context<'_>, path: &KvPath, change: Change<'_>) -> Result<bool> {
        let latest = match context.call(&self.read_document(path))? {
            Found::Live(document) => document,
            _ => return Ok(false),
        };
        if let Some(field) = change.missing_field(&latest) {
            hint::log_other_fields(context.client.logger(), path, field, &latest.names());
            return Ok(false);
        }
        self.write(context, path, Content::Changed(&latest, change)).map(|()| true)
    }

    /// Deletes a secret; `false` if it does not exist. A server deletes what is not there without a word, so the secret is
    /// read first.
    pub fn delete(&self, context: Context<'_>, path: &KvPath) -> Result<bool> {
        if matches!(context.call(&self.read_document(path))?, Found::Missing) {
            return Ok(false);
        }
        let error = match context.call(&Delete { mount: &self.path, branch: Branch::Root, path }) {
            Ok(Deleted::Done) => return Ok(true),
            Ok(Deleted::Unknown(error)) => error,
            Err(error) if may_have_been_executed(&error) => error,
            Err(error) => return Err(error),
        };
        // Repeating it could delete what others have stored meanwhile.
        match context.call(&self.read_document(path)) {
            Ok(Found::Missing) => Ok(true),
            _ => Err(error),
        }
    }
}

impl Reads for Kv1 {
    type OneField<'a> = ReadField<'a>;
    type Document<'a> = ReadDocument<'a>;

    fn one_field<'a>(&'a self, reference: &'a VaultReference) -> ReadField<'a> {
        ReadField { mount: &self.path, path: &reference.path, field: reference.field_name() }
    }

    fn all_fields<'a>(&'a self, reference: &'a VaultReference) -> ReadDocument<'a> {
        self.read_document(&reference.path)
    }

    fn mount(&self) -> &str {
        &self.mount
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }
}
