//! A document: all fields of one version of a secret, or of another answer of a server, as one immutable object.
//!
//! The object is kept as the JSON text that the server sent, in memory for secrets. Where the fields stand in it is
//! found in the same pass that parses the answer; their texts are decoded when the first one is asked for.

mod binary;
mod object;

use std::ops::Range;
use std::time::Duration;

use once_cell::race::OnceBox;
use serde_json::value::RawValue;

use self::object::{Field, sort};
pub use self::object::{Object, ObjectSeed};
use crate::error::{Error, Result, Status};
use crate::json;
use crate::metadata::Metadata;
use crate::secret::{Draft, Secret};

/// The field that holds the user's metadata, next to the value.
pub const METADATA_FIELD: &str = "metadata";

/// All fields of one version of a secret.
pub struct Document {
    /// The number of the version; 0 if the engine has none.
    pub version: u64,
    /// When the version was created, in RFC 3339; empty if the server does not tell.
    pub created: String,
    /// How old it is; zero if the server has answered this call.
    pub age: Duration,
    /// The whole object.
    json: Secret,
    /// Sorted by name.
    fields: Vec<Field>,
    /// Names and texts, each followed by a NUL; decoded on first use.
    texts: OnceBox<Block>,
    /// The JSON of each field, followed by a NUL; copied on first use.
    pieces: OnceBox<Block>,
}

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`.
    Null,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl Kind {
    fn of(json: &str) -> Kind {
        match json.as_bytes().first() {
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') => Kind::Null,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            _ => Kind::Number,
        }
    }
}

/// Texts one behind the other, each followed by a NUL.
struct Block {
    text: Secret,
    entries: Box<[Entry]>,
}

/// Where the name and the text of a field stand in a block; or nothing, and its JSON.
type Entry = (Range<usize>, Option<Range<usize>>);

impl Block {
    fn get(&self, range: Range<usize>) -> &str {
        self.text.as_str().get(range).unwrap_or_default()
    }
}

impl Document {
    /// The document of an object that was found in an answer.
    pub fn new(found: Object<'_>, version: u64, created: String) -> Result<Document> {
        let Object { object, mut fields, is_sorted } = found;
        let json = Secret::try_copy_of(object).ok_or_else(|| Error::no_memory("the document", object.len()))?;
        if !is_sorted {
            sort(&mut fields, object);
        }
        let (texts, pieces) = (OnceBox::new(), OnceBox::new());
        Ok(Document { version, created, age: Duration::ZERO, json, fields, texts, pieces })
    }

    /// A copy that is this old.
    pub fn copy(&self, age: Duration) -> Result<Document> {
        let json = self.json();
        let json = Secret::try_copy_of(json).ok_or_else(|| Error::no_memory("the document", json.len()))?;
        let (version, created, fields) = (self.version, self.created.clone(), self.fields.clone());
        Ok(Document { version, created, age, json, fields, texts: OnceBox::new(), pieces: OnceBox::new() })
    }

    /// A document with one text.
    pub fn of_text(name: &str, text: &str) -> Result<Document> {
        let object = std::collections::BTreeMap::from([(name, text)]);
        let written = json::to_body(text.len(), &object)?;
        let found = json::read(&written, ObjectSeed::of(&written)).ok().flatten();
        let found = found.ok_or_else(|| Error::new(Status::Internal, "a document that is no JSON"))?;
        Document::new(found, 0, String::new())
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The whole object, to the letter of the server. A NUL follows it in memory.
    pub fn json(&self) -> &str {
        self.json.as_str()
    }

    /// The names and the JSON of all fields, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (field.name_in(self.json()), self.value(field)))
    }

    /// The names of all fields, sorted.
    pub fn names(&self) -> Vec<String> {
        self.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// The JSON of a field, to the letter of the server.
    pub fn json_of(&self, name: &str) -> Option<&str> {
        self.position(name).and_then(|index| self.fields.get(index)).map(|field| self.value(field))
    }

    /// The kind of a field.
    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.json_of(name).map(Kind::of)
    }

    /// The text of a field: a string as it is, a number or boolean as its JSON. `None` for other kinds, for a string
    /// that is not valid Unicode, and if there is no memory. A NUL follows it in memory.
    pub fn text(&self, name: &str) -> Option<&str> {
        let index = self.position(name)?;
        let texts = self.texts()?;
        let (_, text) = texts.entries.get(index)?;
        text.clone().map(|range| texts.get(range))
    }

    /// The name of a field by its number, in sorted order. A NUL follows it in memory. `None` also if there is no
    /// memory.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.fields.get(index)?;
        let texts = self.texts()?;
        let (name, _) = texts.entries.get(index)?;
        Some(texts.get(name.clone()))
    }

    /// As [`Document::json_of`]. A NUL follows it in memory. `None` also if there is no memory.
    pub fn json_with_nul(&self, name: &str) -> Option<&str> {
        let index = self.position(name)?;
        let pieces = self.pieces.get_or_try_init(|| self.copy_pieces().map(Box::new).ok_or(())).ok()?;
        let (_, piece) = pieces.entries.get(index)?;
        piece.clone().map(|range| pieces.get(range))
    }

    /// The entries of the field `metadata`: strings as they are, other values as their JSON. Empty if there is no such
    /// field, or if it is not an object.
    pub fn metadata(&self) -> Metadata {
        let object = self.json_of(METADATA_FIELD).filter(|json| json.starts_with('{'));
        let entries: Option<std::collections::BTreeMap<String, &RawValue>> =
            object.and_then(|json| serde_json::from_str(json).ok());
        let text = |value: &RawValue| match serde_json::from_str::<String>(value.get()) {
            Ok(text) => text,
            Err(_) => value.get().to_owned(),
        };
        entries.unwrap_or_default().into_iter().map(|(key, value)| (key, text(value))).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.fields.binary_search_by(|field| field.name_in(self.json()).cmp(name)).ok()
    }

    fn value(&self, field: &Field) -> &str {
        self.json().get(field.value.clone()).unwrap_or_default()
    }

    fn texts(&self) -> Option<&Block> {
        self.texts.get_or_try_init(|| self.decode_texts().map(Box::new).ok_or(())).ok()
    }

    fn decode_texts(&self) -> Option<Block> {
        let mut length = 0;
        let mut next = |bytes: usize| {
            let range = length..length + bytes;
            length += bytes + 1;
            range
        };
        let entries: Box<[_]> =
            self.iter().map(|(name, value)| (next(name.len()), json::text_length(value).map(&mut next))).collect();
        let mut draft = Draft::try_new(length)?;
        for ((name, value), (_, text)) in self.iter().zip(&entries) {
            draft.push(name);
            draft.push("\0");
            if text.is_some() {
                json::visit_text(value, |piece| draft.push(piece)).ok()?;
                draft.push("\0");
            }
        }
        Some(Block { text: draft.finish(), entries })
    }

    fn copy_pieces(&self) -> Option<Block> {
        let mut length = 0;
        let entries: Box<[_]> = self
            .iter()
            .map(|(_, value)| {
                let range = length..length + value.len();
                length += value.len() + 1;
                (0..0, Some(range))
            })
            .collect();
        let mut draft = Draft::try_new(length)?;
        for (_, value) in self.iter() {
            draft.push(value);
            draft.push("\0");
        }
        Some(Block { text: draft.finish(), entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> Document {
        let text = format!(" {json} ");
        let found = json::read(text.as_bytes(), ObjectSeed::of(text.as_bytes())).unwrap().unwrap();
        Document::new(found, 7, "now".into()).unwrap()
    }

    #[test]
    fn fields_are_sorted_and_keep_their_json_to_the_letter() {
        let json = r#"{ "b" : 1.50e3 , "a":"x\n\u00e9", "é":[ 1 ], "o": {"k": null}, "t":true, "n":null }"#;
        let document = document(json);
        assert_eq!(document.json(), json);
        let names: Vec<&str> = (0..).map_while(|index| document.name(index)).collect();
        assert_eq!(names, ["a", "b", "n", "o", "t", "é"]);
        for (name, kind, text, json) in [
            ("a", Kind::String, Some("x\né"), r#""x\n\u00e9""#),
            ("b", Kind::Number, Some("1.50e3"), "1.50e3"),
            ("n", Kind::Null, None, "null"),
            ("o", Kind::Object, None, r#"{"k": null}"#),
            ("t", Kind::Boolean, Some("true"), "true"),
            ("é", Kind::Array, None, "[ 1 ]"),
        ] {
            assert_eq!((document.kind(name), document.text(name)), (Some(kind), text), "{name}");
            assert_eq!((document.json_of(name), document.json_with_nul(name)), (Some(json), Some(json)), "{name}");
        }
        assert_eq!((document.kind("x"), document.text("x"), document.json_with_nul("x")), (None, None, None));
    }

    #[test]
    fn the_last_of_two_fields_with_one_name_counts() {
        let document = document(r#"{"b":1,"a":2,"\u0061":3,"b":"{\"}"}"#);
        assert_eq!(document.iter().collect::<Vec<_>>(), [("a", "3"), ("b", r#""{\"}""#)]);
        assert_eq!(document.text("b"), Some("{\"}"));
    }

    #[test]
    fn an_object_may_be_empty_and_a_name_may_hold_anything() {
        assert_eq!((document("{}").json(), document("{}").len()), ("{}", 0));
        let odd = document(r#"{"\"{}":"","":"\u0000"}"#);
        assert_eq!(odd.iter().collect::<Vec<_>>(), [("", r#""\u0000""#), ("\"{}", r#""""#)]);
        assert_eq!((odd.text(""), odd.text("\"{}")), (Some("\0"), Some("")));
    }

    #[test]
    fn a_string_that_is_not_unicode_has_no_text_and_disturbs_no_other() {
        let document = document(r#"{"a":"\ud83d","b":"x"}"#);
        assert_eq!((document.text("a"), document.text("b")), (None, Some("x")));
        assert_eq!(document.json_with_nul("a"), Some(r#""\ud83d""#));
    }

    #[test]
    fn texts_end_with_a_nul_in_memory() {
        let document = document(r#"{"a":"xy","n":5}"#);
        let followed_by_nul = |text: &str| {
            // SAFETY: the text and the byte behind it are in one block.
            unsafe { text.as_ptr().add(text.len()).read() == 0 }
        };
        for text in
            [document.json(), document.name(0).unwrap(), document.text("a").unwrap(), document.text("n").unwrap()]
        {
            assert!(followed_by_nul(text), "{text}");
        }
        assert!(followed_by_nul(document.json_with_nul("a").unwrap()));
    }

    #[test]
    fn metadata_are_texts() {
        let document = document(r#"{"metadata":{"scope":"a","n":5,"o":{"x":1}},"value":"v"}"#);
        let expected = [("n", "5"), ("o", r#"{"x":1}"#), ("scope", "a")];
        assert!(document.metadata().iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(expected));
        assert!(self::document(r#"{"metadata":"x"}"#).metadata().is_empty());
    }
}
