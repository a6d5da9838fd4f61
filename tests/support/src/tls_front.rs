//! TLS in front of a real server's plain port, with configurable versions and groups, which records each handshake.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion, ServerConfig, ServerConnection, StreamOwned};

use crate::acceptor::Acceptor;
use crate::tls::Identity;

/// The result of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The negotiated version.
    pub version: ProtocolVersion,
    /// The group of the key exchange; `None` if TLS 1.2 resumed without one.
    pub group: Option<NamedGroup>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// Listens on a free port, until it is dropped.
pub struct TlsFront {
    acceptor: Acceptor,
    handshakes: Arc<Mutex<Vec<Handshake>>>,
}

impl TlsFront {
    /// TLS of one version in front of a port of 127.0.0.1. With `group` it accepts no other key exchange.
    pub fn to(port: u16, identity: &Identity, tls13: bool, group: Option<NamedGroup>) -> Self {
        let config = Arc::new(server_config(identity, tls13, group));
        let handshakes = Arc::new(Mutex::new(Vec::new()));
        let shared = handshakes.clone();
        let acceptor = Acceptor::start(move |client| {
            let (config, noted) = (config.clone(), shared.clone());
            std::thread::spawn(move || serve(client, port, config, &noted));
        });
        TlsFront { acceptor, handshakes }
    }

    /// `https://localhost:port`
    pub fn addr(&self) -> String {
        format!("https://localhost:{}", self.acceptor.port())
    }

    /// The completed handshakes so far.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.handshakes.lock().expect("the list of handshakes").clone()
    }
}

fn server_config(identity: &Identity, tls13: bool, group: Option<NamedGroup>) -> ServerConfig {
    let mut provider: CryptoProvider = aws_lc_rs::default_provider();
    if let Some(wanted) = group {
        provider.kx_groups.retain(|group| group.name() == wanted);
        assert_eq!(provider.kx_groups.len(), 1, "{wanted:?}");
    }
    let versions: &[_] = if tls13 { &[&rustls::version::TLS13] } else { &[&rustls::version::TLS12] };
    let chain = CertificateDer::pem_file_iter(&identity.certificate).expect("a certificate file");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(&identity.key).expect("a key file");
    let key = provider.key_provider.load_private_key(key).expect("a key");
    // Key and certificate are not checked against each other: a test may need a server with the certificate of another
    // one.
    let identity = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("a version")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(identity))
}

/// Serves one connection. One thread is enough, since requests and answers alternate.
fn serve(client: TcpStream, port: u16, config: Arc<ServerConfig>, noted: &Mutex<Vec<Handshake>>) {
    let (Ok(connection), Ok(mut server)) = (ServerConnection::new(config), TcpStream::connect(("127.0.0.1", port)))
    else {
        return;
    };
    let mut client = StreamOwned::new(connection, client);
    while client.conn.is_handshaking() {
        if client.conn.complete_io(&mut client.sock).is_err() {
            return;
        }
    }
    noted.lock().expect("the list of handshakes").push(Handshake {
        version: client.conn.protocol_version().expect("a version"),
        group: client.conn.negotiated_key_exchange_group().map(|group| group.name()),
        resumed: client.conn.handshake_kind() == Some(HandshakeKind::Resumed),
    });
    let slice = Some(Duration::from_millis(1));
    if client.sock.set_read_timeout(slice).is_err() || server.set_read_timeout(slice).is_err() {
        return;
    }
    while pass(&mut client, &mut server) && pass(&mut server, &mut client) {}
}

/// Forwards available bytes. False if the connection has ended.
fn pass(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut buffer = [0; 16 * 1024];
    match from.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => to.write_all(&buffer[..count]).and_then(|()| to.flush()).is_ok(),
        Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted),
    }
}
