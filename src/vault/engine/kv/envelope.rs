//! The envelope of a response that holds a version of a secret, parsed in one pass without copying the fields.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json;

/// The highest version number: servers store versions as signed integers.
pub const MAX_VERSION: u64 = i64::MAX.unsigned_abs();

/// The envelope of a response, with the part of the document that was requested.
pub struct Envelope<T, M> {
    /// The document, or a part of it; `None` for a deleted version.
    pub content: Option<T>,
    /// The metadata of the version.
    pub metadata: M,
}

/// The metadata of a version: parsed, or raw, because most reads of a field do not need them.
pub trait Metadata<'de>: Deserialize<'de> {
    /// Whether these can be the metadata of a version.
    fn are_possible(&self) -> bool;
}

impl<'de> Metadata<'de> for &'de RawValue {
    fn are_possible(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl<'de> Metadata<'de> for VersionMetadata<'de> {
    fn are_possible(&self) -> bool {
        self.version <= MAX_VERSION
    }
}

impl<T, M> Envelope<T, M> {
    /// Parses the envelope of a response, and the document in it with `seed`. `None` if it is not one of KV version 2.
    pub fn read<'de, S>(body: &'de [u8], seed: S) -> Option<Envelope<T, M>>
    where
        S: DeserializeSeed<'de, Value = Option<T>>,
        M: Metadata<'de>,
    {
        let envelope: Option<Envelope<T, M>> =
            json::read(body, Entry { name: "data", seed: DataSeed::new(seed) }).ok()?;
        envelope.filter(|envelope| envelope.metadata.are_possible())
    }
}

impl<'de, T> Envelope<T, &'de RawValue> {
    /// The metadata of the version, parsed. `None` if they hold no possible number.
    pub fn version_metadata(&self) -> Option<VersionMetadata<'de>> {
        serde_json::from_str(self.metadata.get()).ok().filter(VersionMetadata::are_possible)
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
struct DataSeed<S, M>(S, PhantomData<M>);

impl<S, M> DataSeed<S, M> {
    fn new(seed: S) -> DataSeed<S, M> {
        DataSeed(seed, PhantomData)
    }
}

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

impl<'de, T, M, S> DeserializeSeed<'de> for DataSeed<S, M>
where
    M: Metadata<'de>,
    S: DeserializeSeed<'de, Value = Option<T>>,
{
    type Value = Envelope<T, M>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope<T, M>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T, M, S> Visitor<'de> for DataSeed<S, M>
where
    M: Metadata<'de>,
    S: DeserializeSeed<'de, Value = Option<T>>,
{
    type Value = Envelope<T, M>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version of a secret")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<T, M>, A::Error> {
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
