//! One DNS query to one name server: over UDP, and over TCP if the response was truncated.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use simple_dns::{PacketFlag, header_buffer};
use socket2::{Domain, Protocol, Type};

use super::socket::{IoFailure, Socket};
use crate::call::{Deadline, WAIT_SLICE};
use crate::error::Result;
use crate::host::descriptors;

/// How long one server may take to answer.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);

/// The largest datagram. The query announces it, so that shorter responses are not truncated (RFC 6891).
pub const MAX_DATAGRAM: u16 = 4096;

/// Queries `server`. `None` if it gave no response. Fails only at the deadline or when the call is cancelled.
pub fn query(server: SocketAddr, question: &[u8], deadline: &Deadline) -> Result<Option<Vec<u8>>> {
    let timeout = deadline.within(SERVER_TIMEOUT);
    let Some(answer) = over_udp(server, question, &timeout) else { return none_unless_expired(deadline) };
    if !header_buffer::has_flags(&answer, PacketFlag::TRUNCATION).unwrap_or(false) {
        return Ok(Some(answer));
    }
    match over_tcp(server, question, &timeout) {
        Ok(answer) => Ok(Some(answer)),
        Err(_) => none_unless_expired(deadline),
    }
}

fn none_unless_expired(deadline: &Deadline) -> Result<Option<Vec<u8>>> {
    deadline.remaining().map(|_| None)
}

fn over_udp(server: SocketAddr, question: &[u8], timeout: &Deadline) -> Option<Vec<u8>> {
    let socket = descriptors::socket(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP)).ok()?;
    // A connected socket takes answers from that server alone.
    socket.connect(&server.into()).ok()?;
    let socket = UdpSocket::from(socket);
    socket.send(question).ok()?;
    let mut answer = vec![0; usize::from(MAX_DATAGRAM)];
    loop {
        let left = timeout.remaining().ok()?.min(WAIT_SLICE).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left)).ok()?;
        match socket.recv(&mut answer) {
            // Other datagrams, such as a late response to another query, are ignored.
            Ok(length) if answer.get(..2) == question.get(..2) => {
                answer.truncate(length);
                return Some(answer);
            }
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => return None,
            Ok(_) | Err(_) => {}
        }
    }
}

/// Over TCP each message is prefixed with its length (RFC 1035, 4.2.2).
fn over_tcp(server: SocketAddr, question: &[u8], timeout: &Deadline) -> Result<Vec<u8>, IoFailure> {
    let socket = Socket::connect_tcp(&[server], timeout)?;
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    socket.send_all(&[&length.to_be_bytes()[..], question].concat(), timeout, &mut false)?;
    let mut length = [0; 2];
    receive_all(&socket, &mut length, timeout)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    receive_all(&socket, &mut answer, timeout)?;
    Ok(answer)
}

fn receive_all(socket: &Socket, mut room: &mut [u8], timeout: &Deadline) -> Result<(), IoFailure> {
    while !room.is_empty() {
        match socket.receive(room, timeout.remaining()?, timeout)? {
            0 => return Err(IoFailure::Broken(ErrorKind::UnexpectedEof.into())),
            count => room = room.get_mut(count..).unwrap_or_default(),
        }
    }
    Ok(())
}
