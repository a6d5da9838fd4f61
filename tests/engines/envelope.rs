//! Envelopes under keys of a real server: sizes, requests, contexts, rotation, and an independent reader.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::open::Manager;
use handsfree_secrets::transit::{Envelope, Transit};
use handsfree_secrets_test_support::{python_script, repository_root};
use serde_json::json;

use crate::managers::{fails, fields, open_whole};
use crate::transit::{Engine, bytes, call, engine};

fn none() -> Fields {
    Fields::default()
}

pub fn sample(length: usize) -> Vec<u8> {
    (0..length as u32).map(|number| (number % 251) as u8).collect()
}

/// A manager for the engine with these options.
fn manager_with(engine: &Engine, extra: &[(&str, &str)]) -> Arc<Manager> {
    let settings = [&[("VAULT_TRANSIT_MOUNT", engine.mount.as_str())], extra].concat();
    Arc::new(open_whole(engine.server, "secret", &settings).unwrap())
}

fn key_with(engine: &Engine, name: &str, extra: &[(&str, &str)]) -> Transit {
    Transit::open(manager_with(engine, extra), name, &call()).unwrap().unwrap()
}

/// The number of requests to one operation of the engine.
fn requests(engine: &Engine, operation: &str) -> usize {
    engine.server.audited(&format!("{}/{operation}/", engine.mount), "")
}

fn sealed(key: &Transit, data: &[u8]) -> Vec<u8> {
    key.encrypt_envelope(data, &none(), &call()).unwrap().as_slice().to_vec()
}

fn opened(key: &Transit, envelope: &[u8]) -> Vec<u8> {
    key.decrypt_envelope(envelope, &none(), &call()).unwrap().as_slice().to_vec()
}

/// The length of the header of an envelope, as the page says.
fn header_length(envelope: &[u8]) -> usize {
    let number = |at: usize| usize::from(u16::from_be_bytes([envelope[at], envelope[at + 1]]));
    let wrapped = number(4);
    8 + wrapped + number(6 + wrapped)
}

#[test]
fn envelopes_of_every_size_are_opened_by_another_manager() {
    let engine = engine();
    for kind in ["aes256-gcm96", "chacha20-poly1305", "rsa-2048"] {
        let key = engine.create(kind, json!({"type": kind}));
        let other = key_with(&engine, kind, &[]);
        for length in [0, 1, 32_711, 32_712, 32_713, 65_464, 65_465, 1 << 20] {
            let data = sample(length);
            assert!(opened(&other, &sealed(&key, &data)) == data, "{kind}, {length}");
        }
    }
}

#[test]
fn a_stream_costs_one_request_and_none_with_a_key_that_is_kept() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let envelopes: Vec<_> = (0..10).map(|number| sealed(&key, &sample(number * 30_000))).collect();
    assert_eq!(requests(&engine, "datakey/plaintext"), 1);
    let other = key_with(&engine, "k", &[]);
    for (number, envelope) in envelopes.iter().enumerate() {
        assert!(opened(&other, envelope) == sample(number * 30_000));
    }
    assert_eq!(requests(&engine, "decrypt"), 1);
    let salts: std::collections::HashSet<_> =
        envelopes.iter().map(|envelope| envelope[header_length(envelope)..][..40].to_vec()).collect();
    assert_eq!(salts.len(), 10, "each envelope has a key of its own");
}

#[test]
fn uses_and_age_of_a_data_key_are_limited() {
    let engine = engine();
    engine.create("k", json!({}));
    let key = key_with(&engine, "k", &[("VAULT_DATA_KEY_MAX_USES", "3")]);
    (0..7).for_each(|_| drop(sealed(&key, b"data")));
    assert_eq!(requests(&engine, "datakey/plaintext"), 3, "for 3, 3 and 1 envelopes");
    let key = key_with(&engine, "k", &[("VAULT_DATA_KEY_MAX_AGE", "0")]);
    (0..3).for_each(|_| drop(sealed(&key, b"data")));
    assert_eq!(requests(&engine, "datakey/plaintext"), 6);
    for (name, value) in [("VAULT_DATA_KEY_MAX_USES", "0"), ("VAULT_DATA_KEY_MAX_AGE", "soon")] {
        let error = fails(open_whole(engine.server, "secret", &[(name, value)]), Status::Config);
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn threads_share_the_data_key() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    sealed(&key, b"the first asks");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let key = &key;
            scope.spawn(move || {
                for number in 0..20 {
                    let data = sample(thread * 10_000 + number);
                    assert!(opened(key, &sealed(key, &data)) == data);
                }
            });
        }
    });
    assert_eq!(requests(&engine, "datakey/plaintext"), 1);
    assert!(requests(&engine, "decrypt") <= 8);
}

#[test]
fn a_derived_key_needs_the_context_that_stands_in_the_header() {
    let engine = engine();
    let key = engine.create("derived", json!({"derived": true}));
    let error = fails(key.encrypt_envelope(b"data", &none(), &call()), Status::InvalidArgument);
    assert!(error.message().contains("context"), "{error}");
    let context = bytes(&[("context", b"row 7")]);
    let envelope = key.encrypt_envelope(b"data", &context, &call()).unwrap();
    let envelope = envelope.as_slice();
    for parameters in [none(), context] {
        assert_eq!(key.decrypt_envelope(envelope, &parameters, &call()).unwrap().as_slice(), b"data");
    }
    let other = bytes(&[("context", b"row 8")]);
    let error = fails(key.decrypt_envelope(envelope, &other, &call()), Status::InvalidArgument);
    assert!(error.message().contains("\"context\" is another one"), "{error}");
    let mut changed = envelope.to_vec();
    changed[header_length(envelope) - 1] = b'8';
    fails(key.decrypt_envelope(&changed, &none(), &call()), Status::InvalidArgument);
    let long = bytes(&[("context", &[1; 4097])]);
    fails(key.encrypt_envelope(b"data", &long, &call()), Status::InvalidArgument);
    assert_eq!(requests(&engine, "datakey/plaintext"), 1, "what is refused here sends nothing");
}

#[test]
fn associated_data_and_parameters_are_checked() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let given = bytes(&[("associated_data", b"file 1")]);
    let envelope = key.encrypt_envelope(b"data", &given, &call()).unwrap();
    assert_eq!(key.decrypt_envelope(envelope.as_slice(), &given, &call()).unwrap().as_slice(), b"data");
    for other in [none(), bytes(&[("associated_data", b"file 2")])] {
        let error = fails(key.decrypt_envelope(envelope.as_slice(), &other, &call()), Status::InvalidArgument);
        assert!(error.message().contains("associated data"), "{error}");
    }
    assert_eq!(requests(&engine, "datakey/plaintext"), 1);
    let before = engine.server.audited(&format!("{}/", engine.mount), "");
    for wrong in [
        fields(&[("bits", "512")]),
        fields(&[("key_version", "1")]),
        fields(&[("contxt", "a")]),
        fields(&[("context", "a")]),
    ] {
        fails(key.encrypt_envelope(b"data", &wrong, &call()), Status::InvalidArgument);
        fails(key.decrypt_envelope(envelope.as_slice(), &wrong, &call()), Status::InvalidArgument);
    }
    let too_long = bytes(&[("associated_data", &[7; 65_536])]);
    fails(key.encrypt_envelope(b"data", &too_long, &call()), Status::TooLarge);
    fails(key.decrypt_envelope(envelope.as_slice(), &too_long, &call()), Status::TooLarge);
    let longest = bytes(&[("associated_data", &[7; 65_535])]);
    let bound = key.encrypt_envelope(b"data", &longest, &call()).unwrap();
    assert_eq!(key.decrypt_envelope(bound.as_slice(), &longest, &call()).unwrap().as_slice(), b"data");
    key.encrypt_envelope(b"data", &fields(&[("bits", "256")]), &call()).unwrap();
    assert_eq!(engine.server.audited(&format!("{}/", engine.mount), ""), before);
}

#[test]
fn a_header_under_a_new_version_of_the_key_keeps_the_data_readable() {
    let engine = engine();
    let key = engine.create("k", json!({"derived": true}));
    let data = sample(200_000);
    let context = bytes(&[("context", b"row 7")]);
    let envelope = key.encrypt_envelope(&data, &context, &call()).unwrap().as_slice().to_vec();
    let length = header_length(&envelope);
    let api = engine.server.api();
    (0..10).for_each(|_| drop(api.post(&format!("{}/keys/k/rotate", engine.mount), json!({}))));
    let fresh = key.rewrap_envelope(&envelope, &call()).unwrap();
    assert!(fresh.as_slice() != &envelope[..length]);
    assert!(key.rewrap_envelope(&envelope[..length], &call()).is_ok(), "the header alone is enough");
    let error = fails(key.rewrap_envelope(&envelope[..length - 1], &call()), Status::InvalidArgument);
    assert!(error.message().starts_with("header: is not complete"), "{error}");
    api.post(&format!("{}/keys/k/config", engine.mount), json!({"min_decryption_version": 11}));
    let renewed = [fresh.as_slice(), &envelope[length..]].concat();
    let other = key_with(&engine, "k", &[]);
    assert!(opened(&other, &renewed) == data);
    let error = fails(other.decrypt_envelope(&envelope, &none(), &call()), Status::Unsupported);
    assert!(error.message().contains("rewrap"), "{error}");
}

#[test]
fn what_is_no_envelope_of_the_key_is_refused() {
    let engine = engine();
    let (key, other) = (engine.create("a", json!({})), engine.create("b", json!({})));
    let envelope = sealed(&key, b"CANARY");
    let length = header_length(&envelope);
    let foreign = sealed(&key_with(&engine, "a", &[]), b"CANARY");
    let swapped = [&foreign[..header_length(&foreign)], &envelope[length..]].concat();
    for wrong in [&b""[..], b"H", b"vault:v1:AAAA", &envelope[..length], &envelope[..length + 39], &swapped] {
        let error = fails(key.decrypt_envelope(wrong, &none(), &call()), Status::InvalidArgument);
        assert!(!error.message().contains("CANARY"), "{error}");
    }
    fails(other.decrypt_envelope(&envelope, &none(), &call()), Status::InvalidArgument);
    let version = 6 + "vault:v".len();
    for at in (0..length + 40).filter(|at| *at != version) {
        let mut changed = envelope.clone();
        changed[at] ^= 1;
        let error = key.decrypt_envelope(&changed, &none(), &call()).err();
        let error = error.unwrap_or_else(|| panic!("a change at {at} is accepted"));
        assert_eq!(error.status(), Status::InvalidArgument, "{at}: {error}");
    }
    // The server takes version 0 for the first one, and gives the same data key.
    let mut changed = envelope;
    changed[version] = b'0';
    assert_eq!(opened(&key, &changed), b"CANARY");
}

#[test]
fn a_stream_that_has_failed_or_was_finished_refuses_everything() {
    let engine = engine();
    let key = Arc::new(engine.create("k", json!({})));
    let mut envelope = sealed(&key, &sample(200_000));
    let mut stream = Envelope::decryptor(key.clone(), &none(), &call()).unwrap();
    envelope[100_000] ^= 1;
    let given = stream.update(&envelope[..70_000], &call()).unwrap();
    assert!(sample(200_000).starts_with(given.as_slice()) && !given.as_slice().is_empty());
    fails(stream.update(&envelope[70_000..], &call()), Status::InvalidArgument);
    for error in [stream.update(b"more", &call()).err(), stream.finish(&call()).err()] {
        assert!(error.unwrap().message().starts_with("envelope: has ended"));
    }
    let mut stream = Envelope::encryptor(key.clone(), &none(), &call()).unwrap();
    stream.finish(&call()).unwrap();
    fails(stream.finish(&call()), Status::InvalidArgument);
    fails(stream.update(b"", &call()), Status::InvalidArgument);
    let (cancelled, canceller) = Call::cancellable();
    canceller.cancel();
    let mut stream = Envelope::decryptor(key.clone(), &none(), &call()).unwrap();
    fails(stream.update(&envelope[..10], &cancelled), Status::Cancelled);
    fails(stream.update(b"", &call()), Status::InvalidArgument);
    let mut stream = Envelope::decryptor(key, &none(), &call()).unwrap();
    let error = fails(stream.finish(&call()), Status::InvalidArgument);
    assert_eq!(error.message(), "the envelope was cut off");
}

#[test]
fn a_python_program_reads_envelopes_by_the_documentation() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let page = repository_root().join("docs/envelope.md");
    let checked = python_script("envelope.py", &["--vectors", page.to_str().unwrap()]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for length in [0, 1, 32_712, 32_713, 300_000] {
        let given = bytes(&[("associated_data", b"\x01\xFF")]);
        let envelope = key.encrypt_envelope(&sample(length), &given, &call()).unwrap();
        let wrapped = &envelope.as_slice()[6..][..usize::from(envelope.as_slice()[5])];
        let data_key = key.decrypt(std::str::from_utf8(wrapped).unwrap(), &none(), &call()).unwrap();
        let data_key: String = data_key.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut reader = python_script("envelope.py", &[&data_key, "01ff"]);
        let mut reader = reader.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        reader.stdin.take().unwrap().write_all(envelope.as_slice()).unwrap();
        let output = reader.wait_with_output().unwrap();
        assert!(output.status.success() && output.stdout == sample(length), "{length}");
    }
}
