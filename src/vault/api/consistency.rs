//! Read-your-writes consistency on a cluster whose standbys serve reads.
//!
//! A response states with `X-Vault-Index` the position of the server's storage. Later reads send the highest index
//! seen, and ask a node that is behind to forward the request to the active node.
//!
//! Such standbys begin to execute writes, too, and forward them once something has to be stored. On old data they refuse
//! a valid check-and-set condition, and report the deletion of what they do not have yet as done. So writes send an index
//! that no standby has reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The highest index seen.
#[derive(Default)]
pub struct HighestIndex {
    seen: ArcSwapOption<Seen>,
    /// Whether an index was seen. Most servers send none, and then requests do not load `seen`.
    any: AtomicBool,
}

struct Seen {
    header: Arc<str>,
    state: State,
}

/// A parsed index: a cluster, and a position in its log.
#[derive(PartialEq, Debug)]
struct State {
    cluster: String,
    progress: (u64, u64),
}

/// OpenBao's index: base64 of this JSON.
#[derive(Deserialize, Serialize)]
struct JsonState {
    cluster: String,
    value: String,
}

impl State {
    /// Parses OpenBao's JSON, or HashiCorp's `v1:cluster:local:replicated:…`.
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

/// Whether a response with the index `given` is older than the index `required` of the request. A leader that was
/// frozen, and does not know yet that another one was elected, sends such responses.
pub fn is_older(given: &str, required: &str) -> bool {
    given != required
        && matches!((State::parse(given), State::parse(required)), (Some(given), Some(required))
            if given.cluster == required.cluster && given.progress < required.progress)
}

/// An index of the same cluster that no standby has reached, so that each forwards the request; the leader does not
/// compare it. `None`: the form of `index` is signed by the server.
pub fn beyond(index: &str) -> Option<String> {
    let text = STANDARD.decode(index).ok()?;
    let JsonState { cluster, .. } = serde_json::from_slice(&text).ok()?;
    let last = JsonState { cluster, value: i64::MAX.to_string() };
    serde_json::to_vec(&last).ok().map(|text| STANDARD.encode(text))
}

impl HighestIndex {
    /// Records the index of a response. An index that cannot be parsed is not recorded: a server could not parse it
    /// either.
    pub fn record(&self, header: &str) {
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

    /// The index that a read must reach to see all recorded writes.
    pub fn required(&self) -> Option<Arc<str>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.seen.load().as_ref().map(|seen| seen.header.clone())
    }

    /// Forgets `header`, which a server could not parse because it comes from another product or version.
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
        highest.record(&high);
        highest.record(&encoded(r#"{"cluster":"c","value":"99"}"#));
        assert_eq!(highest.required().as_deref(), Some(high.as_str()));
    }

    #[test]
    fn another_cluster_starts_anew() {
        let highest = HighestIndex::default();
        highest.record(&encoded(r#"{"cluster":"c","value":"100"}"#));
        let other = encoded(r#"{"cluster":"d","value":"1"}"#);
        highest.record(&other);
        assert_eq!(highest.required().as_deref(), Some(other.as_str()));
    }

    #[test]
    fn the_other_servers_form_is_ordered_too() {
        let highest = HighestIndex::default();
        let high = encoded("v1:c:10:5:mac");
        highest.record(&high);
        highest.record(&encoded("v1:c:9:50:mac"));
        assert_eq!(highest.required().as_deref(), Some(high.as_str()));
    }

    #[test]
    fn an_unreadable_index_is_not_recorded() {
        let highest = HighestIndex::default();
        for garbage in
            ["", "garbage", "!!!", &encoded("v2:c:1:2"), &encoded("{}"), &encoded(r#"{"cluster":"c","value":"x"}"#)]
        {
            highest.record(garbage);
            assert_eq!(highest.required(), None, "{garbage}");
        }
    }

    #[test]
    fn only_the_index_that_a_server_cannot_parse_is_forgotten() {
        let highest = HighestIndex::default();
        let (old, new) = (encoded("v1:c:9:5:mac"), encoded("v1:c:10:5:mac"));
        highest.record(&old);
        highest.record(&new);
        highest.forget(&old);
        assert_eq!(highest.required().as_deref(), Some(new.as_str()), "it was replaced meanwhile");
        highest.forget(&new);
        assert_eq!(highest.required(), None);
    }

    #[test]
    fn an_index_that_no_standby_has_reached_is_of_the_same_cluster() {
        let index = encoded(r#"{"cluster":"c","value":"100"}"#);
        assert_eq!(beyond(&index), Some(encoded(r#"{"cluster":"c","value":"9223372036854775807"}"#)));
        assert_eq!(beyond(&encoded("v1:c:10:5:mac")), None);
    }

    #[test]
    fn an_older_response_of_the_same_cluster_is_detected() {
        let at = |cluster: &str, value: &str| encoded(&format!(r#"{{"cluster":"{cluster}","value":"{value}"}}"#));
        assert!(is_older(&at("c", "9"), &at("c", "10")));
        assert!(!is_older(&at("c", "10"), &at("c", "10")) && !is_older(&at("c", "11"), &at("c", "10")));
        assert!(!is_older(&at("d", "9"), &at("c", "10")) && !is_older("garbage", &at("c", "10")));
    }
}
