//! Finds the fields of a JSON object in the pass that parses the text around it.

use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Where one field stands in the JSON text.
#[derive(Clone)]
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
pub struct Object<'de> {
    /// The object.
    pub object: &'de str,
    /// Where its fields stand in it, in the order of the text.
    pub fields: Vec<Field>,
    /// Whether they are sorted.
    pub is_sorted: bool,
}

/// Finds the fields of an object in one pass; null is `None`.
pub struct ObjectSeed<'de> {
    text: &'de [u8],
}

impl<'de> ObjectSeed<'de> {
    /// A seed for an object that is a part of `text`.
    pub fn of(text: &'de [u8]) -> ObjectSeed<'de> {
        ObjectSeed { text }
    }

    /// Where `part` begins in the text.
    fn place(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    /// Where the object begins whose first name is at this place.
    fn start(&self, first: usize) -> Option<usize> {
        self.text.get(..first)?.iter().rposition(|&byte| byte == b'{')
    }

    /// The object that begins and whose last value ends at these places.
    fn object(&self, start: usize, last: usize) -> Option<&'de str> {
        let end = last + self.text.get(last..)?.iter().position(|&byte| byte == b'}')?;
        std::str::from_utf8(self.text.get(start..=end)?).ok()
    }
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'de> {
    type Value = Option<Object<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'de> {
    type Value = Option<Object<'de>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        /// Few documents have more fields.
        const USUAL: usize = 32;
        // The place of the first name tells where the object begins.
        let Some(first) = map.next_key::<&RawValue>()? else {
            return Ok(Some(Object { object: "{}", fields: Vec::new(), is_sorted: true }));
        };
        let start = self.start(self.place(first.get())).ok_or_else(|| serde::de::Error::custom("no object"))?;
        let mut first_name = serde_json::Deserializer::from_str(first.get());
        let mut name = NameSeed.deserialize(&mut first_name).map_err(serde::de::Error::custom)?;
        let mut fields = Vec::with_capacity(USUAL);
        let mut is_sorted = name.decoded.is_none();
        let last = loop {
            let value = map.next_value_seed(ValueSeed)?;
            let at = |part: &str| {
                let place = self.place(part).saturating_sub(start);
                place..place + part.len()
            };
            let previous = name.borrowed;
            fields.push(match name.decoded {
                None => Field { name: at(previous), decoded: None, value: at(value) },
                decoded => Field { name: 0..0, decoded, value: at(value) },
            });
            let Some(next) = map.next_key_seed(NameSeed)? else { break self.place(value) + value.len() };
            is_sorted &= previous < next.borrowed;
            name = next;
        };
        let object = self.object(start, last).ok_or_else(|| serde::de::Error::custom("no object"))?;
        Ok(Some(Object { object, fields, is_sorted }))
    }
}

/// A name: borrowed, or decoded if it has escapes. Then `borrowed` is empty, so that the fields count as unsorted.
struct Name<'de> {
    borrowed: &'de str,
    decoded: Option<Box<str>>,
}

/// Reads the JSON of a value.
struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = &'de str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'de str, D::Error> {
        <&RawValue>::deserialize(deserializer).map(RawValue::get)
    }
}

/// Reads a name.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name { borrowed: name, decoded: None })
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name { borrowed: "", decoded: Some(name.into()) })
    }
}
