//! Bodies of answers, taken apart as their bytes arrive.

use memchr::memchr;
use ureq_proto::BodyMode;
use ureq_proto::client::state::RecvBody;
use ureq_proto::client::{Call, RecvBodyResult};

use super::message::Malformed;
use crate::net::buffer::Inbox;
use crate::secret::Buffer;

/// Chunk lines and trailers may take this much without a byte of the body among them.
pub const MAX_FRAMING: usize = 4 * 1024;

/// The line with a chunk's size may be this long, extensions included.
pub const MAX_CHUNK_LINE: usize = 20;

/// Takes a body apart as its bytes arrive.
pub struct BodyReader {
    /// `None` once the body is complete.
    call: Option<Call<RecvBody>>,
    /// Another answer may follow on the connection.
    is_reusable: bool,
    /// The chunk of size zero has begun: trailers follow.
    is_last_chunk: bool,
    /// Bytes of framing since the last byte of the body.
    framing: usize,
}

impl BodyReader {
    /// The body that `call` reads; `None`: there is none.
    pub fn new(call: Option<Call<RecvBody>>, is_reusable: bool) -> BodyReader {
        BodyReader { call, is_reusable, is_last_chunk: false, framing: 0 }
    }

    /// How long the body will be, where that is known.
    pub fn announced(&self) -> Option<u64> {
        match self.call.as_ref().map(Call::body_mode) {
            Some(BodyMode::LengthDelimited(length)) => Some(length),
            Some(_) => None,
            None => Some(0),
        }
    }

    /// Moves what has arrived from `inbox` to the end of `body`, where the caller has made room for all of it. `true`
    /// once the body is complete.
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

    /// A connection that closes now ends the body as it should.
    pub fn may_end_here(&self) -> bool {
        self.call.as_ref().is_none_or(|call| call.can_proceed())
    }

    /// Whether all of it has been read.
    pub(super) fn is_complete(&self) -> bool {
        self.call.is_none()
    }

    /// Whether another answer may follow on the connection: the body is complete, and nobody wants to close.
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

    /// Moves the data of chunks from `inbox` to `room`; how much there was.
    fn read_chunks(&mut self, inbox: &mut Inbox, room: &mut [u8]) -> Result<usize, Malformed> {
        let Some(call) = &mut self.call else { return Ok(0) };
        // So that each line with a size can be looked at.
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
        // There was room for all data, so what is left is framing, and incomplete.
        let may_be_text = self.is_last_chunk || call.is_on_chunk_boundary();
        let is_right = call.can_proceed() || may_become_a_line_end(inbox.unread(), may_be_text);
        let is_short = call.can_proceed() || self.framing + inbox.unread().len() < MAX_FRAMING;
        if is_right && is_short { Ok(moved) } else { Err(Malformed) }
    }
}

/// Has the engine read from `inbox` to `room`: how much it took, and how much of the body that was.
fn read(call: &mut Call<RecvBody>, inbox: &mut Inbox, room: &mut [u8]) -> Result<(usize, usize), Malformed> {
    let (used, written) = call.read(inbox.unread(), room)?;
    inbox.take(used);
    Ok((used, written))
}

/// Whether the chunk that `input` begins with, whose line may be incomplete, is the one of size zero. A size is digits
/// and nothing else, blanks or an extension behind them (RFC 9112, 7.1); the engine takes `+4` and line feeds, too.
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

/// Whether a line end may still come of `rest`, with text in front of it or without.
fn may_become_a_line_end(rest: &[u8], may_be_text: bool) -> bool {
    match memchr(b'\r', rest) {
        Some(end) => (may_be_text || end == 0) && end + 1 == rest.len(),
        None => may_be_text || rest.is_empty(),
    }
}
