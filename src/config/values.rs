//! Parses the values of single settings: booleans, numbers, rate limits, names and paths.

use ::log::LevelFilter;
use secrecy::SecretString;

use super::layers::Setting;
use super::settings::{KvVersion, RateLimit};
use crate::error::Result;
use crate::reference::is_printable;

/// Accepts the spellings of the official client and no others: a typo must not switch verification off.
pub(super) fn boolean(setting: &Setting) -> Result<bool> {
    match setting.text() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => {
            Err(setting.error("is not a boolean; write 1, t, T, TRUE, true or True, or 0, f, F, FALSE, false or False"))
        }
    }
}

/// An integer from `least` to `most`, in decimal digits.
pub(super) fn number(setting: &Setting, least: u32, most: u32) -> Result<u32> {
    let text = setting.text();
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits_only && (least..=most).contains(&number) => Ok(number),
        _ => Err(setting.error(format_args!("is not a whole number from {least} to {most}"))),
    }
}

/// `rate[:burst]`: requests per second, and how many may be sent at once. The default burst is the integer part of the
/// rate.
pub(super) fn rate_limit(setting: &Setting) -> Result<RateLimit> {
    let problem = || setting.error("is not a rate limit; write requests a second, or rate:burst such as 10:20");
    let (rate, burst) = match setting.text().split_once(':') {
        Some((rate, burst)) => (rate, Some(burst)),
        None => (setting.text(), None),
    };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate = Some(rate).filter(|rate| plain(rate)).and_then(|rate| rate.parse::<f64>().ok());
    let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0).ok_or_else(problem)?;
    let burst = match burst {
        // The cast saturates.
        None => (rate as u32).max(1),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().map_err(|_| problem())?,
        Some(_) => return Err(problem()),
    };
    if burst == 0 { Err(problem()) } else { Ok(RateLimit { rate, burst }) }
}

/// `off`, `error`, `warn`, `info`, `debug` or `trace`; case-insensitive.
pub(super) fn log_level(setting: &Setting) -> Result<LevelFilter> {
    let problem = || setting.error("is not a log level; write off, error, warn, info, debug or trace");
    setting.text().parse().map_err(|_| problem())
}

/// `auto` (`None`), `1` or `2`.
pub(super) fn kv_version(setting: &Setting) -> Result<Option<KvVersion>> {
    match setting.text() {
        "auto" => Ok(None),
        "1" => Ok(Some(KvVersion::V1)),
        "2" => Ok(Some(KvVersion::V2)),
        _ => Err(setting.error("is not a version of the KV engine; write auto, 1 or 2")),
    }
}

/// A token, which must be a valid header value. A common mistake is a line break at its end.
pub(super) fn token(setting: Setting) -> Result<SecretString> {
    if setting.text().bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        Ok(setting.into_secret())
    } else {
        Err(setting
            .error("contains blanks or characters that are not printable ASCII (a line break?); set the token alone"))
    }
}

/// A path on the server, such as a mount: slashes at its ends are removed, its segments are checked. Empty for `/`.
pub(super) fn server_path(setting: &Setting) -> Result<String> {
    let path = setting.text().trim_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    if path.trim() != path {
        return Err(setting.error("begins or ends with a blank, which was most likely copied along"));
    }
    if !path.chars().all(is_printable) {
        return Err(setting.error("holds characters that are not printable; Vault takes no such path"));
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(setting.error("holds an empty segment, '.' or '..'; write it as Vault lists it"));
    }
    Ok(path.to_owned())
}

/// A path on the server that is not empty.
pub(super) fn mount(setting: &Setting) -> Result<String> {
    let path = server_path(setting)?;
    if path.is_empty() { Err(setting.error("names no mount; give its path without slashes")) } else { Ok(path) }
}

/// A namespace, which must be a valid header value; `None` for the root namespace.
pub(super) fn namespace(setting: &Setting) -> Result<Option<String>> {
    let path = server_path(setting)?;
    if path.is_ascii() {
        Ok(Some(path).filter(|path| !path.is_empty()))
    } else {
        Err(setting.error("holds characters outside ASCII, which no header can carry"))
    }
}

/// The start of a variable name: `[A-Z_][A-Z0-9_]*`.
pub(super) fn variable_prefix(setting: &Setting) -> Result<String> {
    let text = setting.text();
    let allowed = text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    if allowed && !text.starts_with(|first: char| first.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(setting.error("is not the start of a variable's name; write A-Z, 0-9 and '_', no digit first"))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::error::Status;

    fn of(text: &str) -> Setting {
        Setting::of("VAULT_X", text)
    }

    fn is_config_error<T>(result: Result<T>) -> bool {
        result.is_err_and(|error| error.status() == Status::Config && error.message().starts_with("VAULT_X "))
    }

    #[test]
    fn booleans_have_the_spellings_of_the_official_client() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert!(boolean(&of(text)).unwrap(), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert!(!boolean(&of(text)).unwrap(), "{text}");
        }
        for text in ["yes", "no", "on", "off", "tRUE", "ture", " true", "true ", "2", "-1", "01", "y", "n", "nil"] {
            assert!(is_config_error(boolean(&of(text))), "{text}");
        }
    }

    #[test]
    fn numbers_are_digits_within_bounds() {
        assert_eq!(number(&of("0"), 0, 10).unwrap(), 0);
        assert_eq!(number(&of("10"), 0, 10).unwrap(), 10);
        for text in ["11", "-1", "+1", "1.0", "x", " 1", "99999999999"] {
            assert!(is_config_error(number(&of(text), 0, 10)), "{text}");
        }
    }

    #[test]
    fn the_default_burst_is_the_integer_part_of_the_rate() {
        let limit = |text| rate_limit(&of(text)).unwrap();
        assert_eq!(limit("10"), RateLimit { rate: 10.0, burst: 10 });
        assert_eq!(limit("2.5:7"), RateLimit { rate: 2.5, burst: 7 });
        assert_eq!(limit("0.5"), RateLimit { rate: 0.5, burst: 1 });
        for text in ["0", "-1", "x", "1:", ":1", "1:0", "1:-1", "1:2:3", "inf", "NaN", "1e5", "1:x", "."] {
            assert!(is_config_error(rate_limit(&of(text))), "{text}");
        }
    }

    #[test]
    fn log_levels_are_case_insensitive() {
        assert_eq!(log_level(&of("off")).unwrap(), LevelFilter::Off);
        assert_eq!(log_level(&of("WARN")).unwrap(), LevelFilter::Warn);
        assert_eq!(log_level(&of("trace")).unwrap(), LevelFilter::Trace);
        for text in ["verbose", "1", "warning", " debug"] {
            assert!(is_config_error(log_level(&of(text))), "{text}");
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_an_error_that_does_not_show_it() {
        assert_eq!(token(of("hvs.abc")).unwrap().expose_secret(), "hvs.abc");
        for text in ["hvs.CANARY\n", "\nhvs.CANARY", "hvs.CAN\tARY", "hvs.CANARY\u{200b}", "hvs.CANARYü", "CANARY\0"] {
            let error = token(of(text)).unwrap_err();
            assert_eq!(error.status(), Status::Config);
            assert!(!error.message().contains("CAN"), "{error}");
        }
    }

    #[test]
    fn server_paths_are_trimmed_and_their_segments_checked() {
        assert_eq!(mount(&of("/team/kv/")).unwrap(), "team/kv");
        assert_eq!(mount(&of("my.kv_2")).unwrap(), "my.kv_2");
        assert_eq!(namespace(&of("a/b/")).unwrap().as_deref(), Some("a/b"));
        assert_eq!(namespace(&of("/")).unwrap(), None);
        for text in ["/", "a//b", "a/../b", ".", "a/./b", "a\nb", "a\u{200b}"] {
            assert!(is_config_error(mount(&of(text))), "{text:?}");
        }
        assert!(is_config_error(namespace(&of("tëam"))));
        assert!(is_config_error(namespace(&of("a\r\nX-Vault-Token: x"))));
    }

    #[test]
    fn a_variable_prefix_is_the_start_of_a_valid_name() {
        assert_eq!(variable_prefix(&of("_APP_2_")).unwrap(), "_APP_2_");
        for text in ["2APP", "app_", "APP-", "APP ", "Ä"] {
            assert!(is_config_error(variable_prefix(&of(text))), "{text}");
        }
    }
}
