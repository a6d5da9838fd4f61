//! Reads certificates and keys in PEM form, and recognises files in other formats.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The beginning of each section.
const BEGIN: &str = "-----BEGIN ";

/// The first line of a certificate.
const BEGIN_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// Whether `text` contains the beginning of a certificate.
pub fn holds_certificate(text: &[u8]) -> bool {
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
        .any(|line| line.trim_ascii_start().starts_with(BEGIN_CERTIFICATE.as_bytes()))
}

/// All certificates in `text`. `subject` names the text in messages.
pub fn certificates(text: &[u8], subject: &str) -> Result<Vec<CertificateDer<'static>>> {
    let lines = lines(text, subject, "certificate")?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(lines.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| Error::config(format!("{subject} is not valid PEM")))?;
    if found.is_empty() || found.len() != lines.matches(BEGIN_CERTIFICATE).count() {
        return Err(nothing_usable(&lines, subject, "certificate"));
    }
    Ok(found)
}

/// The first private key in `text`.
pub fn private_key(text: &[u8], subject: &str) -> Result<PrivateKeyDer<'static>> {
    let lines = lines(text, subject, "private key")?;
    if lines.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || lines.contains("\nProc-Type: 4,ENCRYPTED") {
        let advice = "write it without a passphrase, with \"openssl pkey -in <old> -out <new>\"";
        return Err(Error::config(format!("{subject} holds an encrypted private key; {advice}")));
    }
    PrivateKeyDer::from_pem_slice(lines.as_bytes()).map_err(|_| nothing_usable(&lines, subject, "private key"))
}

/// Removes what editors and orchestrators add: a byte order mark, blanks around lines, `\n` instead of line ends.
/// Refuses other formats.
fn lines(text: &[u8], subject: &str, wanted: &str) -> Result<Zeroizing<String>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if let Some(format) = other_format(text) {
        return Err(Error::config(format!("{subject} {}", format.advice(wanted))));
    }
    // A comment may hold a name that is not UTF-8. Sections are ASCII.
    let mut plain = Zeroizing::new(String::with_capacity(text.len() + 1));
    let one_line = !text.trim_ascii().iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    let escaped = |at: usize| one_line && text.get(at..at + 2) == Some(b"\\n");
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let ends = matches!(byte, b'\n' | b'\r') || escaped(at);
        if ends || byte == b'\t' || byte == b' ' {
            at += if escaped(at) { 2 } else { 1 };
            match plain.as_bytes().last() {
                None | Some(b'\n') => {}
                Some(b' ') if !ends => {}
                Some(b' ') => {
                    plain.pop();
                    plain.push('\n');
                }
                Some(_) => plain.push(if ends { '\n' } else { ' ' }),
            }
        } else {
            plain.push(if byte.is_ascii() { char::from(byte) } else { '?' });
            at += 1;
        }
    }
    Ok(plain)
}

/// Formats that are often found instead of PEM.
#[derive(Clone, Copy)]
enum Format {
    Der,
    Pkcs12,
    JavaKeyStore,
    Utf16,
    Html,
}

fn other_format(text: &[u8]) -> Option<Format> {
    let has_nul = text.get(..64.min(text.len())).is_some_and(|head| head.contains(&0));
    match text {
        [0xff, 0xfe, ..] => Some(Format::Utf16),
        [0xfe, 0xff, ..] => Some(Format::Utf16),
        [0xfe, 0xed, 0xfe, 0xed, ..] => Some(Format::JavaKeyStore),
        // A sequence that begins with the integer 3, after a length of one, two or three bytes.
        [0x30, 0x80..=0x84, rest @ ..] if rest.windows(3).take(4).any(|bytes| bytes == [2, 1, 3]) => {
            Some(Format::Pkcs12)
        }
        [0x30, 0x80..=0x84, ..] => Some(Format::Der),
        _ if text.trim_ascii_start().starts_with(b"<") => Some(Format::Html),
        [b'-', 0, ..] | [0, b'-', ..] => Some(Format::Utf16),
        _ if has_nul && text.first() == Some(&0x30) => Some(Format::Der),
        _ => None,
    }
}

impl Format {
    /// Names the format and says how to convert it.
    fn advice(self, wanted: &str) -> String {
        let tool = if wanted == "certificate" { "x509" } else { "pkey" };
        match self {
            Format::Der => {
                format!("is DER, not PEM; convert it with \"openssl {tool} -inform der -in <old> -out <new>\"")
            }
            Format::Pkcs12 => {
                let what = if wanted == "certificate" { "-nokeys" } else { "-nocerts -noenc" };
                format!("is PKCS#12, not PEM; convert it with \"openssl pkcs12 -in <old> -out <new> {what}\"")
            }
            Format::JavaKeyStore => {
                "is a Java key store, not PEM; export what it holds with \"keytool -exportcert -rfc\"".to_owned()
            }
            Format::Utf16 => "is UTF-16; save it as UTF-8".to_owned(),
            Format::Html => format!("holds HTML or XML; download the {wanted} itself, in PEM form"),
        }
    }
}

/// The error for a text without a `wanted` section. It says which sections the text has.
fn nothing_usable(lines: &str, subject: &str, wanted: &str) -> Error {
    let mut labels: Vec<&str> = lines
        .lines()
        .filter_map(|line| line.strip_prefix(BEGIN)?.strip_suffix("-----"))
        .filter(|label| {
            label.len() < 40 && label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ')
        })
        .collect();
    labels.dedup();
    let own: &[&str] = match wanted {
        "certificate" => &["CERTIFICATE"],
        _ => &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"],
    };
    match labels.as_slice() {
        [] => Error::config(format!("{subject} holds no {wanted} in PEM form")),
        labels if labels.iter().any(|label| own.contains(label)) => {
            Error::config(format!("{subject} holds a broken {wanted}; write it anew"))
        }
        labels => Error::config(format!("{subject} holds no {wanted} in PEM form, but {}", labels.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use handsfree_secrets_test_support::Tls;

    use super::*;

    #[test]
    fn texts_are_read_with_the_changes_of_editors_and_orchestrators() {
        let pem = Tls::new().ca_pem();
        let two = format!("{pem}{pem}");
        let spoilt = [
            two.clone(),
            format!("\u{feff}{two}"),
            two.replace('\n', "\r\n"),
            two.replace('\n', "\r"),
            two.trim_end().to_owned(),
            two.trim_end().replace('\n', "\\n"),
            two.lines().map(|line| format!("   {line}\t \n")).collect(),
            format!("# Mül's CA\nsubject: x\n\n{two}\n\n"),
        ];
        for text in spoilt {
            let found = certificates(text.as_bytes(), "X").unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert_eq!(found.len(), 2, "{text}");
            assert!(holds_certificate(two.as_bytes()));
        }
        let latin1 = [b"# M\xfcller\n", pem.as_bytes()].concat();
        assert_eq!(certificates(&latin1, "X").unwrap().len(), 1);
    }

    #[test]
    fn another_format_is_named() {
        let tls = Tls::new();
        let pem = tls.ca_pem();
        let der = certificates(pem.as_bytes(), "X").unwrap().remove(0);
        let key = std::fs::read(tls.client("a").key).unwrap();
        let utf16: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&b"\xff\xfe"[..], &utf16].concat();
        let trusted = pem.replace("BEGIN CERT", "BEGIN TRUSTED CERT").replace("END CERT", "END TRUSTED CERT");
        for (text, expected) in [
            (&der[..], "X is DER, not PEM"),
            (b"\x30\x82\x09\x51\x02\x01\x03\x30\x82", "X is PKCS#12, not PEM"),
            (b"\xfe\xed\xfe\xed\x00\x00", "X is a Java key store"),
            (&utf16, "X is UTF-16"),
            (&marked, "X is UTF-16"),
            (b" <!DOCTYPE html><html>CANARY", "X holds HTML or XML"),
            (&key, "X holds no certificate in PEM form, but PRIVATE KEY"),
            (trusted.as_bytes(), "X holds no certificate in PEM form, but TRUSTED CERTIFICATE"),
            (b"CANARY", "X holds no certificate in PEM form"),
            (b"", "X holds no certificate in PEM form"),
        ] {
            let error = certificates(text, "X").unwrap_err();
            assert!(error.message().starts_with(expected) && !error.message().contains("CANARY"), "{error}");
        }
        for (text, expected) in [
            (pem.as_bytes(), "X holds no private key in PEM form, but CERTIFICATE"),
            (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n", "X holds an encrypted private key; "),
            (b"-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n", "X holds an encrypted private key; "),
            (
                b"-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n-----END OPENSSH PRIVATE KEY-----\n",
                "X holds no private key in PEM form, but OPENSSH",
            ),
            (b"-----BEGIN PRIVATE KEY-----\nCANARY!\n-----END PRIVATE KEY-----\n", "X holds a broken private key"),
        ] {
            let error = private_key(text, "X").unwrap_err();
            assert!(error.message().starts_with(expected), "{error}");
        }
        private_key(&key, "X").unwrap();
    }
}
