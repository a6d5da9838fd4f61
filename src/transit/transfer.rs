//! Envelopes from one descriptor to another.
//!
//! A segment is read, encrypted and written in one buffer, which is wiped at the end of the transfer: nothing is copied, and
//! no segment has to ask for memory or to wipe it.

use std::os::fd::RawFd;

use super::Transit;
use crate::call::{Call, Deadline};
use crate::envelope::{Decryptor, Encryptor, LONGEST_BEGINNING, SEGMENT, TAG, cut_off};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::host::signals::without_signals;
use crate::host::transfer::{Sink, Source};
use crate::secret::Bytes;
use crate::vault::{EnvelopeKey, EnvelopeParameters};

impl Transit {
    /// Encrypts what can be read from `from`, up to its end, and writes the envelope to `to`.
    pub fn encrypt_descriptor(&self, from: RawFd, to: RawFd, given: &Fields, call: &Call) -> Result<()> {
        let transfer = Transfer::new(self, from, to, call)?;
        let (encryptor, key) = self.encryptor(&EnvelopeParameters::check(given)?, &transfer.clock.call()?)?;
        transfer.run("Failed to encrypt", || transfer.encrypt(encryptor, &key))
    }

    /// Decrypts the envelope that can be read from `from`, up to its end, and writes the data to `to`.
    pub fn decrypt_descriptor(&self, from: RawFd, to: RawFd, given: &Fields, call: &Call) -> Result<()> {
        let transfer = Transfer::new(self, from, to, call)?;
        let parameters = EnvelopeParameters::check(given)?;
        transfer.run("Failed to decrypt", || transfer.decrypt(&parameters))
    }
}

struct Transfer<'a> {
    transit: &'a Transit,
    source: Source,
    sink: Sink,
    clock: Clock<'a>,
}

impl<'a> Transfer<'a> {
    fn new(transit: &'a Transit, from: RawFd, to: RawFd, call: &'a Call) -> Result<Transfer<'a>> {
        let wait = transit.start(call)?;
        // The time in a queue counts once.
        call.count_from_now();
        let clock = Clock { transit, call, wait };
        let (source, sink) = (Source::new(from)?, Sink::new(to)?);
        if source.is_file_of(&sink) {
            return Err(Error::invalid_argument("to: is the file that is read; write to another one, and rename it"));
        }
        Ok(Transfer { transit, source, sink, clock })
    }

    fn run(&self, failed: &str, copy: impl FnOnce() -> Result<(), Failure>) -> Result<()> {
        let client = self.transit.manager.client()?;
        // Once for all writes: for each of them it would cost more than the write.
        let copied = without_signals(|| Ok(copy()));
        match copied.map_err(|_| Error::new(Status::Internal, "signals cannot be held back"))? {
            Err(Failure::Descriptor(error)) => Err(client.failed(failed, error)),
            Err(Failure::Envelope(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    fn encrypt(&self, mut encryptor: Encryptor, key: &EnvelopeKey) -> Result<(), Failure> {
        self.write(&encryptor.take_start())?;
        let mut window = Window::new()?;
        loop {
            let most = encryptor.next_length() - TAG;
            let next = self.fill(&mut window, most)?;
            let length = window.filled.min(most);
            key.add_bytes(length);
            let segment = window.first(length + TAG);
            encryptor.seal(segment, next.is_none()).map_err(Failure::Envelope)?;
            self.write(segment)?;
            match next {
                Some(byte) => window.restart(byte),
                None => return Ok(()),
            }
        }
    }

    fn decrypt(&self, parameters: &EnvelopeParameters) -> Result<(), Failure> {
        let mut window = Window::new()?;
        let mut decryptor = self.begin(&mut window, parameters)?;
        let mut plaintext = buffer()?;
        loop {
            let most = decryptor.next_length();
            let next = self.fill(&mut window, most)?;
            let length = window.filled.min(most);
            let opened = decryptor.open(window.first(length), next.is_none(), plaintext.as_mut_slice());
            self.write(opened.map_err(Failure::Envelope)?)?;
            match next {
                Some(byte) => window.restart(byte),
                None => return Ok(()),
            }
        }
    }

    /// Reads the headers of an envelope. What was read behind them stays in the window.
    fn begin(&self, window: &mut Window, parameters: &EnvelopeParameters) -> Result<Decryptor, Failure> {
        self.fill(window, LONGEST_BEGINNING)?;
        let call = self.clock.call().map_err(Failure::Descriptor)?;
        let read = window.first(window.filled);
        let begun = self.transit.start(&call).and_then(|deadline| self.transit.decryptor(read, parameters, &deadline));
        let (decryptor, length) = begun.and_then(|begun| begun.ok_or_else(cut_off)).map_err(Failure::Envelope)?;
        window.discard(length);
        Ok(decryptor)
    }

    /// Reads until the window has more than `length` bytes, and returns the one behind them; `None` at the end of the data.
    fn fill(&self, window: &mut Window, length: usize) -> Result<Option<u8>, Failure> {
        while !window.has_all && window.filled <= length {
            let room = window.buffer.as_mut_slice().get_mut(window.filled..=length).unwrap_or_default();
            let count = self.source.read(room, &self.clock.wait()).map_err(Failure::Descriptor)?;
            window.filled += count;
            window.has_all = count == 0;
        }
        Ok(window.first(window.filled).get(length).copied())
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.sink.write(bytes, || self.clock.wait()).map_err(Failure::Descriptor)
    }
}

/// One segment of what is read, and one byte more, which tells that the segment is not the last one.
struct Window {
    buffer: Bytes,
    filled: usize,
    /// The end of the data was reached.
    has_all: bool,
}

impl Window {
    fn new() -> Result<Window, Failure> {
        Ok(Window { buffer: buffer()?, filled: 0, has_all: false })
    }

    fn first(&mut self, length: usize) -> &mut [u8] {
        self.buffer.as_mut_slice().get_mut(..length).unwrap_or_default()
    }

    /// Leaves nothing but the byte that was behind the segment.
    fn restart(&mut self, byte: u8) {
        self.first(1).fill(byte);
        self.filled = 1;
    }

    /// Drops the first `length` bytes.
    fn discard(&mut self, length: usize) {
        self.first(self.filled).copy_within(length.., 0);
        self.filled -= length;
    }
}

fn buffer() -> Result<Bytes, Failure> {
    const LENGTH: usize = SEGMENT + 1;
    Bytes::try_zeroed(LENGTH).ok_or_else(|| Failure::Envelope(Error::no_memory("a segment", LENGTH)))
}

/// Why a transfer failed. An error of the envelope says already what failed.
enum Failure {
    Descriptor(Error),
    Envelope(Error),
}

/// The time of a transfer: the limit of the call holds for the whole; without one, the manager's holds for each wait and
/// for the request.
struct Clock<'a> {
    transit: &'a Transit,
    call: &'a Call,
    /// Since the start of the transfer.
    wait: Deadline,
}

impl Clock<'_> {
    /// The deadline of a wait that begins now.
    fn wait(&self) -> Deadline {
        match (self.call.timeout(), self.transit.manager.client()) {
            (None, Ok(client)) => client.start(self.call),
            _ => self.wait.clone(),
        }
    }

    /// The settings of a call that is a part of this one.
    fn call(&self) -> Result<Call> {
        let mut call = self.call.clone();
        if call.timeout().is_some() {
            call.set_timeout(self.wait.remaining()?);
        }
        Ok(call)
    }
}
