//! Opens a tunnel through a proxy with `CONNECT`, for https.

use std::io;

use ureq_proto::client::state::RecvResponse;
use ureq_proto::client::{Call, SendRequestResult};
use ureq_proto::http::header::PROXY_AUTHORIZATION;
use ureq_proto::http::{self, Method, Uri};

use super::forwarder::{authorization, refused, unauthorized};
use super::message::{Unsendable, answer, write_head};
use crate::call::Deadline;
use crate::config::Proxy;
use crate::error::{Result, Status};
use crate::net::buffer::{Inbox, Outbox};
use crate::net::socket::{IoFailure, Socket};

/// An upper bound of the size of a CONNECT request without the authority and the credentials.
const REQUEST: usize = 128;

/// The longest response of a proxy to CONNECT.
const MAX_ANSWER: usize = 16 * 1024;

/// Asks the proxy at the other end of `socket` for a tunnel to `authority` (`host:port`).
pub fn tunnel(socket: &Socket, proxy: &Proxy, authority: &str, deadline: &Deadline) -> Result<()> {
    let refused = |status, cause: &str| refused(proxy, authority, status, cause);
    let mut request = Outbox::new(REQUEST);
    let call = connect(proxy, authority, &mut request)
        .map_err(|Unsendable| refused(Status::Config, "CONNECT cannot express that; check the address"))?;
    let result = socket.send_all(request.filled(), deadline, &mut false).and_then(|()| status(call, socket, deadline));
    match result {
        Ok(Some(200..=299)) => Ok(()),
        Ok(Some(407)) => Err(unauthorized(proxy, authority)),
        Ok(Some(code)) => Err(refused(Status::Connection, &format!("it answered {code}")).with_http_status(code)),
        Ok(None) => Err(refused(Status::Protocol, "its answer is not HTTP")),
        Err(IoFailure::Call(error)) => Err(error),
        Err(IoFailure::Broken(e)) => Err(refused(Status::Connection, &format!("the connection broke: {e}"))),
    }
}

/// Writes the CONNECT request to `out`.
fn connect(proxy: &Proxy, authority: &str, out: &mut Outbox) -> Result<Call<RecvResponse>, Unsendable> {
    let mut message = http::Request::new(());
    *message.method_mut() = Method::CONNECT;
    *message.uri_mut() = Uri::try_from(authority).map_err(|_| Unsendable)?;
    let mut size = REQUEST + 2 * authority.len();
    if let Some(value) = authorization(proxy) {
        size += value.len();
        message.headers_mut().append(PROXY_AUTHORIZATION, value);
    }
    let mut call = Call::new(message)?.proceed();
    write_head(&mut call, size, "", out)?;
    match call.proceed()? {
        Some(SendRequestResult::RecvResponse(call)) => Ok(call),
        _ => Err(Unsendable),
    }
}

/// The status of the proxy's response; `None` if that is not HTTP. In a tunnel the client sends first, so nothing may
/// follow the response that opens the tunnel.
fn status(mut call: Call<RecvResponse>, socket: &Socket, deadline: &Deadline) -> Result<Option<u16>, IoFailure> {
    let mut inbox = Inbox::new(MAX_ANSWER);
    loop {
        let Ok((used, head)) = answer(&mut call, inbox.unread()) else { return Ok(None) };
        inbox.take(used);
        match head.map(|head| head.status()) {
            Some(status) if status.is_success() && !inbox.unread().is_empty() => return Ok(None),
            Some(status) => return Ok(Some(status.as_u16())),
            None if used > 0 => continue,
            None if inbox.unread().len() >= MAX_ANSWER => return Ok(None),
            None => {}
        }
        let count = socket.receive(inbox.room(1), deadline.remaining()?, deadline)?;
        if count == 0 {
            let closed = io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed it");
            return Err(IoFailure::Broken(closed));
        }
        inbox.added(count);
    }
}
