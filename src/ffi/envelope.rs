//! Envelopes
//!
//! Encryption of data of any size, at the speed of memory. The data are encrypted here, with AES-256-GCM and a data key;
//! the envelope is the wrapped data key and the encrypted data behind it. docs/envelope.md has the format to the byte, and
//! says what it protects. Data and keys are wiped when they are freed.
//!
//! An envelope costs at most one request, and none while a data key is kept: VAULT_DATA_KEY_MAX_AGE and
//! VAULT_DATA_KEY_MAX_USES limit that. Each `hf_transit` keeps its own. The policy has to allow "update" of
//! `datakey/plaintext/<key>` for encryption, of `decrypt/<key>` for decryption, and of `rewrap/<key>` for
//! `hf_envelope_rewrap`.
//!
//! `parameters` may have "context" and "associated_data", both set by `hf_fields_set_bytes`, and "bits", which are 256.
//! "context", of 4096 bytes at most, goes to the server and stands in the envelope, readable by everybody; a decryption
//! takes it from there. "associated_data", of 65,535 bytes at most, are neither sent nor stored: the decryption has to give
//! the same. Another parameter is `HF_ERR_INVALID_ARGUMENT`.
//!
//! These functions share the statuses of the section "Transit", and have these in common:
//!
//! - `HF_ERR_INVALID_ARGUMENT`: NULL, a wrong parameter, what is not an envelope of this key, or one that was altered, cut
//!   off or lengthened; the message tells which;
//! - `HF_ERR_UNSUPPORTED`: the version of the key that wrapped the data key is below min_decryption_version, or a stream
//!   was begun before a fork and goes on in the child;
//! - `HF_ERR_TOO_LARGE`: "associated_data" are too long, there is not enough memory, or a stream exceeds 128 TiB.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::arguments::{Out, copied_bytes, object};
use super::bytes::hf_bytes;
use super::call::hf_call;
use super::error::{hf_error, hf_status};
use super::fields::hf_fields;
use super::handle::{Counted, Owned};
use super::transit::hf_transit;
use super::{export, guard};
use crate::call::{Call, Purpose};
use crate::error::{Error, Result, Status};
use crate::host::descriptors::duplicate;
use crate::secret::Bytes;
use crate::transit::{Envelope, ended};

/// A stream that is encrypted or decrypted piece by piece. One owner, who frees it with `hf_envelope_free`; one thread at a
/// time. It keeps its key open.
pub struct hf_envelope {
    stream: Arc<Stream>,
}

struct Stream {
    envelope: Mutex<Envelope>,
    /// A call has failed, perhaps before it came to the envelope, so that data are missing.
    is_broken: AtomicBool,
}

impl Owned for hf_envelope {}

/// Encrypts data as a whole.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit     The key.
/// @param data        The bytes. May be NULL if `length` is 0.
/// @param length      The number of bytes.
/// @param parameters  "context", "associated_data". NULL for none.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param out_bytes   Receives the envelope; the caller frees it with `hf_bytes_free`. NULL unless the status is `HF_OK`.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_encrypt(
    transit: *const hf_transit,
    data: *const c_void,
    length: usize,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_bytes, "out_bytes")?;
            let transit = hf_transit::share(transit, "transit")?;
            let (data, parameters) = (copied_bytes(data, length, "data")?, hf_fields::share_or_none(parameters));
            let job = move |call: &Call| transit.encrypt_envelope(data.as_slice(), &parameters, call);
            Ok((job, |bytes| give_bytes(out, bytes)))
        })
    }
}

/// Decrypts an envelope as a whole.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit     The key.
/// @param data        The envelope.
/// @param length      The number of its bytes.
/// @param parameters  "associated_data", as for the encryption. "context" may be given, and then has to be that of the
///     envelope. NULL for none.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param out_bytes   Receives the data; the caller frees them with `hf_bytes_free`, which wipes them. NULL unless the
///     status is `HF_OK`.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_decrypt(
    transit: *const hf_transit,
    data: *const c_void,
    length: usize,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_bytes, "out_bytes")?;
            let transit = hf_transit::share(transit, "transit")?;
            let (data, parameters) = (copied_bytes(data, length, "data")?, hf_fields::share_or_none(parameters));
            let job = move |call: &Call| transit.decrypt_envelope(data.as_slice(), &parameters, call);
            Ok((job, |bytes| give_bytes(out, bytes)))
        })
    }
}

/// Begins an encryption piece by piece, for which the data key is asked for. `hf_envelope_update` takes the data and gives
/// the envelope, of which `hf_envelope_finish` gives the end.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit       The key.
/// @param parameters    "context", "associated_data". NULL for none.
/// @param call          Deadline and cancellation. NULL for the defaults.
/// @param out_envelope  Receives the stream; the caller frees it with `hf_envelope_free`. NULL unless the status is
///     `HF_OK`.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_encryptor(
    transit: *const hf_transit,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_envelope: *mut *mut hf_envelope,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_envelope, "out_envelope")?;
            let transit = hf_transit::share(transit, "transit")?;
            let parameters = hf_fields::share_or_none(parameters);
            let job = move |call: &Call| Envelope::encryptor(Arc::clone(&transit), &parameters, call);
            Ok((job, |envelope| give_envelope(out, envelope)))
        })
    }
}

/// Begins a decryption piece by piece. `hf_envelope_update` takes the envelope and gives the data, and asks for the data
/// key once it has the header.
///
/// May be called from any thread. Does not block.
///
/// @param transit       The key.
/// @param parameters    As for `hf_envelope_decrypt`. NULL for none.
/// @param call          Cancellation. NULL for the defaults.
/// @param out_envelope  Receives the stream; the caller frees it with `hf_envelope_free`. NULL unless the status is
///     `HF_OK`.
/// @param error         Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_decryptor(
    transit: *const hf_transit,
    parameters: *const hf_fields,
    call: *const hf_call,
    out_envelope: *mut *mut hf_envelope,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_envelope, "out_envelope")?;
            let transit = hf_transit::share(transit, "transit")?;
            let parameters = hf_fields::share_or_none(parameters);
            let job = move |call: &Call| Envelope::decryptor(Arc::clone(&transit), &parameters, call);
            Ok((job, |envelope| give_envelope(out, envelope)))
        })
    }
}

/// Gives a stream more data; parts of 16 KiB to 1 MiB are the fastest. What it returns is authentic, and may be empty, since
/// the stream keeps up to 32 KiB back. After a failure, whatever its reason, the stream has ended and refuses everything
/// else: the data of the failed call would be missing.
///
/// May be called from any thread while no other thread uses the stream. Blocks until the call's deadline at the latest,
/// where a decryption asks for its data key.
///
/// @param envelope   The stream.
/// @param data       The bytes. May be NULL if `length` is 0.
/// @param length     The number of bytes.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param out_bytes  Receives what could be encrypted or decrypted, perhaps nothing; the caller frees it with
///     `hf_bytes_free`, which wipes it. NULL unless the status is `HF_OK`.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    `*out_bytes` has the next bytes.
/// @retval HF_ERR_INVALID_ARGUMENT  The stream has ended, or another thread uses it; see also the introduction of this
///     section, which has the other statuses.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_update(
    envelope: *mut hf_envelope,
    data: *const c_void,
    length: usize,
    call: *const hf_call,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_bytes, "out_bytes");
            let (stream, step) = step(envelope)?;
            let (out, data) = (out?, copied_bytes(data, length, "data")?);
            let job = move |call: &Call| on(&stream, |envelope| envelope.update(data.as_slice(), call));
            Ok((job, |bytes| step.give(out, bytes)))
        })
    }
}

/// Ends a stream, and returns the rest of its output. A decryption fails here if the envelope was cut off; what it has
/// given before is authentic, but only a part. The stream has ended after this, also if it failed, and still has to be freed.
///
/// May be called from any thread while no other thread uses the stream. Does not block.
///
/// @param envelope   The stream.
/// @param call       Cancellation. NULL for the defaults.
/// @param out_bytes  Receives the rest, perhaps nothing; the caller frees it with `hf_bytes_free`, which wipes it. NULL
///     unless the status is `HF_OK`.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    The envelope is complete.
/// @retval HF_ERR_INVALID_ARGUMENT  The stream has ended already, or another thread uses it; see also the introduction of
///     this section, which has the other statuses.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_finish(
    envelope: *mut hf_envelope,
    call: *const hf_call,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_bytes, "out_bytes");
            let (stream, step) = step(envelope)?;
            let out = out?;
            let job = move |call: &Call| on(&stream, |envelope| envelope.finish(call));
            Ok((job, |bytes| step.give(out, bytes)))
        })
    }
}

/// Frees a stream, finished or not, and wipes what it holds.
///
/// May be called from any thread while no other thread uses the stream. Does not block.
///
/// @param envelope  The stream. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_free(envelope: *mut hf_envelope) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_envelope::free(envelope) });
}

/// Encrypts from one descriptor to another, in constant memory: from the current offset of `from` to its end. Files, pipes,
/// stream sockets and terminals are taken, blocking and non-blocking ones; their mode stays as it is. Sockets of messages,
/// and the same file for both, are refused. No SIGPIPE is raised. After a failure a beginning of the envelope is in `to`.
///
/// May be called from any thread. Blocks: without a timeout of `call` the manager's holds for the request and for each wait
/// for a descriptor; with one it holds for the whole. `hf_call_cancel` ends it within 100 ms. Files and disks are not
/// waited for by these rules. Others who read from the same blocking pipe, or, before Linux 6.4, write to it, can make the
/// call wait longer; so can a blocking terminal where the system has no `/proc`.
///
/// @param transit     The key.
/// @param from        The descriptor of the data. Stays open, and must not be closed before the function returns.
/// @param to          The descriptor for the envelope, likewise.
/// @param parameters  "context", "associated_data". NULL for none.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    All is written. It is not synced to a disk.
/// @retval HF_ERR_IO                A descriptor could not be read or written; the message has the system's reason, such as
///     that of `ENOSPC` or `EPIPE`.
/// @retval HF_ERR_INVALID_ARGUMENT  A descriptor is not open for that. See also the introduction of this section, which has
///     the other statuses.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_encrypt_fd(
    transit: *const hf_transit,
    from: c_int,
    to: c_int,
    parameters: *const hf_fields,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let transit = hf_transit::share(transit, "transit")?;
            let parameters = hf_fields::share_or_none(parameters);
            let (from, to) = (Descriptor::of(call, from, "from")?, Descriptor::of(call, to, "to")?);
            let job = move |call: &Call| {
                Arc::clone(&transit).encrypt_descriptor(from.number(), to.number(), &parameters, call)
            };
            Ok((job, |()| Status::Ok))
        })
    }
}

/// Decrypts from one descriptor to another, in constant memory, under the rules of `hf_envelope_encrypt_fd`. What is
/// written to `to` is authentic. After a failure it may be a beginning of the data only, so a program must not take it for
/// all of them.
///
/// May be called from any thread. Blocks as `hf_envelope_encrypt_fd`.
///
/// @param transit     The key.
/// @param from        The descriptor of the envelope. Stays open, and must not be closed before the function returns.
/// @param to          The descriptor for the data, likewise.
/// @param parameters  As for `hf_envelope_decrypt`. NULL for none.
/// @param call        Deadline and cancellation. NULL for the defaults.
/// @param error       Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK                    All is written. It is not synced to a disk.
/// @retval HF_ERR_IO                A descriptor could not be read or written; the message has the system's reason, such as
///     that of `ENOSPC` or `EPIPE`.
/// @retval HF_ERR_INVALID_ARGUMENT  A descriptor is not open for that. See also the introduction of this section, which has
///     the other statuses.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_decrypt_fd(
    transit: *const hf_transit,
    from: c_int,
    to: c_int,
    parameters: *const hf_fields,
    call: *const hf_call,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let transit = hf_transit::share(transit, "transit")?;
            let parameters = hf_fields::share_or_none(parameters);
            let (from, to) = (Descriptor::of(call, from, "from")?, Descriptor::of(call, to, "to")?);
            let job = move |call: &Call| {
                Arc::clone(&transit).decrypt_descriptor(from.number(), to.number(), &parameters, call)
            };
            Ok((job, |()| Status::Ok))
        })
    }
}

/// Wraps the data key of an envelope under the latest version of the key, in one request, whatever the size of the
/// envelope. The new header takes the place of the old one; the data behind it stay as they are. The new header may be
/// longer. The old one has 8 + w + c bytes, where w is the big-endian number in its bytes 4 and 5, and c the one in the two
/// bytes from offset 6 + w.
///
/// May be called from any thread. Blocks until the call's deadline at the latest.
///
/// @param transit    The key.
/// @param header     The envelope, or any beginning of it that has the whole header, which is never longer than 8200 bytes.
/// @param length     The number of bytes.
/// @param call       Deadline and cancellation. NULL for the defaults.
/// @param out_bytes  Receives the new header, and nothing of what followed the old one; the caller frees it with
///     `hf_bytes_free`. NULL unless the status is `HF_OK`.
/// @param error      Receives the error of a failed call; the caller frees it with `hf_error_free`. May be NULL.
/// @retval HF_OK  Done. Other statuses: see the introduction of this section.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_envelope_rewrap(
    transit: *const hf_transit,
    header: *const c_void,
    length: usize,
    call: *const hf_call,
    out_bytes: *mut *mut hf_bytes,
    error: *mut *mut hf_error,
) -> hf_status {
    // SAFETY: the caller's promises about each pointer.
    unsafe {
        export::run(error, call, Purpose::Change, || {
            let out = Out::clear(out_bytes, "out_bytes")?;
            let transit = hf_transit::share(transit, "transit")?;
            let header = copied_bytes(header, length, "header")?;
            let job = move |call: &Call| transit.rewrap_envelope(header.as_slice(), call);
            Ok((job, |bytes| give_bytes(out, bytes)))
        })
    }
}

/// The stream behind a pointer, for a job to keep, and its next step.
///
/// # Safety
/// `envelope` is NULL, or a stream that is not freed before this returns.
unsafe fn step(envelope: *const hf_envelope) -> Result<(Arc<Stream>, Step)> {
    // SAFETY: the caller's promise.
    let stream = Arc::clone(&unsafe { object(envelope, "envelope") }?.stream);
    Ok((Arc::clone(&stream), Step { stream, is_given: false }))
}

/// One call for a stream. Unless its output was given to the program, the stream has ended, whatever has failed:
/// otherwise a later `finish` would succeed without the data of this call.
struct Step {
    stream: Arc<Stream>,
    is_given: bool,
}

impl Step {
    fn give(mut self, out: Out<hf_bytes>, bytes: Bytes) -> Status {
        self.is_given = true;
        give_bytes(out, bytes)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.is_given {
            self.stream.is_broken.store(true, Ordering::Release);
        }
    }
}

/// A descriptor of the program: its own, or, for a job that may go on when the program has closed it, a duplicate.
struct Descriptor {
    number: c_int,
    _duplicate: Option<OwnedFd>,
}

impl Descriptor {
    /// # Safety
    /// As for [`hf_call::settings`].
    unsafe fn of(call: *const hf_call, number: c_int, name: &str) -> Result<Descriptor> {
        // SAFETY: the caller's promise.
        if unsafe { hf_call::ticket(call) }.is_none() {
            return Ok(Descriptor { number, _duplicate: None });
        }
        let duplicate = duplicate(number).map_err(|failure| {
            Error::invalid_argument(format!("{name}: is not an open descriptor, or cannot be duplicated: {failure}"))
        })?;
        Ok(Descriptor { number: duplicate.as_raw_fd(), _duplicate: Some(duplicate) })
    }

    /// A closure that calls this captures the duplicate, too.
    fn number(&self) -> c_int {
        self.number
    }
}

/// Uses a stream. Does not wait for another thread, which might be one that a fork has left behind.
fn on<T>(stream: &Stream, work: impl FnOnce(&mut Envelope) -> Result<T>) -> Result<T> {
    if stream.is_broken.load(Ordering::Acquire) {
        return Err(ended());
    }
    match stream.envelope.try_lock() {
        Ok(mut envelope) => work(&mut envelope),
        Err(_) => Err(Error::invalid_argument("envelope: another thread uses it, or a panic has broken it")),
    }
}

/// Writes bytes to their out-parameter.
fn give_bytes(out: Out<hf_bytes>, bytes: Bytes) -> Status {
    out.set(hf_bytes::from(bytes).into_raw());
    Status::Ok
}

/// Writes a stream to its out-parameter.
fn give_envelope(out: Out<hf_envelope>, envelope: Envelope) -> Status {
    let stream = Stream { envelope: Mutex::new(envelope), is_broken: AtomicBool::new(false) };
    out.set(hf_envelope { stream: Arc::new(stream) }.into_raw());
    Status::Ok
}
