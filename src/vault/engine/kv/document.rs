//! KV version 2 documents as JSON: picking one field out without building a tree, and writing one field without
//! touching the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::error::{Error, Result, Status};
use crate::json;
use crate::json::runs::{decimal, from_byte};
use crate::json::text::Text;
use crate::secret::{Buffer, Secret, make_room};
use crate::store::Metadata;

/// The field beside the value that holds what the user stored with it.
pub const METADATA_FIELD: &str = "metadata";

/// Servers count versions in signed numbers.
const LATEST_VERSION: u64 = i64::MAX.unsigned_abs();

/// One version of a document, borrowed from the answer that it came in.
pub struct Document<'a> {
    /// Its number; 0 where the server does not tell.
    pub version: u64,
    /// The object of its fields: valid JSON, and UTF-8.
    fields: &'a [u8],
    /// The field that was asked for.
    name: &'a str,
    /// Its value.
    field: Option<&'a [u8]>,
}

/// What a read found.
pub enum Found<'a> {
    /// A document.
    Document(Document<'a>),
    /// Only that there was one: this version was deleted or destroyed.
    Deleted {
        /// The number of that version.
        version: u64,
    },
    /// Nothing.
    Missing,
}

impl<'a> Found<'a> {
    /// Reads an answer's envelope, and finds the document's field `name` on the way. `None`: this is none of KV
    /// version 2.
    pub fn parse(answer: &'a [u8], name: &'a str) -> Option<Found<'a>> {
        let mut data = None;
        let rest = json::object(answer, &mut |key, rest| match key.is("data") {
            true => {
                let (found, rest) = Data::read(rest, name)?;
                once(&mut data, found)?;
                Some(rest)
            }
            false => json::skip(rest),
        })?;
        // Most answers are ASCII, which is seen faster.
        if !json::is_over(rest) || !(answer.is_ascii() || std::str::from_utf8(answer).is_ok()) {
            return None;
        }
        let Data { fields, field, version } = data?;
        let version = version.filter(|&version| version <= LATEST_VERSION)?;
        match fields {
            None | Some(b"null") => Some(Found::Deleted { version }),
            Some(fields) => Some(Found::Document(Document { version, fields, name, field })),
        }
    }
}

/// What an answer to a read of `<mount>/data/<path>` holds under `data`.
#[derive(Default)]
struct Data<'a> {
    fields: Option<&'a [u8]>,
    field: Option<&'a [u8]>,
    version: Option<u64>,
}

impl<'a> Data<'a> {
    fn read(text: &'a [u8], name: &str) -> Option<(Data<'a>, &'a [u8])> {
        let mut data = Data::default();
        let rest = json::object(text, &mut |key, rest| {
            if key.is("data") {
                data.read_fields(rest, name)
            } else if key.is("metadata") {
                data.read_version(rest)
            } else {
                json::skip(rest)
            }
        })?;
        Some((data, rest))
    }

    /// The document itself, or the `null` that stands for one that was deleted.
    fn read_fields(&mut self, text: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let text = json::trimmed(text);
        let rest = match text {
            [b'{', ..] => find(text, name, &mut self.field)?,
            _ => json::null(text)?,
        };
        once(&mut self.fields, text.get(..text.len() - rest.len())?)?;
        Some(rest)
    }

    /// The number of a version, out of its metadata; 0 where the server does not tell.
    fn read_version(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let mut version = None;
        let rest = json::object(text, &mut |key, rest| {
            if !key.is("version") {
                return json::skip(rest);
            }
            let (number, rest) = json::value(rest)?;
            once(&mut version, decimal(number)?)?;
            Some(rest)
        })?;
        once(&mut self.version, version.unwrap_or_default())?;
        Some(rest)
    }
}

/// Takes note of what an object has once: which of two is meant nobody can tell.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// Walks over an object, and finds the value of its entry `name`, the last one where there are several.
fn find<'a>(text: &'a [u8], name: &str, found: &mut Option<&'a [u8]>) -> Option<&'a [u8]> {
    json::object(text, &mut |key, rest| {
        if !key.is(name) {
            return json::skip(rest);
        }
        let (value, rest) = json::value(rest)?;
        *found = Some(value);
        Some(rest)
    })
}

impl<'a> Document<'a> {
    /// Whether it has the field that was asked for.
    pub fn has_field(&self) -> bool {
        self.field.is_some()
    }

    /// The text of the field that was asked for: a string as it is, a number or a boolean as its JSON text. `None`
    /// where the document has no such field.
    pub fn text(&self) -> Result<Option<Secret>> {
        let (name, Some(json)) = (self.name, self.field) else { return Ok(None) };
        let unsupported = |what: &str| {
            Err(Error::unsupported(format!("the field {name:?} is {what}, which this function cannot return")))
        };
        let invalid = || Error::new(Status::Protocol, format!("the field {name:?} is not valid Unicode"));
        let plain = match json {
            [b'"', written @ .., b'"'] if from_byte(written, b'\\').is_empty() => written,
            [b'"', written @ .., b'"'] => {
                return match text_of(written).ok_or_else(invalid)? {
                    text if text.has_nul() => unsupported("a string with a NUL character"),
                    text => text.to_secret().ok_or_else(|| Error::no_memory("the value", text.len())).map(Some),
                };
            }
            [b'{', ..] => return unsupported("an object"),
            [b'[', ..] => return unsupported("an array"),
            [b'n', ..] => return unsupported("null"),
            scalar => scalar,
        };
        let text = std::str::from_utf8(plain).map_err(|_| invalid())?;
        Secret::try_copy_of(text).ok_or_else(|| Error::no_memory("the value", text.len())).map(Some)
    }

    /// The body of a write that replaces `change.field` and, if asked for, the metadata, keeps every other field as the
    /// server sent it, and succeeds only while this is the latest version.
    pub fn changed(&self, change: &Change<'_>) -> Result<Buffer> {
        let kept: Fields<'_> = serde_json::from_slice(self.fields)
            .map_err(|_| Error::new(Status::Protocol, "the document is no JSON object"))?;
        let data = Changed { kept: &kept, change };
        to_json(self.fields.len() + change.value.len(), &Write { options: Some(Cas { cas: self.version }), data })
    }

    /// Whether this, read for the field that was changed, is what `change` made of its predecessor.
    pub fn is_result_of(&self, change: &Change<'_>) -> bool {
        let same_value = self.text().ok().flatten().is_some_and(|text| text.as_str() == change.value);
        let found = || {
            let mut found = None;
            find(self.fields, METADATA_FIELD, &mut found)?;
            found
        };
        let metadata = || found().and_then(|json| serde_json::from_slice::<Metadata>(json).ok());
        same_value
            && match change.metadata {
                None => true,
                Some(wanted) if wanted.is_empty() => found().is_none(),
                Some(wanted) => metadata().as_ref() == Some(wanted),
            }
    }
}

#[cold]
fn text_of(written: &[u8]) -> Option<Text<'_>> {
    Text::measure(std::str::from_utf8(written).ok()?)
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

/// The body of a write of a whole new document. `cas`: only while this is the latest version, 0: only if there is none.
pub fn new_document(value: &str, metadata: Option<&Metadata>, cas: Option<u64>) -> Result<Buffer> {
    let data = New { value, metadata };
    to_json(value.len(), &Write { options: cas.map(|cas| Cas { cas }), data })
}

/// `size`: how long the texts in it are, so that the buffer rarely grows.
fn to_json(size: usize, content: &impl Serialize) -> Result<Buffer> {
    let mut body = Body::default();
    body.reserve(size + size / 8 + 256)
        .map_err(serde_json::Error::io)
        .and_then(|()| serde_json::to_writer(&mut body, content))
        .map_err(|error| match error.is_io() {
            true => Error::no_memory("the request", body.refused),
            false => Error::new(Status::Internal, "a document that is no JSON"),
        })?;
    Ok(body.bytes)
}

/// The body of a request while it is being written.
#[derive(Default)]
struct Body {
    bytes: Buffer,
    /// How many bytes there was no memory for.
    refused: usize,
}

impl Body {
    fn reserve(&mut self, more: usize) -> io::Result<()> {
        make_room(&mut self.bytes, more).map_err(|size| {
            self.refused = size;
            io::ErrorKind::OutOfMemory.into()
        })
    }
}

impl io::Write for Body {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.reserve(part.len())?;
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// All fields, by name, as raw JSON.
type Fields<'a> = BTreeMap<Key<'a>, &'a RawValue>;

#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct Changed<'a> {
    kept: &'a Fields<'a>,
    change: &'a Change<'a>,
}

impl Serialize for Changed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Change { field, value, metadata } = self.change;
        let replaces_metadata = metadata.is_some() && *field != METADATA_FIELD;
        let mut map = serializer.serialize_map(None)?;
        for (Key(name), json) in self.kept {
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

    fn text_of(data: &str, field: &str) -> Result<Option<String>> {
        let answer = answer(data);
        let Some(Found::Document(document)) = Found::parse(&answer, field) else { panic!("no document") };
        Ok(document.text()?.map(|secret| secret.as_str().to_owned()))
    }

    fn changed(data: &str, change: &Change<'_>) -> String {
        let answer = answer(data);
        let Some(Found::Document(document)) = Found::parse(&answer, change.field) else { panic!("no document") };
        String::from_utf8(document.changed(change).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn strings_come_back_as_they_are_and_scalars_as_their_json_text() {
        let data = r#"{"a":"x\"\u00e9\ud83d\ude00","n":1e3,"b":true,"v\u0061lue":"1"}"#;
        assert_eq!(text_of(data, "a").unwrap().as_deref(), Some("x\"é😀"));
        assert_eq!(text_of(data, "n").unwrap().as_deref(), Some("1e3"));
        assert_eq!(text_of(data, "b").unwrap().as_deref(), Some("true"));
        assert_eq!(text_of(data, "value").unwrap().as_deref(), Some("1"));
        assert_eq!(text_of(data, "other").unwrap(), None);
    }

    #[test]
    fn what_is_no_text_is_unsupported_and_never_cut_short() {
        for json in [r#"{}"#, "[1]", "null", r#""a\u0000b""#] {
            let error = text_of(&format!(r#"{{"value":{json}}}"#), "value").unwrap_err();
            assert_eq!(error.status(), Status::Unsupported, "{json}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_nothing_that_vault_sends() {
        for json in [r#""\ud83d""#, r#""\u0000\ud83d""#] {
            let error = text_of(&format!(r#"{{"value":{json}}}"#), "value").unwrap_err();
            assert_eq!(error.status(), Status::Protocol, "{json}");
        }
    }

    #[test]
    fn a_deleted_version_is_told_from_a_document() {
        let deleted = answer("null");
        assert!(matches!(Found::parse(&deleted, "value"), Some(Found::Deleted { version: 7 })));
        assert!(Found::parse(br#"{"errors":[]}"#, "value").is_none());
        assert!(Found::parse(b"<html>", "value").is_none());
        for data in ["[1]", "\"x\"", "1", "true"] {
            assert!(Found::parse(&answer(data), "value").is_none(), "{data}");
        }
        let bare = br#"{"data":{"metadata":{"version":1}}}"#;
        assert!(matches!(Found::parse(bare, "value"), Some(Found::Deleted { version: 1 })));
        let beyond = br#"{"data":{"data":{},"metadata":{"version":9223372036854775808}}}"#;
        assert!(Found::parse(beyond, "value").is_none());
    }

    #[test]
    fn an_envelope_is_read_in_any_order_and_layout_but_not_twice_over() {
        let field = |text: &str| match Found::parse(text.as_bytes(), "value") {
            Some(Found::Document(document)) => {
                document.text().unwrap().map(|text| (document.version, text.as_str().to_owned()))
            }
            _ => None,
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
        assert!(Found::parse(b"{\"data\":{\"data\":{},\"metadata\":{}},\"x\":\"\xFF\"}", "value").is_none());
    }

    #[test]
    fn a_body_is_whole_however_often_it_grew() {
        let value = "\n\"ü".repeat(100_000);
        let metadata = Metadata::from([("a".to_owned(), value.clone())]);
        let body = new_document(&value, Some(&metadata), None).unwrap();
        let expected = serde_json::json!({"data": {"value": value, "metadata": metadata}});
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap(), expected);
    }

    #[test]
    fn a_body_that_there_is_no_memory_for_is_too_large() {
        let error = to_json(isize::MAX as usize, &"x").unwrap_err();
        assert_eq!(error.status(), Status::TooLarge);
        assert!(error.message().starts_with("no memory for the request: "), "{error}");
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
