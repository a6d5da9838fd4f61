//! Encryptor and decryptor together: sizes, damage, and the test vectors of docs/envelope.md.

use super::segments::{SEGMENT, TAG};
use super::*;
use crate::error::{Error, Status};

const KEY: [u8; KEY_LENGTH] = [7; KEY_LENGTH];
const FIRST: usize = SEGMENT - TAG - size_of::<StreamHeader>();
const OTHER: usize = SEGMENT - TAG;

fn header() -> Header {
    Header { wrapped_key: "vault:v1:AAAA".to_owned(), context: Vec::new() }
}

fn data(length: usize) -> Vec<u8> {
    (0..length as u32).map(|number| (number % 251) as u8).collect()
}

/// The envelope of `data`, which arrive in parts of this size.
fn sealed(data: &[u8], part: usize, associated_data: &[u8]) -> Vec<u8> {
    let mut encryptor = Encryptor::new(&header(), &KEY, associated_data).unwrap();
    let mut envelope = Vec::new();
    data.chunks(part).for_each(|part| envelope.extend_from_slice(encryptor.update(part).unwrap().as_slice()));
    envelope.extend_from_slice(encryptor.finish().unwrap().as_slice());
    envelope
}

/// What is handed out of an envelope, and the error that ends it.
fn opened(envelope: &[u8], part: usize, associated_data: &[u8]) -> (Vec<u8>, Option<Error>) {
    let mut data = Vec::new();
    let outcome = Beginning::read(envelope).and_then(|beginning| {
        let Beginning { stream, length, .. } = beginning.ok_or_else(cut_off)?;
        let mut decryptor = Decryptor::new(&stream, &KEY, associated_data)?;
        for part in envelope[length..].chunks(part) {
            data.extend_from_slice(decryptor.update(part)?.as_slice());
        }
        data.extend_from_slice(decryptor.finish()?.as_slice());
        Ok(())
    });
    (data, outcome.err())
}

/// The envelope of `data`, made as a whole.
fn sealed_at_once(data: &[u8], associated_data: &[u8]) -> Vec<u8> {
    let encryptor = Encryptor::new(&header(), &KEY, associated_data).unwrap();
    encryptor.encrypt_all(data).unwrap().as_slice().to_vec()
}

/// The envelope of `data`, made segment by segment.
fn sealed_by_segments(mut data: &[u8], associated_data: &[u8]) -> Vec<u8> {
    let mut encryptor = Encryptor::new(&header(), &KEY, associated_data).unwrap();
    let mut envelope = encryptor.take_start();
    loop {
        let (now, later) = data.split_at_checked(encryptor.next_length() - TAG).unwrap_or((data, &[]));
        let mut segment = [now, &[0; TAG]].concat();
        encryptor.seal(&mut segment, later.is_empty()).unwrap();
        envelope.append(&mut segment);
        data = later;
        if data.is_empty() {
            return envelope;
        }
    }
}

fn begun(envelope: &[u8], associated_data: &[u8]) -> Result<(Decryptor, usize), Error> {
    let Beginning { stream, length, .. } = Beginning::read(envelope)?.ok_or_else(cut_off)?;
    Ok((Decryptor::new(&stream, &KEY, associated_data)?, length))
}

fn opened_at_once(envelope: &[u8], associated_data: &[u8]) -> Result<Vec<u8>, Error> {
    let (decryptor, length) = begun(envelope, associated_data)?;
    Ok(decryptor.decrypt_all(&envelope[length..])?.as_slice().to_vec())
}

fn opened_by_segments(envelope: &[u8], associated_data: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut decryptor, length) = begun(envelope, associated_data)?;
    let (mut rest, mut data, mut out) = (&envelope[length..], Vec::new(), vec![0; SEGMENT]);
    loop {
        let (now, later) = rest.split_at_checked(decryptor.next_length()).unwrap_or((rest, &[]));
        data.extend_from_slice(decryptor.open(now, later.is_empty(), &mut out)?);
        rest = later;
        if rest.is_empty() {
            return Ok(data);
        }
    }
}

/// The message of an envelope that has to be refused, and hands out nothing but a beginning of `data` before.
fn refused(envelope: &[u8], data: &[u8]) -> String {
    let (given, error) = opened(envelope, 10_000, b"");
    let error = error.unwrap_or_else(|| panic!("{} bytes are accepted", envelope.len()));
    assert_eq!(error.status(), Status::InvalidArgument, "{error}");
    assert!(given.len() < data.len().max(1) && data.starts_with(&given), "only a part, and nothing else");
    for opened in [opened_at_once(envelope, b""), opened_by_segments(envelope, b"")] {
        assert_eq!(opened.unwrap_err().status(), Status::InvalidArgument);
    }
    error.message().to_owned()
}

/// The offset of each segment, and the end.
fn boundaries(envelope: &[u8]) -> Vec<usize> {
    let start = header().write().unwrap().len();
    let mut all = vec![start + size_of::<StreamHeader>()];
    all.extend((1..).map(|number| start + number * SEGMENT).take_while(|at| *at < envelope.len()));
    all.push(envelope.len());
    all
}

#[test]
fn what_goes_in_comes_out_in_parts_of_any_size() {
    for length in [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + OTHER - 1, FIRST + OTHER, FIRST + OTHER + 1, 1 << 20] {
        let data = data(length);
        let in_parts = [1 << 20, SEGMENT, 1009].map(|part| sealed(&data, part, b"ad"));
        let others = [sealed_at_once(&data, b"ad"), sealed_by_segments(&data, b"ad")];
        for envelope in in_parts.into_iter().chain(others) {
            assert!(opened_at_once(&envelope, b"ad").unwrap() == data);
            assert!(opened_by_segments(&envelope, b"ad").unwrap() == data);
            let segments = if length <= FIRST { 1 } else { 1 + (length - FIRST).div_ceil(OTHER) };
            let overhead = header().write().unwrap().len() + size_of::<StreamHeader>() + segments * TAG;
            assert_eq!(envelope.len(), length + overhead);
            for part in [1 << 21, SEGMENT + 1, 1013] {
                let (opened, error) = opened(&envelope, part, b"ad");
                assert!(opened == data && error.is_none(), "{length} bytes: {error:?}");
            }
        }
    }
    let envelope = sealed(b"by the byte", 1, b"");
    assert_eq!(opened(&envelope, 1, b"").0, b"by the byte");
}

#[test]
fn an_envelope_that_was_cut_off_is_refused() {
    let data = data(FIRST + 2 * OTHER + 5000);
    let envelope = sealed(&data, SEGMENT, b"");
    let whole = boundaries(&envelope);
    for end in whole.iter().copied().flat_map(|at| [at - 1, at, at + 1, at + 15, at + 17]) {
        if end < envelope.len() {
            let message = refused(&envelope[..end], &data);
            assert!(message.contains("cut off"), "{end}: {message}");
        }
    }
    for end in 0..whole[0] {
        assert_eq!(refused(&envelope[..end], &data), "the envelope was cut off");
    }
    assert_eq!(refused(&envelope[..whole[1]], &data), "the envelope was cut off", "at a boundary it is certain");
}

#[test]
fn a_changed_bit_is_found_wherever_it_is() {
    let data = data(FIRST + OTHER + 100);
    let envelope = sealed(&data, SEGMENT, b"");
    let places = boundaries(&envelope);
    let stream_header = places[0] - size_of::<StreamHeader>()..places[0];
    let others = places.iter().flat_map(|at| [at.saturating_sub(17), at - 1, *at, at + 100]);
    for at in stream_header.chain(0..4).chain(others).filter(|at| *at < envelope.len()) {
        let mut changed = envelope.clone();
        changed[at] ^= 0x40;
        refused(&changed, &data);
    }
}

#[test]
fn segments_in_another_order_twice_or_from_another_envelope_are_refused() {
    let data = data(FIRST + 3 * OTHER);
    let (envelope, other) = (sealed(&data, SEGMENT, b""), sealed(&data, SEGMENT, b""));
    let at = boundaries(&envelope);
    let segment = |of: &[u8], number: usize| of[at[number]..at[number + 1]].to_vec();
    let start = envelope[..at[0]].to_vec();
    let joined = |segments: &[Vec<u8>]| [start.clone(), segments.concat()].concat();
    let [zero, one, two, three] = [0, 1, 2, 3].map(|number| segment(&envelope, number));
    for wrong in [
        joined(&[zero.clone(), two.clone(), one.clone(), three.clone()]),
        joined(&[zero.clone(), one.clone(), one.clone(), two.clone(), three.clone()]),
        joined(&[zero.clone(), one.clone(), three.clone()]),
        joined(&[zero.clone(), segment(&other, 1), two.clone(), three.clone()]),
        joined(&[segment(&other, 0), one.clone(), two.clone(), three.clone()]),
    ] {
        refused(&wrong, &data);
    }
    assert_eq!(opened(&joined(&[zero, one, two, three]), SEGMENT, b"").0, data, "the pieces are the right ones");
}

#[test]
fn what_follows_the_end_is_refused() {
    for length in [0, 100, FIRST, FIRST + OTHER] {
        let data = data(length);
        let envelope = sealed(&data, SEGMENT, b"");
        for more in [vec![0], vec![0; 16], vec![0; SEGMENT], vec![0; 2 * SEGMENT], envelope.clone()] {
            refused(&[envelope.clone(), more].concat(), &[data.as_slice(), b"!"].concat());
        }
    }
    let envelope = sealed(&data(FIRST), SEGMENT, b"");
    assert_eq!(refused(&[envelope, vec![0]].concat(), b""), "something follows the end of the envelope");
}

#[test]
fn associated_data_have_to_be_the_same() {
    let envelope = sealed(b"data", SEGMENT, b"table");
    for other in [&b""[..], b"tablf", b"table "] {
        let (given, error) = opened(&envelope, SEGMENT, other);
        assert!(given.is_empty() && error.unwrap().message().contains("associated data are not those"));
    }
}

/// The vectors of docs/envelope.md.
fn vectors() -> Vec<serde_json::Value> {
    let page = include_str!("../../docs/envelope.md");
    let block = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    serde_json::from_str(block).unwrap()
}

fn from_hex(text: &serde_json::Value) -> Vec<u8> {
    let text = text.as_str().unwrap().as_bytes();
    text.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn the_documented_vectors_hold() {
    for vector in vectors() {
        let [key, associated_data, context] =
            ["data_key", "associated_data", "context"].map(|name| from_hex(&vector[name]));
        let wrapped_key = vector["wrapped_key"].as_str().unwrap().to_owned();
        let pattern = from_hex(&vector["plaintext"]);
        let data = pattern.repeat(vector["plaintext_repeated"].as_u64().unwrap() as usize);
        let stream: StreamHeader = from_hex(&vector["stream_header"]).try_into().unwrap();
        let header = Header { wrapped_key, context };
        let mut encryptor = Encryptor::with_stream_header(&header, &stream, &key, &associated_data).unwrap();
        let start = encryptor.update(&data).unwrap();
        let envelope = [start.as_slice(), encryptor.finish().unwrap().as_slice()].concat();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &envelope);
        let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, vector["envelope_sha256"].as_str().unwrap(), "{}", vector["name"]);
        if let Some(whole) = vector["envelope"].as_str() {
            let hex: String = envelope.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, whole);
        }
    }
}
