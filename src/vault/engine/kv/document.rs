//! One version of a secret as JSON: reading it, picking one field out, and writing a field without touching the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, Result, Status};
use crate::secret::{Buffer, Secret};
use crate::store::Metadata;
use crate::vault::api::json::{self, NotText, to_body};

/// The field beside the value that holds what the user stored with it.
pub const METADATA_FIELD: &str = "metadata";

/// Servers count versions in signed numbers.
const LATEST_VERSION: u64 = i64::MAX.unsigned_abs();

/// What a read found: a version of a secret, as `T` tells of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// It is there.
    Live(T),
    /// Only that there was one: this version was deleted or destroyed.
    Deleted {
        /// The number of that version.
        version: u64,
    },
    /// Nothing.
    Missing,
}

/// The content of one version: all of its fields, in the answer that it came in.
pub struct Document {
    /// Its number; 0 where the server does not tell.
    pub version: u64,
    body: Buffer,
    /// Where in `body` the object of the fields stands.
    object: Range<usize>,
}

/// One field of a version.
pub enum Field {
    /// Its text.
    Text(Secret),
    /// There is no such field, but these.
    Absent {
        /// The names of the fields that there are, sorted.
        names: Vec<String>,
    },
}

/// An answer's envelope, with what is asked for of the document in it. `content` is `None` for a deleted version.
struct Envelope<T> {
    content: Option<T>,
    version: u64,
}

impl<'de, T> Envelope<T> {
    /// Reads an answer's envelope, and of the document in it what `seed` asks for.
    fn read<S: DeserializeSeed<'de, Value = Option<T>>>(body: &'de [u8], seed: S) -> Option<Envelope<T>> {
        let envelope: Option<Envelope<T>> = json::read(body, Entry { name: "data", seed: DataSeed(seed) }).ok()?;
        envelope.filter(|envelope| envelope.version <= LATEST_VERSION)
    }
}

/// The name of an object's entry, borrowed unless it has escapes.
#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value of the entry `name` of an object, as `seed` reads it; the other entries are passed over. An entry that
/// stands there twice is an error.
struct Entry<'n, S> {
    name: &'n str,
    seed: S,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Entry<'_, S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Entry<'_, S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut seed, mut found) = (Some(self.seed), None);
        while let Some(Name(name)) = map.next_key()? {
            if name != self.name {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let seed = seed.take().ok_or_else(|| A::Error::custom("an entry that stands there twice"))?;
            found = Some(map.next_value_seed(seed)?);
        }
        Ok(found)
    }
}

/// What stands under `data`: the document, as the seed reads it, and the version's number.
struct DataSeed<S>(S);

#[derive(Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    version: u64,
}

impl<'de, T, S: DeserializeSeed<'de, Value = Option<T>>> DeserializeSeed<'de> for DataSeed<S> {
    type Value = Envelope<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T, S: DeserializeSeed<'de, Value = Option<T>>> Visitor<'de> for DataSeed<S> {
    type Value = Envelope<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version of a secret")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<T>, A::Error> {
        let (mut seed, mut content, mut version) = (Some(self.0), None, None);
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "data" => {
                    let seed = seed.take().ok_or_else(|| A::Error::duplicate_field("data"))?;
                    content = map.next_value_seed(seed)?;
                }
                "metadata" => {
                    let metadata: VersionMetadata = map.next_value()?;
                    if version.replace(metadata.version).is_some() {
                        return Err(A::Error::duplicate_field("metadata"));
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Envelope { content, version: version.ok_or_else(|| A::Error::missing_field("metadata"))? })
    }
}

/// One field of a document that may be null: the raw value of the last one of this name, if there is one.
struct FieldSeed<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = Option<Option<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_> {
    type Value = Option<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut field = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == self.0 {
                field = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(field))
    }
}

/// All fields, by name, as raw JSON.
type Fields<'a> = BTreeMap<Name<'a>, &'a RawValue>;

fn fields(document: &[u8]) -> Result<Fields<'_>> {
    serde_json::from_slice(document).map_err(|_| Error::new(Status::Protocol, "the document is no JSON object"))
}

/// Reads one field out of an answer. `None`: this is no answer of KV version 2.
pub fn read_field(body: &[u8], name: &str) -> Option<Result<Found<Field>>> {
    let Envelope { content, version } = Envelope::read(body, FieldSeed(name))?;
    Some(match content {
        None => Ok(Found::Deleted { version }),
        Some(Some(json)) => text_of(name, json).map(|text| Found::Live(Field::Text(text))),
        Some(None) => Ok(Found::Live(Field::Absent { names: names(body).unwrap_or_default() })),
    })
}

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

/// The number of the version that an answer tells of, deleted ones included.
pub fn read_version(body: &[u8]) -> Option<u64> {
    Some(Envelope::<&RawValue>::read(body, PhantomData)?.version)
}

impl Document {
    /// Reads a whole version out of an answer. `None`: this is no answer of KV version 2.
    pub fn read(body: Buffer) -> Option<Found<Document>> {
        let Envelope { content, version } = Envelope::<&RawValue>::read(&body, PhantomData)?;
        let Some(object) = content else { return Some(Found::Deleted { version }) };
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

    /// Whether it has the field `name`.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.fields()?.contains_key(&Name(name.into())))
    }

    /// The body of a write that replaces `change.field` and, if asked for, the metadata, keeps every other field as the
    /// server sent it, and succeeds only while this is the latest version.
    fn changed(&self, change: &Change<'_>) -> Result<Buffer> {
        let data = Changed { kept: &self.fields()?, change };
        to_body(self.object.len() + change.value.len(), &Write { options: Some(Cas { cas: self.version }), data })
    }

    /// Whether this is what `change` made of its predecessor.
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

/// What an update changes.
pub struct Change<'a> {
    /// The field whose value is replaced.
    pub field: &'a str,
    /// The new value.
    pub value: &'a str,
    /// `None`: keep it; empty: remove it.
    pub metadata: Option<&'a Metadata>,
}

/// What a write makes a version of.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// A value, and what stands beside it. `cas`: only while this is the latest version, 0: only if there is none.
    New {
        /// The value.
        value: &'a str,
        /// The metadata, if there are any.
        metadata: Option<&'a Metadata>,
        /// The condition.
        cas: Option<u64>,
    },
    /// The latest version with a change, only while it is the latest.
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
mod tests {
    use super::*;

    fn answer(data: &str) -> Vec<u8> {
        format!(r#"{{"request_id":"r","data":{{"data":{data},"metadata":{{"version":7}}}},"auth":null}}"#).into_bytes()
    }

    /// The text of a field; `None` where the answer has none.
    fn field_of(answer: &[u8], name: &str) -> Option<Result<Option<String>>> {
        read_field(answer, name).map(|found| {
            Ok(match found? {
                Found::Live(Field::Text(text)) => Some(text.as_str().to_owned()),
                _ => None,
            })
        })
    }

    fn text_in(data: &str, name: &str) -> Result<Option<String>> {
        field_of(&answer(data), name).unwrap()
    }

    fn document(answer: &[u8]) -> Option<Found<Document>> {
        Document::read(answer.to_vec().into())
    }

    fn changed(data: &str, change: &Change<'_>) -> String {
        let Some(Found::Live(document)) = document(&answer(data)) else { panic!("no document") };
        String::from_utf8(document.changed(change).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn strings_come_back_as_they_are_and_scalars_as_their_json_text() {
        let data = r#"{"a":"x\"\u00e9\ud83d\ude00","n":1e3,"b":true,"v\u0061lue":"1"}"#;
        for (name, text) in
            [("a", Some("x\"é😀")), ("n", Some("1e3")), ("b", Some("true")), ("value", Some("1")), ("c", None)]
        {
            assert_eq!(text_in(data, name).unwrap().as_deref(), text, "{name}");
        }
    }

    #[test]
    fn an_absent_field_comes_with_the_names_of_those_that_are_there() {
        match read_field(&answer(r#"{"user":"a","password":{"deep":[1]}}"#), "value") {
            Some(Ok(Found::Live(Field::Absent { names }))) => assert_eq!(names, ["password", "user"]),
            _ => panic!("there is no such field"),
        }
    }

    #[test]
    fn what_is_no_text_is_unsupported_and_never_cut_short() {
        for json in [r#"{}"#, "[1]", "null", r#""a\u0000b""#] {
            let error = text_in(&format!(r#"{{"value":{json}}}"#), "value").unwrap_err();
            assert_eq!(error.status(), Status::Unsupported, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_nothing_that_vault_sends() {
        for json in [r#""\ud83d""#, r#""\u0000\ud83d""#] {
            let error = text_in(&format!(r#"{{"value":{json}}}"#), "value").unwrap_err();
            assert_eq!(error.status(), Status::Protocol, "{json}");
        }
    }

    #[test]
    fn a_deleted_version_is_told_from_a_document() {
        let both = |answer: &[u8]| match (read_field(answer, "value"), document(answer)) {
            (Some(Ok(Found::Deleted { version: one })), Some(Found::Deleted { version: other })) => {
                assert_eq!(one, other);
                Some(one)
            }
            (None, None) => None,
            _ => panic!("no deleted version: {}", String::from_utf8_lossy(answer)),
        };
        assert_eq!(both(&answer("null")), Some(7));
        assert_eq!(both(br#"{"data":{"metadata":{"version":1}}}"#), Some(1));
        for answer in
            [&br#"{"errors":[]}"#[..], b"<html>", br#"{"data":{"data":{},"metadata":{"version":9223372036854775808}}}"#]
        {
            assert_eq!(both(answer), None, "{}", String::from_utf8_lossy(answer));
        }
        for data in ["[1]", "\"x\"", "1", "true"] {
            assert_eq!(both(&answer(data)), None, "{data}");
        }
    }

    #[test]
    fn an_envelope_is_read_in_any_order_and_layout_but_not_twice_over() {
        let field = |text: &str| {
            let version = read_version(text.as_bytes());
            field_of(text.as_bytes(), "value").and_then(|text| Some((version?, text.unwrap()?)))
        };
        let found = |version, text: &str| Some((version, text.to_owned()));
        let spaced = " {\n \"data\" : { \"metadata\" : { \"version\" : 3 } ,\t\"data\" : { \"value\" : \"v\" } } } \n";
        assert_eq!(field(spaced), found(3, "v"));
        assert_eq!(field(r#"{"d\u0061ta":{"data":{"v":1,"value":"a","value":"b"},"metadata":{}}}"#), found(0, "b"));
        assert_eq!(field(r#"{"data":{"data":{"x":{"value":"inner"}},"metadata":{"version":1}}}"#), None);
        for broken in [
            r#"{"data":{"data":{"value":"v"}}}"#,
            r#"{"data":{"data":{"value":"v"},"metadata":null}}"#,
            r#"{"data":{"data":{"value":"v"},"metadata":{"version":"1"}}}"#,
            r#"{"data":{"data":{"value":"v"},"metadata":{"version":1,"version":1}}}"#,
            r#"{"data":{"data":{"value":"v"},"metadata":{}},"data":{"data":{"value":"w"},"metadata":{}}}"#,
            r#"{"data":{"data":{"value":"v"},"data":{"value":"w"},"metadata":{}}}"#,
            r#"{"data":{"data":{"value":"v"},"metadata":{},"metadata":{}}}"#,
            r#"{"data":{"data":{"value":"v"},"metadata":{}}} x"#,
            r#"{"data":{"data":{"value":"v"},"metadata":{}}"#,
            r#"[{"data":{"data":{"value":"v"},"metadata":{}}}]"#,
        ] {
            assert_eq!(field(broken), None, "{broken}");
        }
        let not_utf8 = b"{\"data\":{\"data\":{},\"metadata\":{}},\"x\":\"\xFF\"}";
        assert!(read_field(not_utf8, "value").is_none());
    }

    #[test]
    fn no_nesting_makes_a_secret_unreadable() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let data = format!(r#"{{"deep":{deep},"value":"v"}}"#);
        assert_eq!(text_in(&data, "value").unwrap().as_deref(), Some("v"));
        let change = Change { field: "value", value: "w", metadata: None };
        assert!(changed(&data, &change).contains(&deep));
    }

    #[test]
    fn a_body_is_whole_however_often_it_grew() {
        let value = "\n\"ü".repeat(100_000);
        let metadata = Metadata::from([("a".to_owned(), value.clone())]);
        let body = Content::New { value: &value, metadata: Some(&metadata), cas: None }.body().unwrap();
        let expected = serde_json::json!({"data": {"value": value, "metadata": metadata}});
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
    }

    #[test]
    fn a_change_keeps_every_other_field_to_the_letter() {
        let change = Change { field: "value", value: "new", metadata: None };
        let body = changed(r#"{"value":"old","n":1.50e2,"metadata":{"a":"b"}}"#, &change);
        assert_eq!(body, r#"{"options":{"cas":7},"data":{"metadata":{"a":"b"},"n":1.50e2,"value":"new"}}"#);
    }

    #[test]
    fn empty_metadata_removes_it_and_other_metadata_replaces_it() {
        let old = r#"{"value":"old","metadata":{"a":"b"}}"#;
        let none = Metadata::new();
        let change = Change { field: "value", value: "new", metadata: Some(&none) };
        assert_eq!(changed(old, &change), r#"{"options":{"cas":7},"data":{"value":"new"}}"#);
        let some = Metadata::from([("c".to_owned(), "d".to_owned())]);
        let change = Change { field: "value", value: "new", metadata: Some(&some) };
        assert_eq!(changed(old, &change), r#"{"options":{"cas":7},"data":{"metadata":{"c":"d"},"value":"new"}}"#);
    }
}
