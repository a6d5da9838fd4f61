//! A version of a secret as JSON: reading it whole or by field, and the content of a new version.

use std::marker::PhantomData;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::envelope::{Envelope, FieldSeed, VersionMetadata, v1_data};
use crate::document::{Document, METADATA_FIELD, ObjectSeed};
use crate::error::{Error, Result, Status};
use crate::fields::{Field, Fields};
use crate::json::{self, NotText, to_body};
use crate::secret::{Buffer, Secret};
use crate::store::Metadata;

/// The result of reading a version of a secret.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The version exists.
    Live(T),
    /// The version was deleted or destroyed.
    Deleted {
        /// Its number.
        version: u64,
        /// Its content is gone for good.
        destroyed: bool,
    },
    /// The secret or the version does not exist.
    Missing,
}

/// One field of a version.
pub enum OneField {
    /// Its text.
    Text(Secret),
    /// The version has no such field.
    Absent {
        /// The names of its fields, sorted.
        names: Vec<String>,
    },
}

/// Reads one field of a version from the body of a response. `None`: it is not a response of KV version 2.
pub fn read_field(body: &[u8], name: &str) -> Option<Result<Found<OneField>>> {
    let envelope = Envelope::read(body, FieldSeed(name))?;
    Some(match envelope.content {
        None => Ok(deleted(&envelope)?),
        Some(Some(json)) => text_of(name, json).map(|text| Found::Live(OneField::Text(text))),
        Some(None) => Ok(Found::Live(OneField::Absent { names: names(read_document(body)) })),
    })
}

/// Reads one field of a KV version 1 secret. `None`: it is not a response of KV version 1.
pub fn read_field_v1(body: &[u8], name: &str) -> Option<Result<Found<OneField>>> {
    Some(match v1_data(body, FieldSeed(name))? {
        Some(json) => text_of(name, json).map(|text| Found::Live(OneField::Text(text))),
        None => Ok(Found::Live(OneField::Absent { names: names(read_document_v1(body)) })),
    })
}

/// Reads a whole version from the body of a response. `None`: it is not a response of KV version 2.
pub fn read_document(body: &[u8]) -> Option<Result<Found<Document>>> {
    let Envelope { content, metadata } = Envelope::<_, VersionMetadata<'_>>::read(body, ObjectSeed::of(body))?;
    let VersionMetadata { version, destroyed, .. } = metadata;
    let Some(found) = content else { return Some(Ok(Found::Deleted { version, destroyed })) };
    let created = metadata.created_time.unwrap_or_default().into_owned();
    Some(Document::new(found, version, created).map(Found::Live))
}

/// Reads a whole KV version 1 secret. `None`: it is not a response of KV version 1.
pub fn read_document_v1(body: &[u8]) -> Option<Result<Found<Document>>> {
    let found = v1_data(body, ObjectSeed::of(body))?;
    Some(Document::new(found, 0, String::new()).map(Found::Live))
}

/// The text of a field of a document; `None` if there is no such field.
pub fn text_in(document: &Document, name: &str) -> Result<Option<Secret>> {
    if let Some(text) = document.text(name).filter(|text| !text.contains('\0')) {
        return Secret::try_copy_of(text).map(Some).ok_or_else(|| Error::no_memory("the value", text.len()));
    }
    let Some(json) = document.json_of(name) else { return Ok(None) };
    let json: &RawValue =
        serde_json::from_str(json).map_err(|_| Error::new(Status::Internal, "a field that is no JSON"))?;
    text_of(name, json).map(Some)
}

/// The metadata of the version in a response, deleted ones included.
pub fn read_version_metadata(body: &[u8]) -> Option<VersionMetadata<'_>> {
    Envelope::<&RawValue, &RawValue>::read(body, PhantomData)?.version_metadata()
}

fn deleted<C, T>(envelope: &Envelope<C, &RawValue>) -> Option<Found<T>> {
    let metadata = envelope.version_metadata()?;
    Some(Found::Deleted { version: metadata.version, destroyed: metadata.destroyed })
}

#[cold]
fn names(document: Option<Result<Found<Document>>>) -> Vec<String> {
    match document {
        Some(Ok(Found::Live(document))) => document.names(),
        _ => Vec::new(),
    }
}

#[inline]
fn text_of(name: &str, json: &RawValue) -> Result<Secret> {
    json::text_of(json).map_err(|why| match why {
        NotText::Kind(what) => {
            Error::unsupported(format!("the field {name:?} is {what}, which this function cannot return"))
        }
        NotText::NotUnicode => Error::new(Status::Protocol, format!("the field {name:?} is not valid Unicode")),
        NotText::NoMemory(bytes) => Error::no_memory("the value", bytes),
    })
}

/// The fields of a write.
#[derive(Clone, Copy)]
pub enum NewFields<'a> {
    /// One field with a text.
    One {
        /// Its name.
        name: &'a str,
        /// Its text.
        value: &'a str,
    },
    /// Several fields.
    Many(&'a Fields),
}

/// The new value of one field.
enum NewField<'a> {
    Text(&'a str),
    Other(&'a Field),
}

impl<'a> NewFields<'a> {
    fn get(&self, name: &str) -> Option<NewField<'a>> {
        match *self {
            NewFields::One { name: one, value } => (one == name).then_some(NewField::Text(value)),
            NewFields::Many(fields) => fields.get(name).map(NewField::Other),
        }
    }

    fn size(&self) -> usize {
        match self {
            NewFields::One { value, .. } => value.len(),
            NewFields::Many(fields) => fields.size(),
        }
    }

    /// Whether the field `name` is among these, removed ones included.
    pub fn name(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Writes the fields that are not removed.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            NewFields::One { name, value } => map.serialize_entry(name, value),
            NewFields::Many(fields) => {
                let sent = fields.iter().filter(|(_, field)| !matches!(field, Field::Removed));
                sent.into_iter().try_for_each(|(name, field)| map.serialize_entry(name, field))
            }
        }
    }
}

impl NewField<'_> {
    /// Whether `json`, what a version has in the field, is the result of writing this.
    fn is(&self, json: Option<&str>) -> bool {
        let is_text = |text: &str| json.is_some_and(|json| json::is_text(json, text));
        match self {
            NewField::Text(text) => is_text(text),
            NewField::Other(Field::Text(text) | Field::Bytes(text)) => is_text(text.as_str()),
            NewField::Other(Field::Json(wanted)) => json.is_some_and(|json| json::is_same(json, wanted.as_str())),
            NewField::Other(Field::Removed) => json.is_none(),
        }
    }
}

/// A change of some fields.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The fields whose values are replaced or removed.
    pub fields: NewFields<'a>,
    /// `None`: keep it; empty: remove it.
    pub metadata: Option<&'a Metadata>,
}

impl Change<'_> {
    /// The field that must be there and is not: a single field is replaced, several are added.
    pub fn missing_field(&self, document: &Document) -> Option<&str> {
        match self.fields {
            NewFields::One { name, .. } => Some(name).filter(|name| document.json_of(name).is_none()),
            NewFields::Many(_) => None,
        }
    }

    /// Whether `document` is the result of applying this change to its predecessor.
    pub fn is_done_in(&self, document: &Document) -> bool {
        let fields_are_same = match self.fields {
            NewFields::One { name, value } => NewField::Text(value).is(document.json_of(name)),
            NewFields::Many(fields) => {
                fields.iter().all(|(name, field)| NewField::Other(field).is(document.json_of(name)))
            }
        };
        fields_are_same
            && match self.metadata {
                None => true,
                Some(wanted) if wanted.is_empty() => document.json_of(METADATA_FIELD).is_none(),
                Some(wanted) => document.metadata() == *wanted,
            }
    }
}

/// The content of a new version.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// New fields and metadata in place of all that was there.
    New {
        /// The fields.
        fields: NewFields<'a>,
        /// The metadata, if there are any.
        metadata: Option<&'a Metadata>,
    },
    /// A version with a change.
    Changed(&'a Document, Change<'a>),
    /// The same as another version.
    Copy(&'a Document),
}

impl Content<'_> {
    /// The body of a write to KV version 2. With `cas` it succeeds only while this is the number of the latest version;
    /// 0: while there is no version.
    pub fn body(&self, cas: Option<u64>) -> Result<Buffer> {
        to_body(self.size(), &Write { options: cas.map(|cas| Cas { cas }), data: self })
    }

    /// The body of a write to KV version 1.
    pub fn body_v1(&self) -> Result<Buffer> {
        to_body(self.size(), self)
    }

    fn size(&self) -> usize {
        match self {
            Content::New { fields, .. } => fields.size(),
            Content::Changed(document, change) => document.json().len() + change.fields.size(),
            Content::Copy(document) => document.json().len(),
        }
    }
}

#[derive(Serialize)]
struct Write<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Cas>,
    data: T,
}

#[derive(Serialize)]
struct Cas {
    cas: u64,
}

impl Serialize for Content<'_> {
    /// Writes the fields. Those that stay are kept exactly as the server sent them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let (metadata, new) = match self {
            Content::Copy(document) => {
                keep(document, |_| true, &mut map)?;
                (None, None)
            }
            Content::New { fields, metadata } => (*metadata, Some(fields)),
            Content::Changed(document, Change { fields, metadata }) => {
                let is_replaced = |name: &str| fields.name(name) || (metadata.is_some() && name == METADATA_FIELD);
                keep(document, |name| !is_replaced(name), &mut map)?;
                (*metadata, Some(fields))
            }
        };
        if let Some(metadata) = metadata.filter(|metadata| !metadata.is_empty()) {
            map.serialize_entry(METADATA_FIELD, metadata)?;
        }
        if let Some(fields) = new {
            fields.write(&mut map)?;
        }
        map.end()
    }
}

fn keep<M: SerializeMap>(document: &Document, stays: impl Fn(&str) -> bool, map: &mut M) -> Result<(), M::Error> {
    for (name, json) in document.iter().filter(|(name, _)| stays(name)) {
        let value: &RawValue = serde_json::from_str(json).map_err(serde::ser::Error::custom)?;
        map.serialize_entry(name, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
