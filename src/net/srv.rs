//! Looks up SRV records (`VAULT_SRV_LOOKUP`).
//!
//! The standard library does not support SRV records, and the C library's resolver keeps state per thread and supports
//! no deadline. So the query is sent from here to the servers of resolv.conf, in the calling thread. The records
//! determine only where to connect: the certificate must still be valid for the configured name, because DNS is not
//! authenticated.

use std::net::SocketAddr;
use std::path::Path;

use resolv_conf::Config;
use simple_dns::rdata::{OPT, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use super::dns;
use crate::call::Deadline;
use crate::error::Result;
use crate::host::file;
use crate::host::random;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

/// A longer resolv.conf counts as empty.
const MAX_RESOLV_CONF: usize = 1 << 16;

/// How often each server is queried, which is the default of resolv.conf.
const ROUNDS: usize = 2;

/// A target of an SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The host name.
    pub host: String,
    /// The port.
    pub port: u16,
    priority: u16,
    weight: u16,
}

/// The name servers of this machine. If none is configured, the local one, as resolv.conf(5) specifies.
pub fn system_servers(deadline: &Deadline) -> Vec<SocketAddr> {
    let text = file::read(Path::new(RESOLV_CONF), MAX_RESOLV_CONF, deadline);
    name_servers(&text.unwrap_or_default())
}

/// The name servers of a resolv.conf. Invalid lines are ignored.
fn name_servers(resolv_conf: &[u8]) -> Vec<SocketAddr> {
    let (config, _) = Config::parse_with_errors(resolv_conf);
    let addresses = config.get_nameservers_or_local().into_iter();
    addresses.map(|address| SocketAddr::new(address.into(), DNS_PORT)).collect()
}

/// The targets of `_http._tcp.<host>` in the order of preference; empty if there are none. Fails only at the deadline
/// or when the call is cancelled.
pub fn look_up(host: &str, servers: &[SocketAddr], deadline: &Deadline) -> Result<Vec<Target>> {
    let id = random::number() as u16;
    let Some(question) = question(host, id) else { return Ok(Vec::new()) };
    for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
        if let Some(answer) = dns::query(*server, &question, deadline)? {
            if let Some(targets) = targets(&answer, &question) {
                return Ok(in_order(targets));
            }
        }
    }
    Ok(Vec::new())
}

/// The query in wire format; `None` for a name that is not valid in DNS.
fn question(host: &str, id: u16) -> Option<Vec<u8>> {
    let name = format!("_http._tcp.{}", host.trim_end_matches('.'));
    if name.split('.').any(str::is_empty) {
        return None;
    }
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let (kind, class) = (QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN));
    packet.questions.push(Question::new(Name::new(&name).ok()?, kind, class, false));
    *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: dns::MAX_DATAGRAM, version: 0 });
    packet.build_bytes_vec().ok()
}

/// The targets in a response. `None` if it is not a response to `question`, or is an error that another server may not
/// have. Empty if the name or its records do not exist, or the service is not offered (a target of `.`).
fn targets(answer: &[u8], question: &[u8]) -> Option<Vec<Target>> {
    let (answer, question) = (Packet::parse(answer).ok()?, Packet::parse(question).ok()?);
    let [asked] = answer.questions.as_slice() else { return None };
    let same_name = |own: &Question<'_>| own.qname.to_string().eq_ignore_ascii_case(&asked.qname.to_string());
    if answer.id() != question.id()
        || !answer.has_flags(PacketFlag::RESPONSE)
        || !question.questions.iter().any(same_name)
    {
        return None;
    }
    match answer.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Some(Vec::new()),
        _ => return None,
    }
    let records = answer.answers.iter().filter(|record| record.class == CLASS::IN);
    let services = records.filter_map(|record| match &record.rdata {
        RData::SRV(service) => Some(service),
        _ => None,
    });
    let offered = services.filter(|service| service.port != 0 && !service.target.get_labels().is_empty());
    offered.map(target).collect()
}

/// The target of a record; `None` if it is not a host name.
fn target(service: &SRV<'_>) -> Option<Target> {
    let is_plain = |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let host = service.target.as_bytes().all(|label| label.iter().all(is_plain)).then(|| service.target.to_string())?;
    Some(Target { host, port: service.port, priority: service.priority, weight: service.weight })
}

/// Sorts by priority, and randomly by weight within a priority (RFC 2782).
fn in_order(mut targets: Vec<Target>) -> Vec<Target> {
    let mut ordered = Vec::with_capacity(targets.len());
    while let Some(best) = targets.iter().map(|target| target.priority).min() {
        let candidates = || targets.iter().enumerate().filter(|(_, target)| target.priority == best);
        // One is added to each weight, so that a weight of 0 has a small chance.
        let weight = |target: &Target| u32::from(target.weight) + 1;
        let total = candidates().map(|(_, target)| u64::from(weight(target))).sum::<u64>().max(1);
        let mut drawn = (random::number() % total) as u32;
        let winner = candidates().find(|(_, target)| {
            let wins = drawn < weight(target);
            drawn = drawn.saturating_sub(weight(target));
            wins
        });
        let Some((index, _)) = winner else { break };
        ordered.push(targets.remove(index));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, UdpSocket};
    use std::time::Duration;

    use super::*;
    use crate::call::Call;

    fn deadline() -> Deadline {
        Call::default().start(Duration::from_secs(20))
    }

    /// A response as a name server sends it: the question, then records whose names point back to it.
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

    /// A name server on its own port that answers one query.
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

    fn names(targets: &[Target]) -> Vec<(&str, u16)> {
        targets.iter().map(|target| (target.host.as_str(), target.port)).collect()
    }

    #[test]
    fn the_query_has_the_wire_format() {
        let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\
            \x05_http\x04_tcp\x05vault\x07example\x00\x00\x21\x00\x01\
            \x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00";
        assert_eq!(question("vault.example", 0x1234).unwrap(), expected);
        assert_eq!(question("a..b", 1), None);
        assert_eq!(question(&"x".repeat(64), 1), None);
        assert_eq!(question(&["abcdefgh"; 30].join("."), 1), None);
    }

    #[test]
    fn the_targets_of_a_name_server_are_sorted_by_priority() {
        let server = name_server(|question| {
            let n2: &[u8] = b"\x02n2\xc0\x17";
            let n1: &[u8] = b"\x02n1\x05vault\x07example\x00";
            answer_to(question, 0x8180, &[(20, 0, 8210, n2), (10, 5, 8200, n1)])
        });
        let targets = look_up("vault.example", &[server], &deadline()).unwrap();
        assert_eq!(names(&targets), [("n1.vault.example", 8200), ("n2.vault.example", 8210)]);
    }

    #[test]
    fn after_a_server_that_is_gone_or_fails_the_next_one_is_queried() {
        let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let failing = name_server(|question| answer_to(question, 0x8182, &[]));
        let good = name_server(|question| answer_to(question, 0x8180, &[(1, 1, 1, b"\x01a\x00")]));
        let targets = look_up("vault.example", &[gone, failing, good], &deadline()).unwrap();
        assert_eq!(names(&targets), [("a", 1)]);
    }

    #[test]
    fn a_name_without_records_has_no_target() {
        for (flags, records) in [(0x8183, &[][..]), (0x8180, &[]), (0x8180, &[(0, 0, 0, &b"\x00"[..])])] {
            let records = records.to_vec();
            let server = name_server(move |question| answer_to(question, flags, &records));
            assert_eq!(look_up("vault.example", &[server], &deadline()).unwrap(), []);
        }
    }

    #[test]
    fn the_deadline_ends_a_lookup_without_response() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let short = Call::default().start(Duration::from_millis(60));
        let error = look_up("vault.example", &[silent.local_addr().unwrap()], &short).unwrap_err();
        assert_eq!(error.status(), crate::error::Status::Timeout);
    }

    #[test]
    fn malformed_responses_are_ignored() {
        let question = question("vault.example", 7).unwrap();
        let whole = answer_to(&question, 0x8180, &[(10, 5, 8200, b"\x02n1\x05vault\x07example\x00")]);
        assert_eq!(targets(&whole, &question).unwrap().len(), 1);
        for end in 0..whole.len() {
            assert_eq!(targets(&whole[..end], &question), None, "cut at {end}");
        }
        for target in [&b"\xc0\xff"[..], b"\x80\x00", b"\x03a.b\x00", b"\x02n1\xc0\x3d"] {
            assert_eq!(targets(&answer_to(&question, 0x8180, &[(1, 1, 1, target)]), &question), None, "{target:?}");
        }
        let mut other = whole;
        other[1] ^= 1;
        assert_eq!(targets(&other, &question), None);
    }

    #[test]
    fn a_truncated_response_is_queried_again_over_tcp() {
        let (listener, socket) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
                break (listener, socket);
            }
        };
        let server = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut question = [0; 512];
            let (length, client) = socket.recv_from(&mut question).unwrap();
            // Cut in the middle of a record.
            let mut cut = answer_to(&question[..length], 0x8380, &[(1, 1, 1, b"\x01a\x00")]);
            cut.truncate(cut.len() - 5);
            socket.send_to(&cut, client).unwrap();
            let (mut client, _) = listener.accept().unwrap();
            let mut size = [0; 2];
            client.read_exact(&mut size).unwrap();
            let mut again = vec![0; usize::from(u16::from_be_bytes(size))];
            client.read_exact(&mut again).unwrap();
            assert_eq!(again, question[..length]);
            let records: Vec<(u16, u16, u16, &[u8])> =
                (1..=900).map(|port| (port, 1, port, &b"\x01b\x05vault\x07example\x00"[..])).collect();
            let whole = answer_to(&again, 0x8180, &records);
            // In two pieces, the first of which ends within the length.
            let framed = [&(whole.len() as u16).to_be_bytes()[..], &whole].concat();
            client.write_all(&framed[..1]).unwrap();
            client.write_all(&framed[1..]).unwrap();
        });
        let targets = look_up("vault.example", &[server], &deadline()).unwrap();
        assert_eq!(targets.len(), 900);
        assert_eq!(names(&targets[..2]), [("b.vault.example", 1), ("b.vault.example", 2)]);
    }

    #[test]
    fn weights_distribute_the_load() {
        let target = |host: &str, weight| Target { host: host.to_owned(), port: 1, priority: 1, weight };
        let mut heavy_first = 0;
        for _ in 0..1000 {
            let ordered = in_order(vec![target("light", 0), target("heavy", 99)]);
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
        assert_eq!(name_servers(text.as_bytes()), expected);
        let own: SocketAddr = "127.0.0.1:53".parse().unwrap();
        assert_eq!(name_servers(b"search example\n").first(), Some(&own));
    }
}
