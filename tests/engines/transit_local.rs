//! What the public half of a key is enough for is done without a request, with the server's result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::transit::Transit;
use handsfree_secrets::vault::{Input, Operation, Outcome};
use serde_json::{Value, json};

use crate::managers::{fails, fields};
use crate::transit::{Engine, call, engine};

const KINDS: [&str; 6] = ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072"];

fn none() -> Fields {
    Fields::default()
}

fn requests(engine: &Engine) -> usize {
    engine.server.audited(&format!("{}/", engine.mount), "")
}

#[test]
fn signatures_are_verified_without_a_request() {
    let engine = engine();
    let pkcs = fields(&[("signature_algorithm", "pkcs1v15")]);
    for kind in KINDS {
        let key = engine.create(kind, json!({"type": kind}));
        let parameters = if kind == "rsa-3072" { &pkcs } else { &Fields::default() };
        let signature = key.sign(b"data", parameters, &call()).unwrap();
        let before = requests(&engine);
        assert!(key.verify(b"data", signature.as_str(), parameters, &call()).unwrap(), "{kind}");
        assert_eq!(requests(&engine), before, "{kind}");
        assert!(!key.verify(b"other", signature.as_str(), parameters, &call()).unwrap(), "{kind}");
        // The length of an Ed25519 signature may be that of an HMAC, and the length of a salt is known to the server only.
        let asked = usize::from(kind == "ed25519") + 2 * usize::from(kind == "rsa-2048");
        assert!(requests(&engine) - before <= asked, "{kind}");
    }
}

/// The parameters of one case, as they are sent to the server.
fn cases() -> Vec<Value> {
    let mut cases = vec![json!({})];
    for hash in ["sha1", "sha2-224", "sha2-256", "sha2-384", "sha2-512", "sha3-256"] {
        for padding in ["pss", "pkcs1v15"] {
            cases.push(json!({"hash_algorithm": hash, "signature_algorithm": padding}));
        }
        cases.push(json!({"hash_algorithm": hash, "marshaling_algorithm": "jws"}));
    }
    cases
}

fn fields_of(case: &Value) -> Fields {
    let entries: Vec<(&str, &str)> =
        case.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    fields(&entries)
}

/// What the server says about a signature; `None` if it refuses to tell.
fn says(engine: &Engine, key: &str, case: &Value, data: &[u8], signature: &str) -> Option<bool> {
    let mut body = case.clone();
    body["input"] = STANDARD.encode(data).into();
    body["signature"] = signature.into();
    let answer = engine.server.send("POST", &format!("{}/verify/{key}", engine.mount), &body);
    answer.body["data"]["valid"].as_bool()
}

#[test]
fn the_result_is_that_of_the_server() {
    let engine = engine();
    let mut compared = 0;
    for kind in KINDS {
        let key = engine.create(kind, json!({"type": kind}));
        for case in cases() {
            let Ok(signature) = key.sign(b"data", &fields_of(&case), &call()) else { continue };
            for (data, how) in [(&b"data"[..], &case), (b"other", &case), (b"data", &json!({}))] {
                let Some(expected) = says(&engine, kind, how, data, signature.as_str()) else { continue };
                let found = key.verify(data, signature.as_str(), &fields_of(how), &call()).unwrap();
                assert_eq!(found, expected, "{kind} {case} {how}");
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn a_rotated_key_is_noticed() {
    let engine = engine();
    let key = engine.create("k", json!({"type": "rsa-2048"}));
    let other = engine.open("k");
    engine.server.api().post(&format!("{}/keys/k/rotate", engine.mount), json!({}));
    let signature = other.sign(b"data", &none(), &call()).unwrap();
    assert!(signature.as_str().starts_with("vault:v2:"));
    let mut before;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        before = requests(&engine);
        assert!(key.verify(b"data", signature.as_str(), &none(), &call()).unwrap());
        if requests(&engine) == before {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the new version is not known yet");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let ciphertext = key.encrypt(b"data", &none(), &call()).unwrap();
    assert!(ciphertext.as_str().starts_with("vault:v2:"));
    // A version that never was is the server's to judge.
    fails(key.verify(b"data", "vault:v9:AAAA", &none(), &call()), Status::InvalidArgument);
}

#[test]
fn rsa_keys_encrypt_without_a_request() {
    let engine = engine();
    let key = engine.create("k", json!({"type": "rsa-2048"}));
    let before = requests(&engine);
    let ciphertexts: Vec<String> = [&b""[..], b"data", &[7; 190]].into_iter().map(|data| encrypt(&key, data)).collect();
    let items = [Input::Bytes(b"one"), Input::Bytes(&[0; 191]), Input::Bytes(b"three")];
    let mut outcomes = key.each(Operation::Encrypt, &items, &none(), &[], &call()).unwrap().into_iter();
    let one = outcomes.next().unwrap().unwrap();
    fails(outcomes.next().unwrap(), Status::TooLarge);
    assert!(outcomes.next().unwrap().is_ok());
    fails(key.encrypt(&[0; 191], &none(), &call()), Status::TooLarge);
    assert_eq!(requests(&engine), before);

    for (ciphertext, data) in ciphertexts.iter().zip([&b""[..], b"data", &[7; 190]]) {
        assert_eq!(key.decrypt(ciphertext, &none(), &call()).unwrap().as_slice(), data);
    }
    let Outcome::Text(one) = one else { panic!("not a ciphertext") };
    assert_eq!(key.decrypt(one.as_str(), &none(), &call()).unwrap().as_slice(), b"one");
}

fn encrypt(key: &Transit, data: &[u8]) -> String {
    key.encrypt(data, &none(), &call()).unwrap().as_str().to_owned()
}
