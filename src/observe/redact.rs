//! What a peer repeats of a request: servers and gateways quote what they refuse, and no message may hold a secret.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands in a message in a secret's place.
const REDACTED: &str = "[redacted]";

/// A shorter text stands in some sentence by chance, and tells nothing.
const SHORTEST: usize = 4;

/// The secrets of a request: the values of its headers, and every string and number in its JSON body.
pub fn secrets<'a>(headers: impl Iterator<Item = &'a str>, body: Option<&[u8]>) -> Box<[SecretString]> {
    let mut found: Vec<SecretString> = headers.map(SecretString::from).collect();
    if let Some(body) = body.and_then(|body| serde_json::from_slice(body).ok()) {
        collect(body, &mut found);
    }
    found.retain(|secret| secret.expose_secret().len() >= SHORTEST);
    // One secret may be a part of another, whose rest would show.
    found.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    found.into_boxed_slice()
}

fn collect(value: Value, found: &mut Vec<SecretString>) {
    match value {
        Value::String(text) => found.push(SecretString::from(text)),
        Value::Array(items) => items.into_iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.into_iter().for_each(|(_, field)| collect(field, found)),
        Value::Number(number) => found.push(SecretString::from(number.to_string())),
        Value::Null | Value::Bool(_) => {}
    }
}

/// `text` without `secrets`, whether they stand in it as they are or as JSON writes them.
pub fn redacted(text: &str, secrets: &[SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let plain = secret.expose_secret();
        if plain.len() > text.len() {
            continue;
        }
        for form in [plain, &as_json(plain)] {
            if text.contains(form) {
                text = text.replace(form, REDACTED);
            }
        }
    }
    text
}

fn as_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(body: &str, text: &str) -> String {
        redacted(text, &secrets(["hvs.TOKEN", ""].into_iter(), Some(body.as_bytes())))
    }

    #[test]
    fn what_a_request_held_is_taken_out_of_a_text() {
        let body = r#"{"options":{"cas":1},"data":{"value":"a\"b\nCANARY","metadata":{"owner":"billing"},"n":12345}}"#;
        assert_eq!(quoted(body, "token hvs.TOKEN of billing"), "token [redacted] of [redacted]");
        assert_eq!(quoted(body, "bad value: a\"b\nCANARY."), "bad value: [redacted].");
        assert_eq!(quoted(body, &format!("refused: {body}")).matches("CANARY").count(), 0);
        assert_eq!(quoted(body, "1 error occurred: permission denied"), "1 error occurred: permission denied");
    }

    #[test]
    fn a_secret_inside_of_another_one_leaves_no_rest() {
        let body = r#"{"data":{"value":"CANARY-tail","other":"CANARY"}}"#;
        assert_eq!(quoted(body, "echo CANARY-tail"), "echo [redacted]");
    }

    #[test]
    fn a_short_text_is_no_reason_to_cut_words_out_of_a_message() {
        assert_eq!(quoted(r#"{"data":{"value":"err"}}"#, "1 error occurred"), "1 error occurred");
    }
}
