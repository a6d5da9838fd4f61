//! Parses durations, such as the value of `VAULT_CLIENT_TIMEOUT`.

use std::time::Duration;

use super::layers::Setting;
use crate::error::Result;

/// Whole seconds, or a duration in the syntax of Go's `time.ParseDuration`, such as `1m30s`. Days are accepted too, as
/// in the official client, and negative durations are not.
pub(super) fn duration(setting: &Setting) -> Result<Duration> {
    let text = setting.text();
    let duration = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().map(Duration::from_secs)
    } else {
        go_duration(text)
    };
    let longest = Duration::from_nanos(i64::MAX as u64);
    duration.filter(|&duration| duration <= longest).ok_or_else(|| {
        setting.error("is not a duration; write seconds, or numbers with a unit such as 90s, 1m30s, 500ms or 1d")
    })
}

/// A duration that something is repeated after: not zero.
pub(super) fn interval(setting: &Setting) -> Result<Duration> {
    let interval = duration(setting)?;
    if interval.is_zero() {
        return Err(setting.error("is zero; write how long to wait between two looks, such as 30s"));
    }
    Ok(interval)
}

/// Parses `[+](number unit)+`: the number may have a fraction, the unit is one from ns to d.
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

/// The first number with its unit, in nanoseconds, and the rest of the text.
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
    // Digits after the eighteenth are less than a nanosecond in every unit.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    #[test]
    fn durations_are_seconds_go_durations_or_days() {
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
            assert_eq!(duration(&Setting::of("VAULT_X", text)).unwrap().as_nanos(), nanoseconds, "{text}");
        }
        for text in [
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
            let error = duration(&Setting::of("VAULT_X", text)).unwrap_err();
            assert!(error.status() == Status::Config && error.message().starts_with("VAULT_X "), "{text}");
        }
    }
}
