//! The latest version of a secret, without its content, and which of two is older.

use std::cmp::Ordering;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The latest version of a secret. Two looks that find equal ones have seen no change between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Its number; 0 if the secret has none.
    pub version: u64,
    /// When it was created: a secret that was deleted and written again may have the same number.
    pub created: String,
    /// When the secret was created. It counts its versions from then on.
    pub secret_created: String,
    /// Whether it can be read.
    pub is_live: bool,
}

impl Latest {
    /// Whether this was the latest version before `other` was. One that was created later was not, whatever its number:
    /// a secret that was deleted counts anew, and so does one from a backup.
    pub fn is_before(&self, other: &Latest) -> bool {
        let created = compare(&self.created, &other.created);
        let secret = compare(&self.secret_created, &other.secret_created);
        created.is_le() && secret.then(self.version.cmp(&other.version)).then(created).is_lt()
    }
}

/// Compares two times in RFC 3339. Those that are none are equal to all others.
fn compare(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let times = [one, other].map(|text| OffsetDateTime::parse(text, &Rfc3339));
    if let [Ok(one), Ok(other)] = times { one.cmp(&other) } else { Ordering::Equal }
}
