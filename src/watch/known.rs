//! What a program knows of a secret, and which change a look tells it.

use std::time::{Duration, Instant};

use crate::vault::Latest;

/// For this long a look that finds older data than the one before is not believed: after a failover, a node may answer
/// that is behind. What is still found afterwards is what there is: somebody has restored a backup.
const OLD_DATA: Duration = Duration::from_secs(60);

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
#[derive(Clone, Debug)]
pub enum Known {
    /// Nothing: what is there is told.
    Nothing,
    /// This version, which the program names.
    Version(u64),
    /// Whatever the first look finds.
    Unseen,
    /// What looks have found.
    Seen(Seen),
}

/// What looks have found.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The newest data; `None`: there never was such a secret.
    newest: Option<Latest>,
    /// Since when the secret does not exist any more.
    gone_since: Option<Instant>,
    /// Since when looks find what is older.
    older_since: Option<Instant>,
}

impl Known {
    /// What a look at `now` that finds `latest` tells, with the version; `None`: there is no such secret. Afterwards it is
    /// what is known.
    pub fn look(&mut self, latest: Option<Latest>, now: Instant) -> Option<(Kind, u64)> {
        if let Known::Seen(seen) = self {
            return seen.look(latest, now);
        }
        let live = latest.as_ref().filter(|latest| latest.is_live).map(|live| live.version);
        let told = match *self {
            Known::Version(version) if live == Some(version) => None,
            Known::Version(version) => tell(live, Some(version), latest.as_ref()),
            Known::Nothing => tell(live, None, latest.as_ref()),
            Known::Unseen | Known::Seen(_) => None,
        };
        *self = Known::Seen(Seen { newest: latest, ..Seen::default() });
        told
    }

    /// The live version that the last look has found.
    pub fn live(&self) -> Option<&Latest> {
        match self {
            Known::Seen(seen) => seen.newest.as_ref().filter(|newest| newest.is_live && seen.gone_since.is_none()),
            _ => None,
        }
    }

    /// The last version of a secret of which looks have found that it does not exist any more.
    pub fn gone(&self) -> Option<&Latest> {
        match self {
            Known::Seen(seen) => seen.newest.as_ref().filter(|_| seen.gone_since.is_some()),
            _ => None,
        }
    }

    /// Whether looks have found that the secret does not exist, for so long that nothing about it is needed any more.
    pub fn is_over(&self, now: Instant) -> bool {
        match self {
            Known::Seen(seen) => seen.gone_since.is_some_and(|since| now.saturating_duration_since(since) >= OLD_DATA),
            _ => false,
        }
    }
}

impl Seen {
    fn look(&mut self, latest: Option<Latest>, now: Instant) -> Option<(Kind, u64)> {
        if latest.as_ref().is_some_and(|latest| self.is_old(latest)) {
            let since = *self.older_since.get_or_insert(now);
            if now.saturating_duration_since(since) < OLD_DATA {
                return None;
            }
        }
        self.older_since = None;
        let before = self.newest.as_ref().filter(|_| self.gone_since.is_none());
        if before == latest.as_ref() {
            return None;
        }
        let had = before.filter(|before| before.is_live).map(|before| before.version);
        let live = latest.as_ref().filter(|latest| latest.is_live).map(|live| live.version);
        let told = tell(live, had, latest.as_ref());
        match latest {
            None => self.gone_since = Some(now),
            latest => *self = Seen { newest: latest, ..Seen::default() },
        }
        told
    }

    /// Whether this was the latest version before what was found last.
    fn is_old(&self, latest: &Latest) -> bool {
        let Some(newest) = &self.newest else { return false };
        latest.is_before(newest) || (self.gone_since.is_some() && !newest.is_before(latest))
    }
}

/// What is told of a secret that has the live version `live`, to a program that has the version `had`.
fn tell(live: Option<u64>, had: Option<u64>, latest: Option<&Latest>) -> Option<(Kind, u64)> {
    match (live, had) {
        (Some(live), _) => Some((Kind::Written, live)),
        (None, Some(had)) => Some((Kind::Deleted, latest.map_or(had, |latest| latest.version))),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret that was created in this minute, with a version that was created in the second of its number.
    fn of_minute(minute: u64, version: u64) -> Option<Latest> {
        let time = |second: u64| format!("2026-01-01T00:{minute:02}:{second:02}.5Z");
        Some(Latest { version, created: time(version), secret_created: time(1), is_live: true })
    }

    fn live(version: u64) -> Option<Latest> {
        of_minute(0, version)
    }

    fn deleted(version: u64) -> Option<Latest> {
        Some(Latest { is_live: false, ..live(version)? })
    }

    fn written(version: u64) -> Option<(Kind, u64)> {
        Some((Kind::Written, version))
    }

    fn gone(version: u64) -> Option<(Kind, u64)> {
        Some((Kind::Deleted, version))
    }

    /// What looks tell that find this one after the other, from one that knows nothing.
    fn told<const N: usize>(found: [Option<Latest>; N]) -> [Option<(Kind, u64)>; N] {
        let (mut known, now) = (Known::Nothing, Instant::now());
        found.map(|latest| known.look(latest, now))
    }

    #[test]
    fn what_the_program_knows_decides_what_the_first_look_tells() {
        for (known, found, told) in [
            (Known::Nothing, live(3), written(3)),
            (Known::Nothing, deleted(3), None),
            (Known::Nothing, None, None),
            (Known::Version(3), live(3), None),
            (Known::Version(2), live(3), written(3)),
            (Known::Version(4), live(3), written(3)),
            (Known::Version(3), deleted(3), gone(3)),
            (Known::Version(3), None, gone(3)),
            (Known::Unseen, live(3), None),
            (Known::Unseen, None, None),
        ] {
            let (mut after, now) = (known.clone(), Instant::now());
            assert_eq!(after.look(found.clone(), now), told, "{known:?}, {found:?}");
            assert_eq!(after.look(found, now), None, "{known:?}");
        }
    }

    #[test]
    fn later_looks_tell_each_change_once() {
        let found = [
            (live(1), written(1)),
            (live(1), None),
            (live(4), written(4)),
            (deleted(4), gone(4)),
            (deleted(5), None),
            (live(5), written(5)),
            (None, gone(5)),
            (None, None),
            (of_minute(1, 1), written(1)),
            (of_minute(2, 1), written(1)),
            (of_minute(2, 1), None),
        ];
        assert_eq!(told(found.clone().map(|(latest, _)| latest)), found.map(|(_, told)| told));
    }

    #[test]
    fn what_is_older_than_what_was_told_is_not_told() {
        let without_times =
            |version| Some(Latest { created: String::new(), secret_created: String::new(), ..live(version)? });
        assert_eq!(told([live(5), live(4), live(5), live(6)]), [written(5), None, None, written(6)]);
        assert_eq!(told([live(5), deleted(4), live(5)]), [written(5), None, None]);
        assert_eq!(told([deleted(5), live(4), live(5)]), [None, None, written(5)]);
        assert_eq!(told([without_times(5), without_times(4), without_times(6)]), [written(5), None, written(6)]);
        // It was deleted with its metadata, and perhaps written again: the numbers begin anew.
        assert_eq!(told([live(5), None, live(5), live(4), None]), [written(5), gone(5), None, None, None]);
        assert_eq!(told([of_minute(1, 1), live(5), of_minute(1, 2)]), [written(1), None, written(2)]);
        assert_eq!(told([of_minute(1, 1), None, live(5), of_minute(2, 1)]), [written(1), gone(1), None, written(1)]);
    }

    #[test]
    fn what_is_written_later_is_told_whatever_its_number() {
        let at_second = |second: u64, version: u64| {
            Some(Latest { created: format!("2026-01-01T00:00:{second:02}Z"), ..live(version)? })
        };
        // A backup of the secret was restored, and it was written again.
        assert_eq!(told([at_second(9, 9), at_second(11, 4)]), [written(9), written(4)]);
        assert_eq!(
            told([
                of_minute(1, 1),
                of_minute(0, 30).map(|latest| Latest { created: "2026-01-01T00:02:00Z".into(), ..latest })
            ]),
            [written(1), written(30)]
        );
        // The clock of the node that has written it is behind.
        assert_eq!(told([at_second(9, 5), at_second(8, 6)]), [written(5), written(6)]);
    }

    #[test]
    fn what_stays_older_is_told_after_a_minute() {
        let start = Instant::now();
        let mut known = Known::Nothing;
        let mut at = |second: u64, latest| known.look(latest, start + Duration::from_secs(second));
        assert_eq!([at(0, live(5)), at(10, live(4)), at(69, live(4))], [written(5), None, None]);
        assert_eq!([at(69, live(5)), at(70, live(4)), at(129, live(4))], [None, None, None], "it counts anew");
        assert_eq!([at(130, live(4)), at(131, live(4)), at(132, live(5))], [written(4), None, written(5)]);
        assert_eq!(
            [at(200, None), at(201, live(5)), at(260, live(5)), at(261, live(5))],
            [gone(5), None, None, written(5)]
        );
    }

    #[test]
    fn a_secret_that_is_gone_is_over_after_a_minute() {
        let start = Instant::now();
        let mut known = Known::Nothing;
        known.look(live(1), start);
        assert!(!known.is_over(start + OLD_DATA * 2));
        known.look(None, start + OLD_DATA);
        assert!(!known.is_over(start + OLD_DATA) && known.is_over(start + OLD_DATA * 2));
    }
}
