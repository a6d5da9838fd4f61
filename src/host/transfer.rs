//! Reads and writes descriptors of the program, which may be files, pipes, sockets or terminals, blocking or not.
//!
//! The mode of a descriptor is not changed, because other processes may share it. A wait is a `poll` that obeys a deadline;
//! only then is read or written what does not block.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::call::{Deadline, WAIT_SLICE};
use crate::error::{Error, Result};

/// The pause before a descriptor that was ready in vain is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// What a descriptor refers to, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file, whose identity is given. Reads and writes never wait for a peer.
    File(libc::dev_t, libc::ino_t),
    Socket,
    Other,
}

/// A descriptor that is read from. It stays the program's, who must not close it meanwhile.
pub struct Source {
    descriptor: RawFd,
    kind: Kind,
}

impl Source {
    /// `HF_ERR_INVALID_ARGUMENT` if the descriptor is not open for reading.
    pub fn new(descriptor: RawFd) -> Result<Source> {
        match flags(descriptor, "from")? & libc::O_ACCMODE {
            libc::O_WRONLY => Err(Error::invalid_argument("from: is not open for reading")),
            _ => Ok(Source { descriptor, kind: kind(descriptor, "from")? }),
        }
    }

    /// Reads into `buffer`. Returns the number of bytes, 0 at the end.
    pub fn read(&self, buffer: &mut [u8], deadline: &Deadline) -> Result<usize> {
        loop {
            wait(self.descriptor, libc::POLLIN, deadline)?;
            let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: the pointer and the length are those of a slice.
            let count = unsafe {
                match self.kind {
                    Kind::Socket => libc::recv(self.descriptor, start, length, libc::MSG_DONTWAIT),
                    _ => libc::read(self.descriptor, start, length),
                }
            };
            if let Some(count) = transferred(count, deadline, "from: cannot be read")? {
                return Ok(count);
            }
        }
    }

    /// Whether `sink` is the same file, which would be overwritten while it is read.
    pub fn is_file_of(&self, sink: &Sink) -> bool {
        matches!(self.kind, Kind::File(..)) && self.kind == sink.kind
    }
}

/// A descriptor that is written to. It stays the program's, who must not close it meanwhile.
pub struct Sink {
    descriptor: RawFd,
    kind: Kind,
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
        let kind = kind(descriptor, "to")?;
        let may_block = flags & libc::O_NONBLOCK == 0 && kind == Kind::Other;
        Ok(Sink { descriptor, kind, most: if may_block { libc::PIPE_BUF } else { usize::MAX } })
    }

    /// Writes all of `bytes`. Each wait ends by a deadline of its own. Must be called within
    /// [`super::signals::without_signals`].
    pub fn write(&self, mut bytes: &[u8], deadline: impl Fn() -> Deadline) -> Result<()> {
        while !bytes.is_empty() {
            let written = self.write_some(bytes, &deadline())?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn write_some(&self, bytes: &[u8], deadline: &Deadline) -> Result<usize> {
        let now = bytes.get(..self.most).unwrap_or(bytes);
        let (start, length) = (now.as_ptr().cast(), now.len());
        loop {
            wait(self.descriptor, libc::POLLOUT, deadline)?;
            // SAFETY: the pointer and the length are those of a slice.
            let count = unsafe {
                match self.kind {
                    Kind::Socket => libc::send(self.descriptor, start, length, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL),
                    _ => libc::write(self.descriptor, start, length),
                }
            };
            if let Some(count) = transferred(count, deadline, "to: cannot be written")? {
                return Ok(count);
            }
        }
    }
}

/// What a system call has transferred; `None` if it has to be repeated. A descriptor that is ready and has nothing, such
/// as a socket with an error to be fetched, is looked at again after a pause.
fn transferred(count: isize, deadline: &Deadline, failure: &str) -> Result<Option<usize>> {
    let error = match usize::try_from(count) {
        Ok(count) => return Ok(Some(count)),
        Err(_) => io::Error::last_os_error(),
    };
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(None),
        io::ErrorKind::WouldBlock => deadline.sleep(PAUSE).map(|()| None),
        _ => Err(Error::invalid_argument(format!("{failure}: {error}"))),
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

/// `HF_ERR_INVALID_ARGUMENT` for a socket of messages, from which a read with a shorter buffer loses the rest.
fn kind(descriptor: RawFd, name: &str) -> Result<Kind> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the structure where it returns 0, and only then is it read.
    let status = unsafe {
        match libc::fstat(descriptor, status.as_mut_ptr()) {
            0 => status.assume_init(),
            _ => return Ok(Kind::Other),
        }
    };
    match status.st_mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFBLK => Ok(Kind::File(status.st_dev, status.st_ino)),
        libc::S_IFSOCK if !is_stream(descriptor) => {
            Err(Error::invalid_argument(format!("{name}: is a socket of messages; only streams are taken")))
        }
        libc::S_IFSOCK => Ok(Kind::Socket),
        _ => Ok(Kind::Other),
    }
}

fn is_stream(socket: RawFd) -> bool {
    let (mut kind, mut length) = (0, size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: the place has the size that `length` says.
    let status =
        unsafe { libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_TYPE, (&raw mut kind).cast(), &mut length) };
    status == 0 && kind == libc::SOCK_STREAM
}
