//! From a request to an answer: the nodes of a cluster, connections to them, and their pool.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::addresses::Addresses;
use super::connection::Connection;
use super::exchange::{Origin, Request};
use super::forwarder::Forwarder;
use super::pool::Pool;
use super::proxy;
use super::response::{Failure, Response};
use crate::call::{Deadline, IoTimeout};
use crate::config::{Address, Named, Proxy, VaultConfig};
use crate::error::{Error, Result, Status};
use crate::host::fork;
use crate::net::socket::{self, IoFailure, Socket};
use crate::net::srv;
use crate::net::stream::{self, Peer, Stream};
use crate::net::tls::config as tls_config;
use crate::net::tls::stream::{TlsFailure, TlsStream};

/// One server that requests can go to.
struct Node {
    address: Address,
    /// What messages call it; its `place` is also the `Host`, and what CONNECT asks for.
    peer: Peer,
    origin: Arc<Origin>,
    /// The name that its certificate has to bear.
    name: Option<ServerName<'static>>,
    /// What its host name stands for.
    addresses: Addresses,
}

/// Nodes beyond the configured ones that are known at a time, of all that the cluster has named.
pub const MAX_LEARNED: usize = 32;

/// Nodes that the configured ones named as the active one. Their numbers follow those of the configured ones, and stay.
#[derive(Clone, Default)]
struct Learned {
    /// How many were forgotten: the first ones.
    forgotten: usize,
    nodes: Vec<Arc<Node>>,
}

/// A request that was sent, on the connection that its answer will come by.
pub struct InFlight {
    connection: Box<Connection>,
    /// When it was sent.
    sent: Instant,
}

impl InFlight {
    /// The pace for the answer where it is waited for at once: that of sending, from when the request was sent.
    pub fn pace<'d>(&self, sending: IoTimeout<'d>) -> IoTimeout<'d> {
        IoTimeout { began: self.sent, ..sending }
    }

    /// Waits for the answer, and gives the connection back to `transport`, which it came from. `still_there` is asked
    /// whenever the peer has said nothing for as long as the pace has patience: the wait goes on if it is.
    pub fn receive(
        mut self,
        transport: &Transport,
        mut pace: IoTimeout<'_>,
        still_there: impl Fn() -> bool,
    ) -> Result<Response, Failure> {
        loop {
            match self.connection.receive(pace) {
                Err(failure) if failure.is_out_of_patience(pace) && still_there() => {
                    pace = IoTimeout { patience: pace.patience * 2, ..pace.again() };
                }
                outcome => {
                    if self.connection.is_alive() {
                        transport.pool.put(self.connection);
                    }
                    return outcome;
                }
            }
        }
    }
}

/// Connections to the nodes of one cluster.
pub struct Transport {
    configured: Vec<Arc<Node>>,
    learned: ArcSwap<Learned>,
    tls: Option<Arc<ClientConfig>>,
    identity: Option<&'static str>,
    server_name: Option<Named<String>>,
    proxy: Option<Proxy>,
    pool: Pool,
    variable: &'static str,
    /// What stands in front of every path, behind that of the address.
    prefix: &'static str,
    /// Ask DNS for SRV records first (`VAULT_SRV_LOOKUP`).
    srv_lookup: bool,
}

impl Transport {
    /// Prepares for the configured nodes, where `prefix` stands in front of every path. Reads certificates; opens no
    /// connection.
    pub fn new(config: &mut VaultConfig, prefix: &'static str, deadline: &Deadline) -> Result<Transport> {
        let any_tls = config.addresses.iter().any(|a| matches!(a, Address::Tcp { https: true, .. }));
        let mut transport = Transport {
            configured: Vec::with_capacity(config.addresses.len()),
            learned: ArcSwap::default(),
            tls: if any_tls { Some(tls_config::client_config(&config.tls, deadline)?) } else { None },
            identity: config.tls.identity.as_ref().map(|identity| identity.certificate.variable),
            server_name: config.tls.server_name.clone(),
            proxy: config.proxy.take(),
            pool: Pool::new(config.max_connection_age),
            variable: config.address_variable,
            prefix,
            srv_lookup: config.srv_lookup,
        };
        for address in &config.addresses {
            let named = format!("{address} ({})", config.address_variable);
            transport.configured.push(Arc::new(transport.node(address, named)?));
        }
        Ok(transport)
    }

    fn node(&self, address: &Address, named: String) -> Result<Node> {
        let (place, name) = match address {
            Address::Unix(_) => ("localhost".to_owned(), None),
            Address::Tcp { https, host, port, .. } => {
                let name = https
                    .then(|| tls_config::server_name(self.server_name.as_ref(), host, self.variable))
                    .transpose()?;
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                (format!("{host}:{port}"), name)
            }
        };
        let forwarder = self.proxy_for(address).filter(|_| name.is_none()).map(|proxy| Forwarder::new(proxy, &place));
        let origin = Origin::new(&place, format!("{}{}", address.base_path(), self.prefix), forwarder)
            .ok_or_else(|| Error::config(format!("HTTP has no form for the address {named}")))?;
        let peer = Peer { target: named.into(), place: place.into(), identity: self.identity };
        Ok(Node { address: address.clone(), peer, origin: Arc::new(origin), name, addresses: Addresses::default() })
    }

    /// The proxy that requests to `address` go through.
    fn proxy_for(&self, address: &Address) -> Option<&Proxy> {
        match address {
            Address::Tcp { host, port, .. } => self.proxy.as_ref().filter(|proxy| !proxy.is_bypassed(host, *port)),
            Address::Unix(_) => None,
        }
    }

    /// What is wrong with our client certificate, by its dates.
    pub fn identity_flaw(&self) -> Option<String> {
        let flaw = tls_config::identity_flaw(self.tls.as_ref()?)?;
        Some(format!("the certificate of {} {}", self.identity?, flaw.told()))
    }

    /// How many nodes are configured; they are numbered from 0.
    pub fn nodes(&self) -> usize {
        self.configured.len()
    }

    fn get(&self, node: usize) -> Option<Arc<Node>> {
        match self.configured.get(node) {
            Some(node) => Some(node.clone()),
            None => {
                let learned = self.learned.load();
                let position = (node - self.configured.len()).checked_sub(learned.forgotten)?;
                learned.nodes.get(position).cloned()
            }
        }
    }

    /// How many addresses the name of a node stands for, as far as that is known; 0 where it was never looked up.
    pub fn addresses(&self, node: usize) -> usize {
        self.on_addresses(node, Addresses::count)
    }

    /// Identifies the address of a node that is preferred now, for [`Transport::leave_address`].
    pub fn turn(&self, node: usize) -> usize {
        self.on_addresses(node, Addresses::turn)
    }

    /// Has the next requests to a node go to another address of its name, if it has several; unless that was done since
    /// `turn`.
    pub fn leave_address(&self, node: usize, turn: usize) {
        if self.addresses(node) > 1 {
            self.on_addresses(node, |addresses| addresses.leave(turn));
            self.pool.close_all(node);
        }
    }

    fn on_addresses<T: Default>(&self, node: usize, f: impl FnOnce(&Addresses) -> T) -> T {
        match self.configured.get(node) {
            Some(node) => f(&node.addresses),
            None => self.get(node).map(|node| f(&node.addresses)).unwrap_or_default(),
        }
    }

    /// The variable that the configured addresses stand in.
    pub fn variable(&self) -> &'static str {
        self.variable
    }

    /// The address of a node, for messages.
    pub fn target(&self, node: usize) -> Arc<str> {
        self.get(node).map_or_else(|| Arc::from(""), |node| node.peer.target.clone())
    }

    /// The address of a node.
    pub fn address(&self, node: usize) -> Option<Address> {
        self.get(node).map(|node| node.address.clone())
    }

    /// Which node has this address, if it is one of ours. A server that is told of no path in front of it names none:
    /// its origin decides then.
    pub fn node_at(&self, address: &Address) -> Option<usize> {
        let learned = self.learned.load();
        let first_learned = self.configured.len() + learned.forgotten;
        let position = |is_it: &dyn Fn(&Address) -> bool| {
            let is_it = |node: &Arc<Node>| is_it(&node.address);
            let configured = self.configured.iter().position(is_it);
            configured.or_else(|| learned.nodes.iter().position(is_it).map(|at| first_learned + at))
        };
        position(&|node| node.same_origin(address) && node.base_path() == address.base_path())
            .or_else(|| position(&|node| node.same_origin(address) && address.base_path().is_empty()))
    }

    /// Takes in a node that a configured one has named as the active node; its number.
    pub fn learn(&self, address: &Address) -> Result<usize> {
        if matches!(address, Address::Tcp { https: true, .. }) && self.tls.is_none() {
            let message = format!("{address} speaks TLS, but {} has plain http only; write https there", self.variable);
            return Err(Error::config(message));
        }
        let new = Arc::new(self.node(address, address.to_string())?);
        self.learned.rcu(|known| {
            let mut known = Learned::clone(known);
            if known.nodes.iter().any(|node| node.address == *address) {
                return known;
            }
            // Nodes come and go for years under addresses of their own.
            if known.nodes.len() == MAX_LEARNED {
                known.nodes.remove(0);
                known.forgotten += 1;
            }
            known.nodes.push(new.clone());
            known
        });
        self.node_at(address)
            .ok_or_else(|| Error::new(Status::Unavailable, "the cluster names ever new nodes as its active one"))
    }

    /// Sends `request` to `node` and reads the whole answer, on an idle connection if there is one.
    pub fn exchange(&self, node: usize, request: &Request<'_>, pace: IoTimeout<'_>) -> Result<Response, Failure> {
        let underway = self.send(node, request, pace)?;
        let pace = underway.pace(pace);
        underway.receive(self, pace, || false)
    }

    /// Sends `request` to `node`, on an idle connection if there is one. The answer is to be received from what comes
    /// back; meanwhile other requests can be sent.
    pub fn send(&self, node: usize, request: &Request<'_>, mut pace: IoTimeout<'_>) -> Result<InFlight, Failure> {
        let generation = fork::generation();
        let mut connection = match self.pool.take(node, generation, pace.began) {
            Some(connection) => connection,
            None => {
                let connection = self.connect(node, generation, pace)?;
                pace = pace.again();
                connection
            }
        };
        connection.send(request, pace)?;
        // To send what has no body takes no time that is worth a look at the clock.
        let sent = if request.body.is_none() { pace.began } else { Instant::now() };
        Ok(InFlight { connection, sent })
    }

    #[cold]
    fn connect(&self, node: usize, generation: u32, pace: IoTimeout<'_>) -> Result<Box<Connection>, Failure> {
        let Some(place) = self.get(node) else {
            let message = "the cluster has named many other nodes since; this one is forgotten";
            return Err(Failure::before_sending(Error::new(Status::Connection, message)));
        };
        let stream = self.open(&place, &pace.step())?;
        Ok(Box::new(Connection::new(stream, place.origin.clone(), place.peer.target.clone(), generation, node)))
    }

    fn open(&self, place: &Node, deadline: &Deadline) -> Result<Stream, Failure> {
        let socket = self.dial(place, deadline).map_err(Failure::before_sending)?;
        let (Some(name), Some(config)) = (&place.name, &self.tls) else {
            return Ok(Stream::plain(socket, place.peer.clone()));
        };
        let tls = TlsStream::connect(socket, config.clone(), name.clone(), deadline)
            .map_err(|failure| handshake_failed(failure, place))?;
        Ok(Stream::tls(tls, place.peer.clone()))
    }

    fn dial(&self, place: &Node, deadline: &Deadline) -> Result<Socket> {
        let (host, port) = match &place.address {
            Address::Unix(path) => {
                return Socket::connect_unix(path, deadline).map_err(|e| self.unreachable(e, &place.peer.target));
            }
            Address::Tcp { host, port, .. } => (host, *port),
        };
        let Some(proxy) = self.proxy_for(&place.address) else {
            let addresses = place.addresses.order(self.look_up(place, host, port, deadline)?);
            let socket = Socket::connect_tcp(&addresses, deadline);
            let socket = socket.map_err(|failure| self.unreachable(failure, &place.peer.target))?;
            if addresses.len() > 1 {
                place.addresses.used(socket.peer());
            }
            return Ok(socket);
        };
        let socket = self.dial_proxy(proxy, deadline)?;
        if place.origin.forwarder().is_none() {
            proxy::tunnel(&socket, proxy, &place.peer.place, deadline)?;
        }
        Ok(socket)
    }

    /// Where to connect: what SRV records say, where they are wanted, else what the host's name means.
    fn look_up(&self, place: &Node, host: &str, port: u16, deadline: &Deadline) -> Result<Vec<SocketAddr>> {
        if self.srv_lookup && has_default_port(&place.address) && host.parse::<IpAddr>().is_err() {
            let places = srv::look_up(host, &srv::system_servers(deadline), deadline)?;
            let found: Vec<_> =
                places.iter().filter_map(|place| resolve(&place.host, place.port).ok()).flatten().collect();
            if !found.is_empty() {
                return Ok(found);
            }
        }
        self.resolve(host, port, self.variable, deadline)
    }

    /// Looks a name up in the calling thread. The C library's resolver knows neither deadline nor cancellation, only
    /// resolv.conf's limits: where it took too long, that is what is said, whatever it found.
    fn resolve(&self, host: &str, port: u16, variable: &str, deadline: &Deadline) -> Result<Vec<SocketAddr>> {
        let found = resolve(host, port);
        deadline.remaining()?;
        found.map_err(|cause| {
            Error::new(Status::Connection, format!("cannot find the address of {host}: {cause}; check {variable}"))
        })
    }

    fn dial_proxy(&self, proxy: &Proxy, deadline: &Deadline) -> Result<Socket> {
        let Address::Tcp { host, port, .. } = &proxy.address else {
            return Err(Error::config(format!("{}: a proxy is an http:// address", proxy.variable)));
        };
        let addresses = self.resolve(host, *port, proxy.variable, deadline)?;
        Socket::connect_tcp(&addresses, deadline).map_err(|failure| match failure {
            IoFailure::Call(error) => error,
            IoFailure::Broken(e) => socket::no_connection(&format!("the proxy {}", proxy.address), proxy.variable, &e),
        })
    }

    fn unreachable(&self, failure: IoFailure, target: &str) -> Error {
        match failure {
            IoFailure::Call(error) => error,
            IoFailure::Broken(cause) => socket::no_connection(target, self.variable, &cause),
        }
    }
}

/// What a name means; an address is its own meaning.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

/// A connection that breaks during the handshake mostly means that the other side does not want TLS, or us. But a server
/// that is being killed breaks it, too.
fn handshake_failed(failure: TlsFailure, place: &Node) -> Failure {
    match failure {
        TlsFailure::Io(IoFailure::Broken(cause)) => {
            let message =
                format!("{} broke off the TLS handshake: {cause}; does it speak TLS there?", place.peer.place);
            Failure { may_pass: true, ..Failure::before_sending(Error::new(Status::Tls, message)) }
        }
        other => Failure::before_sending(stream::failed(other, &place.peer)),
    }
}

/// SRV records tell the port, so an address that names one is not looked up.
fn has_default_port(address: &Address) -> bool {
    matches!(address, Address::Tcp { https: true, port: 443, .. } | Address::Tcp { https: false, port: 80, .. })
}
