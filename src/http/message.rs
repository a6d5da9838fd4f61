//! Heads of requests and answers, as the protocol engine takes and gives them.

use bytes::Bytes;
use ureq_proto::Error;
use ureq_proto::client::Call;
use ureq_proto::client::state::{RecvResponse, SendRequest};
use ureq_proto::http::{self, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use crate::net::buffer::Outbox;

/// The bytes are not HTTP/1.1, or not in one way only.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<Error> for Malformed {
    fn from(_: Error) -> Malformed {
        Malformed
    }
}

/// A request that HTTP has no form for.
#[derive(Debug)]
pub struct Unsendable;

impl From<Error> for Unsendable {
    fn from(_: Error) -> Unsendable {
        Unsendable
    }
}

/// Looks for an answer at the beginning of `input`: how much of it to take, and the head of the answer unless it is an
/// interim one. Servers that switch protocols, empty lines in front of an answer, and numbers that HTTP does not have
/// are refused.
pub fn answer(call: &mut Call<RecvResponse>, input: &[u8]) -> Result<(usize, Option<http::Response<()>>), Malformed> {
    if matches!(input, [b'\r' | b'\n', ..]) {
        return Err(Malformed);
    }
    let answer = call.try_response(input, false)?;
    let is_switching = |head: &http::Response<()>| head.status() == StatusCode::SWITCHING_PROTOCOLS;
    if answer.1.as_ref().is_some_and(is_switching) { Err(Malformed) } else { Ok(answer) }
}

/// A header value that no `Debug` shows, and that is wiped with its last copy. `None` where a header cannot hold it.
pub fn secret_value(text: &str) -> Option<HeaderValue> {
    let bytes = Bytes::from_owner(Zeroizing::new(text.as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Writes the head of `call`, which takes no more than `size`. The engine knows no absolute form: where a proxy wants
/// one, scheme and authority, `prefix`, go between the method and the path that it wrote.
pub fn write_head(call: &mut Call<SendRequest>, size: usize, prefix: &str, out: &mut Outbox) -> Result<(), Unsendable> {
    let behind_method = call.method().as_str().len() + 1;
    out.fill(prefix.len() + size, |room| {
        let written = call.write(room.get_mut(prefix.len()..)?).ok()?;
        if prefix.is_empty() {
            return Some(written);
        }
        room.copy_within(prefix.len()..prefix.len() + behind_method, 0);
        room.get_mut(behind_method..)?.get_mut(..prefix.len())?.copy_from_slice(prefix.as_bytes());
        Some(prefix.len() + written)
    });
    if call.can_proceed() { Ok(()) } else { Err(Unsendable) }
}
