//! Opens streams to nodes: name lookup, proxy, TLS handshake.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Instant;

use rustls::pki_types::ServerName;

use super::{Node, Transport};
use crate::call::Deadline;
use crate::config::{Address, Proxy};
use crate::error::{Error, Result, Status};
use crate::http::proxy;
use crate::http::response::Failure;
use crate::net::socket::{self, IoFailure, Socket};
use crate::net::srv;
use crate::net::stream::{self, Stream};
use crate::net::tls::reload::Loaded;
use crate::net::tls::stream::{TlsFailure, TlsStream};

impl Transport {
    /// A new stream, and the number of the certificates that it was made with.
    pub(super) fn open_stream(&self, place: &Node, deadline: &Deadline) -> Result<(Stream, Option<u32>), Failure> {
        let (Some(name), Some(tls)) = (&place.name, &self.tls) else {
            let socket = self.dial(place, deadline).map_err(Failure::before_sending)?;
            return Ok((Stream::plain(socket, place.peer.clone()), None));
        };
        let loaded = tls.current(Instant::now(), deadline);
        match self.open_tls(place, name, &loaded, deadline) {
            Err(failure) if failure.error.status() == Status::Tls => match tls.successor(loaded.number, deadline) {
                Some(loaded) => Ok((self.open_tls(place, name, &loaded, deadline)?, Some(loaded.number))),
                None => Err(failure),
            },
            outcome => Ok((outcome?, Some(loaded.number))),
        }
    }

    fn open_tls(
        &self,
        place: &Node,
        name: &ServerName<'static>,
        loaded: &Loaded,
        deadline: &Deadline,
    ) -> Result<Stream, Failure> {
        let socket = self.dial(place, deadline).map_err(Failure::before_sending)?;
        let tls = TlsStream::connect(socket, loaded.config.clone(), name.clone(), deadline)
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

    /// The addresses to connect to: from SRV records if they are configured and exist, else from the host's name.
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

    /// Looks a name up in the calling thread. The C library's resolver supports neither deadline nor cancellation, only
    /// the limits of resolv.conf. If it took too long, the call fails with a timeout whatever the result.
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

/// The addresses of a name, or the address itself.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Ok(vec![SocketAddr::new(ip, port)]),
        Err(_) => Ok((host, port).to_socket_addrs()?.collect()),
    }
}

/// A connection that is closed during the handshake mostly means that the server does not speak TLS or refuses this
/// client. But a server that is being killed closes it, too, so the failure is transient.
fn handshake_failed(failure: TlsFailure, place: &Node) -> Failure {
    match failure {
        TlsFailure::Io(IoFailure::Broken(cause)) => {
            let message =
                format!("{} broke off the TLS handshake: {cause}; does it speak TLS there?", place.peer.place);
            Failure { is_transient: true, ..Failure::before_sending(Error::new(Status::Tls, message)) }
        }
        other => Failure::before_sending(stream::failed(other, &place.peer)),
    }
}

/// SRV records contain the port, so they are not looked up for an address with an explicit port.
fn has_default_port(address: &Address) -> bool {
    matches!(address, Address::Tcp { https: true, port: 443, .. } | Address::Tcp { https: false, port: 80, .. })
}
