//! One HTTP/1.1 exchange, independent of the connection: writes the head of the request, parses the response.
//!
//! `ureq-proto` implements the protocol. If it accepts an ambiguous response, this module refuses it or closes the
//! connection afterwards: the bytes that follow could be taken for the next response.

use std::iter;

use bytes::Bytes;
use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, RecvResponseResult, SendRequestResult};
use ureq_proto::http::header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use ureq_proto::http::uri::PathAndQuery;
use ureq_proto::http::{self, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

use super::body::BodyReader;
use super::forwarder::Forwarder;
use super::message::{Malformed, Unsendable, answer, write_head};
use crate::net::buffer::{Inbox, Outbox};

/// The largest head of a response, interim responses included. Servers send less than 1 kB.
const MAX_HEAD: usize = 64 * 1024;

/// The size of the method, the version and the line ends of a request's head.
const REQUEST_LINE: usize = 64;

/// What a header's line has beside name and value.
const LINE: usize = ": \r\n".len();

/// One HTTP request.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded, relative to the base path of the node.
    pub path: &'a str,
    /// Headers that requests have in common.
    pub common: &'a [(HeaderName, HeaderValue)],
    /// Headers of this request.
    pub headers: [Option<(&'a HeaderName, &'a HeaderValue)>; 6],
    /// The body, if any.
    pub body: Option<&'a [u8]>,
}

/// The part that all requests to one node have in common.
pub struct Origin {
    /// `Host`.
    host: HeaderValue,
    /// The prefix of every path.
    base_path: Box<str>,
    /// The forwarding proxy, if there is one and requests do not use a tunnel.
    forwarder: Option<Forwarder>,
}

impl Origin {
    /// The origin of the node `authority`, whose paths all begin with `base_path`.
    pub fn new(authority: &str, base_path: String, forwarder: Option<Forwarder>) -> Option<Origin> {
        let host = HeaderValue::from_str(authority).ok()?;
        Some(Origin { host, base_path: base_path.into(), forwarder })
    }

    /// The forwarding proxy, if any.
    pub fn forwarder(&self) -> Option<&Forwarder> {
        self.forwarder.as_ref()
    }

    fn target(&self, path: &str) -> Option<PathAndQuery> {
        let mut target = Vec::with_capacity(self.base_path.len() + path.len());
        target.extend_from_slice(self.base_path.as_bytes());
        target.extend_from_slice(path.as_bytes());
        PathAndQuery::from_maybe_shared(Bytes::from(target)).ok()
    }
}

/// An exchange whose request was written and whose response is awaited.
pub struct Exchange {
    call: Call<RecvResponse>,
    /// The number of bytes of interim responses.
    interim: usize,
}

impl Exchange {
    /// Writes the head of the request to `out`, and puts the exchange, which is large, into `place`. The caller sends the
    /// body.
    pub fn begin(
        request: &Request<'_>,
        origin: &Origin,
        out: &mut Outbox,
        place: &mut Option<Exchange>,
    ) -> Result<(), Unsendable> {
        let target = origin.target(request.path).ok_or(Unsendable)?;
        let mut size = REQUEST_LINE + target.as_str().len();
        let mut message = http::Request::new(());
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = Uri::from(target);
        let mut call = Call::new(message)?;
        let length = request.body.map(|body| HeaderValue::from(body.len()));
        headers(request, origin, length.as_ref()).try_for_each(|(name, value)| {
            size += name.as_str().len() + value.len() + LINE;
            call.header(name, value)
        })?;
        let mut call = call.proceed();
        write_head(&mut call, size, origin.forwarder.as_ref().map_or("", Forwarder::prefix), out)?;
        match call.proceed()? {
            Some(SendRequestResult::RecvResponse(call)) => *place = Some(Exchange { call, interim: 0 }),
            Some(SendRequestResult::SendBody(mut call)) => {
                call.consume_direct_write(request.body.unwrap_or_default().len())?;
                *place = Some(Exchange { call: call.proceed().ok_or(Unsendable)?, interim: 0 });
            }
            Some(SendRequestResult::Await100(_)) | None => return Err(Unsendable),
        }
        Ok(())
    }

    /// Takes the head of the response from `inbox`, including interim responses in front of it. `None` while it is
    /// incomplete.
    pub fn head(&mut self, inbox: &mut Inbox) -> Result<Option<http::Response<()>>, Malformed> {
        while !inbox.unread().is_empty() {
            let (used, head) = answer(&mut self.call, inbox.unread())?;
            inbox.take(used);
            if head.is_some() {
                return Ok(head);
            }
            self.interim += used;
            if self.interim + inbox.unread().len() >= MAX_HEAD {
                return Err(Malformed);
            }
            if used == 0 {
                break;
            }
        }
        Ok(None)
    }

    /// The reader of the body that follows `head`.
    pub fn body(self, head: &http::Response<()>) -> Result<BodyReader, Malformed> {
        let is_sound = is_sound(head)?;
        match self.call.proceed().ok_or(Malformed)? {
            RecvResponseResult::RecvBody(call) => Ok(BodyReader::new(Some(call), is_sound)),
            RecvResponseResult::Cleanup(call) => Ok(BodyReader::new(None, is_sound && !call.must_close_connection())),
            RecvResponseResult::Redirect(call) => Ok(BodyReader::new(None, is_sound && !call.must_close_connection())),
        }
    }
}

/// The headers of `request`, whose body is as long as `length` says.
fn headers<'a>(
    request: &Request<'a>,
    origin: &'a Origin,
    length: Option<&'a HeaderValue>,
) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
    let authorization = origin.forwarder.as_ref().and_then(Forwarder::authorization);
    iter::once((&HOST, &origin.host))
        .chain(request.common.iter().map(|(name, value)| (name, value)))
        .chain(request.headers.into_iter().flatten())
        .chain(authorization.map(|authorization| (&PROXY_AUTHORIZATION, authorization)))
        .chain(length.map(|length| (&CONTENT_LENGTH, length)))
}

/// Whether the end of the response is unambiguous, so that the connection may be used again. `Err`: the body cannot be
/// read.
fn is_sound(head: &http::Response<()>) -> Result<bool, Malformed> {
    let is_current = head.version() == Version::HTTP_11;
    let (mut lengths, mut codings, mut is_empty, mut sound) = (0, 0, true, is_current);
    for (name, value) in head.headers() {
        if name == CONTENT_LENGTH {
            lengths += 1;
            is_empty &= value.as_bytes().iter().all(|&digit| digit == b'0');
            sound &= value.as_bytes().iter().all(u8::is_ascii_digit);
        } else if name == TRANSFER_ENCODING {
            codings += 1;
            if !is_current || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed);
            }
        } else if name == CONNECTION {
            // The engine ignores a value that is not ASCII, which may contain `close`.
            sound &= value.to_str().is_ok();
        }
    }
    let has_no_body = matches!(head.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(sound && lengths + codings <= 1 && (is_empty && codings == 0 || !has_no_body))
}

#[cfg(test)]
mod tests;
