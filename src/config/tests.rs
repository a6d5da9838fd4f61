use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::Duration;

use ::log::{Level, LevelFilter};
use secrecy::ExposeSecret;

use super::environment::FixedEnvironment;
use super::table::{Group, OPTIONS};
use super::*;
use crate::error::Status;

const VAULT: [(&str, &str); 3] =
    [("SECRET_MANAGER_TYPE", "vault"), ("VAULT_ADDR", "https://vault:8200"), ("VAULT_TOKEN", "t")];

fn options(set: &[(&str, &str)]) -> Options {
    let mut options = Options::new();
    for (name, value) in set {
        options.set(name, value).unwrap();
    }
    options
}

fn resolved(set: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Config> {
    resolve(&options(set), &FixedEnvironment::new(variables))
}

/// A Vault configuration from `VAULT` as variables, and more of them.
fn vault(set: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<VaultConfig> {
    let variables: Vec<_> = variables.iter().chain(&VAULT).copied().collect();
    match resolved(set, &variables)?.backend {
        Backend::Vault(config) => Ok(*config),
        Backend::Env(_) => panic!("the env backend"),
    }
}

fn refused(set: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    let error = vault(set, variables).unwrap_err();
    assert_eq!(error.status(), Status::Config, "{set:?} {variables:?}");
    error.message().to_owned()
}

fn addresses(config: &VaultConfig) -> Vec<String> {
    config.addresses.iter().map(Address::to_string).collect()
}

fn token(config: &VaultConfig) -> &str {
    match &config.auth {
        Auth::Token(Named { value: Source::Text(token), .. }) => token.expose_secret(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_default_is_the_env_backend() {
    let config = resolved(&[], &[]).unwrap();
    assert!(matches!(&config.backend, Backend::Env(env) if env.prefix == "HANDSFREE_SECRET_" && !env.isolated));
    assert_eq!((config.log_level, config.warnings.len()), (LevelFilter::Off, 0));
}

#[test]
fn the_vault_backend_has_the_documented_defaults() {
    let config = vault(&[], &[]).unwrap();
    assert_eq!(addresses(&config), ["https://vault:8200"]);
    assert_eq!((config.address_variable, config.mount.as_str(), token(&config)), ("VAULT_ADDR", "secret", "t"));
    assert_eq!((config.namespace.as_deref(), config.path_prefix.as_deref()), (None, None));
    assert_eq!((config.timeout, config.max_connection_age), (Duration::from_secs(60), Duration::from_secs(300)));
    assert_eq!((config.max_retries, config.list_concurrency, config.rate_limit), (2, 8, None));
    assert!(!config.srv_lookup && !config.disable_redirects && !config.tls.skip_verify);
    assert!(matches!(config.tls.roots, Roots::System { .. }));
    assert!(config.tls.identity.is_none() && config.tls.server_name.is_none());
    assert!(config.proxy.is_none() && config.headers.is_empty());
}

#[test]
fn the_backend_name_is_case_insensitive() {
    for kind in ["vault", "VAULT", "Vault"] {
        assert!(matches!(resolved(&[("SECRET_MANAGER_TYPE", kind)], &VAULT[1..]).unwrap().backend, Backend::Vault(_)));
    }
}

#[test]
fn backends_of_other_implementations_are_unsupported_and_unknown_ones_are_errors() {
    let status = |kind| resolved(&[("SECRET_MANAGER_TYPE", kind)], &[]).unwrap_err().status();
    assert_eq!(status("aws"), Status::Unsupported);
    assert_eq!(status("GCP"), Status::Unsupported);
    assert_eq!(status("azure"), Status::Config);
    assert_eq!(status(" vault"), Status::Config);
}

#[test]
fn an_address_without_a_type_is_warned_about() {
    let warnings = |variables: &[(&str, &str)]| resolved(&[], variables).unwrap().warnings;
    assert!(warnings(&[("VAULT_ADDR", "https://a")])[0].starts_with("VAULT_ADDR is set"));
    assert!(warnings(&[("BAO_AGENT_ADDR", "https://a")])[0].starts_with("BAO_AGENT_ADDR is set"));
    assert!(warnings(&[("VAULT_ADDR", "https://a"), ("SECRET_MANAGER_TYPE", "env")]).is_empty());
}

#[test]
fn an_address_that_is_an_option_needs_a_type() {
    for name in ["VAULT_ADDR", "BAO_ADDR", "VAULT_AGENT_ADDR"] {
        let error = resolved(&[(name, "https://a"), ("VAULT_TOKEN", "t")], &[]).unwrap_err();
        assert_eq!(error.status(), Status::Config);
        assert!(
            error.message().starts_with(name) && error.message().contains("SECRET_MANAGER_TYPE to vault"),
            "{error}"
        );
        assert!(matches!(resolved(&[(name, ""), ("VAULT_TOKEN", "t")], &[]).unwrap().backend, Backend::Env(_)));
        let typed = resolved(&[(name, "https://a"), ("VAULT_TOKEN", "t")], &[("SECRET_MANAGER_TYPE", "vault")]);
        assert!(matches!(typed.unwrap().backend, Backend::Vault(_)));
    }
}

#[test]
fn a_timeout_of_zero_means_no_limit() {
    for zero in ["0", "0s"] {
        assert_eq!(vault(&[("VAULT_CLIENT_TIMEOUT", zero)], &[]).unwrap().timeout, Duration::MAX);
    }
}

#[test]
fn missing_settings_have_the_message_of_the_python_manager() {
    let missing = |variables: &[(&str, &str)]| {
        let error = resolved(&[("SECRET_MANAGER_TYPE", "vault")], variables).unwrap_err();
        assert_eq!(error.status(), Status::Config);
        error.message().to_owned()
    };
    assert!(missing(&[]).starts_with("VAULT_ADDR environment variable or vault_addr parameter is required"));
    assert!(
        missing(&[("VAULT_ADDR", "https://a")])
            .starts_with("Either VAULT_TOKEN or both VAULT_ROLE_ID and VAULT_SECRET_ID must be set")
    );
}

#[test]
fn an_option_takes_precedence_over_its_variable_and_may_be_empty() {
    assert_eq!(
        vault(&[("VAULT_NAMESPACE", "a")], &[("VAULT_NAMESPACE", "b")]).unwrap().namespace.as_deref(),
        Some("a")
    );
    assert_eq!(vault(&[("VAULT_NAMESPACE", "")], &[("VAULT_NAMESPACE", "b")]).unwrap().namespace, None);
    assert_eq!(vault(&[("VAULT_MOUNT", "")], &[("VAULT_MOUNT", "kv")]).unwrap().mount, "secret");
    assert_eq!(vault(&[("VAULT_NAMESPACE", "a")], &[("BAO_NAMESPACE", "b")]).unwrap().namespace.as_deref(), Some("a"));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let config =
        vault(&[], &[("VAULT_MOUNT", ""), ("BAO_ADDR", ""), ("VAULT_AGENT_ADDR", ""), ("VAULT_CLIENT_CERT", "")]);
    let config = config.unwrap();
    assert_eq!((config.mount.as_str(), config.address_variable), ("secret", "VAULT_ADDR"));
}

#[test]
fn bao_names_take_precedence_within_a_layer() {
    let config = vault(&[], &[("BAO_ADDR", "https://bao:1"), ("BAO_TOKEN", "b")]).unwrap();
    assert_eq!((addresses(&config), config.address_variable), (vec!["https://bao:1".to_owned()], "BAO_ADDR"));
    assert_eq!(token(&config), "b");
    let config = vault(&[("VAULT_MAX_RETRIES", "5"), ("BAO_MAX_RETRIES", "7")], &[]).unwrap();
    assert_eq!(config.max_retries, 7);
}

#[test]
fn every_bao_name_is_an_alias_of_its_vault_name() {
    let aliased: Vec<_> = OPTIONS.iter().filter(|entry| entry.spellings[0].starts_with("BAO_")).collect();
    assert_eq!(aliased.len(), 20);
    for entry in aliased {
        assert_eq!(entry.spellings, [entry.name.replace("VAULT_", "BAO_").as_str(), entry.name]);
    }
}

#[test]
fn the_agent_address_takes_precedence_within_a_layer_only() {
    let config = vault(&[], &[("VAULT_AGENT_ADDR", "http://127.0.0.1:8100")]).unwrap();
    assert_eq!(
        (addresses(&config)[0].as_str(), config.address_variable),
        ("http://127.0.0.1:8100", "VAULT_AGENT_ADDR")
    );
    let config = vault(&[("VAULT_ADDR", "https://mine:1")], &[("VAULT_AGENT_ADDR", "http://127.0.0.1:8100")]).unwrap();
    assert_eq!(addresses(&config), ["https://mine:1"]);
}

#[test]
fn a_group_with_an_option_ignores_the_environment() {
    // Address.
    assert!(refused(&[("VAULT_AGENT_ADDR", "")], &[]).starts_with("VAULT_ADDR environment variable"));
    // Credentials.
    assert!(refused(&[("VAULT_ROLE_ID", "r")], &[]).starts_with("Either VAULT_TOKEN"), "no token of the environment");
    assert!(refused(&[("VAULT_TOKEN", "")], &[("VAULT_ROLE_ID", "r")]).starts_with("Either VAULT_TOKEN"));
    let config = vault(&[("VAULT_TOKEN", "mine")], &[("VAULT_AUTH_METHOD", "approle")]).unwrap();
    assert_eq!(token(&config), "mine");
    // CA.
    let config = vault(&[("VAULT_CAPATH", "/cas")], &[("VAULT_CACERT", "/ca.pem")]).unwrap();
    assert!(matches!(&config.tls.roots, Roots::Directory(path) if path.value == Path::new("/cas")));
    let config = vault(&[("VAULT_CACERT_BYTES", "")], &[("VAULT_CACERT", "/ca.pem")]).unwrap();
    assert!(matches!(config.tls.roots, Roots::System { .. }));
    // Client certificate and key.
    assert!(refused(&[("VAULT_CLIENT_CERT", "/c")], &[("VAULT_CLIENT_KEY", "/k")]).starts_with("VAULT_CLIENT_CERT"));
    // Proxy.
    assert!(vault(&[("NO_PROXY", "x")], &[("VAULT_PROXY_ADDR", "http://p:1")]).unwrap().proxy.is_none());
    // An option of a group does not affect settings outside the group.
    assert_eq!(vault(&[("VAULT_TOKEN", "mine")], &[("VAULT_MOUNT", "kv")]).unwrap().mount, "kv");
}

#[test]
fn each_group_has_its_documented_members() {
    let members = |group| OPTIONS.iter().filter(|entry| entry.group == group).count();
    let counts = [Group::Address, Group::Credentials, Group::Ca, Group::ClientCertificate, Group::Proxy].map(members);
    assert_eq!(counts, [2, 16, 3, 2, 5]);
}

#[test]
fn isolated_options_ignore_the_environment() {
    let mut options = Options::new_isolated();
    options.set("SECRET_MANAGER_TYPE", "vault").unwrap();
    let error = resolve(&options, &FixedEnvironment::new(&VAULT)).unwrap_err();
    assert!(error.message().starts_with("VAULT_ADDR environment variable"));
    let config = resolve(&Options::new_isolated(), &FixedEnvironment::new(&VAULT)).unwrap();
    assert!(matches!(config.backend, Backend::Env(EnvConfig { isolated: true, .. })));
    assert!(config.warnings.is_empty());
}

#[test]
fn an_invalid_boolean_is_an_error_that_names_it() {
    for name in ["VAULT_SKIP_VERIFY", "VAULT_DISABLE_REDIRECTS", "VAULT_SRV_LOOKUP"] {
        let alias = name.replace("VAULT_", "BAO_");
        for wrong in ["yes", "on", "tRuE", "TRUE ", "2"] {
            assert!(refused(&[], &[(name, wrong)]).starts_with(name), "{name}={wrong}");
            assert!(refused(&[(&alias, wrong)], &[]).starts_with(&alias), "{alias}={wrong}");
        }
    }
}

#[test]
fn an_invalid_value_is_an_error_that_names_its_variable() {
    let wrong = [
        ("VAULT_ADDR", "vault:8200"),
        ("VAULT_TOKEN", "t\n"),
        ("VAULT_LOG_LEVEL", "loud"),
        ("VAULT_MOUNT", "a//b"),
        ("VAULT_NAMESPACE", "a/../b"),
        ("VAULT_PATH_PREFIX", "."),
        ("VAULT_AUTH_METHOD", "magic"),
        ("VAULT_TLS_SERVER_NAME", "https://a"),
        ("VAULT_CLIENT_TIMEOUT", "soon"),
        ("VAULT_MAX_RETRIES", "-1"),
        ("VAULT_MAX_CONNECTION_AGE", "old"),
        ("VAULT_LIST_CONCURRENCY", "0"),
        ("VAULT_RATE_LIMIT", "fast"),
        ("VAULT_HEADERS", "X: y"),
        ("VAULT_PROXY_ADDR", "socks5://p:1"),
        ("VAULT_CLIENT_KEY", "/k"),
    ];
    for (name, value) in wrong {
        assert!(refused(&[], &[(name, value)]).starts_with(name), "{name}={value}");
    }
    assert_eq!(resolved(&[("SECRET_MANAGER_ENV_PREFIX", "a-b")], &[]).unwrap_err().status(), Status::Config);
}

#[test]
fn values_reach_the_configuration() {
    let config = vault(
        &[],
        &[
            ("VAULT_MOUNT", "/team/kv/"),
            ("VAULT_DATA_KEY_MAX_AGE", "1m"),
            ("VAULT_DATA_KEY_MAX_USES", "7"),
            ("VAULT_NAMESPACE", "ns1/"),
            ("VAULT_PATH_PREFIX", "/apps/web/"),
            ("VAULT_CACERT", "/ca.pem"),
            ("VAULT_CACERT_BYTES", "PEM"),
            ("VAULT_CLIENT_CERT", "/c.pem"),
            ("VAULT_CLIENT_KEY", "/k.pem"),
            ("VAULT_TLS_SERVER_NAME", "Vault.Internal"),
            ("VAULT_CLIENT_TIMEOUT", "1m30s"),
            ("VAULT_MAX_RETRIES", "0"),
            ("VAULT_MAX_CONNECTION_AGE", "0"),
            ("VAULT_LIST_CONCURRENCY", "16"),
            ("VAULT_RATE_LIMIT", "10:20"),
            ("VAULT_HEADERS", r#"{"X-Team": "payments"}"#),
            ("VAULT_SRV_LOOKUP", "1"),
            ("VAULT_DISABLE_REDIRECTS", "True"),
            ("HTTPS_PROXY", "proxy:3128"),
        ],
    )
    .unwrap();
    assert_eq!((config.mount.as_str(), config.namespace.as_deref()), ("team/kv", Some("ns1")));
    assert_eq!((config.path_prefix.as_deref(), config.timeout), (Some("apps/web"), Duration::from_secs(90)));
    assert!(
        matches!(&config.tls.roots, Roots::File(path) if path.value == Path::new("/ca.pem")),
        "the file is the strongest"
    );
    let identity = config.tls.identity.unwrap();
    assert_eq!(
        (identity.certificate.value.as_path(), identity.key.value.as_path()),
        (Path::new("/c.pem"), Path::new("/k.pem"))
    );
    assert_eq!(config.tls.server_name.unwrap().value, "vault.internal");
    assert_eq!((config.max_retries, config.max_connection_age, config.list_concurrency), (0, Duration::ZERO, 16));
    assert_eq!((config.data_keys.max_age, config.data_keys.max_uses), (Duration::from_secs(60), 7));
    assert_eq!(config.rate_limit, Some(RateLimit { rate: 10.0, burst: 20 }));
    assert_eq!((config.headers[0].0.as_str(), config.headers[0].1.expose_secret()), ("X-Team", "payments"));
    assert!(config.srv_lookup && config.disable_redirects);
    assert_eq!(config.proxy.unwrap().variable, "HTTPS_PROXY");
}

#[test]
fn a_setting_keeps_the_name_under_which_it_was_set() {
    let with = |variables: &[(&str, &str)]| vault(&[], variables).unwrap().tls;
    for name in ["CACERT", "CACERT_BYTES", "CAPATH"] {
        for name in [format!("VAULT_{name}"), format!("BAO_{name}")] {
            assert_eq!(with(&[(&name, "x")]).roots.variable(), name);
        }
    }
    let identity = with(&[("BAO_CLIENT_CERT", "/c"), ("VAULT_CLIENT_KEY", "/k")]).identity.unwrap();
    assert_eq!((identity.certificate.variable, identity.key.variable), ("BAO_CLIENT_CERT", "VAULT_CLIENT_KEY"));
    assert_eq!(with(&[("BAO_TLS_SERVER_NAME", "a")]).server_name.unwrap().variable, "BAO_TLS_SERVER_NAME");
    assert!(refused(&[], &[("BAO_CLIENT_CERT", "/c")]).starts_with("BAO_CLIENT_CERT is set without"));
    assert!(refused(&[], &[("BAO_CLIENT_KEY", "/k")]).starts_with("BAO_CLIENT_KEY is set without"));
    let warnings = resolved(&[("BAO_SKIP_VERIFY", "true")], &VAULT).unwrap().warnings;
    assert!(warnings[0].starts_with("BAO_SKIP_VERIFY is on"), "{warnings:?}");
}

#[test]
fn skipped_verification_and_plain_http_to_another_host_are_warned_about() {
    let warnings = |set: &[(&str, &str)]| resolved(set, &VAULT).unwrap().warnings;
    assert!(warnings(&[("VAULT_SKIP_VERIFY", "true")])[0].starts_with("VAULT_SKIP_VERIFY is on"));
    for address in ["http://vault:8200", "https://a,http://10.0.0.1:8200", "http://0.0.0.0"] {
        assert!(warnings(&[("VAULT_ADDR", address)])[0].contains("plain http"), "{address}");
    }
    for address in ["https://vault", "http://localhost:8200", "http://127.0.0.1", "http://[::1]:8200", "unix:///s"] {
        assert!(warnings(&[("VAULT_ADDR", address)]).is_empty(), "{address}");
    }
}

#[test]
fn a_variable_that_is_not_utf_8_is_an_error_only_if_it_is_used() {
    let mut environment = FixedEnvironment::new(&VAULT);
    environment.0.push(("VAULT_NAMESPACE".into(), OsString::from_vec(vec![b'a', 0xff])));
    let error = resolve(&Options::new(), &environment).unwrap_err();
    assert_eq!(error.status(), Status::Config);
    assert!(error.message().starts_with("VAULT_NAMESPACE is not valid UTF-8"));
    assert!(resolve(&options(&[("VAULT_NAMESPACE", "a")]), &environment).is_ok());
}

#[test]
fn the_debug_output_of_a_configuration_holds_no_credential() {
    let config = resolved(
        &[("VAULT_TOKEN", "CANARY"), ("VAULT_HEADERS", r#"{"Authorization": "CANARY"}"#)],
        &[VAULT[0], VAULT[1], ("HTTPS_PROXY", "http://u:CANARY@p:1")],
    );
    assert!(!format!("{:?}", config.unwrap()).contains("CANARY"));
}

#[test]
fn a_log_sink_can_be_set_and_removed() {
    struct Nowhere;
    impl LogSink for Nowhere {
        fn log(&self, _: Level, _: &std::ffi::CStr) {}
    }
    let mut options = Options::new();
    assert!(options.log_sink().is_none());
    options.set_log_sink(Some((Arc::new(Nowhere), LevelFilter::Info)));
    assert_eq!(options.log_sink().map(|(_, level)| *level), Some(LevelFilter::Info));
    options.set_log_sink(None);
    assert!(options.log_sink().is_none());
}

#[test]
fn every_spelling_of_the_table_can_be_set() {
    let mut options = Options::new();
    for spelling in table::OPTIONS.iter().flat_map(|entry| entry.spellings) {
        options.set(spelling, "x").unwrap();
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_known_one() {
    let error = Options::new().set("VAULT_ADR", "http://127.0.0.1").unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("\"VAULT_ADR\"") && error.message().contains("did you mean VAULT_ADDR?"));
    assert!(Options::new().set("", "x").is_err());
    assert!(Options::new().set("VAULT_ADDR ", "x").is_err());
}

#[test]
fn a_token_passed_as_the_name_is_not_in_the_message() {
    let error = Options::new().set("hvs.CANARY", "VAULT_TOKEN").unwrap_err();
    assert!(!error.message().contains("CANARY"), "{error}");
}

#[test]
fn debug_shows_names_and_no_values() {
    let mut options = Options::new_isolated();
    options.set("VAULT_TOKEN", "hvs.CANARY").unwrap();
    let shown = format!("{options:?}");
    assert!(shown.contains("VAULT_TOKEN") && !shown.contains("CANARY"), "{shown}");
}
