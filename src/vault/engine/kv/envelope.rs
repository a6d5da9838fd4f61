//! The envelope of a response that holds a version of a secret, parsed in one pass without copying the fields.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json;

/// The highest version number: servers store versions as signed integers.
const MAX_VERSION: u64 = i64::MAX.unsigned_abs();

/// The envelope of a response, with the part of the document that was requested.
pub struct Envelope<'de, T> {
    /// The document, or a part of it; `None` for a deleted version.
    pub content: Option<T>,
    /// Parsed only if it is needed: most reads of a field do not need it.
    metadata: &'de RawValue,
}

impl<'de, T> Envelope<'de, T> {
    /// Parses the envelope of a response, and the document in it with `seed`. `None` if it is not one of KV version 2.
    pub fn read<S: DeserializeSeed<'de, Value = Option<T>>>(body: &'de [u8], seed: S) -> Option<Envelope<'de, T>> {
        let envelope: Option<Envelope<'de, T>> = json::read(body, Entry { name: "data", seed: DataSeed(seed) }).ok()?;
        envelope.filter(|envelope| envelope.metadata.get().starts_with('{'))
    }

    /// The metadata of the version. `None` if they hold no possible number.
    pub fn version_metadata(&self) -> Option<VersionMetadata<'de>> {
        let metadata: VersionMetadata<'de> = serde_json::from_str(self.metadata.get()).ok()?;
        (metadata.version <= MAX_VERSION).then_some(metadata)
    }
}

/// Reads the object `data` of a response of KV version 1 with `seed`. `None` if it has none.
pub fn v1_data<'de, T, S: DeserializeSeed<'de, Value = Option<T>>>(body: &'de [u8], seed: S) -> Option<T> {
    json::read(body, Entry { name: "data", seed }).ok()??
}

/// The name of an entry of a JSON object, borrowed unless it has escapes.
#[derive(Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Reads the name of an entry, and compares it without a copy.
struct IsNamed<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsNamed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsNamed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an entry")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// Reads the entry `name` of an object with `seed`, and skips the other entries. A duplicate entry is an error.
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
        while let Some(is_wanted) = map.next_key_seed(IsNamed(self.name))? {
            if !is_wanted {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let seed = seed.take().ok_or_else(|| A::Error::custom("a duplicate entry"))?;
            found = Some(map.next_value_seed(seed)?);
        }
        Ok(found)
    }
}

/// Reads the `data` object of a response: the document, with the seed, and the metadata of the version.
struct DataSeed<S>(S);

/// What the server tells of a version.
#[derive(Deserialize)]
pub struct VersionMetadata<'a> {
    /// Its number; 0 if the server does not name it.
    #[serde(default)]
    pub version: u64,
    /// When it was created, in RFC 3339.
    #[serde(borrow)]
    pub created_time: Option<Cow<'a, str>>,
    /// Its content is gone for good.
    #[serde(default)]
    pub destroyed: bool,
}

impl<'de, T, S: DeserializeSeed<'de, Value = Option<T>>> DeserializeSeed<'de> for DataSeed<S> {
    type Value = Envelope<'de, T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope<'de, T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T, S: DeserializeSeed<'de, Value = Option<T>>> Visitor<'de> for DataSeed<S> {
    type Value = Envelope<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version of a secret")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de, T>, A::Error> {
        let (mut seed, mut content, mut metadata) = (Some(self.0), None, None);
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "data" => {
                    let seed = seed.take().ok_or_else(|| A::Error::duplicate_field("data"))?;
                    content = map.next_value_seed(seed)?;
                }
                "metadata" => {
                    if metadata.replace(map.next_value()?).is_some() {
                        return Err(A::Error::duplicate_field("metadata"));
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Envelope { content, metadata: metadata.ok_or_else(|| A::Error::missing_field("metadata"))? })
    }
}

/// Reads one field of a document, which may be null. If the name occurs more than once, the last value counts.
pub struct FieldSeed<'n>(pub &'n str);

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
        while let Some(is_wanted) = map.next_key_seed(IsNamed(self.0))? {
            if is_wanted {
                field = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(field))
    }
}
