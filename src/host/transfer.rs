//! Reads and writes descriptors of the program, which may be files, pipes, sockets or terminals, blocking or not.
//!
//! The mode of a descriptor is not changed, because other processes may share it. A wait is a `poll` that obeys a deadline;
//! only then is read or written what does not block. Files are always ready, and are not waited for.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::time::Duration;

use super::descriptors::{open_to_read, open_to_write};
use crate::call::{Deadline, WAIT_SLICE};
use crate::error::{Error, Result, Status};

/// The pause before a descriptor that was ready in vain is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// What a descriptor refers to, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file, whose identity is given. Reads and writes never wait for a peer.
    File(libc::dev_t, libc::ino_t),
    Socket,
    Pipe,
    /// A device, such as `/dev/null` or a terminal.
    Other,
}

/// A descriptor of the program, who must not close it meanwhile.
struct Descriptor {
    number: RawFd,
    kind: Kind,
    /// For a terminal, whose reads and writes may block although it is ready: the same terminal once more, non-blocking. It
    /// is used in place of the program's.
    reopened: Option<File>,
    may_block: bool,
}

impl Descriptor {
    /// `HF_ERR_INVALID_ARGUMENT` if the descriptor is not open, or open for the other direction only, which is `wrong`.
    fn new(number: RawFd, name: &str, wrong: libc::c_int) -> Result<Descriptor> {
        let flags = flags(number, name)?;
        if flags & libc::O_ACCMODE == wrong {
            let purpose = if wrong == libc::O_WRONLY { "reading" } else { "writing" };
            return Err(Error::invalid_argument(format!("{name}: is not open for {purpose}")));
        }
        let kind = kind(number, name)?;
        // SAFETY: any number may be asked about.
        let is_terminal = kind == Kind::Other && unsafe { libc::isatty(number) } == 1;
        let may_block = flags & libc::O_NONBLOCK == 0 && (kind == Kind::Pipe || is_terminal);
        let path = format!("/proc/self/fd/{number}");
        let reopen = if wrong == libc::O_WRONLY { open_to_read } else { open_to_write };
        let reopened = if may_block && is_terminal { reopen(Path::new(&path)).ok() } else { None };
        let may_block = may_block && reopened.is_none();
        Ok(Descriptor { number, kind, reopened, may_block })
    }

    fn number(&self) -> RawFd {
        self.reopened.as_ref().map_or(self.number, AsRawFd::as_raw_fd)
    }

    /// Waits until the descriptor is ready, closed by its peer or broken: the next system call tells which.
    fn wait(&self, events: libc::c_short, deadline: &Deadline) -> Result<()> {
        if let Kind::File(..) = self.kind {
            return deadline.remaining().map(drop);
        }
        loop {
            let slice = deadline.remaining()?.min(WAIT_SLICE).max(Duration::from_millis(1));
            let mut entry = libc::pollfd { fd: self.number(), events, revents: 0 };
            // SAFETY: one live, exclusive `pollfd`.
            if unsafe { libc::poll(&mut entry, 1, slice.as_millis() as libc::c_int) } > 0 {
                return Ok(());
            }
        }
    }
}

/// A descriptor that is read from.
pub struct Source(Descriptor);

impl Source {
    /// `HF_ERR_INVALID_ARGUMENT` if the descriptor is not open for reading.
    pub fn new(descriptor: RawFd) -> Result<Source> {
        Descriptor::new(descriptor, "from", libc::O_WRONLY).map(Source)
    }

    /// Reads into `buffer`. Returns the number of bytes, 0 at the end.
    pub fn read(&self, buffer: &mut [u8], deadline: &Deadline) -> Result<usize> {
        loop {
            self.0.wait(libc::POLLIN, deadline)?;
            let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: the pointer and the length are those of a slice.
            let count = unsafe {
                match self.0.kind {
                    Kind::Socket => libc::recv(self.0.number(), start, length, libc::MSG_DONTWAIT),
                    _ => libc::read(self.0.number(), start, length),
                }
            };
            if let Some(count) = transferred(count, deadline, "from: cannot be read")? {
                return Ok(count);
            }
        }
    }

    /// Whether `sink` is the same file, which would be overwritten while it is read.
    pub fn is_file_of(&self, sink: &Sink) -> bool {
        matches!(self.0.kind, Kind::File(..)) && self.0.kind == sink.descriptor.kind
    }
}

/// A descriptor that is written to.
pub struct Sink {
    descriptor: Descriptor,
    /// The system may be able to write to this blocking descriptor without blocking.
    try_without_blocking: Cell<bool>,
}

impl Sink {
    /// `HF_ERR_INVALID_ARGUMENT` if the descriptor is not open for writing.
    pub fn new(descriptor: RawFd) -> Result<Sink> {
        let descriptor = Descriptor::new(descriptor, "to", libc::O_RDONLY)?;
        Ok(Sink { descriptor, try_without_blocking: Cell::new(true) })
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
        loop {
            self.descriptor.wait(libc::POLLOUT, deadline)?;
            if let Some(count) = transferred(self.write_now(bytes), deadline, "to: cannot be written")? {
                return Ok(count);
            }
        }
    }

    /// Writes what a descriptor that is ready takes without blocking.
    fn write_now(&self, bytes: &[u8]) -> isize {
        let (number, start, length) = (self.descriptor.number(), bytes.as_ptr().cast(), bytes.len());
        if self.descriptor.kind == Kind::Socket {
            // SAFETY: the pointer and the length are those of a slice.
            return unsafe { libc::send(number, start, length, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
        }
        if self.descriptor.may_block && self.try_without_blocking.get() {
            match write_without_blocking(number, bytes) {
                Some(count) => return count,
                None => self.try_without_blocking.set(false),
            }
        }
        // A pipe that is ready has room for so much.
        let most = if self.descriptor.may_block { libc::PIPE_BUF } else { length };
        // SAFETY: as above; no more than the slice has.
        unsafe { libc::write(number, start, length.min(most)) }
    }
}

/// Writes to a blocking pipe without blocking; `None` if the system cannot: Linux before 6.4, and others.
#[cfg(target_os = "linux")]
fn write_without_blocking(number: RawFd, bytes: &[u8]) -> Option<isize> {
    const AT_THE_OFFSET: libc::c_long = -1;
    let part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // The call itself, because older C libraries have no function for it.
    // SAFETY: `part` describes a slice, which is read only.
    let count = unsafe {
        let (part, count) = (&raw const part, 1_usize);
        // All arguments as wide as a register: of a narrower one the rest would be undefined.
        let (number, flags) = (libc::c_long::from(number), libc::c_long::from(libc::RWF_NOWAIT));
        libc::syscall(libc::SYS_pwritev2, number, part, count, AT_THE_OFFSET, AT_THE_OFFSET, flags)
    };
    let cannot = [libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL, libc::EPERM];
    let error = if count < 0 { io::Error::last_os_error().raw_os_error() } else { None };
    if error.is_some_and(|error| cannot.contains(&error)) { None } else { isize::try_from(count).ok() }
}

#[cfg(not(target_os = "linux"))]
fn write_without_blocking(_number: RawFd, _bytes: &[u8]) -> Option<isize> {
    None
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
        _ => Err(Error::new(Status::Io, format!("{failure}: {error}"))),
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
        libc::S_IFIFO => Ok(Kind::Pipe),
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
