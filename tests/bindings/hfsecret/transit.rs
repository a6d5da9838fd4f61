//! `encrypt`, `decrypt`, `rewrap`, `sign`, `verify`, `hmac` and `data-key`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use handsfree_secrets_test_support::Server;
use serde_json::{Value, json};

use super::{Run, Shell, done};

/// A transit mount of the test with keys, and a shell that uses it.
pub fn engine(keys: &[(&str, Value)]) -> (String, Shell) {
    let server = Server::shared();
    let mount = server.fresh_mount();
    let transit = format!("{mount}-transit");
    server.api().post(&format!("sys/mounts/{transit}"), json!({"type": "transit"}));
    for (key, settings) in keys {
        server.api().post(&format!("{transit}/keys/{key}"), settings.clone());
    }
    let shell = Shell::on_vault(server, &mount).with("VAULT_TRANSIT_MOUNT", &transit);
    (transit, shell)
}

/// A file with these bytes, whose name ends in that of the mount.
pub fn file(name: &str, mount: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{mount}"));
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

/// The one line that a run has printed.
fn line(run: &Run) -> String {
    let line = run.out.strip_suffix('\n').unwrap_or_else(|| panic!("{run:?}"));
    assert!((run.code, run.err.as_str()) == (0, "") && !line.contains('\n'), "{run:?}");
    line.to_owned()
}

#[test]
fn any_bytes_come_back_from_a_ciphertext_that_is_one_line() {
    let (_, shell) = engine(&[("k", json!({}))]);
    let large: Vec<u8> = (0..512 << 10).map(|index: u32| (index % 251) as u8).collect();
    for data in [b"".as_slice(), b"text", b"\n", b"a\n", b"a\0b\xff\xfe\n\n", &large] {
        let ciphertext = line(&shell.run_with_input(&["encrypt", "k"], data));
        assert!(ciphertext.starts_with("vault:v1:"), "{ciphertext}");
        for input in [ciphertext.clone(), ciphertext + "\n"] {
            let (code, out, err) = shell.bytes_of(&["decrypt", "k"], input.as_bytes());
            assert_eq!((code, err.as_str()), (0, ""), "{} bytes", data.len());
            assert!(out == data, "{} bytes", data.len());
        }
    }
}

#[test]
fn a_rewrap_keeps_the_lines_or_prints_none() {
    let (mount, shell) = engine(&[("k", json!({}))]);
    let old: Vec<String> = (0..1200).map(|row| format!("row {row}")).collect();
    let items: Vec<Value> = old.iter().map(|row| json!({"plaintext": STANDARD.encode(row)})).collect();
    let encrypt = |items: &[Value]| {
        let answer = Server::shared().api().post(&format!("{mount}/encrypt/k"), json!({"batch_input": items}));
        let results = answer["data"]["batch_results"].as_array().unwrap().clone();
        results.iter().map(|result| result["ciphertext"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let ciphertexts: Vec<String> = items.chunks(400).flat_map(encrypt).collect();
    Server::shared().api().post(&format!("{mount}/keys/k/rotate"), json!({}));

    let run = shell.run_with_input(&["rewrap", "k"], (ciphertexts.join("\n") + "\n").as_bytes());
    assert_eq!((run.code, run.err.as_str(), run.out.lines().count()), (0, "", ciphertexts.len()));
    assert!(run.out.lines().all(|line| line.starts_with("vault:v2:")), "each is of the new version");
    for index in [0, 1, 999, 1199] {
        let again = shell.run_with_input(&["decrypt", "k"], run.out.lines().nth(index).unwrap().as_bytes());
        assert_eq!(again, done(&old[index]));
    }
    assert_eq!(shell.run(&["rewrap", "k"]), done(""));
    let bad = format!("{}\nbad\n{}\n", ciphertexts[0], ciphertexts[1]);
    let run = shell.run_with_input(&["rewrap", "k"], bad.as_bytes());
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    assert!(run.err.starts_with("hfsecret: rewrap: line 2: "), "{}", run.err);
}

#[test]
fn a_signature_that_does_not_fit_has_an_exit_code_of_its_own() {
    let (_, shell) = engine(&[("ed", json!({"type": "ed25519"})), ("k", json!({}))]);
    let signature = line(&shell.run_with_input(&["sign", "ed"], b"release\0\n"));
    assert_eq!(shell.run_with_input(&["verify", "ed", &signature], b"release\0\n"), done(""));
    let run = shell.run_with_input(&["verify", "ed", &signature], b"release\0");
    assert_eq!((run.code, run.out.as_str()), (121, ""));
    assert_eq!(run.err, "hfsecret: verify: this is not a signature of standard input\n");
    for (code, arguments) in [(3, ["verify", "ed", "canary"]), (121, ["verify", "k", &signature])] {
        let run = shell.run_with_input(&arguments, b"release\0\n");
        assert_eq!((run.code, run.out.as_str()), (code, ""), "{}", run.err);
    }
    let run = shell.run_with_input(&["sign", "k"], b"canary");
    assert_eq!((run.code, run.out.as_str(), run.err.contains("canary")), (16, "", false), "{}", run.err);
}

#[test]
fn context_and_associated_data_are_the_bytes_of_files() {
    let (mount, shell) = engine(&[("derived", json!({"derived": true})), ("signer", derived_signer())]);
    let context = file("context", &mount, b"tenant 7\n");
    let other = file("other-context", &mount, b"tenant 7");
    let row = file("row", &mount, b"\0row");
    let [context, other, row] = [&context, &other, &row].map(|path| path.to_str().unwrap());
    let bound =
        |command, key, context, row| vec![command, "--context-file", context, key, "--associated-data-file", row];
    let ciphertext = line(&shell.run_with_input(&bound("encrypt", "derived", context, row), b"canary"));
    let rewrapped = line(&shell.run_with_input(&bound("rewrap", "derived", context, row), ciphertext.as_bytes()));
    for ciphertext in [&ciphertext, &rewrapped] {
        let decrypt = |context, row| {
            let run = shell.run_with_input(&bound("decrypt", "derived", context, row), ciphertext.as_bytes());
            (run.code, run.out)
        };
        assert_eq!(decrypt(context, row), (0, "canary".to_owned()));
        assert_eq!(decrypt(other, row), (3, String::new()));
        assert_eq!(decrypt(context, other), (3, String::new()));
    }
    assert_eq!(shell.run_with_input(&["decrypt", "derived"], ciphertext.as_bytes()).code, 3);

    let signature = line(&shell.run_with_input(&["sign", "signer", "--context-file", context], b"text"));
    let verify = |context| shell.run_with_input(&["verify", "signer", &signature, "--context-file", context], b"text");
    assert_eq!((verify(context).code, verify(other).code), (0, 121));

    let run = shell.run_with_input(&["encrypt", "derived", "--context-file", "/no/such/file"], b"canary");
    assert_eq!((run.code, run.out.as_str()), (120, ""));
    assert_eq!(run.err, "hfsecret: /no/such/file: No such file or directory\n");
}

fn derived_signer() -> Value {
    json!({"type": "ed25519", "derived": true})
}

#[test]
fn a_command_on_a_key_has_the_exit_codes_of_the_others() {
    let (mount, shell) = engine(&[("k", json!({}))]);
    let blind = Server::shared().policy_token("path \"secret/*\" { capabilities = [\"read\"] }");
    for command in ["encrypt", "decrypt", "rewrap", "sign"] {
        let run = shell.run_with_input(&[command, "typo"], b"canary");
        assert_eq!(run, Run { code: 1, out: String::new(), err: "hfsecret: typo: no such key\n".into() });
        let env = Shell::on_env().run_with_input(&[command, "k"], b"canary");
        assert_eq!((env.code, env.out.as_str()), (16, ""), "{}", env.err);
        assert_eq!(shell.run(&[command, "a/b"]).code, 3);
        assert_eq!(shell.run_redirected(&[command, "k"], "<&-").code, 120, "a closed standard input");
    }
    assert_eq!(Server::shared().api().send("GET", &format!("{mount}/keys/typo"), &Value::Null).status, 404);
    assert_eq!(shell.run_redirected(&["encrypt", "k"], ">&- </dev/null").code, 120, "a closed standard output");
    for input in [b"canary".as_slice(), b"vault:v1:canary", b"a\0b", b""] {
        let run = shell.run_with_input(&["decrypt", "k"], input);
        assert_eq!((run.code, run.out.as_str(), run.err.contains("canary")), (3, "", false), "{}", run.err);
    }
    let (_, shell) = engine(&[]);
    assert_eq!(shell.with("VAULT_TOKEN", &blind).run(&["encrypt", "k"]).code, 7);
    let (_, shell) = engine(&[]);
    assert_eq!(shell.with("VAULT_TRANSIT_MOUNT", "no-such-mount").run(&["encrypt", "k"]).code, 5);
}

#[test]
fn an_hmac_is_verified() {
    let (_, shell) = engine(&[("k", json!({}))]);
    let hmac = line(&shell.run_with_input(&["hmac", "k"], b"data"));
    assert!(hmac.starts_with("vault:v1:"), "{hmac}");
    assert_eq!(shell.run_with_input(&["verify", "k", &hmac], b"data"), done(""));
    assert_eq!(shell.run_with_input(&["verify", "k", &hmac], b"other").code, 121);
}

#[test]
fn a_data_key_is_wrapped_and_written_to_a_file_on_demand() {
    let (mount, shell) = engine(&[("k", json!({}))]);
    let key = file("data-key", &mount, b"");
    let wrapped = line(&shell.run(&["data-key", "k", "--bits", "512", "--output", key.to_str().unwrap()]));
    let bytes = std::fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 64);
    let (code, decrypted, _) = shell.bytes_of(&["decrypt", "k"], wrapped.as_bytes());
    assert_eq!((code, decrypted), (0, bytes));
    let (_, decrypted, _) = shell.bytes_of(&["decrypt", "k"], line(&shell.run(&["data-key", "k"])).as_bytes());
    assert_eq!(decrypted.len(), 32);
    assert_eq!(shell.run(&["data-key", "k", "--bits", "100"]).code, 3);
    let lost = shell.run(&["data-key", "k", "--output", "/no/such/folder/key"]);
    assert_eq!((lost.code, lost.out.as_str()), (120, ""), "no wrapped key without its key");
}
