//! Opens file descriptors with numbers above 2.
//!
//! In a program that was started with standard input, output or error closed, the next descriptors that are opened get
//! these numbers. The program's output would then be written into a connection of the library, below TLS, and its input
//! would be read from a credential file. So the library moves each of its descriptors above 2 as soon as it is opened.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

/// The first number after the standard streams.
const FIRST_FREE: libc::c_int = 3;

/// Moves a descriptor to a number above 2, with close-on-exec set.
pub fn above_standard_streams(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() >= FIRST_FREE {
        return Ok(descriptor);
    }
    // SAFETY: the descriptor is open, and the command reads only its integer argument.
    let moved = checked(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST_FREE) })?;
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

/// The result of a system call that returns -1 for a failure.
pub fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A descriptor that a system call has just created, or its failure.
///
/// # Safety
/// `created` is -1, or open and owned by nobody.
pub unsafe fn owned(created: libc::c_int) -> io::Result<OwnedFd> {
    let created = checked(created)?;
    // SAFETY: the caller's promise.
    above_standard_streams(unsafe { OwnedFd::from_raw_fd(created) })
}

/// A duplicate of a descriptor of the program, for a job that goes on when the program has closed its own.
pub fn duplicate(descriptor: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: any number may be passed, and the command reads only its integer argument.
    let duplicate = checked(unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, FIRST_FREE) })?;
    // SAFETY: the kernel has just created this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(duplicate) })
}

/// A new socket.
pub fn socket(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    above_standard_streams(socket.into()).map(Socket::from)
}

/// Opens a file for reading. Opening does not block on a FIFO without a writer or on a device, and does not make a
/// terminal the controlling one. Reads do not block.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a file for writing, with the same guarantees.
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
    fn a_descriptor_above_2_is_not_moved() {
        let file = File::open("/dev/null").unwrap();
        let number = file.as_raw_fd();
        assert!(number >= FIRST_FREE);
        assert_eq!(above_standard_streams(file.into()).unwrap().as_raw_fd(), number);
    }
}
