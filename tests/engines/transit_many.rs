//! Many items of the transit engine in one call.

use handsfree_secrets::error::{Result, Status};
use handsfree_secrets::fields::Fields;
use handsfree_secrets::transit::Transit;
use handsfree_secrets::vault::{Input, Operation, Outcome};
use handsfree_secrets_test_support::{Gateway, Server, Verdict, answer};
use serde_json::json;

use crate::managers::open_whole;
use crate::transit::{bytes, call, engine};

fn encrypt_each(key: &Transit, data: &[Vec<u8>], own: &[Option<&Fields>]) -> Vec<Result<Outcome>> {
    let inputs: Vec<Input<'_>> = data.iter().map(|data| Input::Bytes(data)).collect();
    key.each(Operation::Encrypt, &inputs, &Fields::default(), own, &call()).unwrap()
}

fn texts(outcomes: Vec<Result<Outcome>>) -> Vec<String> {
    let text = |outcome: Result<Outcome>| match outcome.unwrap() {
        Outcome::Text(text) => text.as_str().to_owned(),
        Outcome::Bytes(_) => panic!("bytes"),
    };
    outcomes.into_iter().map(text).collect()
}

fn data(outcomes: Vec<Result<Outcome>>) -> Vec<Vec<u8>> {
    let bytes = |outcome: Result<Outcome>| match outcome.unwrap() {
        Outcome::Bytes(bytes) => bytes.as_slice().to_vec(),
        Outcome::Text(_) => panic!("a text"),
    };
    outcomes.into_iter().map(bytes).collect()
}

fn each_text(key: &Transit, operation: Operation, texts: &[String], own: &[Option<&Fields>]) -> Vec<Result<Outcome>> {
    let inputs: Vec<Input<'_>> = texts.iter().map(|text| Input::Text(text)).collect();
    key.each(operation, &inputs, &Fields::default(), own, &call()).unwrap()
}

#[test]
fn ten_thousand_items_come_back_in_order_in_few_requests() {
    let engine = engine();
    for derived in [false, true] {
        let name = format!("derived-{derived}");
        let key = engine.create(&name, json!({"derived": derived}));
        let items: Vec<Vec<u8>> = (0..10_000).map(|number| format!("row {number}").into_bytes()).collect();
        let contexts: Vec<Fields> =
            (0..10_000_u32).map(|number| bytes(&[("context", &number.to_be_bytes())])).collect();
        let own: Vec<Option<&Fields>> = if derived { contexts.iter().map(Some).collect() } else { Vec::new() };
        let requests =
            |operation: &str| engine.server.audited(&format!("{}/{operation}/{name}", engine.mount), "update");
        let ciphertexts = texts(encrypt_each(&key, &items, &own));
        assert!(requests("encrypt") <= 45, "{}", requests("encrypt"));
        let decrypted = data(each_text(&key, Operation::Decrypt, &ciphertexts, &own));
        assert!(decrypted == items && requests("decrypt") <= 45);
        engine.server.api().post(&format!("{}/keys/{name}/rotate", engine.mount), json!({}));
        let rewrapped = texts(each_text(&key, Operation::Rewrap, &ciphertexts[..600], &own));
        assert!(rewrapped.iter().all(|text| text.starts_with("vault:v2:")));
        assert!(data(each_text(&key, Operation::Decrypt, &rewrapped, &own)) == items[..600]);
    }
}

#[test]
fn a_bad_item_does_not_spoil_the_others() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let items: Vec<Vec<u8>> = (0..1_200).map(|number| format!("row {number}").into_bytes()).collect();
    let mut ciphertexts = texts(encrypt_each(&key, &items, &[]));
    let bad = [0, 3, 498, 499, 700, 1_199];
    for (number, index) in bad.into_iter().enumerate() {
        ciphertexts[index] = ["nonsense", "", "vault:v1:AAAA", "vault:v7:AAAA"][number % 4].to_owned();
    }
    let own = bytes(&[("context", b"ignored by this key")]);
    let wrong = crate::managers::fields(&[("contxt", "x")]);
    let mut parameters: Vec<Option<&Fields>> = vec![None; 1_200];
    parameters[5] = Some(&wrong);
    parameters[6] = Some(&own);
    for operation in [Operation::Decrypt, Operation::Rewrap] {
        let outcomes = each_text(&key, operation, &ciphertexts, &parameters);
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let is_bad = bad.contains(&index) || index == 5;
            match outcome {
                Ok(_) => assert!(!is_bad, "{operation:?} {index}"),
                Err(error) => {
                    assert!(is_bad && error.status() == Status::InvalidArgument, "{operation:?} {index}: {error}");
                    let is_named = error.message().starts_with("item_parameters[5]: \"contxt\" is unknown");
                    assert_eq!(is_named, index == 5, "{error}");
                }
            }
        }
    }
}

#[test]
fn items_with_associated_data_are_rewrapped_too() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let items: Vec<Vec<u8>> = (0..40).map(|number| vec![number; 30]).collect();
    let bound: Vec<Fields> = (0..40_u8).map(|number| bytes(&[("associated_data", &[number])])).collect();
    // Every other item has associated data.
    let own: Vec<Option<&Fields>> = bound.iter().enumerate().map(|(n, own)| (n % 2 == 0).then_some(own)).collect();
    let ciphertexts = texts(encrypt_each(&key, &items, &own));
    engine.server.api().post(&format!("{}/keys/k/rotate", engine.mount), json!({}));
    let rewrapped = texts(each_text(&key, Operation::Rewrap, &ciphertexts, &own));
    assert!(rewrapped.iter().all(|text| text.starts_with("vault:v2:")));
    assert!(data(each_text(&key, Operation::Decrypt, &rewrapped, &own)) == items);
    let outcomes = each_text(&key, Operation::Decrypt, &rewrapped, &[]);
    let failed: Vec<bool> = outcomes.iter().map(Result::is_err).collect();
    assert!(failed.iter().enumerate().all(|(number, failed)| *failed == (number % 2 == 0)), "{failed:?}");
}

#[test]
fn items_around_the_limits_of_a_request_are_all_done() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    for count in [0, 1, 493, 494, 495, 496, 988, 991] {
        let items: Vec<Vec<u8>> = (0..count).map(|number: i32| number.to_string().into_bytes()).collect();
        let ciphertexts = texts(encrypt_each(&key, &items, &[]));
        assert!(data(each_text(&key, Operation::Decrypt, &ciphertexts, &[])) == items, "{count}");
    }
    let large: Vec<Vec<u8>> = (0..5).map(|number| vec![number; 400_000]).collect();
    let ciphertexts = texts(encrypt_each(&key, &large, &[]));
    assert!(data(each_text(&key, Operation::Decrypt, &ciphertexts, &[])) == large);
}

/// HashiCorp answers a partial failure with 400, and with 500 if an item met an internal error.
#[test]
fn the_results_count_whatever_the_status_is() {
    let server = Server::shared();
    for status in ["200 OK", "400 Bad Request", "500 Internal Server Error"] {
        let gateway = Gateway::to(server.port(), move |request| match request.path.as_str() {
            "/v1/t/keys/k" => answer("200 OK", "", r#"{"data":{"type":"aes256-gcm96","supports_encryption":true}}"#),
            "/v1/t/encrypt/k" => {
                let results =
                    r#"{"data":{"batch_results":[{"ciphertext":"vault:v1:AA=="},{"error":"internal error"}]}}"#;
                answer(status, "", results)
            }
            _ => Verdict::Pass,
        });
        let address = gateway.addr();
        let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_TRANSIT_MOUNT", "t")];
        let manager = std::sync::Arc::new(open_whole(server, "secret", &settings).unwrap());
        let key = Transit::open(manager, "k", &call()).unwrap().unwrap();
        let outcomes = encrypt_each(&key, &[b"CANARY".to_vec(), b"CANARY".to_vec()], &[]);
        assert!(outcomes[0].is_ok(), "{status}");
        let error = outcomes[1].as_ref().err().unwrap();
        assert!(!error.message().contains("CANARY"), "{error}");
    }
}

#[test]
fn parameters_of_one_item_count_for_it_alone() {
    let engine = engine();
    let key = engine.create("k", json!({"derived": true}));
    engine.server.api().post(&format!("{}/keys/k/rotate", engine.mount), json!({}));
    let mut common = bytes(&[("context", b"c"), ("associated_data", b"a")]);
    common.set("key_version".into(), handsfree_secrets::secret::Secret::copy_of("1"));
    let (empty, mut without) = (bytes(&[("context", b"")]), Fields::default());
    without.remove("associated_data".into());
    let version = |text| crate::managers::fields(&[("key_version", text)]);
    let (latest, wrong) = (version("2"), version("x"));
    let own = [None, Some(&empty), Some(&without), Some(&latest), Some(&wrong)];
    let items = [Input::Bytes(b"data"); 5];
    let mut outcomes = key.each(Operation::Encrypt, &items, &common, &own, &call()).unwrap().into_iter();
    let mut next = || outcomes.next().unwrap();
    let text = |outcome| match outcome {
        Ok(Outcome::Text(text)) => text.as_str().to_owned(),
        _ => panic!("no ciphertext"),
    };
    assert!(text(next()).starts_with("vault:v1:"));
    crate::managers::fails(next(), Status::InvalidArgument);
    let ciphertext = text(next());
    assert_eq!(key.decrypt(&ciphertext, &bytes(&[("context", b"c")]), &call()).unwrap().as_slice(), b"data");
    assert!(text(next()).starts_with("vault:v2:"));
    let error = crate::managers::fails(next(), Status::InvalidArgument);
    assert!(error.message().contains("key_version"), "{error}");
}

#[test]
fn the_words_of_an_item_do_not_change_those_of_another() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let old = key.encrypt(b"data", &Fields::default(), &call()).unwrap();
    let api = engine.server.api();
    api.post(&format!("{}/keys/k/rotate", engine.mount), json!({}));
    let new = key.encrypt(b"data", &Fields::default(), &call()).unwrap();
    api.post(&format!("{}/keys/k/config", engine.mount), json!({"min_decryption_version": 2}));
    let tampered = format!("{}AAAA", &new.as_str()[..new.len() - 4]);
    let junk = ["disallowed by policy (too old)", "authentication"];
    let texts = [old.as_str(), &tampered, junk[0], junk[1]].map(Input::Text);
    let outcomes = key.each(Operation::Decrypt, &texts, &Fields::default(), &[], &call()).unwrap();
    let errors: Vec<_> = outcomes.into_iter().map(|outcome| outcome.err().unwrap()).collect();
    assert_eq!(errors[0].status(), Status::Unsupported, "{}", errors[0]);
    assert!(errors[1].message().contains("the ciphertext was changed"), "{}", errors[1]);
    assert!(errors[2..].iter().all(|error| error.status() == Status::InvalidArgument));
}
