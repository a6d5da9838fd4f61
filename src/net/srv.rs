//! `VAULT_SRV_LOOKUP`: where DNS says that a service is.
//!
//! The standard library cannot ask for SRV records, and the C library's resolver keeps state for each thread and knows
//! no deadline. So the one question is asked here: over UDP to the servers of resolv.conf, in the calling thread. The
//! answer says where to connect; whose certificate is expected stays the configured name's, since nobody vouches for
//! what comes over UDP.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Type};

use crate::call::{Deadline, WAIT_SLICE};
use crate::error::Result;
use crate::host::descriptors;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

/// How long one server may take to answer, and how often each is asked: what resolv.conf's defaults come to.
const PATIENCE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;

/// Answers are this long at most: the question announces it, so that none is cut short for less (RFC 6891).
const MAX_ANSWER: usize = 4096;

const TYPE_SRV: u16 = 33;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;

/// A place where a service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The host's name.
    pub host: String,
    /// The port.
    pub port: u16,
    priority: u16,
    weight: u16,
}

/// The name servers of this machine; the one on it where none is named, as resolv.conf(5) has it.
pub fn system_servers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let servers = name_servers(&text);
    if servers.is_empty() { vec![SocketAddr::from(([127, 0, 0, 1], DNS_PORT))] } else { servers }
}

fn name_servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let addresses = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|&word| word == "nameserver")?;
        words.next()?.parse::<IpAddr>().ok()
    });
    addresses.map(|address| SocketAddr::new(address, DNS_PORT)).collect()
}

/// Where `_http._tcp.<host>` is, the best place first; empty where DNS does not say. Errors are the call's own: its
/// deadline, or that it was cancelled.
pub fn look_up(host: &str, servers: &[SocketAddr], deadline: &Deadline) -> Result<Vec<Place>> {
    let id = fastrand::u16(..);
    let Some(question) = question(host, id) else { return Ok(Vec::new()) };
    for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
        if let Some(answer) = ask(*server, &question, deadline)? {
            if let Some(places) = places(&answer, &question) {
                return Ok(in_order(places));
            }
        }
    }
    Ok(Vec::new())
}

/// One question to one server; `None` where it gave no answer.
fn ask(server: SocketAddr, question: &[u8], deadline: &Deadline) -> Result<Option<Vec<u8>>> {
    let own_end: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    // A connected socket takes answers from that server alone.
    let asked = descriptors::socket(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP)).and_then(|socket| {
        socket.bind(&own_end.into())?;
        socket.connect(&server.into())?;
        socket.send(question)?;
        Ok(UdpSocket::from(socket))
    });
    let Ok(socket) = asked else { return Ok(None) };
    let patience = deadline.within(PATIENCE);
    let mut answer = vec![0; MAX_ANSWER];
    loop {
        let Ok(left) = patience.remaining() else {
            return deadline.remaining().map(|_| None);
        };
        if socket.set_read_timeout(Some(left.min(WAIT_SLICE).max(Duration::from_millis(1)))).is_err() {
            return Ok(None);
        }
        match socket.recv(&mut answer) {
            // A stray datagram, such as a late answer to another question, is not waited for any less.
            Ok(length) if answer.get(..2) == question.get(..2) => {
                answer.truncate(length);
                return Ok(Some(answer));
            }
            Ok(_) => {}
            Err(e) if matches!(e.kind(), std::io::ErrorKind::ConnectionRefused) => return Ok(None),
            Err(_) => {}
        }
    }
}

/// The question as it goes over the wire (RFC 1035, 4); `None` for a name that DNS cannot hold.
fn question(host: &str, id: u16) -> Option<Vec<u8>> {
    const RECURSION_DESIRED: u16 = 0x0100;
    let mut message = Vec::with_capacity(host.len() + 48);
    for field in [id, RECURSION_DESIRED, 1, 0, 0, 1] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    let name = format!("_http._tcp.{}", host.trim_end_matches('.'));
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    for field in [TYPE_SRV, CLASS_IN] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    // The OPT pseudo record: no name, our size in place of a class, no flags, no data.
    message.push(0);
    for field in [TYPE_OPT, MAX_ANSWER as u16, 0, 0, 0] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    (name.len() <= 253).then_some(message)
}

/// The places in an answer. `None` where it is no answer to `question`, or one that another server may better; empty
/// where the name or its records do not exist, or the service is said not to be offered (a target of `.`).
fn places(answer: &[u8], question: &[u8]) -> Option<Vec<Place>> {
    const IS_ANSWER: u16 = 0x8000;
    const CUT_SHORT: u16 = 0x0200;
    const NO_SUCH_NAME: u16 = 3;
    let mut reader = Reader { message: answer, at: 0 };
    let (id, flags) = (reader.number()?, reader.number()?);
    let (questions, answers) = (reader.number()?, reader.number()?);
    let same_question = question.get(..2) == Some(&id.to_be_bytes()) && questions == 1;
    if !same_question || flags & IS_ANSWER == 0 || flags & CUT_SHORT != 0 {
        return None;
    }
    match flags & 0xf {
        0 => {}
        NO_SUCH_NAME => return Some(Vec::new()),
        _ => return None,
    }
    reader.at = 12;
    reader.name()?;
    reader.at += 4;
    let mut places = Vec::new();
    for _ in 0..answers {
        reader.name()?;
        let (kind, class) = (reader.number()?, reader.number()?);
        reader.at += 4;
        let length = usize::from(reader.number()?);
        let end = reader.at + length;
        if kind == TYPE_SRV && class == CLASS_IN {
            let (priority, weight, port) = (reader.number()?, reader.number()?, reader.number()?);
            let host = reader.name()?;
            if !host.is_empty() && port != 0 {
                places.push(Place { host, port, priority, weight });
            }
        }
        reader.at = end;
    }
    Some(places)
}

/// By priority; among equals by lot, in which a weight counts as so many tickets (RFC 2782).
fn in_order(mut places: Vec<Place>) -> Vec<Place> {
    let mut ordered = Vec::with_capacity(places.len());
    while let Some(best) = places.iter().map(|place| place.priority).min() {
        let candidates = || places.iter().enumerate().filter(|(_, place)| place.priority == best);
        // One ticket more for each, so that a weight of 0 has a small chance.
        let tickets = |place: &Place| u32::from(place.weight) + 1;
        let mut drawn = fastrand::u32(0..candidates().map(|(_, place)| tickets(place)).sum::<u32>().max(1));
        let winner = candidates().find(|(_, place)| {
            let wins = drawn < tickets(place);
            drawn = drawn.saturating_sub(tickets(place));
            wins
        });
        let Some((index, _)) = winner else { break };
        ordered.push(places.remove(index));
    }
    ordered
}

/// Reads a DNS message; every read may find its end.
struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u16> {
        let bytes = self.message.get(self.at..self.at + 2)?;
        self.at += 2;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    }

    /// A name, its pointers followed (RFC 1035, 4.1.4), each of them backwards: so there is no endless chain.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let (mut at, mut behind) = (self.at, None);
        loop {
            let length = usize::from(*self.message.get(at)?);
            match length {
                0 => {
                    self.at = behind.unwrap_or(at + 1);
                    return Some(name);
                }
                1..64 => {
                    let label = self.message.get(at + 1..at + 1 + length)?;
                    let plain = label.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(std::str::from_utf8(label).ok().filter(|_| plain)?);
                    at += 1 + length;
                }
                192.. => {
                    let target = (length - 192) * 256 + usize::from(*self.message.get(at + 1)?);
                    behind = behind.or(Some(at + 2));
                    at = Some(target).filter(|&target| target < at)?;
                }
                _ => return None,
            }
            if name.len() > 253 {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    fn deadline() -> Deadline {
        Call::default().start(Duration::from_secs(20))
    }

    /// An answer as a name server sends it: the question, then records whose names point back to it.
    fn answer_to(question: &[u8], flags: u16, records: &[(u16, u16, u16, &[u8])]) -> Vec<u8> {
        let mut answer = question[..2].to_vec();
        for field in [flags, 1, records.len() as u16, 0, 0] {
            answer.extend_from_slice(&field.to_be_bytes());
        }
        // Without the OPT record of 11 bytes.
        answer.extend_from_slice(&question[12..question.len() - 11]);
        for (priority, weight, port, target) in records {
            answer.extend_from_slice(&[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
            answer.extend_from_slice(&(6 + target.len() as u16).to_be_bytes());
            for field in [priority, weight, port] {
                answer.extend_from_slice(&field.to_be_bytes());
            }
            answer.extend_from_slice(target);
        }
        answer
    }

    /// A name server on a port of its own, which answers one question.
    fn name_server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut question = [0; 512];
            let (length, client) = socket.recv_from(&mut question).unwrap();
            socket.send_to(&answer(&question[..length]), client).unwrap();
        });
        address
    }

    fn names(places: &[Place]) -> Vec<(&str, u16)> {
        places.iter().map(|place| (place.host.as_str(), place.port)).collect()
    }

    #[test]
    fn the_question_is_the_one_that_the_wire_format_demands() {
        let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\
            \x05_http\x04_tcp\x05vault\x07example\x00\x00\x21\x00\x01\
            \x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00";
        assert_eq!(question("vault.example", 0x1234).unwrap(), expected);
        assert_eq!(question("a..b", 1), None);
        assert_eq!(question(&"x".repeat(64), 1), None);
        assert_eq!(question(&["abcdefgh"; 30].join("."), 1), None);
    }

    #[test]
    fn a_name_server_is_asked_and_its_places_come_best_first() {
        let server = name_server(|question| {
            let n2: &[u8] = b"\x02n2\xc0\x17";
            let n1: &[u8] = b"\x02n1\x05vault\x07example\x00";
            answer_to(question, 0x8180, &[(20, 0, 8210, n2), (10, 5, 8200, n1)])
        });
        let places = look_up("vault.example", &[server], &deadline()).unwrap();
        assert_eq!(names(&places), [("n1.vault.example", 8200), ("n2.vault.example", 8210)]);
    }

    #[test]
    fn a_server_that_is_not_there_or_fails_costs_a_try_and_the_next_one_is_asked() {
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let failing = name_server(|question| answer_to(question, 0x8182, &[]));
        let good = name_server(|question| answer_to(question, 0x8180, &[(1, 1, 1, b"\x01a\x00")]));
        let places = look_up("vault.example", &[gone, failing, good], &deadline()).unwrap();
        assert_eq!(names(&places), [("a", 1)]);
    }

    #[test]
    fn a_name_without_records_has_no_place() {
        for (flags, records) in [(0x8183, &[][..]), (0x8180, &[]), (0x8180, &[(0, 0, 0, &b"\x00"[..])])] {
            let records = records.to_vec();
            let server = name_server(move |question| answer_to(question, flags, &records));
            assert_eq!(look_up("vault.example", &[server], &deadline()).unwrap(), []);
        }
    }

    #[test]
    fn the_deadline_ends_a_lookup_that_nobody_answers() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let short = Call::default().start(Duration::from_millis(60));
        let error = look_up("vault.example", &[silent.local_addr().unwrap()], &short).unwrap_err();
        assert_eq!(error.status(), crate::error::Status::Timeout);
    }

    #[test]
    fn broken_answers_are_no_answers() {
        let question = question("vault.example", 7).unwrap();
        let whole = answer_to(&question, 0x8180, &[(10, 5, 8200, b"\x02n1\x05vault\x07example\x00")]);
        assert_eq!(places(&whole, &question).unwrap().len(), 1);
        for end in 0..whole.len() {
            assert_eq!(places(&whole[..end], &question), None, "cut at {end}");
        }
        for target in [&b"\xc0\xff"[..], b"\x80\x00", b"\x03a.b\x00", b"\x02n1\xc0\x3d"] {
            assert_eq!(places(&answer_to(&question, 0x8180, &[(1, 1, 1, target)]), &question), None, "{target:?}");
        }
        let mut other = whole;
        other[1] ^= 1;
        assert_eq!(places(&other, &question), None);
    }

    #[test]
    fn weights_share_the_load() {
        let place = |host: &str, weight| Place { host: host.to_owned(), port: 1, priority: 1, weight };
        let mut heavy_first = 0;
        for _ in 0..1000 {
            let ordered = in_order(vec![place("light", 0), place("heavy", 99)]);
            assert_eq!(ordered.len(), 2);
            heavy_first += usize::from(ordered[0].host == "heavy");
        }
        assert!(heavy_first > 900, "{heavy_first}");
    }

    #[test]
    fn the_servers_of_resolv_conf_are_found() {
        let text =
            "# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 \nnameserver x\n";
        let expected: [SocketAddr; 2] = ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(name_servers(text), expected);
    }
}
