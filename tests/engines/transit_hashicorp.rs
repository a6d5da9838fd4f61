//! Answers of HashiCorp's server that differ from those of OpenBao, replayed: tests/data/hashicorp_transit.json has them,
//! written down from the sources that it names.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handsfree_secrets::error::Status;
use handsfree_secrets::fields::Fields;
use handsfree_secrets::transit::Transit;
use handsfree_secrets::vault::{Input, Operation};
use handsfree_secrets_test_support::{Gateway, Server, Verdict, answer, repository_root};
use serde_json::Value;

use crate::managers::open_whole;
use crate::transit::call;

const KEY: &str = r#"{"data":{"type":"aes256-gcm96","supports_encryption":true,"supports_decryption":true}}"#;

/// The status of each of two items where each request gets this answer, and the number of requests.
fn outcomes(case: &Value) -> (Vec<String>, usize) {
    let server = Server::shared();
    let name = case["operation"].as_str().unwrap();
    let path = format!("/v1/t/{name}/k");
    let (status, body) = (case["status"].as_str().unwrap().to_owned(), case["body"].to_string());
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let gateway = Gateway::to(server.port(), move |request| match request.path.as_str() {
        "/v1/t/keys/k" => answer("200 OK", "", KEY),
        asked if asked == path => {
            counted.fetch_add(1, Ordering::Relaxed);
            answer(&status, "Content-Type: application/json\r\n", &body)
        }
        _ => Verdict::Pass,
    });
    let address = gateway.addr();
    let settings = [("VAULT_ADDR", address.as_str()), ("VAULT_TRANSIT_MOUNT", "t")];
    let manager = Arc::new(open_whole(server, "secret", &settings).unwrap());
    let key = Transit::open(manager, "k", &call()).unwrap().unwrap();
    let (operation, item) = match name {
        "encrypt" => (Operation::Encrypt, Input::Bytes(b"CANARY")),
        _ => (Operation::Decrypt, Input::Text("vault:v1:CANARY")),
    };
    let results = key.each(operation, &[item; 2], &Fields::default(), &[], &call()).unwrap();
    let status = |error: &handsfree_secrets::error::Error| {
        assert!(!error.message().contains("CANARY"), "{error}");
        error.status()
    };
    let names = results.iter().map(|result| result.as_ref().err().map_or(Status::Ok, status).name());
    (names.map(|name| name.to_str().unwrap().to_owned()).collect(), requests.load(Ordering::Relaxed))
}

#[test]
fn answers_of_hashicorp_mean_the_same() {
    let file = std::fs::read_to_string(repository_root().join("tests/data/hashicorp_transit.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&file).unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let (names, requests) = outcomes(&case);
        let wanted: Vec<&str> =
            case["outcomes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names, wanted, "{}", case["what"]);
        assert_eq!(requests, 1, "{}: a repeat would get the same answer", case["what"]);
    }
}
