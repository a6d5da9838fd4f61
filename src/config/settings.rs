//! The typed configuration: what a manager needs to know, after names and texts have been checked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use secrecy::SecretString;

/// A complete, checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Which backend, with its settings.
    pub backend: Backend,
    /// How much goes to standard error where no log callback is set (`VAULT_LOG_LEVEL`).
    pub log_level: LevelFilter,
    /// What the user should hear about when the manager opens.
    pub warnings: Vec<String>,
}

/// Where secrets live (`SECRET_MANAGER_TYPE`).
#[derive(Debug)]
pub enum Backend {
    /// The process environment, with an overlay for what is written.
    Env(EnvConfig),
    /// A Vault server.
    Vault(Box<VaultConfig>),
}

/// Settings of the `env` backend.
#[derive(Debug)]
pub struct EnvConfig {
    /// What stands in front of every variable name (`SECRET_MANAGER_ENV_PREFIX`).
    pub prefix: String,
    /// The environment is never read (an isolated manager): only the overlay counts.
    pub isolated: bool,
}

/// Settings of the `vault` backend.
#[derive(Debug)]
pub struct VaultConfig {
    /// The nodes of one cluster, at least one, in the order given.
    pub addresses: Vec<Address>,
    /// The name of the variable that gave the addresses, for messages.
    pub address_variable: &'static str,
    /// Where each address is looked up as an SRV record first (`VAULT_SRV_LOOKUP`).
    pub srv_lookup: bool,
    /// How a token is had.
    pub auth: Auth,
    /// The KV mount, without slashes at its ends (`VAULT_MOUNT`).
    pub mount: String,
    /// `X-Vault-Namespace`, without slashes at its ends.
    pub namespace: Option<String>,
    /// The subtree that the manager is confined to, in front of every path, without slashes at its ends.
    pub path_prefix: Option<String>,
    /// Certificates and names.
    pub tls: TlsConfig,
    /// The deadline of a call that sets none.
    pub timeout: Duration,
    /// Retry after the first.
    pub max_retries: u32,
    /// A connection older than this is not used again.
    pub max_connection_age: Duration,
    /// Folders that `list` reads at the same time.
    pub list_concurrency: usize,
    /// Requests a second, if limited.
    pub rate_limit: Option<RateLimit>,
    /// The proxy that https and http go through.
    pub proxy: Option<Proxy>,
    /// Extra headers of every request (`VAULT_HEADERS`), checked.
    pub headers: Vec<(String, SecretString)>,
    /// A redirect is an error (`VAULT_DISABLE_REDIRECTS`).
    pub disable_redirects: bool,
}

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://host:port` or `https://host:port`, with whatever path the URL had.
    Tcp {
        /// TLS or not.
        https: bool,
        /// A name, an IPv4 address or an IPv6 address without brackets.
        host: String,
        /// The port, 8200 only if the URL says so: 80 and 443 where it says none.
        port: u16,
        /// What stands in front of `/v1/…`, without a slash at its end; mostly empty.
        base_path: String,
    },
    /// `unix:///path`.
    Unix(PathBuf),
}

impl Address {
    /// Whether both lead to the same server, whatever path stands behind.
    pub fn same_origin(&self, other: &Address) -> bool {
        match (self, other) {
            (
                Address::Tcp { https: a, host: host_a, port: port_a, .. },
                Address::Tcp { https: b, host: host_b, port: port_b, .. },
            ) => a == b && port_a == port_b && host_a.eq_ignore_ascii_case(host_b),
            (Address::Unix(a), Address::Unix(b)) => a == b,
            _ => false,
        }
    }

    /// What stands in front of `/v1/…`.
    pub fn base_path(&self) -> &str {
        match self {
            Address::Tcp { base_path, .. } => base_path,
            Address::Unix(_) => "",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { https, host, port, base_path } => {
                let scheme = if *https { "https" } else { "http" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}{base_path}")
                } else {
                    write!(f, "{scheme}://{host}:{port}{base_path}")
                }
            }
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// A setting whose name matters later: its value, and the variable that gave it, as it was spelled, for messages.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// What was set.
    pub value: T,
    /// The name of the variable.
    pub variable: &'static str,
}

/// A credential: a text, or a file that is read again at each login.
#[derive(Clone, Debug)]
pub enum Source {
    /// The text itself.
    Text(SecretString),
    /// A file whose content, trimmed, is the text.
    File(PathBuf),
}

/// How a token is had.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `VAULT_TOKEN`, or `VAULT_TOKEN_FILE`, which is read again when its token is refused.
    Token(Named<Source>),
    /// None: requests go to an agent (`VAULT_AGENT_ADDR`), which adds a token of its own.
    Agent,
    /// `POST auth/<mount>/login` with role_id and secret_id.
    AppRole {
        /// The auth mount.
        mount: String,
        /// `VAULT_ROLE_ID` or `VAULT_ROLE_ID_FILE`.
        role_id: Source,
        /// The secret_id, where the role asks for one.
        secret_id: SecretId,
    },
    /// `POST auth/<mount>/login/<username>`.
    UserPass {
        /// The auth mount.
        mount: String,
        /// `VAULT_USERNAME`.
        username: String,
        /// `VAULT_PASSWORD` or `VAULT_PASSWORD_FILE`.
        password: Source,
    },
    /// `POST auth/<mount>/login` over a connection with a client certificate.
    Cert {
        /// The auth mount.
        mount: String,
        /// The certificate role, where one is named (`VAULT_ROLE`).
        role: Option<String>,
        /// `VAULT_CLIENT_CERT`.
        certificate: Source,
    },
    /// `POST auth/<mount>/login` with a JWT; Kubernetes is the same with another mount and a token from a file.
    Jwt {
        /// `jwt` or `kubernetes`, for messages.
        method: &'static str,
        /// The auth mount.
        mount: String,
        /// `VAULT_ROLE`; empty where the mount has a default role.
        role: String,
        /// `VAULT_JWT` or `VAULT_JWT_FILE`.
        jwt: Source,
    },
}

/// The second half of an AppRole login.
#[derive(Clone, Debug)]
pub enum SecretId {
    /// The role needs none.
    None,
    /// `VAULT_SECRET_ID` or `VAULT_SECRET_ID_FILE`.
    Plain(Source),
    /// `VAULT_SECRET_ID_WRAPPED`: a response-wrapping token, good for one use.
    Wrapped(Source),
}

/// Certificates, and the name that is verified.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// Whom to trust.
    pub roots: Roots,
    /// Who we are, for servers that ask.
    pub identity: Option<ClientIdentity>,
    /// The name sent (SNI) and verified in place of the address's host.
    pub server_name: Option<Named<String>>,
    /// Verify nothing.
    pub skip_verify: bool,
}

/// Whom to trust.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The system's store, or what `SSL_CERT_FILE` and `SSL_CERT_DIR` name in its place.
    System {
        /// `SSL_CERT_FILE`.
        file: Option<PathBuf>,
        /// `SSL_CERT_DIR`.
        directory: Option<PathBuf>,
    },
    /// `VAULT_CACERT`: a PEM file.
    File(Named<PathBuf>),
    /// `VAULT_CACERT_BYTES`: PEM text.
    Pem(Named<String>),
    /// `VAULT_CAPATH`: a directory of PEM files.
    Directory(Named<PathBuf>),
}

impl Roots {
    /// The variable that said so, for messages.
    pub fn variable(&self) -> &'static str {
        match self {
            Roots::System { file: Some(_), .. } => "SSL_CERT_FILE",
            Roots::System { directory: Some(_), .. } => "SSL_CERT_DIR",
            Roots::System { .. } => "the system's CA certificates",
            Roots::File(path) | Roots::Directory(path) => path.variable,
            Roots::Pem(text) => text.variable,
        }
    }
}

/// `VAULT_CLIENT_CERT` and `VAULT_CLIENT_KEY`: PEM files.
#[derive(Clone, Debug)]
pub struct ClientIdentity {
    /// The certificate chain.
    pub certificate: Named<PathBuf>,
    /// The private key.
    pub key: Named<PathBuf>,
}

/// `VAULT_RATE_LIMIT`: `rate[:burst]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests a second.
    pub rate: f64,
    /// Requests that may go out at once after a pause.
    pub burst: u32,
}

/// An HTTP proxy, and the hosts that it is not used for.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens; always `Address::Tcp`.
    pub address: Address,
    /// `Proxy-Authorization`, where the URL had a user: `Basic …`.
    pub authorization: Option<SecretString>,
    /// The name of the variable that gave it, for messages.
    pub variable: &'static str,
    /// `NO_PROXY`, split at its commas, trimmed.
    pub no_proxy: Vec<String>,
}
