//! Writing the head of a request and parsing the head of a response with the protocol engine.

use bytes::Bytes;
use ureq_proto::Error;
use ureq_proto::client::Call;
use ureq_proto::client::state::{RecvResponse, SendRequest};
use ureq_proto::http::{self, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use crate::net::buffer::Outbox;

/// The bytes are not valid HTTP/1.1, or are ambiguous.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<Error> for Malformed {
    fn from(_: Error) -> Malformed {
        Malformed
    }
}

/// The request cannot be expressed in HTTP.
#[derive(Debug)]
pub struct Unsendable;

impl From<Error> for Unsendable {
    fn from(_: Error) -> Unsendable {
        Unsendable
    }
}

/// Parses the head of a response at the beginning of `input`. Returns the number of bytes used, and the head unless it
/// is incomplete or that of an interim response. Refuses a switch of protocols, empty lines in front of the response,
/// and status codes that HTTP does not have.
pub fn answer(call: &mut Call<RecvResponse>, input: &[u8]) -> Result<(usize, Option<http::Response<()>>), Malformed> {
    if matches!(input, [b'\r' | b'\n', ..]) {
        return Err(Malformed);
    }
    let answer = call.try_response(input, false)?;
    let is_switching = |head: &http::Response<()>| head.status() == StatusCode::SWITCHING_PROTOCOLS;
    if answer.1.as_ref().is_some_and(is_switching) { Err(Malformed) } else { Ok(answer) }
}

/// A header value that `Debug` does not show, and that is wiped when its last copy is dropped. `None` if `text` is not
/// valid in a header.
pub fn secret_value(text: &str) -> Option<HeaderValue> {
    let bytes = Bytes::from_owner(Zeroizing::new(text.as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Writes the head of `call`, which takes at most `size` bytes. The engine does not support the absolute form: for a
/// proxy that requires it, `prefix` (scheme and authority) is inserted between the method and the path.
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
