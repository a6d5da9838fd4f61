//! Writes lines to standard error without disturbing the host process: it never blocks, and lines that cannot be
//! written at once are dropped and counted; it raises no signal; and it does not change the mode of the stream, which
//! other processes may share.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::host::descriptors;
use crate::host::signals::without_signals;

/// Opening this path gives a second description of standard error, which can be non-blocking.
const OWN_STANDARD_ERROR: &str = "/proc/self/fd/2";

/// The number of lines dropped since the last one that was written.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Whether the last line was written in part, so that the next one has to begin with a newline.
static PARTIAL: AtomicBool = AtomicBool::new(false);

/// Writes `<program>: <line>`, preceded by a notice if lines were dropped, in one write, so that lines of several
/// threads do not mix. Failures are ignored: there is nowhere to report them.
pub(super) fn write_line(program: &str, line: fmt::Arguments<'_>) {
    let (dropped, torn) = (DROPPED.swap(0, Ordering::Relaxed), PARTIAL.swap(false, Ordering::Relaxed));
    let end_of_torn = if torn { "\n" } else { "" };
    let notice = match dropped {
        0 => String::new(),
        count => format!("{program}: WARN {count} log lines were dropped: standard error did not take them at once\n"),
    };
    let text = format!("{end_of_torn}{notice}{program}: {line}\n");
    let written = without_signals(|| write(text.as_bytes())).unwrap_or(0);
    if written < text.len() {
        DROPPED.fetch_add(dropped + 1, Ordering::Relaxed);
        PARTIAL.fetch_or(torn || written > 0, Ordering::Relaxed);
    }
}

/// Writes as much as possible without blocking, and returns the number of bytes.
fn write(text: &[u8]) -> io::Result<usize> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the struct.
    if unsafe { libc::fstat(libc::STDERR_FILENO, status.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fstat` has succeeded.
    match unsafe { status.assume_init() }.st_mode & libc::S_IFMT {
        // This may wait for a disk only.
        libc::S_IFREG | libc::S_IFBLK => plain_write(libc::STDERR_FILENO, text),
        libc::S_IFSOCK => {
            let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            // SAFETY: the pointer and the length are those of a slice.
            length_of(unsafe { libc::send(libc::STDERR_FILENO, text.as_ptr().cast(), text.len(), flags) })
        }
        _ => write_to_pipe_or_terminal(text),
    }
}

/// A second description of the pipe or terminal can be non-blocking without changing that of the process. If it cannot
/// be opened, because there is no `/proc` or the program has changed its user, one write that does not wait is tried.
fn write_to_pipe_or_terminal(text: &[u8]) -> io::Result<usize> {
    match descriptors::open_to_write(Path::new(OWN_STANDARD_ERROR)) {
        Ok(file) => plain_write(file.as_raw_fd(), text),
        Err(_) => write_at_once(text),
    }
}

/// Writes with `RWF_NOWAIT`. Older kernels do not support that for pipes, and no kernel does for terminals; there a line
/// is written if `poll` reports room for it.
#[cfg(target_os = "linux")]
fn write_at_once(text: &[u8]) -> io::Result<usize> {
    let part = libc::iovec { iov_base: text.as_ptr().cast_mut().cast(), iov_len: text.len() };
    const AT_ITS_END: libc::c_long = -1;
    let (one, flags) = (1 as libc::c_long, libc::c_long::from(libc::RWF_NOWAIT));
    let stderr = libc::c_long::from(libc::STDERR_FILENO);
    // SAFETY: one live `iovec`, which describes a slice; the kernel only reads both.
    let written = unsafe { libc::syscall(libc::SYS_pwritev2, stderr, &part, one, AT_ITS_END, AT_ITS_END, flags) };
    match length_of(written as isize) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::EPERM)) => {
            write_what_fits(text)
        }
        outcome => outcome,
    }
}

/// Other systems have no such flag: a line is written if `poll` reports room for it.
#[cfg(not(target_os = "linux"))]
fn write_at_once(text: &[u8]) -> io::Result<usize> {
    write_what_fits(text)
}

/// Writes in pieces, each small enough for a pipe that `poll` reports as writable.
fn write_what_fits(text: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    for piece in text.chunks(libc::PIPE_BUF) {
        let mut entry = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
        // SAFETY: one live, exclusive `pollfd`.
        if unsafe { libc::poll(&mut entry, 1, 0) } <= 0 {
            break;
        }
        written += plain_write(libc::STDERR_FILENO, piece)?;
    }
    Ok(written)
}

fn plain_write(descriptor: libc::c_int, text: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are those of a slice.
    length_of(unsafe { libc::write(descriptor, text.as_ptr().cast(), text.len()) })
}

fn length_of(written: isize) -> io::Result<usize> {
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}
