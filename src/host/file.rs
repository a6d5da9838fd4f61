//! Reads small files completely, within a deadline. The path may name a regular file, a FIFO, a terminal or another
//! device.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::call::{Deadline, WAIT_SLICE};
use crate::error::{Error, Status};

/// The initial buffer size for files without a known size.
const INITIAL_CAPACITY: usize = 4096;

/// Why a file could not be read.
#[derive(Debug)]
pub enum ReadFailure {
    /// The deadline came first, or the call was cancelled.
    Call(Error),
    /// A system call failed.
    System(io::Error),
    /// The file is larger than the limit.
    TooLong,
}

impl ReadFailure {
    /// The error of the call. `subject` names the file, such as `VAULT_CACERT: cannot read /ca.pem`.
    pub fn into_error(self, subject: &str) -> Error {
        match self {
            ReadFailure::Call(error) if error.status() == Status::Timeout => {
                let message = format!("{subject}: its end was not reached in time, as with a pipe without a writer");
                Error::new(Status::Timeout, message)
            }
            ReadFailure::Call(error) => error,
            ReadFailure::System(cause) => Error::config(format!("{subject}: {cause}")),
            ReadFailure::TooLong => Error::config(format!("{subject}: it is too large for what it should hold")),
        }
    }
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> Self {
        ReadFailure::System(error)
    }
}

impl From<Error> for ReadFailure {
    fn from(error: Error) -> Self {
        ReadFailure::Call(error)
    }
}

/// The content of the file at `path`, at most `limit` bytes. All buffers are wiped.
pub fn read(path: &Path, limit: usize, deadline: &Deadline) -> Result<Zeroizing<Vec<u8>>, ReadFailure> {
    let mut file = open(path, deadline)?;
    let kind = file.metadata()?;
    // Only a regular file has a known size, and it never has to be waited for.
    let size = kind.is_file().then(|| usize::try_from(kind.len()).unwrap_or(usize::MAX));
    let mut text = Zeroizing::new(Vec::new());
    grow(&mut text, size.unwrap_or(INITIAL_CAPACITY).min(limit).saturating_add(1));
    loop {
        if !kind.is_file() {
            wait(&file, deadline)?;
        }
        match append(&mut file, &mut text) {
            Ok(0) => return Ok(text),
            Ok(_) if text.len() > limit => return Err(ReadFailure::TooLong),
            Ok(_) if text.len() == text.capacity() => {
                let twice = text.len().saturating_mul(2);
                grow(&mut text, twice.min(limit.saturating_add(1)));
            }
            Ok(_) => {}
            // The file was ready, but another process has read from it. The pause avoids a busy loop.
            Err(e) if e.kind() == ErrorKind::WouldBlock => deadline.sleep(Duration::from_millis(1))?,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Opens the file. If another process holds a lease on it, waits until the lease is released.
fn open(path: &Path, deadline: &Deadline) -> Result<File, ReadFailure> {
    loop {
        match super::descriptors::open_to_read(path) {
            Err(e) if e.kind() == ErrorKind::WouldBlock => deadline.sleep(WAIT_SLICE)?,
            outcome => return Ok(outcome?),
        }
    }
}

/// Reads once into the remaining capacity.
fn append(file: &mut File, text: &mut Vec<u8>) -> io::Result<usize> {
    let filled = text.len();
    text.resize(text.capacity(), 0);
    let outcome = file.read(text.get_mut(filled..).unwrap_or_default());
    text.truncate(filled + outcome.as_ref().map_or(0, |&count| count));
    outcome
}

/// Moves `text` to a block of `capacity` bytes, and wipes the old block.
fn grow(text: &mut Zeroizing<Vec<u8>>, capacity: usize) {
    let mut larger = Vec::with_capacity(capacity);
    larger.extend_from_slice(text);
    *text = Zeroizing::new(larger);
}

/// Waits until the file is readable or at its end.
fn wait(file: &File, deadline: &Deadline) -> Result<(), ReadFailure> {
    loop {
        let left = deadline.remaining()?.min(WAIT_SLICE);
        let mut entry = libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let milliseconds = left.as_millis().clamp(1, WAIT_SLICE.as_millis()) as libc::c_int;
        // SAFETY: one live, exclusive `pollfd`.
        if unsafe { libc::poll(&mut entry, 1, milliseconds) } > 0 {
            return Ok(());
        }
    }
}

/// Inode, length and time of a file.
pub type Fingerprint = (u64, u64, i64, i64);

/// A value that changes when the file at `path` changes, or the file that a link there points to.
pub fn fingerprint(path: &Path) -> Option<Fingerprint> {
    fs::metadata(path).ok().map(|metadata| fingerprint_of(&metadata))
}

/// The [`fingerprint`] of a regular file. A pipe has none: its contents can be read once, and its times mean nothing.
pub fn regular_fingerprint(path: &Path) -> Option<Fingerprint> {
    fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| fingerprint_of(&metadata))
}

fn fingerprint_of(metadata: &Metadata) -> Fingerprint {
    use std::os::unix::fs::MetadataExt;
    // A file replaced by a rename may have the same length and time, but has another inode.
    (metadata.ino(), metadata.len(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;
    use std::time::Instant;

    use super::*;
    use crate::call::Call;

    fn deadline(limit: Duration) -> Deadline {
        Call::default().start(limit)
    }

    fn long() -> Deadline {
        deadline(Duration::from_secs(60))
    }

    fn fifo(folder: &tempfile::TempDir) -> PathBuf {
        let path = folder.path().join("fifo");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: a string that ends in NUL.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        path
    }

    #[test]
    fn a_file_is_read_completely_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, 9, 10] {
            fs::write(&path, vec![b'x'; size]).unwrap();
            assert_eq!(read(&path, 10, &long()).unwrap().len(), size);
        }
        fs::write(&path, [b'x'; 11]).unwrap();
        assert!(matches!(read(&path, 10, &long()), Err(ReadFailure::TooLong)));
        assert!(matches!(read(folder.path(), 10, &long()), Err(ReadFailure::System(_))), "a directory");
        assert_eq!(read(Path::new("/dev/null"), 10, &long()).unwrap().len(), 0);
        assert!(matches!(read(Path::new("/dev/zero"), 1 << 20, &long()), Err(ReadFailure::TooLong)));
    }

    #[test]
    fn a_fifo_is_read_until_its_writer_closes() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(&folder);
        let writer = std::thread::spawn({
            let path = path.clone();
            move || {
                // Waits for the reader.
                let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
                file.write_all(b"one ").unwrap();
                file.write_all(&[b'x'; 100_000]).unwrap();
            }
        });
        let text = read(&path, 1 << 20, &long()).unwrap();
        writer.join().unwrap();
        assert!(text.starts_with(b"one x") && text.len() == 100_004, "{}", text.len());
    }

    #[test]
    fn reading_a_fifo_without_a_writer_ends_at_the_deadline_or_on_cancellation() {
        let folder = tempfile::tempdir().unwrap();
        let path = fifo(&folder);
        let began = Instant::now();
        let failure = read(&path, 10, &deadline(Duration::from_millis(120))).unwrap_err();
        let error = failure.into_error("VAULT_TOKEN_FILE: cannot read /fifo");
        assert_eq!(error.status(), Status::Timeout);
        assert!(error.message().starts_with("VAULT_TOKEN_FILE: cannot read /fifo: "), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20));
        // A writer that opens the FIFO and writes nothing makes no difference.
        let _silent = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(matches!(read(&path, 10, &deadline(Duration::from_millis(60))), Err(ReadFailure::Call(_))));
        let (call, canceller) = Call::cancellable();
        canceller.cancel();
        let failure = read(&path, 10, &call.start(Duration::from_secs(60))).unwrap_err();
        assert_eq!(failure.into_error("x").status(), Status::Cancelled);
    }
}
