//! A version of a secret as JSON: reading it whole or by field, and changing one field while keeping the others.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Range;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::envelope::{Envelope, FieldSeed, Name};
use crate::error::{Error, Result, Status};
use crate::secret::{Buffer, Secret};
use crate::store::Metadata;
use crate::vault::api::json::{self, NotText, to_body};

/// The field that holds the user's metadata, next to the value.
pub const METADATA_FIELD: &str = "metadata";

/// The result of reading a version of a secret.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// The version exists.
    Live(T),
    /// The version was deleted or destroyed.
    Deleted {
        /// Its number.
        version: u64,
    },
    /// The secret or the version does not exist.
    Missing,
}

/// A version with all of its fields, kept in the body of the response.
pub struct Document {
    /// Its number; 0 if the server does not name it.
    pub version: u64,
    body: Buffer,
    /// The range of `body` that holds the object of the fields.
    object: Range<usize>,
}

/// One field of a version.
pub enum Field {
    /// Its text.
    Text(Secret),
    /// The version has no such field.
    Absent {
        /// The names of its fields, sorted.
        names: Vec<String>,
    },
}

/// All fields by name, as raw JSON.
type Fields<'a> = BTreeMap<Name<'a>, &'a RawValue>;

fn fields(document: &[u8]) -> Result<Fields<'_>> {
    serde_json::from_slice(document).map_err(|_| Error::new(Status::Protocol, "the document is not a JSON object"))
}

/// Reads one field of a version from the body of a response. `None`: it is not a response of KV version 2.
pub fn read_field(body: &[u8], name: &str) -> Option<Result<Found<Field>>> {
    let envelope = Envelope::read(body, FieldSeed(name))?;
    Some(match envelope.content {
        None => Ok(Found::Deleted { version: envelope.version()? }),
        Some(Some(json)) => text_of(name, json).map(|text| Found::Live(Field::Text(text))),
        Some(None) => Ok(Found::Live(Field::Absent { names: names(body).unwrap_or_default() })),
    })
}

/// The names of all fields.
#[cold]
fn names(body: &[u8]) -> Option<Vec<String>> {
    let document = Envelope::<&RawValue>::read(body, PhantomData)?.content?;
    let fields = fields(document.get().as_bytes()).ok()?;
    Some(fields.into_keys().map(|Name(name)| name.into_owned()).collect())
}

fn text_of(name: &str, json: &RawValue) -> Result<Secret> {
    json::text_of(json).map_err(|why| match why {
        NotText::Kind(what) => {
            Error::unsupported(format!("the field {name:?} is {what}, which this function cannot return"))
        }
        NotText::NotUnicode => Error::new(Status::Protocol, format!("the field {name:?} is not valid Unicode")),
        NotText::NoMemory(bytes) => Error::no_memory("the value", bytes),
    })
}

/// The number of the version in a response, deleted ones included.
pub fn read_version(body: &[u8]) -> Option<u64> {
    Envelope::<&RawValue>::read(body, PhantomData)?.version()
}

impl Document {
    /// Reads a whole version from the body of a response. `None`: it is not a response of KV version 2.
    pub fn read(body: Buffer) -> Option<Found<Document>> {
        let envelope = Envelope::<&RawValue>::read(&body, PhantomData)?;
        let version = envelope.version()?;
        let Some(object) = envelope.content else { return Some(Found::Deleted { version }) };
        let object = object.get();
        object.starts_with('{').then_some(())?;
        let start = (object.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
        let object = start..start + object.len();
        Some(Found::Live(Document { version, body, object }))
    }

    fn json(&self) -> &[u8] {
        self.body.get(self.object.clone()).unwrap_or_default()
    }

    fn fields(&self) -> Result<Fields<'_>> {
        fields(self.json())
    }

    /// Whether the version has the field `name`.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.fields()?.contains_key(&Name(name.into())))
    }

    /// The body of a write that replaces `change.field` and, if given, the metadata, and keeps every other field
    /// exactly as the server sent it. The write succeeds only while this is the latest version.
    fn changed(&self, change: &Change<'_>) -> Result<Buffer> {
        let data = Changed { kept: &self.fields()?, change };
        to_body(self.object.len() + change.value.len(), &Write { options: Some(Cas { cas: self.version }), data })
    }

    /// Whether this version is the result of applying `change` to its predecessor.
    pub fn is_result_of(&self, change: &Change<'_>) -> bool {
        let Ok(fields) = self.fields() else { return false };
        let field = |name: &str| fields.get(&Name(name.to_owned().into())).copied();
        let same_value = field(change.field)
            .and_then(|json| json::text_of(json).ok())
            .is_some_and(|text| text.as_str() == change.value);
        let metadata = |json: &RawValue| serde_json::from_str::<Metadata>(json.get()).ok();
        same_value
            && match change.metadata {
                None => true,
                Some(wanted) if wanted.is_empty() => field(METADATA_FIELD).is_none(),
                Some(wanted) => field(METADATA_FIELD).and_then(metadata).as_ref() == Some(wanted),
            }
    }
}

/// A change of one field.
pub struct Change<'a> {
    /// The field whose value is replaced.
    pub field: &'a str,
    /// The new value.
    pub value: &'a str,
    /// `None`: keep it; empty: remove it.
    pub metadata: Option<&'a Metadata>,
}

/// The content of a new version.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// A document with a value and metadata.
    New {
        /// The value.
        value: &'a str,
        /// The metadata, if there are any.
        metadata: Option<&'a Metadata>,
        /// The check-and-set condition: the latest version has this number; 0: there is no version yet.
        cas: Option<u64>,
    },
    /// The latest version with a change, on condition that it is still the latest.
    Changed(&'a Document, &'a Change<'a>),
}

impl Content<'_> {
    /// The body of the request.
    pub fn body(&self) -> Result<Buffer> {
        match *self {
            Content::New { value, metadata, cas } => {
                let data = New { value, metadata };
                to_body(value.len(), &Write { options: cas.map(|cas| Cas { cas }), data })
            }
            Content::Changed(document, change) => document.changed(change),
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

#[derive(Serialize)]
struct New<'a> {
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Metadata>,
}

struct Changed<'a> {
    kept: &'a Fields<'a>,
    change: &'a Change<'a>,
}

impl Serialize for Changed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Change { field, value, metadata } = self.change;
        let replaces_metadata = metadata.is_some() && *field != METADATA_FIELD;
        let mut map = serializer.serialize_map(None)?;
        for (Name(name), json) in self.kept {
            if name != field && !(replaces_metadata && name == METADATA_FIELD) {
                map.serialize_entry(name, json)?;
            }
        }
        if let Some(metadata) = metadata.filter(|m| replaces_metadata && !m.is_empty()) {
            map.serialize_entry(METADATA_FIELD, metadata)?;
        }
        map.serialize_entry(field, value)?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
