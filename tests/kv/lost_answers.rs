//! Writes under a condition whose answers are lost or false: nothing is claimed that is not known.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets_test_support::{Gateway, Server, Verdict, answer_text};
use serde_json::{Value, json};

use crate::managers::{fails, fields, open_whole};

fn if_latest(version: u64) -> Call {
    let mut call = Call::default();
    call.set_cas(Some(version));
    call
}

/// A gateway that does something of its own with the first write.
fn at_first_write(
    server: &'static Server,
    first: impl Fn(&[u8]) -> Verdict + Send + Sync + 'static,
) -> (Gateway, Arc<AtomicUsize>) {
    let writes = Arc::new(AtomicUsize::new(0));
    let count = writes.clone();
    let gateway = Gateway::to(server.port(), move |request| {
        match request.method == "POST" && count.fetch_add(1, Ordering::AcqRel) == 0 {
            true => first(&request.body),
            false => Verdict::Pass,
        }
    });
    (gateway, writes)
}

#[test]
fn the_same_write_of_somebody_else_is_not_taken_for_the_lost_one() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "claim", json!({"owner": "nobody"}));
    let path = format!("{mount}/data/claim");
    // Ours is dropped; a rival makes exactly the same change.
    let (gateway, writes) = at_first_write(server, move |body| {
        server.api().post(&path, serde_json::from_slice::<Value>(body).unwrap());
        Verdict::Close
    });
    let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
    let claim = fields(&[("owner", "me")]);
    let outcome = manager.secrets().update_document("vault://claim", &claim, None, &if_latest(1));
    fails(outcome, Status::Connection);
    assert_eq!(writes.load(Ordering::Acquire), 1, "it is not repeated");
}

#[test]
fn a_rotation_whose_answer_was_lost_is_found_again() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "old"}));
    let path = format!("{mount}/data/a");
    let (gateway, writes) = at_first_write(server, move |body| {
        server.api().post(&path, serde_json::from_slice::<Value>(body).unwrap());
        Verdict::Close
    });
    let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
    let rotated = manager.vault().unwrap().rotate("vault://a", None, &Call::default()).unwrap().unwrap();
    assert_eq!((rotated.version, writes.load(Ordering::Acquire)), (2, 1));
    assert_eq!(server.read_raw(&mount, "a").unwrap()["data"]["value"], rotated.value.as_str());
}

/// A gateway answers for a server that has executed the write.
#[test]
fn a_write_of_ones_own_is_never_called_a_conflict() {
    let server = Server::shared();
    for (status, body) in [
        ("503 Service Unavailable", r#"{"errors":["upstream connect error"]}"#),
        ("503 Service Unavailable", r#"{"errors":["Vault is sealed"]}"#),
        ("412 Precondition Failed", r#"{"errors":["required index state not present"]}"#),
        ("429 Too Many Requests", "<html>slow down</html>"),
    ] {
        let mount = server.fresh_mount();
        server.write_raw(&mount, "a", json!({"value": "old"}));
        let text = answer_text(status, "Content-Type: application/json\r\n", body);
        let (gateway, _) = at_first_write(server, move |_| Verdict::PassButAnswer(text.clone()));
        let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
        let stored = manager.secrets().store_document("a", &fields(&[("value", "new")]), None, &if_latest(1));
        let error = stored.err().unwrap_or_else(|| panic!("{status}: the condition held for the second write"));
        assert_eq!(error.status(), Status::Unavailable, "{status} {body}: {error}");
        assert_eq!(server.read_raw(&mount, "a").unwrap()["metadata"]["version"], 2, "{status}: written once");
    }
}

#[test]
fn a_rotation_that_was_repeated_after_a_false_answer_is_one_rotation() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "old"}));
    let text = answer_text("503 Service Unavailable", "", r#"{"errors":["Vault is sealed"]}"#);
    let (gateway, writes) = at_first_write(server, move |_| Verdict::PassButAnswer(text.clone()));
    let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
    let rotated = manager.vault().unwrap().rotate("vault://a", None, &Call::default()).unwrap().unwrap();
    assert_eq!((rotated.version, writes.load(Ordering::Acquire)), (2, 2));
    let stored = server.read_raw(&mount, "a").unwrap();
    assert_eq!((&stored["data"]["value"], &stored["metadata"]["version"]), (&json!(rotated.value.as_str()), &json!(2)));
}

#[test]
fn custom_metadata_are_not_sent_a_second_time_after_a_lost_answer() {
    let server = Server::shared();
    let mount = server.fresh_mount();
    server.write_raw(&mount, "a", json!({"value": "v"}));
    let path = format!("{mount}/metadata/a");
    let (gateway, writes) = at_first_write(server, move |_| {
        server.api().post(&path, json!({"custom_metadata": {"owner": "rival"}}));
        Verdict::Close
    });
    let manager = open_whole(server, &mount, &[("VAULT_ADDR", &gateway.addr())]).unwrap();
    let ours = [("owner".to_owned(), "me".to_owned())].into();
    let vault = manager.vault().unwrap();
    fails(vault.set_custom_metadata("vault://a", &ours, &Call::default()), Status::Connection);
    assert_eq!(writes.load(Ordering::Acquire), 1);
    let metadata = server.api().get(&format!("{mount}/metadata/a"));
    assert_eq!(metadata["data"]["custom_metadata"], json!({"owner": "rival"}));
}
