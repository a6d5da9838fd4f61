//! The typed configuration of a manager, after all settings have been checked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use log::LevelFilter;
use secrecy::SecretString;

use super::spellings::Spellings;

/// A complete, checked configuration.
#[derive(Debug)]
pub struct Config {
    /// The backend and its settings.
    pub backend: Backend,
    /// The level of lines on standard error if no log callback is set (`VAULT_LOG_LEVEL`).
    pub log_level: LevelFilter,
    /// Warnings to log when the manager opens.
    pub warnings: Vec<String>,
}

/// The backend (`SECRET_MANAGER_TYPE`).
#[derive(Debug)]
pub enum Backend {
    /// The process environment, with an overlay for writes.
    Env(EnvConfig),
    /// A Vault server.
    Vault(Box<VaultConfig>),
}

/// Settings of the `env` backend.
#[derive(Debug)]
pub struct EnvConfig {
    /// The prefix of every variable name (`SECRET_MANAGER_ENV_PREFIX`).
    pub prefix: String,
    /// Whether only the overlay is used and the environment is not read.
    pub isolated: bool,
}

/// Settings of the `vault` backend.
#[derive(Debug)]
pub struct VaultConfig {
    /// The nodes of one cluster, at least one, in the order given.
    pub addresses: Vec<Address>,
    /// The name of the variable that gave the addresses, for messages.
    pub address_variable: &'static str,
    /// Whether each address is looked up as an SRV record first (`VAULT_SRV_LOOKUP`).
    pub srv_lookup: bool,
    /// How to get a token.
    pub auth: Auth,
    /// The KV mount, without slashes at its ends (`VAULT_MOUNT`).
    pub mount: String,
    /// The mount of the transit engine, without slashes at its ends (`VAULT_TRANSIT_MOUNT`).
    pub transit_mount: String,
    /// How long data keys of envelopes are kept.
    pub data_keys: DataKeyLimits,
    /// How often a secret is looked at whose changes matter (`VAULT_WATCH_INTERVAL`).
    pub watch_interval: Duration,
    /// The version of the KV engine, if it is not asked for (`VAULT_KV_VERSION`).
    pub kv_version: Option<KvVersion>,
    /// `X-Vault-Namespace`, without slashes at its ends.
    pub namespace: Option<String>,
    /// The prefix of every path, to which the manager is confined, without slashes at its ends.
    pub path_prefix: Option<String>,
    /// TLS settings.
    pub tls: TlsConfig,
    /// The deadline of a call that sets none.
    pub timeout: Duration,
    /// Retries after the first attempt.
    pub max_retries: u32,
    /// A connection older than this is not used again.
    pub max_connection_age: Duration,
    /// A connection that was idle for longer is not used again.
    pub idle_timeout: Duration,
    /// How many idle connections are kept.
    pub max_idle_connections: usize,
    /// How many connections there may be at a time.
    pub max_connections: Option<usize>,
    /// How many folders `list` reads at the same time.
    pub list_concurrency: usize,
    /// What is cached, if anything is.
    pub cache: Option<CacheConfig>,
    /// The rate limit, if there is one.
    pub rate_limit: Option<RateLimit>,
    /// The proxy of TCP connections.
    pub proxy: Option<Proxy>,
    /// Extra headers of every request (`VAULT_HEADERS`), checked.
    pub headers: Vec<(String, SecretString)>,
    /// Whether a redirect is an error (`VAULT_DISABLE_REDIRECTS`).
    pub disable_redirects: bool,
    /// How settings are named in messages.
    pub spellings: Spellings,
}

/// What answers are kept to be served again.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// `VAULT_CACHE_TTL`: how long an answer serves.
    pub ttl: Duration,
    /// `VAULT_CACHE_STALE_TTL`: how long it may serve while the server cannot be asked.
    pub stale_ttl: Duration,
    /// `VAULT_CACHE_SIZE`: how many there are at most.
    pub size: usize,
}

/// How long a data key of envelopes is kept, and for how many of them.
#[derive(Clone, Copy, Debug)]
pub struct DataKeyLimits {
    /// `VAULT_DATA_KEY_MAX_AGE`.
    pub max_age: Duration,
    /// `VAULT_DATA_KEY_MAX_USES`.
    pub max_uses: u32,
}

/// The version of a KV engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvVersion {
    /// Without versions of secrets.
    V1 = 1,
    /// With versions of secrets.
    V2 = 2,
}

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://host:port` or `https://host:port`, and the path of the URL.
    Tcp {
        /// Whether to use TLS.
        https: bool,
        /// A name, an IPv4 address or an IPv6 address without brackets.
        host: String,
        /// The port. The default is 80 or 443, not 8200.
        port: u16,
        /// The path before `/v1/…`, without a slash at its end; usually empty.
        base_path: String,
    },
    /// `unix:///path`.
    Unix(PathBuf),
}

impl Address {
    /// Whether both have the same scheme, host and port, or the same socket. Paths are ignored.
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

    /// The path before `/v1/…`.
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

/// A value with the name of the variable that set it, as it was spelled, for messages.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// The value.
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

/// How to get a token.
#[derive(Clone, Debug)]
pub enum Auth {
    /// `VAULT_TOKEN`, or `VAULT_TOKEN_FILE`, which is read again when its token is refused.
    Token(Named<Source>),
    /// No login: requests go to an agent (`VAULT_AGENT_ADDR`), which adds its own token.
    Agent,
    /// `POST auth/<mount>/login` with role_id and secret_id.
    AppRole {
        /// The auth mount.
        mount: String,
        /// `VAULT_ROLE_ID` or `VAULT_ROLE_ID_FILE`.
        role_id: Source,
        /// The secret_id, if the role needs one.
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
        /// The certificate role (`VAULT_ROLE`), if it is set.
        role: Option<String>,
        /// `VAULT_CLIENT_CERT`.
        certificate: Source,
    },
    /// `POST auth/<mount>/login` with a JWT. Kubernetes logins differ only in their defaults for mount and token.
    Jwt {
        /// `jwt` or `kubernetes`, for messages.
        method: &'static str,
        /// The auth mount.
        mount: String,
        /// `VAULT_ROLE`; empty for the default role of the mount.
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

/// TLS settings: certificates, and the name that is verified.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The trusted root certificates.
    pub roots: Roots,
    /// The client certificate, for servers that ask for one.
    pub identity: Option<ClientIdentity>,
    /// The name that is sent (SNI) and verified in place of the host of the address.
    pub server_name: Option<Named<String>>,
    /// Whether verification is switched off.
    pub skip_verify: bool,
}

/// The trusted root certificates.
#[derive(Clone, Debug)]
pub enum Roots {
    /// The system's certificate store, or the files that `SSL_CERT_FILE` and `SSL_CERT_DIR` name instead.
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
    /// The name of the variable that set them, for messages.
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
    /// How many requests may be sent at once after a pause.
    pub burst: u32,
}

/// An HTTP proxy, and the hosts that are reached without it.
#[derive(Debug)]
pub struct Proxy {
    /// Its address; always `Address::Tcp`.
    pub address: Address,
    /// The value of `Proxy-Authorization`, `Basic …`, if the URL has a user.
    pub authorization: Option<SecretString>,
    /// The name of the variable that gave it, for messages.
    pub variable: &'static str,
    /// `NO_PROXY`, split at its commas, trimmed.
    pub no_proxy: Vec<String>,
}
