//! `encrypt`, `decrypt` and `rewrap` of data that are larger than a request.

use handsfree_secrets_test_support::Server;
use serde_json::json;

use super::transit::{engine, file};

/// More than `encrypt` gives to the server.
const LARGE: usize = (512 << 10) + 1;

fn data(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn large_input_and_any_input_by_an_option_become_envelopes() {
    let (_, shell) = engine(&[("k", json!({}))]);
    for (length, options) in [(LARGE, vec![]), (3_000_000, vec![]), (0, vec!["--envelope"]), (9, vec!["--envelope"])] {
        let data = data(length);
        let encrypt = [vec!["encrypt", "k"], options].concat();
        let (code, envelope, err) = shell.bytes_of(&encrypt, &data);
        assert_eq!((code, err.as_str(), &envelope[..4]), (0, "", b"HFE\x01".as_slice()));
        let (code, out, err) = shell.bytes_of(&["decrypt", "k"], &envelope);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out == data, "{length} bytes");
    }
    assert_eq!(shell.run(&["decrypt", "k", "--envelope"]).code, 2, "decrypt sees what it is");
}

#[test]
fn an_envelope_that_was_cut_off_or_changed_fails_after_its_authentic_part() {
    let (mount, shell) = engine(&[("k", json!({}))]);
    let data = data(3 * LARGE);
    let row = file("envelope-row", &mount, b"row 7");
    let bound = ["--associated-data-file", row.to_str().unwrap()];
    let run = |command: &[&str], input: &[u8]| shell.bytes_of(&[command, &bound].concat(), input);
    let (code, envelope, _) = run(&["encrypt", "k"], &data);
    assert_eq!(code, 0);
    let mut changed = envelope.clone();
    changed[1_200_000] ^= 1;
    for (bad, least, most) in [(&envelope[..envelope.len() - 1], LARGE, 3 * LARGE), (&changed, 500_000, 1_200_000)] {
        let (code, out, err) = run(&["decrypt", "k"], bad);
        assert_eq!(code, 3);
        assert!(err.starts_with("hfsecret: decrypt: the envelope was"), "{err}");
        assert!((least..most).contains(&out.len()) && data.starts_with(&out), "{}", out.len());
    }
    let (code, out, err) = shell.bytes_of(&["decrypt", "k"], &envelope);
    assert_eq!((code, out.len()), (3, 0), "{err}");
    assert!(run(&["decrypt", "k"], &envelope).1 == data);
}

#[test]
fn a_rewrap_replaces_the_header_of_an_envelope_and_nothing_else() {
    let (mount, shell) = engine(&[("k", json!({}))]);
    let data = data(LARGE);
    let (_, envelope, _) = shell.bytes_of(&["encrypt", "k"], &data);
    Server::shared().api().post(&format!("{mount}/keys/k/rotate"), json!({}));
    let (code, rewrapped, err) = shell.bytes_of(&["rewrap", "k"], &envelope);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!((&envelope[6..15], &rewrapped[6..15]), (b"vault:v1:".as_slice(), b"vault:v2:".as_slice()));
    assert!(rewrapped[rewrapped.len() - LARGE..] == envelope[envelope.len() - LARGE..], "the data stay");
    Server::shared().api().post(&format!("{mount}/keys/k/config"), json!({"min_decryption_version": 2}));
    assert!(shell.bytes_of(&["decrypt", "k"], &rewrapped).1 == data);
    for command in ["rewrap", "decrypt"] {
        let (code, out, err) = shell.bytes_of(&[command, "k"], &envelope);
        assert_eq!((code, out.len()), (16, 0), "{err}");
    }
    for cut in [3, 5, 40] {
        let (code, out, err) = shell.bytes_of(&["rewrap", "k"], &rewrapped[..cut]);
        assert_eq!((code, out.len()), (3, 0), "{err}");
    }
}

#[test]
fn an_output_that_cannot_be_written_has_its_exit_code() {
    let (mount, shell) = engine(&[("k", json!({}))]);
    let large = file("large", &mount, &data(LARGE));
    let redirection = format!(">/dev/full <{}", large.display());
    assert_eq!(shell.run_redirected(&["encrypt", "k"], &redirection).code, 120);
}
