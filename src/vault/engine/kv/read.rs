//! Reading secrets, one or many, a field or all fields: the same for both versions of the engine.

use super::document::{Found, OneField};
use super::hint;
use crate::document::Document;
use crate::error::Result;
use crate::reference::VaultReference;
use crate::secret::Secret;
use crate::vault::api::endpoint::Endpoint;
use crate::vault::client::Context;
use crate::vault::client::batch::call_each;

/// A version of the engine, by its endpoints for reading.
pub trait Reads {
    /// Reads one field.
    type OneField<'a>: Endpoint<Output = Found<OneField>>
    where
        Self: 'a;

    /// Reads all fields.
    type Document<'a>: Endpoint<Output = Found<Document>>
    where
        Self: 'a;

    /// The endpoint for the field that a reference names.
    fn one_field<'a>(&'a self, reference: &'a VaultReference) -> Self::OneField<'a>;

    /// The endpoint for all fields of the secret that a reference names.
    fn all_fields<'a>(&'a self, reference: &'a VaultReference) -> Self::Document<'a>;

    /// The name of the mount, for log lines.
    fn mount(&self) -> &str;

    /// The number of requests that a batch has in flight at a time.
    fn concurrency(&self) -> usize;

    /// The text of a field; `None` if there is no such secret or field.
    fn read(&self, context: Context<'_>, reference: &VaultReference) -> Result<Option<Secret>> {
        let found = context.call(&self.one_field(reference))?;
        Ok(hint::text_or_hint(context.client.logger(), reference, found, self.mount()))
    }

    /// The texts of several references, in order.
    fn read_many(&self, context: Context<'_>, references: &[VaultReference]) -> Vec<Result<Option<Secret>>> {
        let found = call_each(context, references.iter().map(|one| self.one_field(one)), self.concurrency());
        let logger = context.client.logger();
        let text = |(found, reference): (Result<Found<OneField>>, &VaultReference)| {
            Ok(hint::text_or_hint(logger, reference, found?, self.mount()))
        };
        found.into_iter().zip(references).map(text).collect()
    }

    /// All fields of a version; `None` if there is no such secret or version.
    fn document(&self, context: Context<'_>, reference: &VaultReference) -> Result<Option<Document>> {
        let found = context.call(&self.all_fields(reference))?;
        Ok(hint::document_or_hint(context.client.logger(), reference, found, self.mount()))
    }

    /// The documents of several references, in order.
    fn documents(&self, context: Context<'_>, references: &[VaultReference]) -> Vec<Result<Option<Document>>> {
        let found = call_each(context, references.iter().map(|one| self.all_fields(one)), self.concurrency());
        let logger = context.client.logger();
        let document = |(found, reference): (Result<Found<Document>>, &VaultReference)| {
            Ok(hint::document_or_hint(logger, reference, found?, self.mount()))
        };
        found.into_iter().zip(references).map(document).collect()
    }
}
