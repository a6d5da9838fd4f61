//! The parameters of operations, by the names that the engine has for them.

use serde::Serializer;
use serde::ser::SerializeMap;

use crate::error::{Error, Result};
use crate::fields::{Field, Fields};

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Encrypts data.
    Encrypt,
    /// Decrypts a ciphertext.
    Decrypt,
    /// Encrypts a ciphertext anew, under the latest version of the key.
    Rewrap,
    /// Signs data.
    Sign,
    /// Checks a signature or an HMAC.
    Verify,
    /// Makes an HMAC of data.
    Hmac,
    /// Makes a data key.
    DataKey,
}

const ALL: [&str; 8] = [
    "context",
    "associated_data",
    "key_version",
    "hash_algorithm",
    "signature_algorithm",
    "prehashed",
    "marshaling_algorithm",
    "bits",
];

/// Those that are bytes, which go in base64.
const BINARY: [&str; 2] = ["context", "associated_data"];

impl Operation {
    /// The name of the operation in the API.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Encrypt => "encrypt",
            Operation::Decrypt => "decrypt",
            Operation::Rewrap => "rewrap",
            Operation::Sign => "sign",
            Operation::Verify => "verify",
            Operation::Hmac => "hmac",
            Operation::DataKey => "datakey",
        }
    }

    /// Whether the operation has the parameter `name`.
    pub fn takes(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Operation::Encrypt | Operation::Rewrap => &["context", "associated_data", "key_version"],
            Operation::Decrypt => &["context", "associated_data"],
            Operation::Sign => &[
                "context",
                "key_version",
                "hash_algorithm",
                "signature_algorithm",
                "prehashed",
                "marshaling_algorithm",
            ],
            Operation::Verify => {
                &["context", "hash_algorithm", "signature_algorithm", "prehashed", "marshaling_algorithm"]
            }
            Operation::Hmac => &["key_version", "hash_algorithm"],
            Operation::DataKey => &["context", "associated_data", "bits"],
        };
        names.contains(&name)
    }
}

/// Checked parameters of one operation.
#[derive(Clone)]
pub struct Parameters<'a>(Vec<(&'a str, &'a Field)>);

impl<'a> Parameters<'a> {
    /// `HF_ERR_INVALID_ARGUMENT` for an unknown parameter, one that the operation does not have, and bytes that were set
    /// as a text or the reverse.
    pub fn check(operation: Operation, fields: &'a Fields) -> Result<Parameters<'a>> {
        Parameters::read(operation, fields).map_err(|what| Error::invalid_argument(format!("parameters: {what}")))
    }

    /// As [`Parameters::check`], for the parameters of one item of several.
    pub fn check_item(operation: Operation, fields: &'a Fields, index: usize) -> Result<Parameters<'a>> {
        let named = |what| Error::invalid_argument(format!("item_parameters[{index}]: {what}"));
        Parameters::read(operation, fields).map_err(named)
    }

    /// The error is what is wrong.
    fn read(operation: Operation, fields: &'a Fields) -> Result<Parameters<'a>, String> {
        let mut checked = Vec::new();
        for (name, field) in fields.iter().filter(|(_, field)| !matches!(field, Field::Removed)) {
            if !ALL.contains(&name) {
                let all = ALL.join(", ");
                return Err(format!("{name:?} is unknown; there are {all}"));
            }
            if !operation.takes(name) {
                let operation = operation.name();
                return Err(format!("{operation} has no {name:?}"));
            }
            if BINARY.contains(&name) != matches!(field, Field::Bytes(_)) {
                let how = if BINARY.contains(&name) { "by hf_fields_set_bytes" } else { "as a text or as JSON" };
                return Err(format!("{name:?} has to be set {how}"));
            }
            if name == "key_version" && version_in(field).is_none() {
                return Err("\"key_version\" is not the number of a version".to_owned());
            }
            // The server takes an empty context for none.
            if name != "context" || field.size() > 0 {
                checked.push((name, field));
            }
        }
        Ok(Parameters(checked))
    }

    /// The length of the data key that `bits` asks for.
    pub fn key_bytes(&self) -> usize {
        let bits = self.0.iter().find(|(name, _)| *name == "bits").and_then(|(_, field)| number_in(field));
        bits.map_or(32, |bits| usize::try_from(bits / 8).unwrap_or_default())
    }

    /// Whether the parameter `name` is set.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(set, _)| *set == name)
    }

    /// The parameter `name`, if it was set as a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(set, _)| *set == name).and_then(|(_, field)| match field {
            Field::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Those that another operation has, too.
    pub fn of(&self, operation: Operation) -> Parameters<'a> {
        Parameters(self.0.iter().copied().filter(|(name, _)| operation.takes(name)).collect())
    }

    /// These, with those of one item in place of the ones with the same names, and without those that `own` removes.
    pub fn with(&self, item: &Parameters<'a>, own: &Fields) -> Parameters<'a> {
        let mut all = item.0.clone();
        let is_set = |name: &str| own.iter().any(|(set, _)| set == name);
        all.extend(self.0.iter().copied().filter(|(name, _)| !is_set(name)));
        Parameters(all)
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The length of all names and values.
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, field)| name.len() + field.size()).sum()
    }

    /// Writes the parameters as entries of a map. The engine calls the hash of an HMAC by another name.
    pub fn write<M: SerializeMap>(&self, operation: Operation, map: &mut M) -> Result<(), M::Error> {
        self.0.iter().try_for_each(|(name, field)| {
            match *name {
                // In batches, the server takes no text for it.
                "key_version" => map.serialize_entry(name, &version_in(field)),
                "hash_algorithm" if operation == Operation::Hmac => map.serialize_entry("algorithm", field),
                _ => map.serialize_entry(name, field),
            }
        })
    }

    /// Writes a map with one more entry.
    pub fn write_with<S: Serializer, V: serde::Serialize>(
        &self,
        operation: Operation,
        (name, value): (&str, &V),
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(name, value)?;
        self.write(operation, &mut map)?;
        map.end()
    }
}

/// The number in a field, which may be set as a text or as JSON.
fn number_in(field: &Field) -> Option<u64> {
    match field {
        Field::Text(text) | Field::Json(text) => {
            let text = text.as_str();
            text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).parse().ok()
        }
        Field::Bytes(_) | Field::Removed => None,
    }
}

/// The number of a version, as far as servers know such numbers.
fn version_in(field: &Field) -> Option<u64> {
    number_in(field).filter(|&version| version <= u64::from(u32::MAX >> 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use crate::secret::Secret;

    #[test]
    fn a_parameter_that_the_operation_does_not_have_is_refused_by_name() {
        let text = |name: &str| {
            let mut fields = Fields::default();
            fields.set(name.to_owned(), Secret::copy_of("canary"));
            fields
        };
        let bytes = |name: &str| {
            let mut fields = Fields::default();
            fields.set_bytes(name.to_owned(), b"canary").unwrap();
            fields
        };
        for (operation, fields) in [
            (Operation::Encrypt, text("contxt")),
            (Operation::Encrypt, text("bits")),
            (Operation::Hmac, bytes("context")),
            (Operation::Encrypt, text("context")),
            (Operation::Encrypt, text("associated_data")),
            (Operation::Sign, bytes("hash_algorithm")),
            (Operation::Decrypt, text("key_version")),
        ] {
            let error = Parameters::check(operation, &fields).err().unwrap();
            assert_eq!(error.status(), Status::InvalidArgument);
            let name = fields.iter().next().unwrap().0;
            assert!(error.message().contains(name) && !error.message().contains("canary"), "{error}");
        }
        assert!(Parameters::check(Operation::Encrypt, &bytes("context")).unwrap().has("context"));
        let mut removed = text("nonsense");
        removed.remove("nonsense".to_owned());
        assert_eq!(Parameters::check(Operation::Encrypt, &removed).unwrap().len(), 0, "a removed field is not sent");
    }
}
