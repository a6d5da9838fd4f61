//! Reading one's own writes on a cluster whose standbys answer reads themselves.
//!
//! A server tells with `X-Vault-Index` how far its storage had come when it answered. The highest one seen goes along
//! with later reads, and with it the wish that a node that is behind passes the request on to the active one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The highest index seen.
#[derive(Default)]
pub struct HighestIndex {
    seen: ArcSwapOption<Seen>,
    /// Whether there is one: most servers send none, and then nobody looks for it.
    any: AtomicBool,
}

struct Seen {
    header: Arc<str>,
    state: State,
}

/// What an index says: a cluster, and how far it had come.
#[derive(PartialEq, Debug)]
struct State {
    cluster: String,
    progress: (u64, u64),
}

/// OpenBao's form: base64 of this JSON.
#[derive(Deserialize)]
struct JsonState {
    cluster: String,
    value: String,
}

impl State {
    /// OpenBao's JSON, or HashiCorp's `v1:cluster:local:replicated:…`.
    fn parse(header: &str) -> Option<State> {
        let text = STANDARD.decode(header).ok()?;
        if let Ok(json) = serde_json::from_slice::<JsonState>(&text) {
            return Some(State { cluster: json.cluster, progress: (json.value.parse().ok()?, 0) });
        }
        let text = String::from_utf8(text).ok()?;
        let mut parts = text.strip_prefix("v1:")?.split(':');
        let cluster = parts.next()?.to_owned();
        Some(State { cluster, progress: (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?) })
    }

    fn is_behind(&self, newer: &State) -> bool {
        self.cluster != newer.cluster || self.progress < newer.progress
    }
}

/// Whether an answer at the index `given` is older than what was asked for with `required`. A leader that was frozen, and
/// does not know yet that another one was elected, gives such answers.
pub fn falls_short(given: &str, required: &str) -> bool {
    given != required
        && matches!((State::parse(given), State::parse(required)), (Some(given), Some(required))
            if given.cluster == required.cluster && given.progress < required.progress)
}

impl HighestIndex {
    /// Takes note of an answer's index. One that cannot be read is not noted: the next server could not read it either.
    pub fn note(&self, header: &str) {
        if self.seen.load().as_ref().is_some_and(|seen| *seen.header == *header) {
            return;
        }
        let Some(state) = State::parse(header) else { return };
        self.any.store(true, Ordering::Release);
        let new = Arc::new(Seen { header: Arc::from(header), state });
        self.seen.rcu(|seen| match seen {
            Some(old) if !old.state.is_behind(&new.state) => Some(old.clone()),
            _ => Some(new.clone()),
        });
    }

    /// The index that a read has to be answered at, to see all writes noted so far.
    pub fn required(&self) -> Option<Arc<str>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.seen.load().as_ref().map(|seen| seen.header.clone())
    }

    /// Forgets `header`, which a server could not read: another product's, or another version's.
    pub fn forget(&self, header: &str) {
        self.seen.rcu(|seen| seen.as_ref().filter(|seen| *seen.header != *header).cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn a_late_answer_does_not_lower_the_index() {
        let highest = HighestIndex::default();
        assert_eq!(highest.required(), None);
        let high = encoded(r#"{"cluster":"c","value":"100"}"#);
        highest.note(&high);
        highest.note(&encoded(r#"{"cluster":"c","value":"99"}"#));
        assert_eq!(highest.required().as_deref(), Some(high.as_str()));
    }

    #[test]
    fn another_cluster_starts_anew() {
        let highest = HighestIndex::default();
        highest.note(&encoded(r#"{"cluster":"c","value":"100"}"#));
        let other = encoded(r#"{"cluster":"d","value":"1"}"#);
        highest.note(&other);
        assert_eq!(highest.required().as_deref(), Some(other.as_str()));
    }

    #[test]
    fn the_other_servers_form_is_ordered_too() {
        let highest = HighestIndex::default();
        let high = encoded("v1:c:10:5:mac");
        highest.note(&high);
        highest.note(&encoded("v1:c:9:50:mac"));
        assert_eq!(highest.required().as_deref(), Some(high.as_str()));
    }

    #[test]
    fn what_cannot_be_read_is_not_noted() {
        let highest = HighestIndex::default();
        for garbage in
            ["", "garbage", "!!!", &encoded("v2:c:1:2"), &encoded("{}"), &encoded(r#"{"cluster":"c","value":"x"}"#)]
        {
            highest.note(garbage);
            assert_eq!(highest.required(), None, "{garbage}");
        }
    }

    #[test]
    fn what_a_server_cannot_read_is_forgotten_and_only_that() {
        let highest = HighestIndex::default();
        let (old, new) = (encoded("v1:c:9:5:mac"), encoded("v1:c:10:5:mac"));
        highest.note(&old);
        highest.note(&new);
        highest.forget(&old);
        assert_eq!(highest.required().as_deref(), Some(new.as_str()), "it was replaced meanwhile");
        highest.forget(&new);
        assert_eq!(highest.required(), None);
    }

    #[test]
    fn an_older_answer_of_the_same_cluster_falls_short() {
        let at = |cluster: &str, value: &str| encoded(&format!(r#"{{"cluster":"{cluster}","value":"{value}"}}"#));
        assert!(falls_short(&at("c", "9"), &at("c", "10")));
        assert!(!falls_short(&at("c", "10"), &at("c", "10")) && !falls_short(&at("c", "11"), &at("c", "10")));
        assert!(!falls_short(&at("d", "9"), &at("c", "10")) && !falls_short("garbage", &at("c", "10")));
    }
}
