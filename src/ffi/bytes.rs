//! Bytes
//!
//! Bytes that may hold NUL: binary values, and whole answers of the server.

use super::guard;
use super::handle::Owned;
use crate::secret::Bytes;

/// Bytes. Immutable, so any thread may read them. One owner, who frees them with `hf_bytes_free`.
pub struct hf_bytes {
    bytes: Bytes,
}

impl Owned for hf_bytes {}

impl From<Bytes> for hf_bytes {
    fn from(bytes: Bytes) -> hf_bytes {
        hf_bytes { bytes }
    }
}

/// Returns the bytes. One NUL, which is not counted, stands behind the last one.
///
/// May be called from any thread. Does not block.
///
/// @param bytes  The bytes.
/// @return Their address, never NULL unless `bytes` is NULL. Borrowed: valid as long as `bytes`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_bytes_data(bytes: *const hf_bytes) -> *const std::ffi::c_void {
    // SAFETY: the caller's promise.
    unsafe { bytes.as_ref() }.map_or(std::ptr::null(), |bytes| bytes.bytes.as_slice().as_ptr().cast())
}

/// Returns the number of bytes.
///
/// May be called from any thread. Does not block.
///
/// @param bytes  The bytes.
/// @return The number; 0 if `bytes` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_bytes_len(bytes: *const hf_bytes) -> usize {
    // SAFETY: the caller's promise.
    unsafe { bytes.as_ref() }.map_or(0, |bytes| bytes.bytes.as_slice().len())
}

/// Wipes and frees bytes.
///
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param bytes  The bytes. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_bytes_free(bytes: *mut hf_bytes) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_bytes::free(bytes) });
}
