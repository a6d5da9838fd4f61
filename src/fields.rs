//! The fields of a write, or the parameters of a request: names and values that a program has set.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::json;
use crate::secret::{Buffer, Secret};

/// Names and values. A name that is set again has its last value.
#[derive(Clone, Default)]
pub struct Fields(BTreeMap<String, Field>);

/// The value of one field.
#[derive(Clone)]
pub enum Field {
    /// A text.
    Text(Shared),
    /// Bytes, as a text in base64.
    Bytes(Shared),
    /// A JSON value to the letter.
    Json(Shared),
    /// The field is removed, or not sent.
    Removed,
}

/// A secret that several copies of [`Fields`] share.
pub type Shared = std::sync::Arc<Secret>;

impl Fields {
    /// Sets a field to a text.
    pub fn set(&mut self, name: String, text: Secret) {
        self.0.insert(name, Field::Text(text.into()));
    }

    /// Sets a field to a JSON value, which is kept to the letter.
    pub fn set_json(&mut self, name: String, json: &str) -> Result<()> {
        let value: &RawValue =
            serde_json::from_str(json).map_err(|error| json::not_json("json", &error)).map_err(|error| {
                match json.contains(['{', '[', '"']) {
                    true => error,
                    false => Error::invalid_argument(format!("{error}; hf_fields_set sets a text")),
                }
            })?;
        let value = copied(value.get(), "json")?;
        self.0.insert(name, Field::Json(value.into()));
        Ok(())
    }

    /// Sets a field to bytes, which are stored as a text in base64.
    pub fn set_bytes(&mut self, name: String, data: &[u8]) -> Result<()> {
        let mut text = Zeroizing::new(String::new());
        let length = base64::encoded_len(data.len(), true).ok_or_else(|| Error::no_memory("data", data.len()))?;
        text.try_reserve_exact(length).map_err(|_| Error::no_memory("data", length))?;
        STANDARD.encode_string(data, &mut text);
        self.0.insert(name, Field::Bytes(copied(&text, "data")?.into()));
        Ok(())
    }

    /// Sets a field for each member of a JSON object.
    pub fn set_object(&mut self, object: &str) -> Result<()> {
        let mut members = BTreeMap::new();
        json::read(object.as_bytes(), Members(&mut members)).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                Error::invalid_argument("json_object: is not a JSON object; write it as {\"name\": value, …}")
            }
            _ => json::not_json("json_object", &error),
        })?;
        for (name, value) in members {
            self.0.insert(name, Field::Json(copied(value.get(), "json_object")?.into()));
        }
        Ok(())
    }

    /// Removes a field: an update deletes it, every other request does not send it.
    pub fn remove(&mut self, name: String) {
        self.0.insert(name, Field::Removed);
    }

    /// The fields, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.0.iter().map(|(name, field)| (name.as_str(), field))
    }

    /// One field.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.0.get(name)
    }

    /// The length of all names and values, for the size of a request.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, field)| name.len() + field.size() + 8).sum()
    }
}

impl Field {
    /// The length of the value.
    pub fn size(&self) -> usize {
        self.written().map_or(0, str::len)
    }

    /// The bytes of a field that was set to bytes.
    pub fn bytes(&self) -> Option<Buffer> {
        let Field::Bytes(text) = self else { return None };
        STANDARD.decode(text.as_bytes()).ok().map(Buffer::from)
    }

    /// The text, or the JSON; `None` for a removed field.
    pub fn written(&self) -> Option<&str> {
        match self {
            Field::Text(value) | Field::Bytes(value) | Field::Json(value) => Some(value.as_str()),
            Field::Removed => None,
        }
    }
}

impl Serialize for Field {
    /// Writes the value. A removed field has none, and must be left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Field::Text(text) | Field::Bytes(text) => serializer.serialize_str(text.as_str()),
            Field::Json(json) => {
                let value: &RawValue = serde_json::from_str(json.as_str()).map_err(serde::ser::Error::custom)?;
                value.serialize(serializer)
            }
            Field::Removed => serializer.serialize_unit(),
        }
    }
}

fn copied(text: &str, parameter: &str) -> Result<Secret> {
    Secret::try_copy_of(text).ok_or_else(|| Error::no_memory(parameter, text.len()))
}

/// Collects the members of a JSON object.
struct Members<'m, 'de>(&'m mut BTreeMap<String, &'de RawValue>);

impl<'de> DeserializeSeed<'de> for Members<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry()? {
            self.0.insert(name, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn written(fields: &Fields) -> String {
        let map: BTreeMap<&str, &Field> = fields.iter().filter(|(_, field)| !matches!(field, Field::Removed)).collect();
        serde_json::to_string(&map).unwrap()
    }

    #[test]
    fn values_are_written_as_they_were_set() {
        let mut fields = Fields::default();
        fields.set("a".into(), Secret::copy_of("x\"y"));
        fields.set_json("n".into(), " 12345678901234567890.10 ").unwrap();
        fields.set_bytes("b".into(), &[0, 255]).unwrap();
        fields.set("gone".into(), Secret::copy_of("x"));
        fields.remove("gone".into());
        fields.set_object(r#"{"o": {"z":1, "a":[ 2 ]}, "a": null, "o": 7e1}"#).unwrap();
        assert_eq!(written(&fields), r#"{"a":null,"b":"AP8=","n":12345678901234567890.10,"o":7e1}"#);
    }

    #[test]
    fn what_is_not_json_is_refused_by_its_place_and_changes_nothing() {
        let mut fields = Fields::default();
        for json in ["", "{", "hunter2", "1 2", "\"\\ud8\"", "01"] {
            let error = fields.set_json("n".into(), json).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument, "{json}");
            assert!(error.message().starts_with("json: is not JSON (line 1, column "), "{error}");
        }
        for json in ["[1]", "\"hunter2\"", "7", "{\"a\":1", "{\"a\":1} x"] {
            let error = fields.set_object(json).unwrap_err();
            assert!(error.message().starts_with("json_object: is not ") && !error.message().contains("hunter2"));
        }
        assert_eq!(written(&fields), "{}");
    }
}
