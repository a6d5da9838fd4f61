//! The operations on secrets, in terms of the engine.

use std::ffi::CStr;
use std::sync::Arc;

use super::client::Context;
use super::engine::check;
use super::engine::kv::document::{Change, Content, NewFields};
use super::engine::kv::list::Place;
use super::engine::kv::path::Branch;
use super::engine::kv::read::Reads;
use super::engine::kv::v2::value_field;
use super::engine::lease::{Look, Source};
use super::{VaultSecretManager, no_field};
use crate::call::{Call, Deadline};
use crate::config::KvVersion;
use crate::document::{Document, METADATA_FIELD};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::reference::{self, KvPath, Prefix, VaultReference};
use crate::secret::Secret;
use crate::store::{Metadata, SecretManager, Stored};

const WHOLE: &str = "a document is all fields of a secret";

impl SecretManager for VaultSecretManager {
    fn kind(&self) -> &'static CStr {
        c"vault"
    }

    fn store(&self, key: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<String> {
        self.store_fields(key, value_field(value), metadata, call).map(|stored| stored.reference)
    }

    fn store_document(&self, key: &str, fields: &Fields, metadata: Option<&Metadata>, call: &Call) -> Result<Stored> {
        check_fields(fields, metadata)?;
        self.store_fields(key, NewFields::Many(fields), metadata, call)
    }

    fn get(&self, reference: &str, call: &Call) -> Result<Option<Secret>> {
        let reference = self.parse(reference)?;
        if let Some(cache) = &self.cache {
            return self.get_cached(cache, &reference, call);
        }
        self.client.run("Failed to retrieve secret", call, |context| {
            self.reading(context, Some(&reference), |version| match version {
                KvVersion::V1 => self.kv1.read(context, &reference),
                KvVersion::V2 => self.kv2.read(context, &reference),
            })
        })
    }

    fn get_many(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Secret>>> {
        let parsed = references.iter().map(|reference| self.parse(reference));
        if let Some(cache) = &self.cache {
            return self.get_many_cached(cache, parsed.collect(), call);
        }
        self.read_many(parsed, &self.client.start(call), |version, context, references| match version {
            KvVersion::V1 => self.kv1.read_many(context, references),
            KvVersion::V2 => self.kv2.read_many(context, references),
        })
    }

    fn get_document(&self, reference: &str, call: &Call) -> Result<Option<Document>> {
        let reference = no_field(self.parse(reference)?, WHOLE)?;
        if let Some(cache) = &self.cache {
            return self.get_document_cached(cache, &reference, call);
        }
        self.client.run("Failed to retrieve secret", call, |context| self.read_document(context, &reference))
    }

    fn get_documents(&self, references: &[&str], call: &Call) -> Vec<Result<Option<Document>>> {
        let parsed = references.iter().map(|reference| no_field(self.parse(reference)?, WHOLE));
        match &self.cache {
            Some(cache) => self.get_documents_cached(cache, &parsed.collect::<Vec<_>>(), call),
            None => self.read_documents(parsed, &self.client.start(call)),
        }
    }

    fn store_many(&self, secrets: &[(&str, &str)], call: &Call) -> Vec<Result<String>> {
        let deadline = self.client.start(call);
        let context = self.context(&deadline);
        let paths: Vec<Result<KvPath>> = secrets.iter().map(|(key, _)| reference::key_to_path(key)).collect();
        let version = match paths.iter().any(Result::is_ok) {
            true => self.version.get(context).map(|_| self.version_for_all(context, paths.iter().flatten())),
            false => Ok(KvVersion::V2),
        };
        let paths = paths.into_iter().zip(secrets).map(|(path, (_, value))| {
            let path = path?;
            version.clone().map(|_| (path, *value))
        });
        let write = |valid: &[(KvPath, &str)]| match version {
            Ok(KvVersion::V1) => self.kv1.write_many(context, valid),
            _ => self.kv2.write_many(context, valid),
        };
        let outcomes: Vec<_> = batch_of_valid(paths, write).collect();
        let keys = secrets.iter().filter_map(|(key, _)| reference::key_to_path(key).ok());
        keys.for_each(|path| self.forget(Some(&path)));
        outcomes
            .into_iter()
            .zip(secrets)
            .map(|(outcome, (key, value))| match (outcome, &version) {
                (Ok(()), _) => Ok(reference::key_reference(key)),
                (Err(error), Ok(version)) if self.version.was_upgraded(*version, &error, context) => {
                    self.store(key, value, None, call)
                }
                (Err(error), _) => Err(self.client.failed("Failed to store secret", error)),
            })
            .collect()
    }

    fn update(&self, reference: &str, value: &str, metadata: Option<&Metadata>, call: &Call) -> Result<bool> {
        let parsed = self.parse_for_change(reference)?;
        if metadata.is_some() && parsed.field_name() == METADATA_FIELD {
            return Err(Error::invalid_argument(
                "metadata: the reference names the metadata themselves; leave one of the two out",
            ));
        }
        let fields = NewFields::One { name: parsed.field_name(), value };
        Ok(self.update_fields(&parsed, Change { fields, metadata }, call)?.is_some())
    }

    fn update_document(
        &self,
        reference: &str,
        fields: &Fields,
        metadata: Option<&Metadata>,
        call: &Call,
    ) -> Result<Option<u64>> {
        let parsed = self.parse_whole(reference, WHOLE)?;
        check_fields(fields, metadata)?;
        self.update_fields(&parsed, Change { fields: NewFields::Many(fields), metadata }, call)
    }

    fn delete(&self, reference: &str, call: &Call) -> Result<bool> {
        let parsed = self.parse_whole(reference, "a secret is deleted as a whole")?;
        self.changing(&parsed.path, || {
            self.client.run("Failed to delete secret", call, |context| {
                self.with_version(context, &parsed.path, |version| match version {
                    KvVersion::V1 => self.kv1.delete(context, &parsed.path),
                    KvVersion::V2 => self.kv2.delete(context, &parsed.path),
                })
            })
        })
    }

    fn list(&self, prefix: Option<&str>, call: &Call) -> Result<Vec<String>> {
        let prefix = Prefix::parse(prefix)?;
        let list = |context: Context<'_>| {
            self.reading(context, None, |version| {
                let branch = if version == KvVersion::V1 { Branch::Root } else { Branch::Metadata };
                self.folders.list(Place { mount: self.kv2.path(), branch }, context, &prefix)
            })
        };
        let paths = self.client.run("Failed to list secrets", call, list)?;
        let mut references: Vec<String> =
            paths.into_iter().map(|path| reference::canonical(&path, None, None)).collect();
        references.sort_unstable();
        Ok(references)
    }

    fn check(&self, call: &Call) -> Result<()> {
        self.client.run("Failed to check the server", call, check::check)
    }

    fn canonical(&self, reference: &str) -> Result<String> {
        Ok(self.parse(reference)?.canonical())
    }
}

impl VaultSecretManager {
    fn store_fields(
        &self,
        key: &str,
        fields: NewFields<'_>,
        metadata: Option<&Metadata>,
        call: &Call,
    ) -> Result<Stored> {
        let path = reference::key_to_path(key)?;
        // As in the Python manager, empty metadata count as none.
        let metadata = metadata.filter(|metadata| !metadata.is_empty());
        let content = Content::New { fields, metadata };
        let write = |context: Context<'_>| {
            self.with_version(context, &path, |version| match (version, call.cas()) {
                (KvVersion::V1, Some(_)) => Err(self.no_versions("check-and-set")),
                (KvVersion::V1, None) => self.kv1.write(context, &path, content).map(|()| 0),
                (KvVersion::V2, cas) => self.kv2.write(context, &path, content, cas),
            })
        };
        let version = self.changing(&path, || self.client.run("Failed to store secret", call, write))?;
        Ok(Stored { reference: reference::key_reference(key), version })
    }

    fn update_fields(&self, reference: &VaultReference, change: Change<'_>, call: &Call) -> Result<Option<u64>> {
        let path = &reference.path;
        let update = |context: Context<'_>| {
            self.with_version(context, path, |version| match (version, call.cas()) {
                (KvVersion::V1, Some(_)) => Err(self.no_versions("check-and-set")),
                (KvVersion::V1, None) => Ok(self.kv1.update(context, path, change)?.then_some(0)),
                (KvVersion::V2, None) => self.kv2.update(context, path, change),
                (KvVersion::V2, Some(cas)) => self.kv2.update_checked(context, path, change, cas),
            })
        };
        self.changing(path, || self.client.run("Failed to update secret", call, update))
    }

    /// Runs a change of a secret, after which nothing is cached about it, whatever the outcome: a change whose response
    /// was lost may have been made.
    pub(super) fn changing<T>(&self, path: &KvPath, change: impl FnOnce() -> Result<T>) -> Result<T> {
        let outcome = change();
        self.forget(Some(path));
        outcome
    }

    /// Reads several documents from the server.
    pub(super) fn read_documents(
        &self,
        references: impl Iterator<Item = Result<VaultReference>>,
        deadline: &Deadline,
    ) -> Vec<Result<Option<Document>>> {
        self.read_many(references, deadline, |version, context, references| match version {
            KvVersion::V1 => self.kv1.documents(context, references),
            KvVersion::V2 => self.kv2.documents(context, references),
        })
    }

    fn read_document(&self, context: Context<'_>, reference: &VaultReference) -> Result<Option<Document>> {
        self.reading(context, Some(reference), |version| match version {
            KvVersion::V1 => self.kv1.document(context, reference),
            KvVersion::V2 => self.kv2.document(context, reference),
        })
    }

    /// The secret that a reference names, to be read again and again as credentials.
    pub fn source(self: &Arc<Self>, reference: &str) -> Result<Source> {
        let parsed = no_field(self.parse(reference)?, WHOLE)?;
        let (secrets, canonical) = (Arc::clone(self), parsed.canonical());
        Ok(Source::Secret(Box::new(Watched { secrets, reference: parsed, canonical })))
    }

    /// Runs a read with the version of the engine as far as it is known: it costs no request of its own.
    pub(super) fn reading<T>(
        &self,
        context: Context<'_>,
        reference: Option<&VaultReference>,
        read: impl Fn(KvVersion) -> Result<T>,
    ) -> Result<T> {
        let mut version = match reference {
            Some(reference) => self.version.for_path(context, &reference.path)?,
            None => self.version.for_read(),
        };
        if version == KvVersion::V1 && reference.is_some_and(|reference| reference.version.is_some()) {
            return Err(self.no_versions("?version="));
        }
        loop {
            match read(version) {
                Err(error) if self.version.was_upgraded(version, &error, context) => version = KvVersion::V2,
                outcome => return outcome,
            }
        }
    }

    /// Reads several references in one batch.
    fn read_many<T>(
        &self,
        references: impl Iterator<Item = Result<VaultReference>>,
        deadline: &Deadline,
        read: impl Fn(KvVersion, Context<'_>, &[VaultReference]) -> Vec<Result<T>>,
    ) -> Vec<Result<T>> {
        let context = self.context(deadline);
        let references: Vec<Result<VaultReference>> = references.collect();
        let paths = references.iter().flatten().map(|reference| &reference.path);
        let version = self.version_for_all(context, paths);
        let references = references.into_iter().map(|reference| match reference {
            Ok(VaultReference { version: Some(_), .. }) if version == KvVersion::V1 => {
                Err(self.no_versions("?version="))
            }
            reference => reference,
        });
        let read = |valid: &[VaultReference]| {
            let outcomes = read(version, context, valid);
            let upgraded = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
            match upgraded.take(1).any(|error| self.version.was_upgraded(version, error, context)) {
                true => read(KvVersion::V2, context, valid),
                false => outcomes,
            }
        };
        batch_of_valid(references, read)
            .map(|outcome| outcome.map_err(|error| self.client.failed("Failed to retrieve secret", error)))
            .collect()
    }

    /// The version for several paths. If looking it up fails, the requests themselves will tell.
    fn version_for_all<'p>(&self, context: Context<'_>, paths: impl Iterator<Item = &'p KvPath>) -> KvVersion {
        let mut version = self.version.for_read();
        for path in paths {
            if version == KvVersion::V1 {
                version = self.version.for_path(context, path).unwrap_or(version);
            }
        }
        version
    }

    /// The error of what version 1 of the engine cannot do.
    #[cold]
    pub(super) fn no_versions(&self, what: &str) -> Error {
        let mount = self.version.mount();
        Error::unsupported(format!("the mount {mount:?} is KV version 1, which has no {what}; upgrade it to version 2"))
    }
}

/// A secret that is looked at again and again.
struct Watched {
    secrets: Arc<VaultSecretManager>,
    reference: VaultReference,
    canonical: String,
}

impl Look for Watched {
    fn look(&self, context: Context<'_>) -> Result<Option<Document>> {
        self.secrets.read_document(context, &self.reference)
    }

    fn reference(&self) -> &str {
        &self.canonical
    }
}

/// `HF_ERR_INVALID_ARGUMENT` if the metadata are given twice.
fn check_fields(fields: &Fields, metadata: Option<&Metadata>) -> Result<()> {
    if metadata.is_some() && fields.get(METADATA_FIELD).is_some() {
        return Err(Error::invalid_argument(
            "metadata: the fields have one of the name \"metadata\", too; leave one of the two out",
        ));
    }
    Ok(())
}

/// Runs `run` on the valid items in one batch. Returns its results and the errors of the invalid items in the order of
/// `items`.
fn batch_of_valid<W, T>(
    items: impl Iterator<Item = Result<W>>,
    run: impl FnOnce(&[W]) -> Vec<Result<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut valid = Vec::new();
    let errors: Vec<Option<Error>> = items.map(|item| item.map(|item| valid.push(item)).err()).collect();
    let mut results = run(&valid).into_iter();
    let missing = || Err(Error::new(Status::Internal, "a request without a result"));
    errors.into_iter().map(move |error| error.map_or_else(|| results.next().unwrap_or_else(missing), Err))
}
