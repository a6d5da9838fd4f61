//! Reads and writes descriptors of the program, which may be files, pipes, sockets or terminals, blocking or not.
//!
//! The mode of a descriptor is not changed, because other processes may share it. A wait is a `poll` that obeys a deadline;
//! only then is read or written what does not block.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::call::{Deadline, WAIT_SLICE};
use crate::error::{Error, Result};

/// A descriptor that is read from. It stays the program's, who must not close it meanwhile.
pub struct Source(RawFd);

impl Source {
    /// `HF_ERR_INVALID_ARGUMENT` if the descriptor is not open for reading.
    pub fn new(descriptor: RawFd) -> Result<Source> {
        match flags(descriptor, "from")? & libc::O_ACCMODE {
            libc::O_WRONLY => Err(Error::invalid_argument("from: is not open for reading")),
            _ => Ok(Source(descriptor)),
        }
    }

    /// Reads into `buffer`. Returns the number of bytes, 0 at the end. Each wait ends by a deadline of its own.
    pub fn read(&self, buffer: &mut [u8], deadline: impl Fn() -> Deadline) -> Result<usize> {
        loop {
            wait(self.0, libc::POLLIN, &deadline())?;
            // SAFETY: the pointer and the length are those of a slice.
            let count = unsafe { libc::read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) };
            match length_of(count) {
                Err(error) if is_temporary(&error) => {}
                outcome => return outcome.map_err(|error| failed("from: cannot be read", &error)),
            }
        }
    }
}

/// A descriptor that is written to. It stays the program's, who must not close it meanwhile.
pub struct Sink {
    descriptor: RawFd,
    /// The longest write that does not block where `poll` says that there is room.
    most: usize,
}

impl Sink {
    /// `HF_ERR_INVALID_ARGUMENT` if the descriptor is not open for writing.
    pub fn new(descriptor: RawFd) -> Result<Sink> {
        let flags = flags(descriptor, "to")?;
        if flags & libc::O_ACCMODE == libc::O_RDONLY {
            return Err(Error::invalid_argument("to: is not open for writing"));
        }
        let may_block = flags & libc::O_NONBLOCK == 0 && !is_file(descriptor);
        Ok(Sink { descriptor, most: if may_block { libc::PIPE_BUF } else { usize::MAX } })
    }

    /// Writes all of `bytes`. Each wait ends by a deadline of its own. Must be called within [`super::signals::without_signals`].
    pub fn write(&self, mut bytes: &[u8], deadline: impl Fn() -> Deadline) -> Result<()> {
        while !bytes.is_empty() {
            wait(self.descriptor, libc::POLLOUT, &deadline())?;
            let now = bytes.get(..self.most).unwrap_or(bytes);
            // SAFETY: the pointer and the length are those of a slice.
            let count = unsafe { libc::write(self.descriptor, now.as_ptr().cast(), now.len()) };
            match length_of(count) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Err(failed("to: cannot be written", &error)),
            }
        }
        Ok(())
    }
}

/// Waits until a descriptor is ready, closed by its peer or broken: the next system call tells which.
fn wait(descriptor: RawFd, events: libc::c_short, deadline: &Deadline) -> Result<()> {
    loop {
        let slice = deadline.remaining()?.min(WAIT_SLICE).max(Duration::from_millis(1));
        let mut entry = libc::pollfd { fd: descriptor, events, revents: 0 };
        // SAFETY: one live, exclusive `pollfd`.
        if unsafe { libc::poll(&mut entry, 1, slice.as_millis() as libc::c_int) } > 0 {
            return Ok(());
        }
    }
}

fn flags(descriptor: RawFd, name: &str) -> Result<libc::c_int> {
    // SAFETY: the command takes no argument, and any number may be asked for.
    match unsafe { libc::fcntl(descriptor, libc::F_GETFL) } {
        -1 => Err(Error::invalid_argument(format!("{name}: is not an open descriptor"))),
        flags => Ok(flags),
    }
}

/// Whether writes never wait for a reader.
fn is_file(descriptor: RawFd) -> bool {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the structure where it returns 0, and only then is it read.
    let mode = unsafe {
        match libc::fstat(descriptor, status.as_mut_ptr()) {
            0 => status.assume_init().st_mode,
            _ => return false,
        }
    };
    matches!(mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFBLK)
}

fn length_of(count: isize) -> io::Result<usize> {
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cold]
fn failed(what: &str, error: &io::Error) -> Error {
    Error::invalid_argument(format!("{what}: {error}"))
}
