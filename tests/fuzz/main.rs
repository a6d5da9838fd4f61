//! Runs the seeds of the fuzzers, which include inputs of earlier failures, as ordinary tests.

#![cfg(test)]

use std::path::Path;

#[path = "../../fuzz/src/lib.rs"]
mod fuzzed;

/// Calls `target` with every file of its folder, with each prefix of it, and with each byte inverted.
fn run(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{} seeds in {}", files.len(), folder.display());
    for file in files {
        let seed = std::fs::read(&file).unwrap();
        target(&seed);
        for at in 0..seed.len().min(200) {
            target(&seed[..at]);
            let mut turned = seed.clone();
            turned[at] ^= 0x20;
            target(&turned);
        }
    }
}

#[test]
fn references_and_keys_round_trip() {
    run("reference", fuzzed::reference);
}

#[test]
fn option_values_are_accepted_or_refused() {
    run("options", fuzzed::options);
}

#[test]
fn malformed_http_answers_are_errors() {
    run("http_answer", fuzzed::http_answer);
}

#[test]
fn kv_responses_give_their_value_or_an_error() {
    run("kv_response", fuzzed::kv_response);
}

#[test]
fn encrypted_envelopes_give_a_beginning_of_their_data_or_an_error() {
    run("encrypted_envelope", fuzzed::encrypted_envelope);
}

#[test]
fn conversations_give_a_value_or_an_error() {
    run("session_answer", fuzzed::session_answer);
}

#[test]
fn renewals_give_a_value_or_an_error() {
    run("renewal", fuzzed::renewal);
}

#[test]
fn sequences_of_c_calls_behave_as_documented() {
    run("c_calls", fuzzed::c_calls);
}
