//! Resolves options and environment to one checked configuration.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::address;
use super::layers::{Layers, Setting};
use super::settings::{
    Address, Backend, CacheConfig, ClientIdentity, Config, DataKeyLimits, EnvConfig, Named, Roots, TlsConfig,
    VaultConfig,
};
use super::spellings::Spellings;
use super::table::OPTIONS;
use super::{EmptyEnvironment, Environment, Options, duration, headers, login, proxy, values};
use crate::error::{Error, Result};

/// The wording of the Python manager.
const NO_ADDRESS: &str = "VAULT_ADDR environment variable or vault_addr parameter is required";

/// Settings whose credential may stand in a file, and the setting that names the file.
const FILES: [(&str, &str); 5] = [
    ("VAULT_TOKEN", "VAULT_TOKEN_FILE"),
    ("VAULT_ROLE_ID", "VAULT_ROLE_ID_FILE"),
    ("VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE"),
    ("VAULT_PASSWORD", "VAULT_PASSWORD_FILE"),
    ("VAULT_JWT", "VAULT_JWT_FILE"),
];

/// The configuration from `options` and `environment`. Isolated options do not read the environment.
///
/// `HF_ERR_CONFIG` if a setting is missing, malformed or contradictory, `HF_ERR_UNSUPPORTED` for a backend that only
/// other implementations have. Sends no request and opens no file.
pub fn resolve(options: &Options, environment: &dyn Environment) -> Result<Config> {
    let environment = if options.is_isolated() { &EmptyEnvironment } else { environment };
    let layers = Layers { options, environment };
    let mut warnings = Vec::new();
    let log_level = values::log_level(&layers.find_or_default("VAULT_LOG_LEVEL")?)?;
    let kind = layers.find_or_default("SECRET_MANAGER_TYPE")?;
    let backend = match kind.text().to_ascii_lowercase().as_str() {
        "env" => env_backend(&layers, &mut warnings)?,
        "vault" => Backend::Vault(Box::new(vault(&layers, &mut warnings)?)),
        other => return Err(other_backend(&kind, other)),
    };
    Ok(Config { backend, log_level, warnings })
}

fn other_backend(kind: &Setting, name: &str) -> Error {
    match name {
        "aws" | "gcp" => Error::unsupported(format!(
            "SECRET_MANAGER_TYPE is {name}, a backend that this library does not have; write env or vault"
        )),
        _ => kind.error("is not a backend of this library; write env or vault"),
    }
}

/// An address without `SECRET_MANAGER_TYPE` most likely means Vault. As an option it is an error, because `store` would
/// otherwise report success without writing to Vault; in the environment, where it may be meant for other programs, it
/// is a warning.
fn check_unused_address(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<()> {
    if layers.find("SECRET_MANAGER_TYPE")?.is_some() {
        return Ok(());
    }
    let Some(server) = server(layers)? else { return Ok(()) };
    let name = server.name;
    if layers.is_option(name) {
        return Err(server.error(
            "is set as an option, but SECRET_MANAGER_TYPE is not, so that secrets would go to the env backend; set \
             SECRET_MANAGER_TYPE to vault, or to env",
        ));
    }
    warnings.push(format!(
        "{name} is set but SECRET_MANAGER_TYPE is not, so the env backend is used; set it to vault, or to env"
    ));
    Ok(())
}

fn env_backend(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<Backend> {
    check_unused_address(layers, warnings)?;
    let prefix = values::variable_prefix(&layers.find_or_default("SECRET_MANAGER_ENV_PREFIX")?)?;
    Ok(Backend::Env(EnvConfig { prefix, isolated: layers.options.is_isolated() }))
}

fn server(layers: &Layers<'_>) -> Result<Option<Setting>> {
    match layers.find("VAULT_AGENT_ADDR")? {
        Some(setting) => Ok(Some(setting)),
        None => layers.find("VAULT_ADDR"),
    }
}

fn vault(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<VaultConfig> {
    let server = server(layers)?
        .ok_or_else(|| Error::config(format!("{NO_ADDRESS}; set the option VAULT_ADDR, or the variable")))?;
    let auth = login::auth(layers, warnings)?;
    let addresses = address::addresses(&server)?;
    let proxy = proxy::proxy(layers, &addresses)?;
    let tls = tls(layers, warnings)?;
    warn_about_plain_http(&server, &addresses, warnings);
    Ok(VaultConfig {
        address_variable: server.name,
        srv_lookup: flag(layers, "VAULT_SRV_LOOKUP")?,
        auth,
        mount: values::mount(&layers.find_or_default("VAULT_MOUNT")?)?,
        transit_mount: values::mount(&layers.find_or_default("VAULT_TRANSIT_MOUNT")?)?,
        data_keys: DataKeyLimits {
            max_age: duration::duration(&layers.find_or_default("VAULT_DATA_KEY_MAX_AGE")?)?,
            max_uses: values::number(&layers.find_or_default("VAULT_DATA_KEY_MAX_USES")?, 1, 1_000_000)?,
        },
        watch_interval: duration::interval(&layers.find_or_default("VAULT_WATCH_INTERVAL")?)?,
        kv_version: values::kv_version(&layers.find_or_default("VAULT_KV_VERSION")?)?,
        namespace: layers.find("VAULT_NAMESPACE")?.map_or(Ok(None), |found| values::namespace(&found))?,
        path_prefix: path_prefix(layers)?,
        tls,
        timeout: timeout(layers)?,
        max_retries: values::number(&layers.find_or_default("VAULT_MAX_RETRIES")?, 0, 1_000)?,
        max_connection_age: duration::duration(&layers.find_or_default("VAULT_MAX_CONNECTION_AGE")?)?,
        idle_timeout: duration::duration(&layers.find_or_default("VAULT_IDLE_TIMEOUT")?)?,
        max_idle_connections: values::number(&layers.find_or_default("VAULT_MAX_IDLE_CONNECTIONS")?, 0, 256)? as usize,
        max_connections: max_connections(layers)?,
        list_concurrency: values::number(&layers.find_or_default("VAULT_LIST_CONCURRENCY")?, 1, 256)? as usize,
        cache: cache(layers)?,
        rate_limit: layers.find("VAULT_RATE_LIMIT")?.map(|found| values::rate_limit(&found)).transpose()?,
        proxy,
        headers: layers.find("VAULT_HEADERS")?.map_or(Ok(Vec::new()), |found| headers::headers(&found))?,
        disable_redirects: flag(layers, "VAULT_DISABLE_REDIRECTS")?,
        spellings: spellings(layers)?,
        addresses,
    })
}

fn spellings(layers: &Layers<'_>) -> Result<Spellings> {
    let mut pairs = Vec::new();
    for entry in OPTIONS {
        if let Some(setting) = layers.find(entry.name)?.filter(|setting| setting.name != entry.name) {
            pairs.push((entry.name, setting.name));
        }
    }
    for (name, file_name) in FILES {
        if layers.find(name)?.is_none() && layers.find(file_name)?.is_some() {
            pairs.push((name, file_name));
        }
    }
    Ok(Spellings::new(pairs))
}

fn flag(layers: &Layers<'_>, name: &'static str) -> Result<bool> {
    values::boolean(&layers.find_or_default(name)?)
}

fn path_prefix(layers: &Layers<'_>) -> Result<Option<String>> {
    let Some(setting) = layers.find("VAULT_PATH_PREFIX")? else { return Ok(None) };
    Ok(Some(values::server_path(&setting)?).filter(|path| !path.is_empty()))
}

/// Off unless one of the two times is set.
fn cache(layers: &Layers<'_>) -> Result<Option<CacheConfig>> {
    let [ttl, stale_ttl] = ["VAULT_CACHE_TTL", "VAULT_CACHE_STALE_TTL"].map(|name| {
        let setting = layers.find(name)?;
        setting.map_or(Ok(Duration::ZERO), |setting| duration::duration(&setting))
    });
    let (ttl, stale_ttl) = (ttl?, stale_ttl?);
    let size = values::number(&layers.find_or_default("VAULT_CACHE_SIZE")?, 1, 10_000)? as usize;
    let is_on = !ttl.is_zero() || !stale_ttl.is_zero();
    Ok(is_on.then_some(CacheConfig { ttl, stale_ttl, size }))
}

fn max_connections(layers: &Layers<'_>) -> Result<Option<usize>> {
    let Some(setting) = layers.find("VAULT_MAX_CONNECTIONS")? else { return Ok(None) };
    Ok(Some(values::number(&setting, 1, 65_536)? as usize))
}

/// Zero means no limit, as in the official client.
fn timeout(layers: &Layers<'_>) -> Result<Duration> {
    let timeout = duration::duration(&layers.find_or_default("VAULT_CLIENT_TIMEOUT")?)?;
    Ok(if timeout.is_zero() { Duration::MAX } else { timeout })
}

fn tls(layers: &Layers<'_>, warnings: &mut Vec<String>) -> Result<TlsConfig> {
    let setting = layers.find_or_default("VAULT_SKIP_VERIFY")?;
    let skip_verify = values::boolean(&setting)?;
    if skip_verify {
        let name = setting.name;
        warnings.push(format!("{name} is on: no certificate is verified, and whoever answers gets the token"));
    }
    Ok(TlsConfig { roots: roots(layers)?, identity: identity(layers)?, server_name: server_name(layers)?, skip_verify })
}

fn roots(layers: &Layers<'_>) -> Result<Roots> {
    if let Some(path) = layers.path("VAULT_CACERT")? {
        return Ok(Roots::File(path));
    }
    if let Some(setting) = layers.find("VAULT_CACERT_BYTES")? {
        return Ok(Roots::Pem(setting.named(setting.text().to_owned())));
    }
    if let Some(path) = layers.path("VAULT_CAPATH")? {
        return Ok(Roots::Directory(path));
    }
    let named = |name| Ok(layers.variable(name)?.map(|setting| PathBuf::from(setting.text())));
    Ok(Roots::System { file: named("SSL_CERT_FILE")?, directory: named("SSL_CERT_DIR")? })
}

fn identity(layers: &Layers<'_>) -> Result<Option<ClientIdentity>> {
    match (layers.path("VAULT_CLIENT_CERT")?, layers.path("VAULT_CLIENT_KEY")?) {
        (Some(certificate), Some(key)) => Ok(Some(ClientIdentity { certificate, key })),
        (None, None) => Ok(None),
        (Some(Named { variable, .. }), None) => {
            Err(Error::config(format!("{variable} is set without VAULT_CLIENT_KEY; set both")))
        }
        (None, Some(Named { variable, .. })) => {
            Err(Error::config(format!("{variable} is set without VAULT_CLIENT_CERT; set both")))
        }
    }
}

fn server_name(layers: &Layers<'_>) -> Result<Option<Named<String>>> {
    let Some(setting) = layers.find("VAULT_TLS_SERVER_NAME")? else { return Ok(None) };
    let name = match setting.text().parse::<Ipv6Addr>() {
        Ok(address) => Some(address.to_string()),
        Err(_) => address::host_name(setting.text()),
    };
    name.map(|name| Some(setting.named(name)))
        .ok_or_else(|| setting.error("is not a host name; write it without scheme and port"))
}

fn warn_about_plain_http(server: &Setting, addresses: &[Address], warnings: &mut Vec<String>) {
    let exposed = addresses.iter().find(|address| match address {
        Address::Tcp { https: false, host, .. } => !address::is_this_host(host),
        _ => false,
    });
    if let Some(exposed) = exposed {
        let name = server.name;
        warnings.push(format!(
            "{name}: {exposed} is plain http, so tokens and secrets cross the network unencrypted; use https"
        ));
    }
}
