//! From a request to an answer: the nodes of a cluster, connections to them, and their pool.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::connection::Connection;
use super::exchange::{Frame, Method, Request};
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
    frame: Arc<Frame>,
    /// The name that its certificate has to bear.
    name: Option<ServerName<'static>>,
}

/// Nodes that the cluster may tell of beyond the configured ones. More than that is no cluster.
const MAX_LEARNED: usize = 32;

/// A request that was sent, on the connection that its answer will come by.
pub struct InFlight {
    lane: Box<Connection>,
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
            match self.lane.receive(pace) {
                Err(failure) if failure.is_out_of_patience(pace) && still_there() => {
                    pace = IoTimeout { patience: pace.patience * 2, ..pace.again() };
                }
                outcome => {
                    if self.lane.is_alive() {
                        transport.pool.put(self.lane);
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
    /// Nodes that the configured ones named as the active one. Their numbers follow those of the configured ones, and
    /// stay: none is ever forgotten.
    learned: ArcSwap<Vec<Arc<Node>>>,
    tls: Option<Arc<ClientConfig>>,
    identity: Option<&'static str>,
    server_name: Option<Named<String>>,
    proxy: Option<Proxy>,
    pool: Pool,
    variable: &'static str,
    /// ApiRequest DNS for SRV records first (`VAULT_SRV_LOOKUP`).
    srv_lookup: bool,
}

impl Transport {
    /// Prepares for the configured nodes. Reads certificates; opens no connection.
    pub fn new(config: &mut VaultConfig, deadline: &Deadline) -> Result<Transport> {
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
        let frame = Arc::new(Frame::new(&place, address.base_path()));
        let peer = Peer { target: named.into(), place: place.into(), identity: self.identity };
        Ok(Node { address: address.clone(), peer, frame, name })
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
            None => self.learned.load().get(node - self.configured.len()).cloned(),
        }
    }

    /// The address of a node, for messages.
    pub fn target(&self, node: usize) -> Arc<str> {
        self.get(node).map_or_else(|| Arc::from(""), |node| node.peer.target.clone())
    }

    /// The address of a node.
    pub fn address(&self, node: usize) -> Option<Address> {
        self.get(node).map(|node| node.address.clone())
    }

    /// Which node has this origin, if it is one of ours.
    pub fn node_at(&self, address: &Address) -> Option<usize> {
        let learned = self.learned.load();
        self.configured.iter().chain(learned.iter()).position(|node| node.address.same_origin(address))
    }

    /// Takes in a node that a configured one has named as the active node; its number.
    pub fn learn(&self, address: &Address) -> Result<usize> {
        if matches!(address, Address::Tcp { https: true, .. }) && self.tls.is_none() {
            let message = format!("{address} speaks TLS, but {} has plain http only; write https there", self.variable);
            return Err(Error::config(message));
        }
        let new = Arc::new(self.node(address, address.to_string())?);
        self.learned.rcu(|known| {
            let mut nodes = Vec::clone(known);
            if nodes.len() < MAX_LEARNED && !nodes.iter().any(|node| node.address.same_origin(address)) {
                nodes.push(new.clone());
            }
            nodes
        });
        self.node_at(address)
            .ok_or_else(|| Error::new(Status::Protocol, "the cluster names ever new nodes as its active one"))
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
        let mut lane = match self.pool.take(node, generation, request.method == Method::Get, pace.began) {
            Some(lane) => lane,
            None => {
                let lane = self.connect(node, generation, pace)?;
                pace = pace.again();
                lane
            }
        };
        lane.send(request, pace)?;
        // To send what has no body takes no time that is worth a look at the clock.
        let sent = if request.body.is_none() { pace.began } else { Instant::now() };
        Ok(InFlight { lane, sent })
    }

    fn connect(&self, node: usize, generation: u32, pace: IoTimeout<'_>) -> Result<Box<Connection>, Failure> {
        let Some(place) = self.get(node) else {
            return Err(Failure::before_sending(Error::new(Status::Internal, "a node that does not exist")));
        };
        let stream = self.open(&place, &pace.step())?;
        Ok(Box::new(Connection::new(stream, place.frame.clone(), place.peer.target.clone(), generation, node)))
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
        let Some(proxy) = self.proxy.as_ref().filter(|proxy| !proxy.is_bypassed(host, port)) else {
            let addresses = self.addresses(place, host, port, deadline)?;
            return Socket::connect_tcp(&addresses, deadline).map_err(|e| self.unreachable(e, &place.peer.target));
        };
        let socket = self.dial_proxy(proxy, deadline)?;
        proxy::tunnel(&socket, proxy, &place.peer.place, deadline)?;
        Ok(socket)
    }

    /// Where to connect: what SRV records say, where they are wanted, else what the host's name means.
    fn addresses(&self, place: &Node, host: &str, port: u16, deadline: &Deadline) -> Result<Vec<SocketAddr>> {
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
