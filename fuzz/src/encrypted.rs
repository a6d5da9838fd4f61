//! The reader of encrypted envelopes.

use handsfree_secrets::envelope::{Beginning, Decryptor, Encryptor, Header, KEY_LENGTH};
use handsfree_secrets::error::Status;

const KEY: [u8; KEY_LENGTH] = [7; KEY_LENGTH];

/// A header that can be read is written as it was. Nobody can make a stream for a key that they do not have, so nothing is
/// handed out; and the data of the input itself come back, in pieces of any size.
pub fn encrypted_envelope(input: &[u8]) {
    match Header::read(input) {
        Ok(Some((header, length))) => {
            let written = header.write().expect("what was read can be written");
            assert_eq!(Some(written.as_slice()), input.get(..length));
        }
        Ok(None) => {}
        Err(error) => assert_eq!(error.status(), Status::InvalidArgument),
    }
    match Beginning::read(input) {
        Ok(Some(beginning)) => refused(&beginning, input),
        Ok(None) => {}
        Err(error) => assert_eq!(error.status(), Status::InvalidArgument),
    }
    round_trip(input);
}

fn refused(beginning: &Beginning, input: &[u8]) {
    let rest = input.get(beginning.length..).expect("the headers are in the input");
    let Ok(mut decryptor) = Decryptor::new(&beginning.stream, &KEY, b"") else { return };
    match decryptor.update(rest) {
        Ok(given) => {
            assert!(given.as_slice().is_empty(), "a forged segment");
            decryptor.finish().err().expect("a forged end");
        }
        Err(error) => assert_eq!(error.status(), Status::InvalidArgument),
    }
}

fn round_trip(input: &[u8]) {
    let part = usize::from(input.first().copied().unwrap_or(1)).max(1);
    let header = Header { wrapped_key: "vault:v1:AAAA".to_owned(), context: Vec::new() };
    let mut encryptor = Encryptor::new(&header, &KEY, input).expect("an encryptor");
    let mut envelope = Vec::new();
    for piece in input.chunks(part) {
        envelope.extend_from_slice(encryptor.update(piece).expect("encrypted").as_slice());
    }
    envelope.extend_from_slice(encryptor.finish().expect("encrypted").as_slice());
    let beginning = Beginning::read(&envelope).expect("an envelope").expect("a whole one");
    let mut decryptor = Decryptor::new(&beginning.stream, &KEY, input).expect("a decryptor");
    let mut data = Vec::new();
    for piece in envelope.get(beginning.length..).unwrap_or_default().chunks(part) {
        data.extend_from_slice(decryptor.update(piece).expect("authentic").as_slice());
    }
    data.extend_from_slice(decryptor.finish().expect("authentic").as_slice());
    assert_eq!(data, input);
}
