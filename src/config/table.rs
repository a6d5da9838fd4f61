//! The table of all options. `Options::set`, the suggestions for misspelt names, the precedence of groups, and the test
//! that compares `docs/configuration.md` with the code use it.

/// Options that belong together: if any member is set as an option, no member is read from the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// In no group.
    None,
    /// The address of the server.
    Address,
    /// Credentials.
    Credentials,
    /// Trusted root certificates.
    Ca,
    /// The client certificate and its key.
    ClientCertificate,
    /// The proxy.
    Proxy,
}

/// One option.
#[derive(Debug)]
pub struct OptionEntry {
    /// The name that messages and documentation use.
    pub name: &'static str,
    /// All names by which it can be set, including `name`, in order of precedence.
    pub spellings: &'static [&'static str],
    /// Its group.
    pub group: Group,
    /// Whether it can be an environment variable, too.
    pub is_variable: bool,
    /// The default; empty if there is none.
    pub default: &'static str,
    /// A description in one line.
    pub doc: &'static str,
}

const fn entry(
    spellings: &'static [&'static str],
    name: &'static str,
    group: Group,
    default: &'static str,
    doc: &'static str,
) -> OptionEntry {
    OptionEntry { name, spellings, group, is_variable: true, default, doc }
}

/// An option that is never read from the environment: it is the choice of the program, and other programs use such names.
const fn option(
    spellings: &'static [&'static str],
    name: &'static str,
    default: &'static str,
    doc: &'static str,
) -> OptionEntry {
    OptionEntry { is_variable: false, ..entry(spellings, name, Group::None, default, doc) }
}

/// The table. The first line of an entry holds its spellings, name, group and default; the second one its description.
#[rustfmt::skip]
pub const OPTIONS: &[OptionEntry] = &[
    entry(&["SECRET_MANAGER_TYPE"], "SECRET_MANAGER_TYPE", Group::None, "env",
        "the backend: `env` or `vault`; case does not matter"),
    entry(&["SECRET_MANAGER_ENV_PREFIX"], "SECRET_MANAGER_ENV_PREFIX", Group::None, "HANDSFREE_SECRET_",
        "what every variable name of the `env` backend starts with"),
    entry(&["BAO_LOG_LEVEL", "VAULT_LOG_LEVEL"], "VAULT_LOG_LEVEL", Group::None, "off",
        "`off`, `error`, `warn`, `info`, `debug` or `trace`, to standard error unless a log callback is set"),

    entry(&["BAO_ADDR", "VAULT_ADDR"], "VAULT_ADDR", Group::Address, "",
        "the server: `https://host:8200`, `unix:///path`, or a comma-separated list of the nodes of one cluster"),
    entry(&["BAO_AGENT_ADDR", "VAULT_AGENT_ADDR"], "VAULT_AGENT_ADDR", Group::Address, "",
        "the address of an agent; overrides VAULT_ADDR"),
    entry(&["BAO_SRV_LOOKUP", "VAULT_SRV_LOOKUP"], "VAULT_SRV_LOOKUP", Group::None, "false",
        "look the host up as an SRV record first"),
    entry(&["VAULT_MOUNT"], "VAULT_MOUNT", Group::None, "secret",
        "where the KV engine is mounted"),
    entry(&["VAULT_KV_VERSION"], "VAULT_KV_VERSION", Group::None, "auto",
        "the version of the KV engine: `auto` (what the server says), `1` or `2`"),
    entry(&["VAULT_TRANSIT_MOUNT"], "VAULT_TRANSIT_MOUNT", Group::None, "transit",
        "where the transit engine is mounted"),
    entry(&["VAULT_DATA_KEY_MAX_AGE"], "VAULT_DATA_KEY_MAX_AGE", Group::None, "5m",
        "how long the data key of an envelope is kept for others; `0` keeps none"),
    entry(&["VAULT_DATA_KEY_MAX_USES"], "VAULT_DATA_KEY_MAX_USES", Group::None, "1000",
        "how many envelopes have the same data key at most"),
    entry(&["VAULT_WATCH_INTERVAL"], "VAULT_WATCH_INTERVAL", Group::None, "30s",
        "how often a secret is looked at that is watched or serves as credentials"),
    entry(&["BAO_NAMESPACE", "VAULT_NAMESPACE"], "VAULT_NAMESPACE", Group::None, "",
        "the namespace of every request"),
    entry(&["VAULT_PATH_PREFIX"], "VAULT_PATH_PREFIX", Group::None, "",
        "the subtree of the mount that the manager is confined to"),

    entry(&["BAO_TOKEN", "VAULT_TOKEN"], "VAULT_TOKEN", Group::Credentials, "",
        "a token, used as it is"),
    entry(&["VAULT_TOKEN_FILE"], "VAULT_TOKEN_FILE", Group::Credentials, "",
        "a file that holds a token, read again when the token is refused"),
    entry(&["VAULT_AUTH_METHOD"], "VAULT_AUTH_METHOD", Group::Credentials, "by what is set",
        "`token`, `approle`, `userpass`, `cert`, `jwt` or `kubernetes`"),
    entry(&["VAULT_AUTH_MOUNT"], "VAULT_AUTH_MOUNT", Group::Credentials, "the method's name",
        "where the auth method is mounted"),
    entry(&["VAULT_ROLE_ID"], "VAULT_ROLE_ID", Group::Credentials, "",
        "the role_id of an AppRole"),
    entry(&["VAULT_ROLE_ID_FILE"], "VAULT_ROLE_ID_FILE", Group::Credentials, "",
        "a file that holds the role_id, read at each login"),
    entry(&["VAULT_SECRET_ID"], "VAULT_SECRET_ID", Group::Credentials, "",
        "the secret_id of an AppRole"),
    entry(&["VAULT_SECRET_ID_FILE"], "VAULT_SECRET_ID_FILE", Group::Credentials, "",
        "a file that holds the secret_id, read at each login"),
    entry(&["VAULT_SECRET_ID_WRAPPED"], "VAULT_SECRET_ID_WRAPPED", Group::Credentials, "",
        "a response-wrapping token that holds the secret_id, good for one use"),
    entry(&["VAULT_APPROLE_MOUNT"], "VAULT_APPROLE_MOUNT", Group::Credentials, "approle",
        "where AppRole is mounted; overrides VAULT_AUTH_MOUNT"),
    entry(&["VAULT_USERNAME"], "VAULT_USERNAME", Group::Credentials, "",
        "the name of a userpass login"),
    entry(&["VAULT_PASSWORD"], "VAULT_PASSWORD", Group::Credentials, "",
        "the password of a userpass login"),
    entry(&["VAULT_PASSWORD_FILE"], "VAULT_PASSWORD_FILE", Group::Credentials, "",
        "a file that holds the password, read at each login"),
    entry(&["VAULT_ROLE"], "VAULT_ROLE", Group::Credentials, "",
        "the role of a cert, jwt or kubernetes login"),
    entry(&["VAULT_JWT"], "VAULT_JWT", Group::Credentials, "",
        "the JWT of a jwt or kubernetes login"),
    entry(&["VAULT_JWT_FILE"], "VAULT_JWT_FILE", Group::Credentials, "",
        "a file that holds the JWT, read at each login; for kubernetes the pod's token where nothing is set"),

    entry(&["BAO_CACERT", "VAULT_CACERT"], "VAULT_CACERT", Group::Ca, "",
        "a PEM file of the CAs to trust in place of the system's"),
    entry(&["BAO_CACERT_BYTES", "VAULT_CACERT_BYTES"], "VAULT_CACERT_BYTES", Group::Ca, "",
        "the same as PEM text"),
    entry(&["BAO_CAPATH", "VAULT_CAPATH"], "VAULT_CAPATH", Group::Ca, "",
        "the same as a directory of PEM files"),
    entry(&["BAO_CLIENT_CERT", "VAULT_CLIENT_CERT"], "VAULT_CLIENT_CERT", Group::ClientCertificate, "",
        "a PEM file of the certificate to show to the server"),
    entry(&["BAO_CLIENT_KEY", "VAULT_CLIENT_KEY"], "VAULT_CLIENT_KEY", Group::ClientCertificate, "",
        "a PEM file of its private key"),
    entry(&["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"], "VAULT_TLS_SERVER_NAME", Group::None, "the address's host",
        "the name that is sent (SNI) and verified"),
    entry(&["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"], "VAULT_SKIP_VERIFY", Group::None, "false",
        "verify no certificate"),

    entry(&["BAO_PROXY_ADDR", "VAULT_PROXY_ADDR"], "VAULT_PROXY_ADDR", Group::Proxy, "",
        "the proxy of all requests"),
    entry(&["BAO_HTTP_PROXY", "VAULT_HTTP_PROXY"], "VAULT_HTTP_PROXY", Group::Proxy, "",
        "the same, weaker"),
    entry(&["HTTPS_PROXY", "https_proxy"], "HTTPS_PROXY", Group::Proxy, "",
        "the proxy for https addresses where neither of the two above is set"),
    entry(&["HTTP_PROXY", "http_proxy"], "HTTP_PROXY", Group::Proxy, "",
        "the proxy for http addresses, likewise"),
    entry(&["NO_PROXY", "no_proxy"], "NO_PROXY", Group::Proxy, "",
        "hosts, domains, addresses and networks that no proxy is used for"),

    entry(&["BAO_CLIENT_TIMEOUT", "VAULT_CLIENT_TIMEOUT"], "VAULT_CLIENT_TIMEOUT", Group::None, "60s",
        "the time that a call may take, retries included; `0` is no limit"),
    entry(&["BAO_MAX_RETRIES", "VAULT_MAX_RETRIES"], "VAULT_MAX_RETRIES", Group::None, "2",
        "tries after the first"),
    entry(&["BAO_RATE_LIMIT", "VAULT_RATE_LIMIT"], "VAULT_RATE_LIMIT", Group::None, "",
        "`rate[:burst]` in requests a second"),
    entry(&["VAULT_MAX_CONNECTION_AGE"], "VAULT_MAX_CONNECTION_AGE", Group::None, "5m",
        "how old a connection may be to be used again"),
    entry(&["VAULT_IDLE_TIMEOUT"], "VAULT_IDLE_TIMEOUT", Group::None, "50s",
        "how long a connection may be idle to be used again"),
    entry(&["VAULT_MAX_IDLE_CONNECTIONS"], "VAULT_MAX_IDLE_CONNECTIONS", Group::None, "16",
        "how many idle connections are kept"),
    entry(&["VAULT_MAX_CONNECTIONS"], "VAULT_MAX_CONNECTIONS", Group::None, "",
        "how many connections there may be at a time; a call beyond them waits"),
    option(&["VAULT_CACHE_TTL"], "VAULT_CACHE_TTL", "",
        "how long an answer is served again without a request; not read from the environment"),
    option(&["VAULT_CACHE_STALE_TTL"], "VAULT_CACHE_STALE_TTL", "",
        "how long an answer may serve while the server cannot be asked; not read from the environment"),
    option(&["VAULT_CACHE_SIZE"], "VAULT_CACHE_SIZE", "1000",
        "how many answers are kept; not read from the environment"),
    entry(&["VAULT_LIST_CONCURRENCY"], "VAULT_LIST_CONCURRENCY", Group::None, "8",
        "requests that a list, or a call for many secrets, has on their way at a time"),
    entry(&["BAO_HEADERS", "VAULT_HEADERS"], "VAULT_HEADERS", Group::None, "",
        "a JSON object of extra headers"),
    entry(&["BAO_DISABLE_REDIRECTS", "VAULT_DISABLE_REDIRECTS"], "VAULT_DISABLE_REDIRECTS", Group::None, "false",
        "a redirect is an error"),
];

/// The entry that has the spelling `name`, and that spelling as a static string.
pub fn find(name: &str) -> Option<(&'static OptionEntry, &'static str)> {
    OPTIONS.iter().find_map(|entry| {
        let spelling = entry.spellings.iter().find(|&&spelling| spelling == name)?;
        Some((entry, *spelling))
    })
}

/// The known name closest to `name`, which is in upper case, if it is so close that `name` may be a typing error.
fn nearest(name: &str) -> Option<&'static str> {
    let part = |name: &str| name.trim_start_matches("VAULT_").trim_start_matches("BAO_").len();
    let names = OPTIONS.iter().flat_map(|entry| entry.spellings).copied();
    let (distance, known) = names.map(|known| (strsim::osa_distance(name, known), known)).min()?;
    // Up to a third of the letters may differ, not counting the common prefix.
    (distance * 3 <= part(name).max(part(known))).then_some(known)
}

/// Names of options in other clients, and their names here.
const FOREIGN_NAMES: &[(&str, &str)] = &[
    ("VAULT_URL", "VAULT_ADDR"),
    ("VAULT_URI", "VAULT_ADDR"),
    ("SPRING_CLOUD_VAULT_URI", "VAULT_ADDR"),
    ("VAULT_ADDRESS", "VAULT_ADDR"),
    ("VAULT_HOST", "VAULT_ADDR"),
    ("VAULT_SERVER", "VAULT_ADDR"),
    ("ADDR", "VAULT_ADDR"),
    ("ADDRESS", "VAULT_ADDR"),
    ("URL", "VAULT_ADDR"),
    ("TOKEN", "VAULT_TOKEN"),
    ("VAULT_AUTH_TOKEN", "VAULT_TOKEN"),
    ("VAULT_DEV_ROOT_TOKEN_ID", "VAULT_TOKEN"),
    ("ROLE_ID", "VAULT_ROLE_ID"),
    ("VAULT_APPROLE_ROLE_ID", "VAULT_ROLE_ID"),
    ("SECRET_ID", "VAULT_SECRET_ID"),
    ("VAULT_APPROLE_SECRET_ID", "VAULT_SECRET_ID"),
    ("VAULT_ROLE_NAME", "VAULT_ROLE"),
    ("VAULT_K8S_ROLE", "VAULT_ROLE"),
    ("VAULT_KUBERNETES_ROLE", "VAULT_ROLE"),
    ("VAULT_USER", "VAULT_USERNAME"),
    ("USERNAME", "VAULT_USERNAME"),
    ("VAULT_PASS", "VAULT_PASSWORD"),
    ("PASSWORD", "VAULT_PASSWORD"),
    ("VAULT_AUTH_TYPE", "VAULT_AUTH_METHOD"),
    ("VAULT_AUTH_PATH", "VAULT_AUTH_MOUNT"),
    ("NAMESPACE", "VAULT_NAMESPACE"),
    ("MOUNT_POINT", "VAULT_MOUNT"),
    ("VAULT_MOUNT_POINT", "VAULT_MOUNT"),
    ("VAULT_KV_MOUNT", "VAULT_MOUNT"),
    ("VAULT_SECRET_MOUNT", "VAULT_MOUNT"),
    ("TIMEOUT", "VAULT_CLIENT_TIMEOUT"),
    ("VAULT_TIMEOUT", "VAULT_CLIENT_TIMEOUT"),
    ("VAULT_OPEN_TIMEOUT", "VAULT_CLIENT_TIMEOUT"),
    ("VAULT_READ_TIMEOUT", "VAULT_CLIENT_TIMEOUT"),
    ("VAULT_SSL_TIMEOUT", "VAULT_CLIENT_TIMEOUT"),
    ("RETRIES", "VAULT_MAX_RETRIES"),
    ("VAULT_RETRIES", "VAULT_MAX_RETRIES"),
    ("PROXIES", "VAULT_PROXY_ADDR"),
    ("VAULT_PROXY", "VAULT_PROXY_ADDR"),
    ("VAULT_PROXY_ADDRESS", "VAULT_PROXY_ADDR"),
    ("CERT", "VAULT_CLIENT_CERT"),
    ("VAULT_CERT", "VAULT_CLIENT_CERT"),
    ("VAULT_SSL_CERT", "VAULT_CLIENT_CERT"),
    ("VAULT_SSL_PEM_FILE", "VAULT_CLIENT_CERT"),
    ("VAULT_KEY", "VAULT_CLIENT_KEY"),
    ("VAULT_SSL_KEY", "VAULT_CLIENT_KEY"),
    ("VAULT_CA", "VAULT_CACERT"),
    ("REQUESTS_CA_BUNDLE", "VAULT_CACERT"),
    ("VAULT_CA_CERT", "VAULT_CACERT"),
    ("VAULT_CA_FILE", "VAULT_CACERT"),
    ("VAULT_SSL_CA_CERT", "VAULT_CACERT"),
    ("VAULT_CA_PATH", "VAULT_CAPATH"),
    ("VAULT_SSL_CA_PATH", "VAULT_CAPATH"),
    ("VAULT_SKIP_TLS_VERIFY", "VAULT_SKIP_VERIFY"),
    ("VAULT_TLS_SKIP_VERIFY", "VAULT_SKIP_VERIFY"),
    ("VAULT_INSECURE", "VAULT_SKIP_VERIFY"),
];

/// Names in other clients for the opposite of `VAULT_SKIP_VERIFY`.
const OPPOSITES: [&str; 4] = ["VERIFY", "VAULT_VERIFY", "VAULT_SSL_VERIFY", "VAULT_TLS_VERIFY"];

/// What to write in place of the unknown name `name`.
pub fn advice(name: &str) -> String {
    let wanted: String = name.chars().take(LONGEST_NAME).collect::<String>().to_ascii_uppercase();
    if OPPOSITES.contains(&wanted.as_str()) {
        return "write VAULT_SKIP_VERIFY, which means the opposite".to_owned();
    }
    match FOREIGN_NAMES.iter().find(|(foreign, _)| *foreign == wanted) {
        Some((_, ours)) => format!("write {ours}"),
        None => match nearest(&wanted) {
            Some(known) => format!("did you mean {known}?"),
            None => "docs/configuration.md lists the names".to_owned(),
        },
    }
}

/// Longer names are truncated before they are compared, so that a long text costs no time.
const LONGEST_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_unique_and_include_the_name() {
        let mut spellings: Vec<_> = OPTIONS.iter().flat_map(|entry| entry.spellings).collect();
        let count = spellings.len();
        spellings.sort();
        spellings.dedup();
        assert_eq!(spellings.len(), count);
        assert!(OPTIONS.iter().all(|entry| entry.spellings.contains(&entry.name)));
    }

    #[test]
    fn a_misspelt_name_suggests_the_nearest_one() {
        let cases = [
            ("VAULT_ADR", "VAULT_ADDR"),
            ("vault_addr", "VAULT_ADDR"),
            ("VAULT_TOKE", "VAULT_TOKEN"),
            ("VUALT_MOUNT", "VAULT_MOUNT"),
            ("VAULT_SKIPVERIFY", "VAULT_SKIP_VERIFY"),
            ("BAO_ADRR", "BAO_ADDR"),
            ("SECRET_MANAGER_KIND", "SECRET_MANAGER_TYPE"),
        ];
        for (typo, meant) in cases {
            assert_eq!(advice(typo), format!("did you mean {meant}?"), "{typo}");
        }
        for other in ["", "FOO", "VAULT_ENGINE_VERSION", "VAULT_MFA", "VAULT_FORMAT"] {
            assert_eq!(advice(other), "docs/configuration.md lists the names", "{other}");
        }
    }

    #[test]
    fn names_of_other_clients_suggest_the_name_here() {
        for (foreign, ours) in FOREIGN_NAMES {
            assert!(find(foreign).is_none() && find(ours).is_some(), "{foreign}");
            assert_eq!(advice(foreign), format!("write {ours}"));
        }
        assert_eq!(advice("vault_timeout"), "write VAULT_CLIENT_TIMEOUT");
        assert_eq!(advice("VAULT_SSL_VERIFY"), "write VAULT_SKIP_VERIFY, which means the opposite");
    }

    /// Names, default and meaning of each row of the tables in `docs/configuration.md`.
    fn documented() -> Vec<[String; 3]> {
        let page = include_str!("../../docs/configuration.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let mut cells = row.split('|').skip(1).map(|cell| cell.trim().to_owned());
            let [names, default, meaning] = [(); 3].map(|()| cells.next().unwrap());
            [names.replace('`', ""), default.replace('`', ""), meaning]
        })
        .collect()
    }

    #[test]
    fn the_documentation_lists_the_options_of_the_table() {
        let in_code: Vec<[String; 3]> = OPTIONS
            .iter()
            .map(|entry| {
                let others = entry.spellings.iter().filter(|&&spelling| spelling != entry.name);
                let names: Vec<&str> = std::iter::once(entry.name).chain(others.copied()).collect();
                [names.join(", "), entry.default.to_owned(), entry.doc.to_owned()]
            })
            .collect();
        for (documented, in_code) in documented().iter().zip(&in_code) {
            assert_eq!(documented, in_code);
        }
        assert_eq!(documented().len(), in_code.len());
    }
}
