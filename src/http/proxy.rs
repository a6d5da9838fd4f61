//! HTTP proxies: a tunnel by `CONNECT`, for http and https alike.

use std::io;

use secrecy::ExposeSecret;

use crate::call::Deadline;
use crate::config::Proxy;
use crate::error::{Error, Result, Status};
use crate::net::socket::{IoFailure, Socket};

/// A proxy's answer to CONNECT may be this long.
const MAX_ANSWER: usize = 16 * 1024;

/// Asks the proxy at the other end of `socket` for a tunnel to `authority` (`host:port`).
pub fn tunnel(socket: &Socket, proxy: &Proxy, authority: &str, deadline: &Deadline) -> Result<()> {
    let mut request = zeroize::Zeroizing::new(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"));
    if let Some(authorization) = &proxy.authorization {
        request.push_str("Proxy-Authorization: ");
        request.push_str(authorization.expose_secret());
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let answered = socket.send_all(request.as_bytes(), deadline, &mut false).and_then(|()| head(socket, deadline));
    let status = match answered {
        Ok(status) => status,
        Err(IoFailure::Call(error)) => return Err(error),
        Err(IoFailure::Broken(e)) => {
            return Err(refused(proxy, authority, Status::Connection, &format!("the connection broke: {e}")));
        }
    };
    match status {
        Some(200..=299) => Ok(()),
        Some(407) => {
            let advice = format!("it asks for a user and password (407); put them into {}", proxy.variable);
            Err(refused(proxy, authority, Status::Connection, &advice).with_http_status(407))
        }
        Some(code) => {
            let error = refused(proxy, authority, Status::Connection, &format!("it answered {code}"));
            Err(error.with_http_status(code))
        }
        None => Err(refused(proxy, authority, Status::Protocol, "its answer is not HTTP")),
    }
}

fn refused(proxy: &Proxy, authority: &str, status: Status, cause: &str) -> Error {
    let message = format!("the proxy {} ({}) gives no tunnel to {authority}: {cause}", proxy.address, proxy.variable);
    Error::new(status, message)
}

/// Reads the answer's head byte by byte, so that nothing of what follows it is taken; its status, if it has one.
fn head(socket: &Socket, deadline: &Deadline) -> Result<Option<u16>, IoFailure> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if socket.receive(&mut byte, deadline.remaining()?, deadline)? == 0 {
            let closed = io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed it");
            return Err(IoFailure::Broken(closed));
        }
        head.extend_from_slice(&byte);
        if head.len() > MAX_ANSWER {
            return Ok(None);
        }
    }
    let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    Ok(status.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok()))
}
