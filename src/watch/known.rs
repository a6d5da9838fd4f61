//! What a program knows of a secret, and which change a look tells it.

use crate::vault::Latest;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is another content, in this version.
    Written = 1,
    /// The content is gone.
    Deleted = 2,
    /// The secret cannot be looked at.
    Failed = 3,
}

/// What is known of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: what is there is told.
    Nothing,
    /// This version, which the program names.
    Version(u64),
    /// Whatever the first look finds.
    Unseen,
    /// What the last look has found; `None`: there is no such secret.
    Seen(Option<Latest>),
}

impl Known {
    /// What a look that finds `latest` tells, with the version. Afterwards it is what is known.
    pub fn look(&mut self, latest: Option<Latest>) -> Option<(Kind, u64)> {
        let now = Known::Seen(latest);
        let before = std::mem::replace(self, now);
        let Known::Seen(latest) = self else { return None };
        let live = latest.as_ref().filter(|latest| latest.is_live);
        let had = match &before {
            Known::Unseen => return None,
            Known::Nothing => None,
            Known::Version(version) => {
                if live.is_some_and(|live| live.version == *version) {
                    return None;
                }
                Some(*version)
            }
            Known::Seen(before) if before == latest => return None,
            Known::Seen(before) => before.as_ref().filter(|before| before.is_live).map(|before| before.version),
        };
        match (live, had) {
            (Some(live), _) => Some((Kind::Written, live.version)),
            (None, Some(version)) => Some((Kind::Deleted, latest.as_ref().map_or(version, |latest| latest.version))),
            (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(version: u64) -> Option<Latest> {
        Some(Latest { version, created: format!("at {version}"), is_live: true })
    }

    fn deleted(version: u64) -> Option<Latest> {
        Some(Latest { is_live: false, ..live(version)? })
    }

    #[test]
    fn what_the_program_knows_decides_what_the_first_look_tells() {
        for (known, found, told) in [
            (Known::Nothing, live(3), Some((Kind::Written, 3))),
            (Known::Nothing, deleted(3), None),
            (Known::Nothing, None, None),
            (Known::Version(3), live(3), None),
            (Known::Version(2), live(3), Some((Kind::Written, 3))),
            (Known::Version(4), live(3), Some((Kind::Written, 3))),
            (Known::Version(3), deleted(3), Some((Kind::Deleted, 3))),
            (Known::Version(3), None, Some((Kind::Deleted, 3))),
            (Known::Unseen, live(3), None),
            (Known::Unseen, None, None),
        ] {
            let mut after = known.clone();
            assert_eq!(after.look(found.clone()), told, "{known:?}, {found:?}");
            assert_eq!(after, Known::Seen(found));
        }
    }

    #[test]
    fn later_looks_tell_each_change_once() {
        let again = Some(Latest { created: "later".into(), ..live(1).unwrap() });
        let mut known = Known::Unseen;
        let found =
            [live(1), live(1), live(4), deleted(4), deleted(5), live(5), None, None, live(1), again.clone(), again];
        let told = found.map(|latest| known.look(latest));
        let written = |version| Some((Kind::Written, version));
        let expected = [
            None,
            None,
            written(4),
            Some((Kind::Deleted, 4)),
            None,
            written(5),
            Some((Kind::Deleted, 5)),
            None,
            written(1),
            written(1),
            None,
        ];
        assert_eq!(told, expected);
    }
}
