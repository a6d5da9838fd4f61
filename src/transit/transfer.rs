//! Envelopes from one descriptor to another.

use std::os::fd::RawFd;
use std::sync::Arc;

use super::{Envelope, Transit};
use crate::call::{Call, Deadline};
use crate::error::{Error, Result, Status};
use crate::fields::Fields;
use crate::host::signals::without_signals;
use crate::host::transfer::{Sink, Source};
use crate::secret::{Buffer, make_room};

/// How much is read at a time: no more than a segment, so that it completes one at most.
const PART: usize = 32 * 1024;

impl Transit {
    /// Encrypts what can be read from `from`, up to its end, and writes the envelope to `to`.
    pub fn encrypt_descriptor(self: Arc<Self>, from: RawFd, to: RawFd, given: &Fields, call: &Call) -> Result<()> {
        let transfer = Transfer::new(&self, from, to, call)?;
        let envelope = Envelope::encryptor(Arc::clone(&self), given, &transfer.clock.call()?)?;
        transfer.run("Failed to encrypt", envelope)
    }

    /// Decrypts the envelope that can be read from `from`, up to its end, and writes the data to `to`.
    pub fn decrypt_descriptor(self: Arc<Self>, from: RawFd, to: RawFd, given: &Fields, call: &Call) -> Result<()> {
        let transfer = Transfer::new(&self, from, to, call)?;
        let envelope = Envelope::decryptor(Arc::clone(&self), given, &transfer.clock.call()?)?;
        transfer.run("Failed to decrypt", envelope)
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

    fn run(&self, failed: &str, envelope: Envelope) -> Result<()> {
        let client = self.transit.manager.client()?;
        // Once for all writes: for each of them it would cost more than the write.
        let copied = without_signals(|| Ok(self.copy(envelope)));
        match copied.map_err(|_| Error::new(Status::Internal, "signals cannot be held back"))? {
            Err(Failure::Descriptor(error)) => Err(client.failed(failed, error)),
            Err(Failure::Envelope(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    fn copy(&self, mut envelope: Envelope) -> Result<(), Failure> {
        let mut part = Buffer::default();
        make_room(&mut part, PART).map_err(|wanted| Failure::Envelope(Error::no_memory("from", wanted)))?;
        part.resize(PART, 0);
        loop {
            let count = self.source.read(&mut part, &self.clock.wait()).map_err(Failure::Descriptor)?;
            let call = self.clock.call().map_err(Failure::Descriptor)?;
            let output = match part.get(..count) {
                Some(data) if !data.is_empty() => envelope.update(data, &call),
                _ => envelope.finish(&call),
            };
            let output = output.map_err(Failure::Envelope)?;
            self.sink.write(output.as_slice(), || self.clock.wait()).map_err(Failure::Descriptor)?;
            if count == 0 {
                return Ok(());
            }
        }
    }
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
