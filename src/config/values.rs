//! The values of single settings: texts to numbers, durations, names.

use std::collections::BTreeMap;
use std::time::Duration;

use ::log::LevelFilter;
use secrecy::SecretString;
use serde_json::value::RawValue;

use super::layers::Setting;
use super::settings::RateLimit;
use crate::error::Result;
use crate::reference::is_printable;

/// The spellings that the official client takes, and no others: a typo must not switch verification off.
pub(super) fn boolean(setting: &Setting) -> Result<bool> {
    match setting.text() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(setting.error("is no boolean; write 1, t, T, TRUE, true or True, or 0, f, F, FALSE, false or False")),
    }
}

/// A whole number from `least` to `most`, in plain digits.
pub(super) fn number(setting: &Setting, least: u32, most: u32) -> Result<u32> {
    let text = setting.text();
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits_only && (least..=most).contains(&number) => Ok(number),
        _ => Err(setting.error(format_args!("is no whole number from {least} to {most}"))),
    }
}

/// Whole seconds, or what Go's `time.ParseDuration` reads, such as `1m30s`, and days, which the official client reads
/// too; not negative.
pub(super) fn duration(setting: &Setting) -> Result<Duration> {
    let text = setting.text();
    let duration = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().map(Duration::from_secs)
    } else {
        go_duration(text)
    };
    let longest = Duration::from_nanos(i64::MAX as u64);
    duration.filter(|&duration| duration <= longest).ok_or_else(|| {
        setting.error("is no duration; write seconds, or numbers with a unit such as 90s, 1m30s, 500ms or 1d")
    })
}

/// `[+](number unit)+`: the number with or without a fraction, the unit from ns to d.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds: u128 = 0;
    while !rest.is_empty() {
        let (term, behind) = go_duration_term(rest)?;
        nanoseconds = nanoseconds.checked_add(term)?;
        rest = behind;
    }
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

/// The first number with its unit, in nanoseconds, and what stands behind them.
fn go_duration_term(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|character: char| character == '.' || character.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(end)?;
    let unit = unit_nanoseconds(unit)?;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // Digits beyond the eighteenth are less than a nanosecond of any unit.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let numerator = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let part = numerator * unit / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some((u128::from(whole) * unit + part, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn unit_nanoseconds(unit: &str) -> Option<u128> {
    match unit {
        "ns" => Some(1),
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60 * 1_000_000_000),
        "h" => Some(3_600 * 1_000_000_000),
        "d" => Some(24 * 3_600 * 1_000_000_000),
        _ => None,
    }
}

/// `rate[:burst]`: requests a second, and how many may go out at once; without a burst, the rate's whole part.
pub(super) fn rate_limit(setting: &Setting) -> Result<RateLimit> {
    let problem = || setting.error("is no rate limit; write requests a second, or rate:burst such as 10:20");
    let (rate, burst) = match setting.text().split_once(':') {
        Some((rate, burst)) => (rate, Some(burst)),
        None => (setting.text(), None),
    };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate = Some(rate).filter(|rate| plain(rate)).and_then(|rate| rate.parse::<f64>().ok());
    let rate = rate.filter(|rate| rate.is_finite() && *rate > 0.0).ok_or_else(problem)?;
    let burst = match burst {
        // A float that is too large for the number becomes the largest one.
        None => (rate as u32).max(1),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().map_err(|_| problem())?,
        Some(_) => return Err(problem()),
    };
    if burst == 0 { Err(problem()) } else { Ok(RateLimit { rate, burst }) }
}

/// `off`, `error`, `warn`, `info`, `debug` or `trace`; case does not matter.
pub(super) fn log_level(setting: &Setting) -> Result<LevelFilter> {
    let problem = || setting.error("is no log level; write off, error, warn, info, debug or trace");
    setting.text().parse().map_err(|_| problem())
}

/// A token as it may stand in a header. The usual mistake is a line break at its end.
pub(super) fn token(setting: Setting) -> Result<SecretString> {
    if setting.text().bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(setting.into_secret())
    } else {
        Err(setting.error("contains characters that are not printable ASCII (a line break?); set the token alone"))
    }
}

/// A path of the server, such as a mount: slashes at its ends are cut off, segments checked. Empty for `/` alone.
pub(super) fn server_path(setting: &Setting) -> Result<String> {
    let path = setting.text().trim_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    if !path.chars().all(is_printable) {
        return Err(setting.error("holds characters that are not printable; Vault takes no such path"));
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(setting.error("holds an empty segment, '.' or '..'; write it as Vault lists it"));
    }
    Ok(path.to_owned())
}

/// A path of the server that cannot be empty.
pub(super) fn mount(setting: &Setting) -> Result<String> {
    let path = server_path(setting)?;
    if path.is_empty() { Err(setting.error("names no mount; give its path without slashes")) } else { Ok(path) }
}

/// A namespace as it may stand in a header; `None` for the root namespace.
pub(super) fn namespace(setting: &Setting) -> Result<Option<String>> {
    let path = server_path(setting)?;
    if path.is_ascii() {
        Ok(Some(path).filter(|path| !path.is_empty()))
    } else {
        Err(setting.error("holds characters outside ASCII, which no header can carry"))
    }
}

/// `[A-Z_][A-Z0-9_]*`.
pub(super) fn variable_prefix(setting: &Setting) -> Result<String> {
    let text = setting.text();
    let allowed = text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    if allowed && !text.starts_with(|first: char| first.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(setting.error("is no start of a variable's name; write A-Z, 0-9 and '_', no digit first"))
    }
}

/// A JSON object of strings, or of arrays of them for a header that is sent more than once; checked so that it can
/// neither break a request nor take over one of our headers.
pub(super) fn headers(setting: &Setting) -> Result<Vec<(String, SecretString)>> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(setting.text())
        .map_err(|_| setting.error("is no JSON object such as {\"X-Team\": \"payments\"}"))?;
    let mut headers = Vec::with_capacity(object.len());
    for (name, value) in object {
        check_header_name(setting, &name)?;
        for value in header_values(value).ok_or_else(|| {
            setting.error(format_args!("gives {name} a value that is neither a string nor an array of strings"))
        })? {
            headers.push((name.clone(), header_value(setting, &name, value)?));
        }
    }
    Ok(headers)
}

fn header_values(json: &RawValue) -> Option<Vec<String>> {
    let json = json.get();
    if json.starts_with('[') { serde_json::from_str(json).ok() } else { Some(vec![serde_json::from_str(json).ok()?]) }
}

fn header_value(setting: &Setting, name: &str, value: String) -> Result<SecretString> {
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        return Err(setting.error(format_args!("gives {name} a value that is not printable ASCII")));
    }
    Ok(SecretString::from(value))
}

/// Headers that are the library's own. Most say where a request ends, and a second opinion about that is how requests
/// are smuggled, or what becomes of the connection behind it. With `expect` and `accept-encoding` the answer would have
/// to be read in another way, `content-type` comes with each body, and what starts with `proxy-` is for a proxy, which
/// hears nothing of what goes through its tunnel.
const OUR_OWN: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the name of an HTTP header consists of (RFC 9110, 5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn check_header_name(setting: &Setting, name: &str) -> Result<()> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(setting.error("has a header name that is empty or holds characters no header name may have"));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("x-vault-") || OUR_OWN.contains(&lower.as_str()) {
        return Err(setting.error(format_args!("sets {lower}, which is the library's own; leave it out")));
    }
    Ok(())
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
    fn booleans_are_the_official_clients_and_a_typo_is_an_error() {
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
    fn durations_are_seconds_or_what_go_reads_or_days() {
        let cases: [(&str, u128); 20] = [
            ("60", 60_000_000_000),
            ("0", 0),
            ("+0", 0),
            ("1m30s", 90_000_000_000),
            ("1h1m1s1ms1us1ns", 3_661_001_001_001),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+5s", 5_000_000_000),
            ("5\u{b5}s", 5_000),
            ("5\u{3bc}s", 5_000),
            ("0.3333333333333333333333s", 333_333_333),
            ("1s1s", 2_000_000_000),
            ("1d", 86_400_000_000_000),
            ("1.5d", 129_600_000_000_000),
            ("2d12h", 216_000_000_000_000),
            ("0.000000001s", 1),
            ("0.0000000001s", 0),
            ("2562047h47m16.854775807s", i64::MAX as u128),
            ("9223372036", 9_223_372_036_000_000_000),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(duration(&of(text)).unwrap().as_nanos(), nanoseconds, "{text}");
        }
        for text in [
            "",
            "s",
            ".",
            ".s",
            "1.5",
            "-5s",
            "-1",
            "5 s",
            "5S",
            "d",
            "-1d",
            "1D",
            "106752d",
            "1w",
            "1e3s",
            "5s ",
            "2562047h47m16.854775808s",
            "9223372037",
            "99999999999999999999",
            "99999999999999999999s",
            "1m30",
            "++1s",
            "1..5s",
            "٣s",
        ] {
            if !text.is_empty() {
                assert!(is_config_error(duration(&of(text))), "{text}");
            }
        }
    }

    #[test]
    fn numbers_are_plain_digits_within_their_bounds() {
        assert_eq!(number(&of("0"), 0, 10).unwrap(), 0);
        assert_eq!(number(&of("10"), 0, 10).unwrap(), 10);
        for text in ["11", "-1", "+1", "1.0", "x", " 1", "99999999999"] {
            assert!(is_config_error(number(&of(text), 0, 10)), "{text}");
        }
    }

    #[test]
    fn a_rate_limit_has_a_burst_or_takes_the_rates_whole_part() {
        let limit = |text| rate_limit(&of(text)).unwrap();
        assert_eq!(limit("10"), RateLimit { rate: 10.0, burst: 10 });
        assert_eq!(limit("2.5:7"), RateLimit { rate: 2.5, burst: 7 });
        assert_eq!(limit("0.5"), RateLimit { rate: 0.5, burst: 1 });
        for text in ["0", "-1", "x", "1:", ":1", "1:0", "1:-1", "1:2:3", "inf", "NaN", "1e5", "1:x", "."] {
            assert!(is_config_error(rate_limit(&of(text))), "{text}");
        }
    }

    #[test]
    fn log_levels_are_the_six_names_in_any_case() {
        assert_eq!(log_level(&of("off")).unwrap(), LevelFilter::Off);
        assert_eq!(log_level(&of("WARN")).unwrap(), LevelFilter::Warn);
        assert_eq!(log_level(&of("trace")).unwrap(), LevelFilter::Trace);
        for text in ["verbose", "1", "warning", " debug"] {
            assert!(is_config_error(log_level(&of(text))), "{text}");
        }
    }

    #[test]
    fn a_token_with_characters_that_no_header_can_carry_is_an_error_that_does_not_show_it() {
        assert_eq!(token(of("hvs.abc")).unwrap().expose_secret(), "hvs.abc");
        for text in ["hvs.CANARY\n", "\nhvs.CANARY", "hvs.CAN\tARY", "hvs.CANARY\u{200b}", "hvs.CANARYü", "CANARY\0"] {
            let error = token(of(text)).unwrap_err();
            assert_eq!(error.status(), Status::Config);
            assert!(!error.message().contains("CAN"), "{error}");
        }
    }

    #[test]
    fn server_paths_lose_the_slashes_at_their_ends_and_keep_to_clean_segments() {
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
    fn a_variable_prefix_is_the_start_of_a_variables_name() {
        assert_eq!(variable_prefix(&of("_APP_2_")).unwrap(), "_APP_2_");
        for text in ["2APP", "app_", "APP-", "APP ", "Ä"] {
            assert!(is_config_error(variable_prefix(&of(text))), "{text}");
        }
    }

    #[test]
    fn headers_are_a_json_object_of_strings() {
        let found = headers(&of(r#"{"X-Team": "payments", "X-Empty": ""}"#)).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(found, [("X-Empty", ""), ("X-Team", "payments")]);
        assert!(headers(&of("{}")).unwrap().is_empty());
    }

    #[test]
    fn a_header_with_several_values_is_kept_once_for_each() {
        let found = headers(&of(r#"{"X-Team": ["payments", "billing"], "X-None": [], "X-One": ["1"]}"#)).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(found, [("X-One", "1"), ("X-Team", "payments"), ("X-Team", "billing")]);
    }

    #[test]
    fn headers_that_would_break_or_take_over_a_request_are_errors_that_show_no_value() {
        for text in [
            "CANARY",
            "[]",
            "null",
            r#"{"X-A": "CANARY""#,
            r#"{"X-A": 1}"#,
            r#"{"X-A": {"X-B": "CANARY"}}"#,
            r#"{"X-A": ["b", 1]}"#,
            r#"{"X-A": ["b", ["CANARY"]]}"#,
            r#"{"X-A": ["b", "CANARY\r\nX-B: 1"]}"#,
            r#"{"X-A": "CANARY\r\nX-B: 1"}"#,
            r#"{"X-A": "CANARYü"}"#,
            r#"{"": "CANARY"}"#,
            r#"{"X A": "CANARY"}"#,
            r#"{"X-Vault-Token": "CANARY"}"#,
            r#"{"x-vault-namespace": "CANARY"}"#,
        ] {
            let error = headers(&of(text)).unwrap_err();
            assert_eq!(error.status(), Status::Config, "{text}");
            assert!(!error.message().contains("CANARY"), "{error}");
        }
        for name in ["Content-Length", "Host", "HOST"].iter().chain(&OUR_OWN) {
            let error = headers(&of(&format!(r#"{{"{name}": "CANARY"}}"#))).unwrap_err();
            let expected = format!("VAULT_X sets {}, which is the library's own; leave it out", name.to_lowercase());
            assert_eq!(error.message(), expected);
        }
    }
}
