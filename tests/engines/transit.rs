//! Single operations of the transit engine on a real server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use handsfree_secrets::call::Call;
use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::open::Manager;
use handsfree_secrets::transit::Transit;
use handsfree_secrets::vault::{Input, Operation};
use handsfree_secrets_test_support::Server;
use serde_json::{Value, json};

use crate::managers::{fails, fields, open_whole};

/// A transit mount of its own, and a manager for it.
pub struct Engine {
    pub server: &'static Server,
    pub mount: String,
    pub manager: Arc<Manager>,
}

pub fn engine() -> Engine {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = Server::shared();
    let mount = format!("transit-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    server.api().post(&format!("sys/mounts/{mount}"), json!({"type": "transit"}));
    let manager = with_token(server, &mount, server.root_token());
    Engine { server, mount, manager }
}

/// A manager for a transit mount, with this token.
pub fn with_token(server: &Server, mount: &str, token: &str) -> Arc<Manager> {
    let settings = [("VAULT_TRANSIT_MOUNT", mount), ("VAULT_TOKEN", token)];
    Arc::new(open_whole(server, "secret", &settings).unwrap())
}

impl Engine {
    pub fn create(&self, name: &str, settings: Value) -> Transit {
        self.server.api().post(&format!("{}/keys/{name}", self.mount), settings);
        self.open(name)
    }

    pub fn open(&self, name: &str) -> Transit {
        Transit::open(self.manager.clone(), name, &call()).unwrap().unwrap()
    }
}

pub fn call() -> Call {
    Call::default()
}

/// Parameters that are bytes.
pub fn bytes(entries: &[(&str, &[u8])]) -> Fields {
    let mut fields = Fields::default();
    entries.iter().for_each(|(name, data)| fields.set_bytes((*name).to_owned(), data).unwrap());
    fields
}

fn none() -> Fields {
    Fields::default()
}

#[test]
fn what_is_encrypted_here_is_decrypted_by_the_server_and_the_reverse() {
    let engine = engine();
    for kind in ["aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305", "rsa-2048"] {
        let key = engine.create(kind, json!({"type": kind}));
        for data in [&b""[..], b"a", b"\0\xFF binary \0", &[7; 190]] {
            let ciphertext = key.encrypt(data, &none(), &call()).unwrap();
            assert!(ciphertext.as_str().starts_with("vault:v1:"), "{kind}");
            assert_eq!(key.decrypt(ciphertext.as_str(), &none(), &call()).unwrap().as_slice(), data, "{kind}");
        }
        let path = format!("{}/encrypt/{kind}", engine.mount);
        let theirs = engine.server.api().post(&path, json!({"plaintext": "AP9+"}));
        let theirs = theirs["data"]["ciphertext"].as_str().unwrap().to_owned();
        assert_eq!(key.decrypt(&theirs, &none(), &call()).unwrap().as_slice(), b"\0\xFF~");
    }
}

#[test]
fn large_data_are_whole() {
    let engine = engine();
    let key = engine.create("large", json!({}));
    let data: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let ciphertext = key.encrypt(&data, &none(), &call()).unwrap();
    assert!(key.decrypt(ciphertext.as_str(), &none(), &call()).unwrap().as_slice() == data);
    fails(key.encrypt(&vec![0; 25_200_000], &none(), &call()), Status::TooLarge);
}

#[test]
fn a_mistyped_name_makes_no_key() {
    let engine = engine();
    assert!(Transit::open(engine.manager.clone(), "typo", &call()).unwrap().is_none());
    let path = format!("{}/keys/typo", engine.mount);
    assert_eq!(engine.server.send("GET", &path, &Value::Null).status, 404);
    for name in ["", "..", "a/b", "a\nb", "a b", "%2f", "a?b", "ключ", "-a", "a.", &"a".repeat(2000)] {
        let error = fails(Transit::open(engine.manager.clone(), name, &call()), Status::InvalidArgument);
        assert!(error.message().starts_with("key: "), "{error}");
    }
    let nowhere = with_token(engine.server, "no-such-mount", engine.server.root_token());
    let error = fails(Transit::open(nowhere, "a", &call()), Status::Config);
    assert!(error.message().contains("VAULT_TRANSIT_MOUNT"), "{error}");
}

#[test]
fn a_key_that_was_deleted_is_not_made_anew() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let (path, api) = (format!("{}/keys/k", engine.mount), engine.server.api());
    api.post(&format!("{path}/config"), json!({"deletion_allowed": true}));
    assert_eq!(engine.server.send("DELETE", &path, &Value::Null).status, 204);
    let item = [Input::Bytes(b"data")];
    let of_batch = key.each(Operation::Encrypt, &item, &none(), &[], &call()).unwrap().remove(0);
    for error in [
        fails(key.encrypt(b"data", &none(), &call()), Status::Config),
        fails(of_batch, Status::Config),
        fails(key.data_key(true, &none(), &call()), Status::Config),
        fails(key.verify(b"data", "vault:v1:AAAA", &none(), &call()), Status::Config),
    ] {
        assert!(error.message().contains("the key does not exist any more"), "{error}");
    }
    assert_eq!(engine.server.send("GET", &path, &Value::Null).status, 404);
}

#[test]
fn mistakes_that_the_server_answers_with_500_are_invalid_arguments() {
    let engine = engine();
    let (rsa, signing) =
        (engine.create("r", json!({"type": "rsa-2048"})), engine.create("e", json!({"type": "ed25519"})));
    let version = fields(&[("key_version", "9")]);
    fails(signing.sign(b"data", &version, &call()), Status::InvalidArgument);
    let prehashed = fields(&[("prehashed", "true"), ("signature_algorithm", "pkcs1v15")]);
    fails(rsa.sign(b"not a hash", &prehashed, &call()), Status::InvalidArgument);
    fails(rsa.sign(b"not a hash", &fields(&[("prehashed", "true")]), &call()), Status::InvalidArgument);
    fails(rsa.encrypt(&[0; 400], &none(), &call()), Status::TooLarge);
}

#[test]
fn what_is_encrypted_is_not_too_long_to_be_decrypted() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let most = (32 << 20) / 4 * 3;
    let mut encrypted = 0;
    for less in [40, 80, 120, 160] {
        if let Ok(ciphertext) = key.encrypt(&vec![7; most - less], &none(), &call()) {
            key.decrypt(ciphertext.as_str(), &none(), &call()).unwrap();
            encrypted += 1;
        }
    }
    assert!(encrypted > 0);
}

#[test]
fn a_token_that_may_not_read_the_key_opens_it_unless_it_could_create_it() {
    let engine = engine();
    engine.create("k", json!({}));
    let mount = &engine.mount;
    let policy = |capability: &str| {
        format!(
            "path \"{mount}/encrypt/*\" {{ capabilities = [{capability}] }}\n\
             path \"sys/capabilities-self\" {{ capabilities = [\"update\"] }}"
        )
    };
    let open = |capability: &str, name: &str| {
        let token = engine.server.policy_token(&policy(capability));
        Transit::open(with_token(engine.server, mount, &token), name, &call())
    };
    let key = open("\"update\"", "k").unwrap().unwrap();
    key.encrypt(b"data", &none(), &call()).unwrap();
    let typo = open("\"update\"", "typo").unwrap().unwrap();
    let error = fails(typo.encrypt(b"data", &none(), &call()), Status::PermissionDenied);
    assert!(error.message().contains("there is no such key"), "the server makes no key for it either: {error}");
    let error = fails(open("\"create\", \"update\"", "k"), Status::PermissionDenied);
    assert!(error.message().contains("\"read\"") && error.message().contains(&format!("{mount}/keys/k")), "{error}");
    // Without the rule for sys/capabilities-self nothing is known.
    let blind = format!("path \"{mount}/encrypt/*\" {{ capabilities = [\"update\"] }}");
    let blind = with_token(engine.server, mount, &engine.server.policy_token(&blind));
    fails(Transit::open(blind, "k", &call()), Status::PermissionDenied);
}

#[test]
fn context_and_associated_data_count() {
    let engine = engine();
    let key = engine.create("derived", json!({"derived": true}));
    let error = fails(key.encrypt(b"data", &none(), &call()), Status::InvalidArgument);
    assert!(error.http_status() == 0 && error.message().contains("context"), "{error}");
    let given = bytes(&[("context", b"row 1"), ("associated_data", b"table")]);
    let ciphertext = key.encrypt(b"data", &given, &call()).unwrap();
    assert_eq!(key.decrypt(ciphertext.as_str(), &given, &call()).unwrap().as_slice(), b"data");
    for other in [bytes(&[("context", b"row 2"), ("associated_data", b"table")]), bytes(&[("context", b"row 1")])] {
        let error = fails(key.decrypt(ciphertext.as_str(), &other, &call()), Status::InvalidArgument);
        assert!(error.message().contains("the context or the associated data is wrong"), "{error}");
    }
}

#[test]
fn a_ciphertext_that_is_not_one_of_the_key_is_refused() {
    let engine = engine();
    let (key, other) = (engine.create("one", json!({})), engine.create("other", json!({})));
    let ciphertext = key.encrypt(b"CANARY-data", &none(), &call()).unwrap();
    let text = ciphertext.as_str();
    let changed = format!("{}{}", &text[..text.len() - 6], "AAAAA=");
    for wrong in [changed.as_str(), "", "nonsense", "vault:v1:", "vault:v9:AAAA", "vault:v1:????"] {
        let error = fails(key.decrypt(wrong, &none(), &call()), Status::InvalidArgument);
        assert!(!error.message().contains("CANARY"), "{error}");
    }
    fails(other.decrypt(text, &none(), &call()), Status::InvalidArgument);
}

#[test]
fn rewrap_uses_the_latest_version_with_and_without_associated_data() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    let authenticated = bytes(&[("associated_data", b"table")]);
    let plain = key.encrypt(b"data", &none(), &call()).unwrap();
    let bound = key.encrypt(b"data", &authenticated, &call()).unwrap();
    let api = engine.server.api();
    api.post(&format!("{}/keys/k/rotate", engine.mount), json!({}));
    let plain_2 = key.rewrap(plain.as_str(), &none(), &call()).unwrap();
    let bound_2 = key.rewrap(bound.as_str(), &authenticated, &call()).unwrap();
    assert!(plain_2.as_str().starts_with("vault:v2:") && bound_2.as_str().starts_with("vault:v2:"));
    assert_eq!(key.decrypt(plain_2.as_str(), &none(), &call()).unwrap().as_slice(), b"data");
    assert_eq!(key.decrypt(bound_2.as_str(), &authenticated, &call()).unwrap().as_slice(), b"data");
    let version = |number| {
        let mut version = Fields::default();
        version.set_json("key_version".into(), number).unwrap();
        key.encrypt(b"data", &version, &call())
    };
    assert!(version("1").unwrap().as_str().starts_with("vault:v1:"));
    fails(version("7"), Status::InvalidArgument);
    api.post(&format!("{}/keys/k/config", engine.mount), json!({"min_decryption_version": 2}));
    let error = fails(key.decrypt(plain.as_str(), &none(), &call()), Status::Unsupported);
    assert!(error.message().contains("rewrap ciphertexts in time"), "{error}");
}

#[test]
fn signatures_and_hmacs_are_verified() {
    let engine = engine();
    for kind in ["ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048"] {
        let key = engine.create(kind, json!({"type": kind}));
        let signature = key.sign(b"data", &none(), &call()).unwrap();
        let hmac = key.hmac(b"data", &none(), &call()).unwrap();
        let sha1 = fields(&[("hash_algorithm", "sha1")]);
        let short = key.hmac(b"data", &sha1, &call()).unwrap();
        assert!(key.verify(b"data", short.as_str(), &sha1, &call()).unwrap(), "{kind}");
        for made in [&signature, &hmac] {
            assert!(key.verify(b"data", made.as_str(), &none(), &call()).unwrap(), "{kind}");
            assert!(!key.verify(b"other", made.as_str(), &none(), &call()).unwrap(), "{kind}");
        }
    }
    let old = engine.create("old", json!({"type": "ed25519"}));
    let made = [old.sign(b"data", &none(), &call()).unwrap(), old.hmac(b"data", &none(), &call()).unwrap()];
    engine.server.api().post(&format!("{}/keys/old/rotate", engine.mount), json!({}));
    engine.server.api().post(&format!("{}/keys/old/config", engine.mount), json!({"min_decryption_version": 2}));
    let reopened = engine.open("old");
    for made in made {
        let error = fails(reopened.verify(b"data", made.as_str(), &none(), &call()), Status::Unsupported);
        assert!(error.message().contains("sign anew"), "{error}");
    }
    let key = engine.create("rsa", json!({"type": "rsa-2048"}));
    let how = fields(&[("hash_algorithm", "sha2-512"), ("signature_algorithm", "pkcs1v15")]);
    let signature = key.sign(b"data", &how, &call()).unwrap();
    assert!(key.verify(b"data", signature.as_str(), &how, &call()).unwrap());
    assert!(!key.verify(b"data", signature.as_str(), &none(), &call()).unwrap(), "another algorithm");
    let derived = engine.create("derived", json!({"type": "ed25519", "derived": true}));
    let context = bytes(&[("context", b"c")]);
    let signature = derived.sign(b"data", &context, &call()).unwrap();
    let hmac = derived.hmac(b"data", &none(), &call()).unwrap();
    assert!(derived.verify(b"data", signature.as_str(), &context, &call()).unwrap());
    assert!(derived.verify(b"data", hmac.as_str(), &none(), &call()).unwrap());
    fails(derived.verify(b"data", signature.as_str(), &none(), &call()), Status::InvalidArgument);
    let symmetric = engine.create("aes", json!({}));
    let how = fields(&[("hash_algorithm", "sha2-512")]);
    let hmac = symmetric.hmac(b"data", &how, &call()).unwrap();
    assert!(symmetric.verify(b"data", hmac.as_str(), &how, &call()).unwrap());
    assert!(!symmetric.verify(b"data", hmac.as_str(), &none(), &call()).unwrap(), "another hash");
}

#[test]
fn a_key_that_cannot_do_it_is_told_before_any_traffic() {
    let engine = engine();
    let (signing, symmetric) = (engine.create("ed", json!({"type": "ed25519"})), engine.create("aes", json!({})));
    let mac = engine.create("hmac", json!({"type": "hmac", "key_size": 32}));
    let requests = || engine.server.audited(&format!("{}/", engine.mount), "");
    let before = requests();
    for error in [
        signing.encrypt(b"data", &none(), &call()).err(),
        signing.decrypt("vault:v1:AAAA", &none(), &call()).err(),
        signing.data_key(true, &none(), &call()).err(),
        symmetric.sign(b"data", &none(), &call()).err(),
        mac.encrypt(b"data", &none(), &call()).err(),
        mac.sign(b"data", &none(), &call()).err(),
    ] {
        let error = error.unwrap();
        assert_eq!((error.status(), error.http_status()), (Status::Unsupported, 0), "{error}");
    }
    fails(symmetric.encrypt(b"data", &fields(&[("contxt", "x")]), &call()), Status::InvalidArgument);
    assert_eq!(requests(), before);
}

#[test]
fn a_data_key_comes_wrapped_and_is_unwrapped_again() {
    let engine = engine();
    let key = engine.create("k", json!({}));
    for (bits, length) in [(None, 32), (Some("128"), 16), (Some("512"), 64)] {
        let parameters = bits.map_or_else(none, |bits| fields(&[("bits", bits)]));
        let made = key.data_key(true, &parameters, &call()).unwrap();
        let plaintext = made.plaintext.unwrap();
        assert_eq!(plaintext.as_slice().len(), length);
        let again = key.decrypt(made.wrapped.as_str(), &none(), &call()).unwrap();
        assert!(again.as_slice() == plaintext.as_slice());
    }
    let wrapped = key.data_key(false, &none(), &call()).unwrap();
    assert!(wrapped.plaintext.is_none());
    assert_eq!(key.decrypt(wrapped.wrapped.as_str(), &none(), &call()).unwrap().as_slice().len(), 32);
    fails(key.data_key(true, &fields(&[("bits", "100")]), &call()), Status::InvalidArgument);
}
