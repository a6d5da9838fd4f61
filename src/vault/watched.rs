//! Looks at secrets for those who watch for changes.

use super::VaultSecretManager;
use super::client::Context;
use super::engine::kv::latest::Latest;
use super::engine::kv::list::Place;
use super::engine::kv::path::Branch;
use crate::call::Deadline;
use crate::error::{Error, Result};
use crate::reference::{KvPath, Prefix};

impl VaultSecretManager {
    /// To be called before a change is told: no answer from here on is older, from the cache or from a server. `latest` is
    /// the version that was written; with `is_gone` the last one of a secret that was deleted with all versions; `None`: the
    /// version was deleted, which looks like one that was not, or cannot be looked at.
    pub fn told(&self, path: &KvPath, latest: Option<Latest>, is_gone: bool) {
        self.forget(Some(path));
        match latest {
            Some(latest) => self.kv2.told().record(path, latest, is_gone),
            None => self.kv2.told().forget(path),
        }
    }

    /// Logs that looks are not possible any more, because of `failure`, or again.
    pub fn log_looks(&self, had_failed: bool, failure: Option<&Error>) {
        match failure {
            Some(error) if !had_failed => {
                self.client.logger().warn(format_args!("changes of secrets are not noticed at present: {error}"));
            }
            None if had_failed => self.client.logger().info(format_args!("changes of secrets are noticed again")),
            _ => {}
        }
    }

    /// The latest versions of several secrets, in order; `None` for one that does not exist.
    pub fn look(&self, paths: &[KvPath], deadline: &Deadline) -> Vec<Result<Option<Latest>>> {
        if paths.is_empty() {
            return Vec::new();
        }
        let deadline = &self.client.step(deadline);
        match self.with_version_2(self.context(deadline), || Ok(())) {
            Ok(()) => self.kv2.look(self.context(deadline), paths),
            Err(error) => paths.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// The latest versions of all secrets beneath a prefix.
    pub fn look_beneath(&self, prefix: &Prefix, deadline: &Deadline) -> Result<Vec<(KvPath, Latest)>> {
        let deadline = &self.client.step(deadline);
        let context = self.context(deadline);
        self.with_version_2(context, || Ok(()))?;
        if let Some(found) = self.scan.look(&self.kv2, context, prefix.folder())? {
            return Ok(found);
        }
        self.look_one_by_one(context, prefix)
    }

    fn look_one_by_one(&self, context: Context<'_>, prefix: &Prefix) -> Result<Vec<(KvPath, Latest)>> {
        let place = Place { mount: self.kv2.path(), branch: Branch::Metadata };
        let paths = self.folders.list(place, context, prefix)?;
        let looks = self.kv2.look(context, &paths);
        let found = paths.into_iter().zip(looks).map(|(path, latest)| Ok(latest?.map(|latest| (path, latest))));
        found.filter_map(Result::transpose).collect()
    }
}
