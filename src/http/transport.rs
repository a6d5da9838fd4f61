//! Sends requests to the nodes of a cluster over pooled connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::pki_types::ServerName;

use super::addresses::Addresses;
use super::connection::{Connection, Era};
use super::count::OpenCount;
use super::exchange::{Origin, Request};
use super::forwarder::Forwarder;
use super::limit::{Limit, Permit};
use super::pool::Pool;
use super::response::{Failure, Response};
use crate::call::{Deadline, IoTimeout};
use crate::config::{Address, Named, Proxy, VaultConfig};
use crate::error::{Error, Result, Status};
use crate::host::fork;
use crate::net::stream::Peer;
use crate::net::tls::config as tls_config;
use crate::net::tls::reload::Reloader;
use crate::observe::log::Logger;

mod dial;

/// A server that requests can be sent to.
struct Node {
    address: Address,
    /// Its names in messages. `place` is also the `Host` header and the target of CONNECT.
    peer: Peer,
    origin: Arc<Origin>,
    /// The name that its certificate must be valid for.
    name: Option<ServerName<'static>>,
    /// The addresses of its host name.
    addresses: Addresses,
}

/// The most nodes beyond the configured ones that are remembered at a time.
pub const MAX_LEARNED: usize = 32;

/// Nodes that the configured ones have named as the active node. Their numbers follow those of the configured nodes,
/// and do not change.
#[derive(Clone, Default)]
struct Learned {
    /// The number of nodes, the oldest ones, that were forgotten.
    forgotten: usize,
    nodes: Vec<Arc<Node>>,
}

/// A request that was sent, with the connection that its response is expected on.
pub struct InFlight {
    connection: Box<Connection>,
    /// When it was sent.
    sent: Instant,
    permit: Option<Permit>,
}

impl InFlight {
    /// When the request was sent.
    pub fn sent(&self) -> Instant {
        self.sent
    }

    /// The timeout for a response that is awaited at once: that of sending, starting when the request was sent.
    pub fn pace<'d>(&self, sending: IoTimeout<'d>) -> IoTimeout<'d> {
        IoTimeout { began: self.sent, ..sending }
    }

    /// Waits for the response, and returns the connection to the pool of `transport`. Whenever the peer was silent for
    /// the time of one step, `still_there` probes it: the wait goes on if that returns `true`.
    pub fn receive(
        mut self,
        transport: &Transport,
        mut pace: IoTimeout<'_>,
        still_there: impl Fn() -> bool,
    ) -> Result<Response, Failure> {
        loop {
            match self.connection.receive(pace) {
                Err(failure) if failure.is_step_timeout(pace) && still_there() => {
                    pace = IoTimeout { patience: pace.patience * 2, ..pace.again() };
                }
                Err(failure) => return Err(transport.after_refusal(&self.connection, failure, pace.deadline)),
                Ok(response) => {
                    let InFlight { connection, sent, permit } = self;
                    if connection.is_alive() && connection.era() == transport.era() {
                        transport.pool.put_back(connection, sent);
                    }
                    // Returned after the connection, so that no more are open than there are permits.
                    if let Some(permit) = permit {
                        permit.give_back();
                    }
                    return Ok(response);
                }
            }
        }
    }
}

/// Connections to the nodes of one cluster.
pub struct Transport {
    configured: Vec<Arc<Node>>,
    learned: ArcSwap<Learned>,
    tls: Option<Reloader>,
    identity: Option<&'static str>,
    server_name: Option<Named<String>>,
    proxy: Option<Proxy>,
    pool: Pool,
    /// How old a connection may be to be used again.
    max_age: Duration,
    open: Arc<OpenCount>,
    limit: Option<Arc<Limit>>,
    variable: &'static str,
    /// The prefix of every path, after the base path of the address.
    prefix: &'static str,
    /// Ask DNS for SRV records first (`VAULT_SRV_LOOKUP`).
    srv_lookup: bool,
}

impl Transport {
    /// Creates a transport to the configured nodes. `prefix` is the prefix of every path. Reads certificates; opens no
    /// connection.
    pub fn new(
        config: &mut VaultConfig,
        prefix: &'static str,
        logger: &Logger,
        deadline: &Deadline,
    ) -> Result<Transport> {
        let any_tls = config.addresses.iter().any(|a| matches!(a, Address::Tcp { https: true, .. }));
        let mut transport = Transport {
            configured: Vec::with_capacity(config.addresses.len()),
            learned: ArcSwap::default(),
            tls: any_tls.then(|| Reloader::new(&config.tls, logger.clone(), deadline)).transpose()?,
            identity: config.tls.identity.as_ref().map(|identity| identity.certificate.variable),
            server_name: config.tls.server_name.clone(),
            proxy: config.proxy.take(),
            pool: Pool::new(config.max_idle_connections, config.idle_timeout),
            max_age: config.max_connection_age,
            open: Arc::default(),
            limit: config.max_connections.map(Limit::new),
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
            .ok_or_else(|| Error::config(format!("the address {named} cannot be expressed in HTTP")))?;
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

    /// Why the client certificate is not valid now, if it has expired or is not valid yet.
    pub fn identity_flaw(&self) -> Option<String> {
        let flaw = tls_config::identity_flaw(&self.tls.as_ref()?.last().config)?;
        Some(format!("the certificate of {} {}", self.identity?, flaw.told()))
    }

    /// The number of the certificates that requests are sent with, for [`Transport::has_successor`].
    pub fn certificates(&self) -> u32 {
        self.tls.as_ref().map_or(0, Reloader::number)
    }

    /// Whether these certificates have been replaced, for requests that were refused because of them. Checks the files
    /// at once.
    pub fn has_successor(&self, certificates: u32, deadline: &Deadline) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.successor(certificates, deadline).is_some())
    }

    fn era(&self) -> Era {
        Era { fork: fork::generation(), certificates: self.certificates() }
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

    /// The number of addresses of a node's name; 0 if it was never looked up.
    pub fn addresses(&self, node: usize) -> usize {
        self.on_addresses(node, Addresses::count)
    }

    /// Identifies the address of a node that is preferred at present, for [`Transport::leave_address`].
    pub fn turn(&self, node: usize) -> usize {
        self.on_addresses(node, Addresses::turn)
    }

    /// Has later requests to a node use another address of its name, if it has several, unless the preference has
    /// changed since `turn`.
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

    /// The variable that holds the configured addresses.
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

    /// The known node with this address. If the address has no base path, because a server need not know that of a
    /// proxy in front of it, the origin decides.
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

    /// Adds a node that a configured one has named as the active node. Returns its number.
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
            // Over the years nodes are replaced, each by one with a new address.
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

    /// Waits until `VAULT_MAX_CONNECTIONS` allows one more request, and allows it until the permit is dropped.
    pub fn permit(&self, deadline: &Deadline) -> Result<Option<Permit>> {
        self.limit.as_ref().map(|limit| limit.take(deadline)).transpose()
    }

    /// As [`Transport::permit`], without waiting: `Err` if no request is allowed at present.
    pub fn permit_now(&self) -> Result<Option<Permit>, ()> {
        self.limit.as_ref().map(|limit| limit.try_take().ok_or(())).transpose()
    }

    /// Whether `VAULT_MAX_CONNECTIONS` is set.
    pub fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// The numbers of connections in use and idle.
    pub fn connections(&self) -> (usize, usize) {
        // After a fork the pool still has connections of the parent, which are not open here.
        let open = self.open.get();
        let idle = self.pool.idle().min(open);
        (open - idle, idle)
    }

    /// The most connections that can be idle.
    pub fn max_idle(&self) -> usize {
        self.limit.as_ref().map_or(usize::MAX, |limit| limit.most()).min(self.pool.capacity())
    }

    /// Opens connections to `node` until `count` are idle, or as many are open as may be. Idle ones to other nodes make room.
    pub fn warm(&self, node: usize, count: usize, pace: IoTimeout<'_>) -> Result<(), Failure> {
        self.pool.keep_usable(node, self.era(), pace.began);
        let is_full = || self.limit.as_ref().is_some_and(|limit| self.pool.idle() + limit.in_use() >= limit.most());
        while self.pool.idle() < count && !is_full() {
            let _permit = self.permit(pace.deadline).map_err(Failure::before_sending)?;
            let connection = self.connect(node, self.era(), pace.again())?;
            self.pool.put_back(connection, Instant::now());
        }
        Ok(())
    }

    /// Asks `node` about itself, outside of the limit of connections: the request that waits for the answer may use
    /// the last one.
    pub fn probe(&self, node: usize, request: &Request<'_>, pace: IoTimeout<'_>) -> Result<Response, Failure> {
        let underway = self.send(node, request, pace, None)?;
        let pace = underway.pace(pace);
        let response = underway.receive(self, pace, || false)?;
        self.keep_to_limit();
        Ok(response)
    }

    /// Sends `request` to `node`, on an idle connection if there is one. The result receives the response; other
    /// requests can be sent meanwhile.
    pub fn send(
        &self,
        node: usize,
        request: &Request<'_>,
        mut pace: IoTimeout<'_>,
        permit: Option<Permit>,
    ) -> Result<InFlight, Failure> {
        let era = self.era();
        let mut connection = match self.pool.take(node, era, pace.began) {
            Some(connection) => connection,
            None => {
                let connection = self.connect(node, era, pace)?;
                pace = pace.again();
                connection
            }
        };
        connection.send(request, pace)?;
        // A request without a body is sent so fast that reading the clock again is not worth it.
        let sent = if request.body.is_none() { pace.began } else { Instant::now() };
        Ok(InFlight { connection, sent, permit })
    }

    /// Closes idle connections until no more are open than `VAULT_MAX_CONNECTIONS` allows.
    fn keep_to_limit(&self) {
        let Some(limit) = &self.limit else { return };
        while self.pool.idle() > 0 && self.pool.idle() + limit.in_use() > limit.most() {
            self.pool.close_one();
        }
    }

    #[cold]
    fn connect(&self, node: usize, era: Era, pace: IoTimeout<'_>) -> Result<Box<Connection>, Failure> {
        let Some(place) = self.get(node) else {
            let message = "the cluster has named many other nodes since; this one is forgotten";
            return Err(Failure::before_sending(Error::new(Status::Connection, message)));
        };
        self.keep_to_limit();
        let (stream, certificates) = self.open_stream(&place, &pace.step())?;
        let new = Era { certificates: certificates.unwrap_or(era.certificates), ..era };
        if new != era {
            self.pool.close_others(new);
        }
        let (origin, target) = (place.origin.clone(), place.peer.target.clone());
        Ok(Box::new(Connection::new(stream, origin, target, (new, node), (self.max_age, self.open.clone().count()))))
    }

    /// Marks a failure for a retry if the server refused a client certificate that has been renewed since: the server
    /// has not received the request.
    fn after_refusal(&self, connection: &Connection, failure: Failure, deadline: &Deadline) -> Failure {
        if connection.is_unwelcome() && self.has_successor(connection.era().certificates, deadline) {
            return Failure { stale: true, is_transient: true, ..Failure::before_sending(failure.error) };
        }
        failure
    }
}
