//! One HTTP/1.1 exchange, independent of the connection: writes the head of the request, parses the response.
//!
//! `ureq-proto` implements the protocol. If it accepts an ambiguous response, this module refuses it or closes the
//! connection afterwards: the bytes that follow could be taken for the next response.

use bytes::Bytes;
use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, RecvResponseResult, SendRequestResult};
use ureq_proto::http::header::{CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use ureq_proto::http::uri::PathAndQuery;
use ureq_proto::http::{self, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

use super::body::BodyReader;
use super::forwarder::Forwarder;
use super::message::{Malformed, Unsendable, answer, write_head};
use crate::net::buffer::{Inbox, Outbox};

/// The largest head of a response, interim responses included. Servers send less than 1 kB.
const MAX_HEAD: usize = 64 * 1024;

/// The size of the method, the version and the line ends of a request's head.
const REQUEST_LINE: usize = 64;

/// One HTTP request.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded, relative to the base path of the node.
    pub path: &'a str,
    /// Headers that requests have in common.
    pub common: &'a HeaderMap,
    /// Headers of this request.
    pub headers: [Option<(&'a HeaderName, &'a HeaderValue)>; 4],
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
    /// Writes the head of the request to `out`. The caller sends the body.
    pub fn begin(request: &Request<'_>, origin: &Origin, out: &mut Outbox) -> Result<Exchange, Unsendable> {
        let (target, headers) = (origin.target(request.path).ok_or(Unsendable)?, headers(request, origin));
        let size = REQUEST_LINE + target.as_str().len() + size_of_lines(&headers);
        let mut message = http::Request::new(());
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = Uri::from(target);
        *message.headers_mut() = headers;
        let mut call = Call::new(message)?.proceed();
        write_head(&mut call, size, origin.forwarder.as_ref().map_or("", Forwarder::prefix), out)?;
        let call = match call.proceed()?.ok_or(Unsendable)? {
            SendRequestResult::RecvResponse(call) => call,
            SendRequestResult::SendBody(mut call) => {
                call.consume_direct_write(request.body.unwrap_or_default().len())?;
                call.proceed().ok_or(Unsendable)?
            }
            SendRequestResult::Await100(_) => return Err(Unsendable),
        };
        Ok(Exchange { call, interim: 0 })
    }

    /// Takes the head of the response from `inbox`, including interim responses in front of it. `None` while it is
    /// incomplete.
    pub fn head(&mut self, inbox: &mut Inbox) -> Result<Option<http::Response<()>>, Malformed> {
        loop {
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
                return Ok(None);
            }
        }
    }

    /// The reader of the body that follows `head`.
    pub fn body(self, head: &http::Response<()>) -> Result<BodyReader, Malformed> {
        let is_sound = is_sound(head)?;
        let (call, closes) = match self.call.proceed().ok_or(Malformed)? {
            RecvResponseResult::RecvBody(call) => (Some(call), false),
            RecvResponseResult::Cleanup(call) => (None, call.must_close_connection()),
            RecvResponseResult::Redirect(call) => (None, call.must_close_connection()),
        };
        Ok(BodyReader::new(call, is_sound && !closes))
    }
}

fn headers(request: &Request<'_>, origin: &Origin) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(request.common.len() + request.headers.len() + 3);
    headers.append(HOST, origin.host.clone());
    for (name, value) in request.common.iter().chain(request.headers.iter().flatten().copied()) {
        headers.append(name, value.clone());
    }
    if let Some(authorization) = origin.forwarder.as_ref().and_then(Forwarder::authorization) {
        headers.append(PROXY_AUTHORIZATION, authorization.clone());
    }
    if let Some(body) = request.body {
        headers.append(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    headers
}

/// Room for the lines of `headers`.
fn size_of_lines(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
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
