//! Decodes the body of a response as it arrives.

use memchr::memchr;
use ureq_proto::BodyMode;
use ureq_proto::client::state::RecvBody;
use ureq_proto::client::{Call, RecvBodyResult};

use super::message::Malformed;
use crate::net::buffer::Inbox;
use crate::secret::Buffer;

/// The most bytes of chunk lines and trailers without a byte of the body between them.
pub const MAX_FRAMING: usize = 4 * 1024;

/// The longest line with the size of a chunk, extensions included.
pub const MAX_CHUNK_LINE: usize = 20;

/// Decodes a body as it arrives.
pub struct BodyReader {
    /// `None` once the body is complete.
    call: Option<Call<RecvBody>>,
    /// The connection may be used for another exchange.
    is_reusable: bool,
    /// The chunk of size zero has begun: trailers follow.
    is_last_chunk: bool,
    /// Bytes of framing since the last byte of the body.
    framing: usize,
}

impl BodyReader {
    /// Reads the body of `call`; `None`: there is no body.
    pub fn new(call: Option<Call<RecvBody>>, is_reusable: bool) -> BodyReader {
        BodyReader { call, is_reusable, is_last_chunk: false, framing: 0 }
    }

    /// The length of the body, if the response states it.
    pub fn announced(&self) -> Option<u64> {
        match self.call.as_ref().map(Call::body_mode) {
            Some(BodyMode::LengthDelimited(length)) => Some(length),
            Some(_) => None,
            None => Some(0),
        }
    }

    /// Moves the bytes of the body that have arrived from `inbox` to the end of `body`, in which the caller has
    /// reserved room for all of them. Returns `true` once the body is complete.
    pub fn read(&mut self, inbox: &mut Inbox, body: &mut Buffer) -> Result<bool, Malformed> {
        let Some(call) = &mut self.call else { return Ok(true) };
        let mode = call.body_mode();
        let before = body.len();
        body.resize(before + inbox.unread().len(), 0);
        let room = body.get_mut(before..).unwrap_or_default();
        let moved = if mode == BodyMode::Chunked { self.read_chunks(inbox, room)? } else { read(call, inbox, room)?.1 };
        body.truncate(before + moved);
        if mode != BodyMode::CloseDelimited {
            self.settle();
        }
        Ok(self.is_complete())
    }

    /// Whether the body is complete if the connection is closed now.
    pub fn may_end_here(&self) -> bool {
        self.call.as_ref().is_none_or(|call| call.can_proceed())
    }

    /// Whether the whole body has been read.
    pub(super) fn is_complete(&self) -> bool {
        self.call.is_none()
    }

    /// Whether the connection may be used again: the body is complete, and neither side wants to close.
    pub fn is_reusable(&self) -> bool {
        self.is_complete() && self.is_reusable
    }

    fn settle(&mut self) {
        let Some(call) = self.call.take_if(|call| call.can_proceed()) else { return };
        let closes = match call.proceed() {
            Some(RecvBodyResult::Cleanup(call)) => call.must_close_connection(),
            Some(RecvBodyResult::Redirect(call)) => call.must_close_connection(),
            None => true,
        };
        self.is_reusable &= !closes;
    }

    /// Moves the data of chunks from `inbox` to `room`. Returns the number of bytes moved.
    fn read_chunks(&mut self, inbox: &mut Inbox, room: &mut [u8]) -> Result<usize, Malformed> {
        let Some(call) = &mut self.call else { return Ok(0) };
        // Stops at each chunk, so that the line with its size can be checked.
        call.stop_on_chunk_boundary(true);
        let mut moved = 0;
        while !inbox.unread().is_empty() {
            if call.is_on_chunk_boundary() {
                self.is_last_chunk = is_last_chunk(inbox.unread())?;
            }
            let (used, written) = read(call, inbox, room.get_mut(moved..).unwrap_or_default())?;
            moved += written;
            self.framing = if written > 0 { 0 } else { self.framing + used };
            if used == 0 {
                break;
            }
        }
        // There was room for all data, so the rest is incomplete framing.
        let may_be_text = self.is_last_chunk || call.is_on_chunk_boundary();
        let is_right = call.can_proceed() || may_become_a_line_end(inbox.unread(), may_be_text);
        let is_short = call.can_proceed() || self.framing + inbox.unread().len() < MAX_FRAMING;
        if is_right && is_short { Ok(moved) } else { Err(Malformed) }
    }
}

/// Lets the engine decode from `inbox` to `room`. Returns the number of bytes used and of bytes written.
fn read(call: &mut Call<RecvBody>, inbox: &mut Inbox, room: &mut [u8]) -> Result<(usize, usize), Malformed> {
    let (used, written) = call.read(inbox.unread(), room)?;
    inbox.take(used);
    Ok((used, written))
}

/// Whether the chunk at the beginning of `input`, whose line may be incomplete, has size zero. A size consists of
/// digits, optionally followed by blanks or an extension (RFC 9112, 7.1). The engine also accepts `+4` and line feeds.
fn is_last_chunk(input: &[u8]) -> Result<bool, Malformed> {
    let line = input.get(..memchr(b'\r', input).unwrap_or(input.len())).unwrap_or_default();
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, behind) = line.split_at_checked(digits).ok_or(Malformed)?;
    let blanks = behind.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let is_size = !size.is_empty() && matches!(behind.get(blanks..), Some([] | [b';', ..]));
    if is_size && line.len() <= MAX_CHUNK_LINE && memchr(b'\n', line).is_none() {
        Ok(size.iter().all(|&digit| digit == b'0'))
    } else {
        Err(Malformed)
    }
}

/// Whether `rest` can be the beginning of a line end, with text in front of it if `may_be_text`.
fn may_become_a_line_end(rest: &[u8], may_be_text: bool) -> bool {
    match memchr(b'\r', rest) {
        Some(end) => (may_be_text || end == 0) && end + 1 == rest.len(),
        None => may_be_text || rest.is_empty(),
    }
}
