//! What stands in front of the encrypted data: the wrapped data key, and the context that it was wrapped with.

use super::segments::StreamHeader;
use crate::error::{Error, Result};

/// The first bytes: "HFE", and the version of the format.
const MAGIC: [u8; 4] = *b"HFE\x01";

/// The limit of the wrapped key, and that of the context. The longest key that a server makes has some 700 bytes.
const LONGEST_FIELD: usize = 4096;

/// Any envelope has its header and its stream header within this length.
pub const LONGEST_BEGINNING: usize = MAGIC.len() + 2 * (2 + LONGEST_FIELD) + size_of::<StreamHeader>();

/// The header of an envelope. The encrypted data do not depend on how the data key is wrapped, so a header can be replaced
/// by one with the same key, wrapped anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The data key, encrypted by the engine: a text such as `vault:v1:…`.
    pub wrapped_key: String,
    /// The context for the engine; empty if there is none.
    pub context: Vec<u8>,
}

impl Header {
    /// The bytes of the header.
    pub fn write(&self) -> Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        write_field(self.wrapped_key.as_bytes(), "the wrapped data key", &mut bytes)?;
        write_field(&self.context, "parameters: \"context\"", &mut bytes)?;
        Ok(bytes)
    }

    /// `HF_ERR_INVALID_ARGUMENT` if no header takes this context.
    pub fn check_context(context: &[u8]) -> Result<()> {
        write_field(context, "parameters: \"context\"", &mut Vec::new())
    }

    /// Reads the header at the start of `bytes`, and returns it with its length; `None` if more bytes are needed.
    pub fn read(bytes: &[u8]) -> Result<Option<(Header, usize)>> {
        if bytes.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic) {
            return Err(not_an_envelope());
        }
        let Some(rest) = bytes.get(MAGIC.len()..) else { return Ok(None) };
        let Some((wrapped_key, rest)) = read_field(rest)? else { return Ok(None) };
        let wrapped_key = match std::str::from_utf8(wrapped_key) {
            Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => text.to_owned(),
            _ => return Err(altered_header()),
        };
        let Some((context, rest)) = read_field(rest)? else { return Ok(None) };
        let header = Header { wrapped_key, context: context.to_vec() };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

fn write_field(field: &[u8], name: &str, bytes: &mut Vec<u8>) -> Result<()> {
    let length = u16::try_from(field.len()).ok().filter(|_| field.len() <= LONGEST_FIELD).ok_or_else(|| {
        Error::invalid_argument(format!("{name}: has {} bytes, of which a header takes {LONGEST_FIELD}", field.len()))
    })?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(field);
    Ok(())
}

/// One field, and what follows it; `None` if more bytes are needed.
fn read_field(bytes: &[u8]) -> Result<Option<(&[u8], &[u8])>> {
    let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    match usize::from(u16::from_be_bytes(*length)) {
        length if length > LONGEST_FIELD => Err(altered_header()),
        length => Ok(rest.split_at_checked(length)),
    }
}

/// What the decryption of an envelope begins with.
pub struct Beginning {
    /// The header.
    pub header: Header,
    /// The header of the encrypted stream.
    pub stream: StreamHeader,
    /// The length of both.
    pub length: usize,
}

impl Beginning {
    /// Reads both headers; `None` if more bytes are needed.
    pub fn read(bytes: &[u8]) -> Result<Option<Beginning>> {
        let Some((header, length)) = Header::read(bytes)? else { return Ok(None) };
        let Some(stream) = bytes.get(length..).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
        let length = length + stream.len();
        Ok(Some(Beginning { header, stream: *stream, length }))
    }
}

#[cold]
fn not_an_envelope() -> Error {
    Error::invalid_argument("this is not an envelope, or one of a format that this library does not know")
}

#[cold]
fn altered_header() -> Error {
    Error::invalid_argument("the header of the envelope was altered")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;

    fn header(context: &[u8]) -> Header {
        Header { wrapped_key: "vault:v1:AAAA".to_owned(), context: context.to_vec() }
    }

    #[test]
    fn a_header_is_read_as_it_was_written_from_any_beginning_that_holds_it() {
        for header in [header(b""), header(b"\0row 7\xFF"), header(&[1; LONGEST_FIELD])] {
            let mut bytes = header.write().unwrap();
            let length = bytes.len();
            for cut in 0..length {
                assert!(Header::read(&bytes[..cut]).unwrap().is_none(), "{cut}");
            }
            bytes.extend_from_slice(b"what follows");
            assert_eq!(Header::read(&bytes).unwrap(), Some((header, length)));
        }
    }

    #[test]
    fn a_header_that_nobody_writes_is_refused() {
        let long = [b"HFE\x01\x10\x01".to_vec(), vec![b'a'; 5000]].concat();
        let long_context = [b"HFE\x01\0\x01a\xFF\xFF".to_vec(), vec![b'a'; 70_000]].concat();
        for bytes in [&b"x"[..], b"HFE\x02", b"hfe\x01", b"HFE\x01\0\0", b"HFE\x01\0\x01\n", &long, &long_context] {
            assert_eq!(Header::read(bytes).unwrap_err().status(), Status::InvalidArgument);
        }
        let error = header(&[1; LONGEST_FIELD + 1]).write().unwrap_err();
        assert!(error.message().starts_with("parameters: \"context\": has 4097 bytes"), "{error}");
    }
}
