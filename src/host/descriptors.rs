//! File descriptors that are never 0, 1 or 2.
//!
//! A program that was started with standard input, output or error closed gives those numbers to whatever it opens
//! next. What it prints then would be written into a connection of the library, below TLS; what it reads would be a
//! credential file. So each descriptor of the library is moved out of their way as soon as it exists.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

/// The first number that no standard stream has.
const FIRST_FREE: libc::c_int = 3;

/// The same open file under a number above 2, closed in programs that are executed.
pub fn above_standard_streams(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() >= FIRST_FREE {
        return Ok(descriptor);
    }
    // SAFETY: the descriptor is open, and the command reads its argument alone.
    let moved = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST_FREE) };
    if moved < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

/// A new socket.
pub fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    above_standard_streams(socket.into()).map(Socket::from)
}

/// Opens a file for reading. Neither a FIFO that nobody writes to nor a device holds this up, and a terminal does not
/// become the process's own; what is opened does not block.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a file for writing, with the same promises.
pub fn open_to_write(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    above_standard_streams(file.into()).map(File::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_above_two_stays_what_it_is() {
        let file = File::open("/dev/null").unwrap();
        let number = file.as_raw_fd();
        assert!(number >= FIRST_FREE);
        assert_eq!(above_standard_streams(file.into()).unwrap().as_raw_fd(), number);
    }
}
