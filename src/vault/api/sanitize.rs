//! The parts of a response that a message may show.

use super::response::Response;
use crate::http::header;

/// The most characters of a server's error text that a message repeats.
const MAX_TEXT: usize = 300;

/// The media type of a response if it is a usual one. Others are not repeated, since they could hold anything.
pub fn media_type(response: &Response) -> Option<&'static str> {
    const USUAL: [&str; 12] = [
        "application/json",
        "text/html",
        "text/plain",
        "application/xml",
        "text/xml",
        "application/xhtml+xml",
        "application/problem+json",
        "application/octet-stream",
        "application/grpc",
        "application/javascript",
        "text/javascript",
        "text/event-stream",
    ];
    let name = response.header(&header::CONTENT_TYPE)?.split(';').next()?.trim();
    let usual = USUAL.into_iter().find(|usual| usual.eq_ignore_ascii_case(name));
    Some(usual.unwrap_or("an unusual content type"))
}

/// The status, and the media type if there is one.
pub fn status_and_type(status: u16, content_type: Option<&str>) -> String {
    match content_type {
        Some(content_type) => format!("HTTP {status}, {content_type}"),
        None => format!("HTTP {status}"),
    }
}

/// The status and the media type of a response.
#[cold]
pub fn described(response: &Response) -> String {
    status_and_type(response.status, media_type(response))
}

/// The target of a redirect, without user information and query, which may hold secrets.
#[cold]
pub fn shown_location(response: &Response) -> Option<String> {
    let location = response.header(&header::LOCATION)?;
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let place = location.get(..end)?;
    let (scheme, rest) = place.split_once("://").unwrap_or(("", place));
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
    let host = authority.rsplit('@').next()?;
    let separator = if scheme.is_empty() { "" } else { "://" };
    Some(one_line(&response.redacted(&format!("{scheme}{separator}{host}{path}"))))
}

/// A short body that is neither JSON nor HTML, such as the text that Go sends to plain HTTP on a TLS port. Else empty.
pub fn plain_text(response: &Response) -> &str {
    let html_or_json = |c: &u8| matches!(c, b'<' | b'{' | b'[');
    let text = std::str::from_utf8(&response.body).unwrap_or_default();
    let first = response.body.iter().find(|c| !c.is_ascii_whitespace());
    if first.is_some_and(html_or_json) || text.len() > MAX_TEXT { "" } else { text }
}

/// `text` on one line, without control characters and cut to `MAX_TEXT` characters.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_TEXT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_recognised_in_any_case_with_parameters_and_no_other_is_repeated() {
        let shown = |content_type: &'static [u8]| {
            let value = crate::http::HeaderValue::from_bytes(content_type).unwrap();
            let mut response = Response::for_tests(404, "");
            response.headers.insert(header::CONTENT_TYPE, value);
            media_type(&response)
        };
        assert_eq!(shown(b" text/HTML ; charset=utf-8"), Some("text/html"));
        assert_eq!(shown(b"application/json"), Some("application/json"));
        for other in [&b"text/hvs.CANARY"[..], b""] {
            assert_eq!(shown(other), Some("an unusual content type"));
        }
    }
}
