//! Finds the fields of a JSON object in the pass that parses the text around it.

use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Where one field stands in the JSON text.
pub struct Field {
    /// The name without its quotes.
    pub name: Range<usize>,
    /// The name, if it has escapes.
    decoded: Option<Box<str>>,
    /// Its value.
    pub value: Range<usize>,
}

impl Field {
    /// The name, decoded.
    pub fn name_in<'a>(&'a self, json: &'a str) -> &'a str {
        self.decoded.as_deref().unwrap_or_else(|| json.get(self.name.clone()).unwrap_or_default())
    }
}

/// Sorts the fields by name. Of several with the same name the last one counts.
pub fn sort(fields: &mut Vec<Field>, json: &str) {
    if fields.is_sorted_by(|one, next| one.name_in(json) < next.name_in(json)) {
        return;
    }
    fields.sort_by(|one, other| one.name_in(json).cmp(other.name_in(json)));
    fields.dedup_by(|later, kept| {
        let is_same = later.name_in(json) == kept.name_in(json);
        if is_same {
            std::mem::swap(later, kept);
        }
        is_same
    });
}

/// An object that was found in a JSON text.
pub struct Found<'de> {
    /// The object.
    pub object: &'de str,
    /// Where it begins in the text.
    pub start: usize,
    /// Where its fields stand in the text, in the order of the text.
    pub fields: Vec<Field>,
}

/// Finds the fields of an object in one pass; null is `None`.
pub struct FoundSeed<'de> {
    text: &'de [u8],
}

impl<'de> FoundSeed<'de> {
    /// A seed for an object that is a part of `text`.
    pub fn of(text: &'de [u8]) -> FoundSeed<'de> {
        FoundSeed { text }
    }

    /// Where `part` begins in the text.
    fn place(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// The object whose first name begins and whose last value ends at these places.
    fn object(&self, first: usize, last: usize) -> Option<(usize, &'de str)> {
        let start = self.text.get(..first)?.iter().rposition(|&byte| byte == b'{')?;
        let end = last + self.text.get(last..)?.iter().position(|&byte| byte == b'}')?;
        Some((start, std::str::from_utf8(self.text.get(start..=end)?).ok()?))
    }
}

impl<'de> DeserializeSeed<'de> for FoundSeed<'de> {
    type Value = Option<Found<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FoundSeed<'de> {
    type Value = Option<Found<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        /// Most documents have fewer fields.
        const USUAL: usize = 16;
        let mut fields = Vec::new();
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if fields.is_empty() {
                fields.reserve(USUAL);
            }
            let name = name.get();
            let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or_default();
            let decoded = match memchr::memchr(b'\\', name.as_bytes()) {
                None => None,
                Some(_) => Some(serde_json::from_str(&format!("\"{name}\"")).map_err(serde::de::Error::custom)?),
            };
            let at = |part: &str| self.place(part)..self.place(part) + part.len();
            fields.push(Field { name: at(name), decoded, value: at(value.get()) });
        }
        let (first, last) = match (fields.first(), fields.last()) {
            (Some(first), Some(last)) => (first.name.start, last.value.end),
            _ => return Ok(Some(Found { object: "{}", start: 0, fields })),
        };
        let (start, object) = self.object(first, last).ok_or_else(|| serde::de::Error::custom("no object"))?;
        Ok(Some(Found { object, start, fields }))
    }
}
