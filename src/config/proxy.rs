//! Chooses the proxy, and the hosts that are reached without it.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use super::address::{host_and_port, split_url};
use super::layers::{Layers, Setting};
use super::settings::{Address, Proxy};
use crate::error::Result;
use crate::reference::decode;

/// The hosts for which Go's `ProxyFromEnvironment`, and so the official client, ignores `HTTP_PROXY` and `HTTPS_PROXY`.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.0/8", "::1"];

/// The proxy for the nodes at `addresses`: `VAULT_PROXY_ADDR` or `VAULT_HTTP_PROXY`, else the proxy for the scheme of
/// the first TCP node. Unix sockets use no proxy.
pub(super) fn proxy(layers: &Layers<'_>, addresses: &[Address]) -> Result<Option<Proxy>> {
    let scheme = addresses.iter().find_map(|address| match address {
        Address::Tcp { https, .. } => Some(*https),
        Address::Unix(_) => None,
    });
    let Some(https) = scheme else { return Ok(None) };
    let vault_proxy = match layers.find("VAULT_PROXY_ADDR")? {
        Some(setting) => Some(setting),
        None => layers.find("VAULT_HTTP_PROXY")?,
    };
    let general = vault_proxy.is_none();
    let setting = match vault_proxy {
        Some(setting) => Some(setting),
        None if https => layers.find("HTTPS_PROXY")?,
        None => http_proxy(layers)?,
    };
    let Some(setting) = setting else { return Ok(None) };
    let mut no_proxy = no_proxy(layers)?;
    if general {
        no_proxy.extend(LOOPBACK_HOSTS.map(str::to_owned));
        // If no address uses the general proxy, it may be of a kind that is not supported here.
        if addresses.iter().all(|address| is_bypassed(&no_proxy, address)) {
            return Ok(None);
        }
    }
    parse(&setting, no_proxy).map(Some)
}

fn is_bypassed(no_proxy: &[String], address: &Address) -> bool {
    match address {
        Address::Tcp { host, port, .. } => matches_any(no_proxy, host, *port),
        Address::Unix(_) => true,
    }
}

/// In a CGI program `HTTP_PROXY` holds the request header `Proxy:`, which a client controls, so only an option counts
/// there.
fn http_proxy(layers: &Layers<'_>) -> Result<Option<Setting>> {
    let in_cgi = layers.environment.get("REQUEST_METHOD").is_some();
    if in_cgi && !layers.is_option("HTTP_PROXY") { Ok(None) } else { layers.find("HTTP_PROXY") }
}

fn no_proxy(layers: &Layers<'_>) -> Result<Vec<String>> {
    let Some(setting) = layers.find("NO_PROXY")? else { return Ok(Vec::new()) };
    let entries = setting.text().split(',').map(|entry| entry.trim().to_ascii_lowercase());
    Ok(entries.filter(|entry| !entry.is_empty()).collect())
}

/// Parses `http://[user[:password]@]host[:port]`, the scheme being optional. An `https://` proxy is refused: TLS to the
/// proxy is not supported, so its password would be sent in clear text.
fn parse(setting: &Setting, no_proxy: Vec<String>) -> Result<Proxy> {
    let problem = "is no URL of an HTTP proxy; write http://host:port";
    let text = match setting.text() {
        text if text.contains("://") => text.to_owned(),
        text => format!("http://{text}"),
    };
    let url = split_url(&text).ok_or_else(|| setting.error(problem))?;
    if url.https {
        return Err(
            setting.error("is an https:// URL, but TLS to the proxy itself is not spoken; write http://host:port")
        );
    }
    if !matches!(url.path, "" | "/") {
        return Err(setting.error(problem));
    }
    let (host, port) = host_and_port(url.authority, false).map_err(|problem| setting.error(problem))?;
    let authorization = url.user.map(|user| basic(setting, user)).transpose()?;
    let address = Address::Tcp { https: false, host, port, base_path: String::new() };
    Ok(Proxy { address, authorization, variable: setting.name, no_proxy })
}

/// The value of `Proxy-Authorization`.
fn basic(setting: &Setting, user: &str) -> Result<SecretString> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let plain = |text| decode(text).map_err(|_| setting.error("has a user or password whose '%' encoding is broken"));
    let credentials = SecretString::from(format!("{}:{}", plain(name)?, plain(password)?));
    let encoded = STANDARD.encode(secrecy::ExposeSecret::expose_secret(&credentials));
    Ok(SecretString::from(format!("Basic {encoded}")))
}

impl Proxy {
    /// Whether `NO_PROXY` matches `host` (without brackets) and `port`. An entry is `*`, an address, a network such as
    /// `10.0.0.0/8`, a domain, which matches its subdomains too, or `.domain`, which matches subdomains only. All but
    /// networks may have a `:port`.
    pub fn is_bypassed(&self, host: &str, port: u16) -> bool {
        matches_any(&self.no_proxy, host, port)
    }
}

fn matches_any(no_proxy: &[String], host: &str, port: u16) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    no_proxy.iter().any(|entry| entry_matches(entry, &host, address, port))
}

fn entry_matches(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, length)) = entry.split_once('/') {
        let network = network.parse::<IpAddr>().ok();
        return match (network, length.parse().ok(), address) {
            (Some(network), Some(length), Some(address)) => network_contains(network, length, address),
            _ => false,
        };
    }
    let (name, wanted_port) = split_port(entry);
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    match (name.parse::<IpAddr>(), address) {
        (Ok(wanted), Some(address)) => wanted.to_canonical() == address,
        (Ok(_), None) | (Err(_), Some(_)) => false,
        (Err(_), None) => domain_matches(name, host),
    }
}

/// Splits an entry into its host without brackets and its port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, port.parse().ok()),
        _ => (entry, None),
    }
}

fn domain_matches(entry: &str, host: &str) -> bool {
    let entry = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
    match entry.strip_prefix('.') {
        Some(domain) => is_below(host, domain),
        None => host == entry || is_below(host, entry),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    !domain.is_empty() && host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
}

fn network_contains(network: IpAddr, length: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::environment::FixedEnvironment;
    use super::super::{Environment, Options};
    use super::*;
    use crate::error::Status;

    fn address(https: bool) -> Address {
        Address::Tcp { https, host: "vault.example.com".to_owned(), port: 8200, base_path: String::new() }
    }

    fn chosen(variables: &[(&str, &str)], https: bool) -> Option<(&'static str, String)> {
        let environment = FixedEnvironment::new(variables);
        chosen_of(&Options::new(), &environment, https)
    }

    fn chosen_of(options: &Options, environment: &dyn Environment, https: bool) -> Option<(&'static str, String)> {
        let proxy = proxy(&Layers { options, environment }, &[address(https)]).unwrap()?;
        Some((proxy.variable, proxy.address.to_string()))
    }

    #[test]
    fn a_vault_proxy_takes_precedence_over_the_proxy_of_the_scheme() {
        let all = [
            ("VAULT_PROXY_ADDR", "http://p1:1"),
            ("VAULT_HTTP_PROXY", "http://p2:2"),
            ("HTTPS_PROXY", "http://p3:3"),
            ("https_proxy", "http://p4:4"),
            ("HTTP_PROXY", "http://p5:5"),
            ("http_proxy", "p6"),
        ];
        let from = |start: usize, https| {
            chosen(&all[start..], https).map(|(variable, address)| variable.to_owned() + " " + &address)
        };
        assert_eq!(from(0, true).as_deref(), Some("VAULT_PROXY_ADDR http://p1:1"));
        assert_eq!(from(1, false).as_deref(), Some("VAULT_HTTP_PROXY http://p2:2"));
        assert_eq!(from(2, true).as_deref(), Some("HTTPS_PROXY http://p3:3"));
        assert_eq!(from(3, true).as_deref(), Some("https_proxy http://p4:4"));
        assert_eq!(from(2, false).as_deref(), Some("HTTP_PROXY http://p5:5"));
        assert_eq!(from(5, false).as_deref(), Some("http_proxy http://p6:80"));
        assert_eq!(from(4, true), None);
    }

    #[test]
    fn nodes_after_a_socket_still_use_the_proxy() {
        let environment = FixedEnvironment::new(&[("HTTPS_PROXY", "http://p:1"), ("HTTP_PROXY", "http://p:2")]);
        let options = Options::new();
        let variable = |addresses: &[Address]| {
            let layers = Layers { options: &options, environment: &environment };
            proxy(&layers, addresses).unwrap().map(|proxy| proxy.variable)
        };
        let socket = || Address::Unix("/run/vault.sock".into());
        assert_eq!(variable(&[socket(), address(true), address(false)]), Some("HTTPS_PROXY"));
        assert_eq!(variable(&[socket(), address(false), address(true)]), Some("HTTP_PROXY"));
        assert_eq!(variable(&[socket()]), None);
    }

    #[test]
    fn http_proxy_is_ignored_in_a_cgi_program_unless_it_is_an_option() {
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil:1"), ("http_proxy", "http://evil:2")];
        assert_eq!(chosen(&cgi, false), None);
        assert_eq!(chosen(&[("REQUEST_METHOD", "GET"), ("HTTPS_PROXY", "http://p:1")], true).unwrap().0, "HTTPS_PROXY");
        let mut options = Options::new();
        options.set("HTTP_PROXY", "http://mine:3").unwrap();
        let (_, address) = chosen_of(&options, &FixedEnvironment::new(&cgi), false).unwrap();
        assert_eq!(address, "http://mine:3");
    }

    #[test]
    fn a_proxy_option_hides_all_proxy_variables() {
        let environment = FixedEnvironment::new(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "*")]);
        let mut options = Options::new();
        options.set("VAULT_PROXY_ADDR", "").unwrap();
        assert_eq!(chosen_of(&options, &environment, true), None);
        options.set("VAULT_PROXY_ADDR", "http://mine:3").unwrap();
        let layers = Layers { options: &options, environment: &environment };
        assert!(proxy(&layers, &[address(true)]).unwrap().unwrap().no_proxy.is_empty());
    }

    #[test]
    fn a_user_in_the_url_becomes_basic_authorization() {
        let setting = Setting::of("VAULT_PROXY_ADDR", "http://ann:p%40ss:word@proxy:3128/");
        let proxy = parse(&setting, Vec::new()).unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap().expose_secret(), "Basic YW5uOnBAc3M6d29yZA==");
        assert_eq!(proxy.address.to_string(), "http://proxy:3128");
        assert!(!format!("{proxy:?}").contains("YW5u"));
    }

    #[test]
    fn an_invalid_proxy_is_a_configuration_error_that_shows_no_password() {
        for text in [
            "socks5://CANARY:1",
            "http://u:CANARY@",
            "http://u:CANARY%z@p:1",
            "http://p:CANARY",
            "http://p/CANARY",
            "https://CANARY:CANARY@p:1",
            "HTTPS://CANARY@p",
        ] {
            let error = parse(&Setting::of("VAULT_PROXY_ADDR", text), Vec::new()).unwrap_err();
            assert_eq!(error.status(), Status::Config);
            assert!(!error.message().contains("CANARY"), "{error}");
        }
    }

    #[test]
    fn an_https_proxy_is_refused_in_every_variable() {
        for (name, https) in
            [("VAULT_PROXY_ADDR", true), ("BAO_HTTP_PROXY", false), ("https_proxy", true), ("HTTP_PROXY", false)]
        {
            let environment = FixedEnvironment::new(&[(name, "https://u:CANARY@p:1")]);
            let options = Options::new();
            let layers = Layers { options: &options, environment: &environment };
            let error = proxy(&layers, &[address(https)]).unwrap_err();
            assert_eq!(error.status(), Status::Config);
            let expected = "is an https:// URL, but TLS to the proxy itself is not spoken; write http://host:port";
            assert_eq!(error.message(), format!("{name} {expected}"));
        }
    }

    #[test]
    fn an_unsupported_general_proxy_is_ignored_if_no_address_uses_it() {
        let here = Address::Tcp { https: false, host: "127.0.0.1".to_owned(), port: 8200, base_path: String::new() };
        let with = |variables: &[(&str, &str)], addresses: &[Address]| {
            let environment = FixedEnvironment::new(variables);
            let options = Options::new();
            proxy(&Layers { options: &options, environment: &environment }, addresses)
        };
        let socks = ("HTTP_PROXY", "socks5://p:1");
        assert!(with(&[socks], std::slice::from_ref(&here)).unwrap().is_none());
        assert!(with(&[socks, ("NO_PROXY", "example.com")], &[address(false), here.clone()]).unwrap().is_none());
        assert!(with(&[socks], &[address(false), here]).is_err());
    }

    #[test]
    fn no_proxy_is_honoured_for_every_proxy() {
        let layers_with = |name: &'static str, no_proxy: &'static str| {
            let environment = FixedEnvironment::new(&[(name, "http://p:1"), ("no_proxy", no_proxy)]);
            let options = Options::new();
            let other = Address::Tcp { https: true, host: "other.test".into(), port: 1, base_path: String::new() };
            proxy(&Layers { options: &options, environment: &environment }, &[other]).unwrap().unwrap()
        };
        for name in ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "HTTPS_PROXY"] {
            let proxy =
                layers_with(name, "Example.com, 10.0.0.0/8,,fd00::/8,[::5]:99,.sub.test,one.test:8200,*.star.test");
            for host in
                ["example.com", "vault.EXAMPLE.com.", "10.1.2.3", "fd00::1", "a.sub.test", "one.test", "b.star.test"]
            {
                assert!(proxy.is_bypassed(host, 8200), "{name} {host}");
            }
            for host in ["notexample.com", "11.0.0.1", "fe00::1", "sub.test", "star.test", "::5"] {
                assert!(!proxy.is_bypassed(host, 8200), "{name} {host}");
            }
            assert!(!proxy.is_bypassed("one.test", 8201));
            assert!(proxy.is_bypassed("::5", 99));
        }
        assert!(layers_with("VAULT_PROXY_ADDR", "*").is_bypassed("anything", 1));
    }

    #[test]
    fn loopback_is_never_reached_through_a_general_proxy() {
        let with = |name: &'static str| {
            let environment = FixedEnvironment::new(&[(name, "http://p:1")]);
            let options = Options::new();
            proxy(&Layers { options: &options, environment: &environment }, &[address(true)]).unwrap().unwrap()
        };
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert!(with("HTTPS_PROXY").is_bypassed(host, 8200), "{host}");
            assert!(!with("VAULT_PROXY_ADDR").is_bypassed(host, 8200), "{host}");
        }
    }
}
