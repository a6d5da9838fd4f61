//! Statuses and errors
//!
//! Every function that can fail returns an `hf_status`. Success is `HF_OK` and nothing else; `HF_NOT_FOUND` is no
//! success and no error; everything negative is a failure. Later versions may add numbers: treat a negative number
//! that you do not know as a failure.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};

use super::guard;
use crate::error::{Error, Status};

/// The outcome of a call: one of the `HF_*` numbers below.
pub type hf_status = i32;

/// Done.
pub const HF_OK: hf_status = 0;

/// There is no such secret. Not an error: no `hf_error` is made, and the out-value is NULL.
pub const HF_NOT_FOUND: hf_status = 1;

/// NULL where a value is needed, invalid UTF-8, a key that cannot be, an unknown option. The message names the
/// parameter.
pub const HF_ERR_INVALID_ARGUMENT: hf_status = -1;

/// The text is no reference of this manager. Also logged as a warning.
pub const HF_ERR_INVALID_REFERENCE: hf_status = -2;

/// Configuration is missing or contradicts itself; or the mount or the namespace does not exist.
pub const HF_ERR_CONFIG: hf_status = -3;

/// Vault refuses the credentials; or the token is dead and no login can replace it.
pub const HF_ERR_AUTH: hf_status = -4;

/// The token is alive, but its policy says no. The message names the path and the capability.
pub const HF_ERR_PERMISSION_DENIED: hf_status = -5;

/// No TCP or Unix-socket connection could be made, or it broke.
pub const HF_ERR_CONNECTION: hf_status = -6;

/// A certificate was refused, by us or by the server, or the TLS handshake failed.
pub const HF_ERR_TLS: hf_status = -7;

/// The call's time was up.
pub const HF_ERR_TIMEOUT: hf_status = -8;

/// Vault is sealed, not initialised or without an active node; or it answered with a passing server error, also after
/// the retries.
pub const HF_ERR_UNAVAILABLE: hf_status = -9;

/// Vault limits the rate of requests, also after the retries.
pub const HF_ERR_RATE_LIMITED: hf_status = -10;

/// Others changed the secret at the same time, again and again.
pub const HF_ERR_CONFLICT: hf_status = -11;

/// A value or an answer is over a limit: the server's, ours, or the capacity of the caller's buffer. Or there is no memory
/// for it.
pub const HF_ERR_TOO_LARGE: hf_status = -12;

/// What answers is not Vault, or not as documented.
pub const HF_ERR_PROTOCOL: hf_status = -13;

/// This backend, mount or server cannot do it; or the value is one that this function cannot return.
pub const HF_ERR_UNSUPPORTED: hf_status = -14;

/// `hf_call_cancel` ended the call.
pub const HF_ERR_CANCELLED: hf_status = -15;

/// A bug in the library.
pub const HF_ERR_INTERNAL: hf_status = -16;

/// Why a call failed. Immutable, and so usable from any thread. Owned by the caller of the function that failed, who
/// frees it with `hf_error_free`.
pub struct hf_error {
    status: hf_status,
    http_status: i32,
    message: Cow<'static, CStr>,
}

/// The status of the call that failed.
///
/// Any thread; does not block.
///
/// @param error  The error.
/// @return The same number that the failed function returned. `HF_ERR_INVALID_ARGUMENT` where `error` is NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_status(error: *const hf_error) -> hf_status {
    // SAFETY: the caller's promise: NULL or an error.
    unsafe { error.as_ref() }.map_or(HF_ERR_INVALID_ARGUMENT, |error| error.status)
}

/// What failed, with which path, variable or parameter, and what to do next, in English, for people. Programs look at
/// the status. The text may change between versions. It never holds a secret value, a token or a secret_id.
///
/// Any thread; does not block.
///
/// @param error  The error.
/// @return UTF-8 in one line. Borrowed: it lives as long as `error`, and is not freed. "" where `error` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_message(error: *const hf_error) -> *const c_char {
    // SAFETY: the caller's promise: NULL or an error.
    unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// The HTTP status of the answer that the failure came with.
///
/// Any thread; does not block.
///
/// @param error  The error.
/// @return Such as 403. 0 where no HTTP answer was involved, or `error` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_http_status(error: *const hf_error) -> i32 {
    // SAFETY: the caller's promise: NULL or an error.
    unsafe { error.as_ref() }.map_or(0, |error| error.http_status)
}

/// Frees an error.
///
/// Any thread; does not block.
///
/// @param error  The error. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_free(error: *mut hf_error) {
    if error.is_null() || FALLBACKS.as_ptr_range().contains(&error.cast_const()) {
        return;
    }
    // SAFETY: the caller's promise; what is no fallback came from `hf_error::into_raw`'s box.
    guard::infallible((), || drop(unsafe { Box::from_raw(error) }));
}

/// The name of a status, for log lines.
///
/// Any thread; does not block.
///
/// @param status  Any number.
/// @return Such as "HF_NOT_FOUND"; "HF_UNKNOWN" for a number that this version does not know. Borrowed: it lives as
///     long as the process, and is not freed.
#[unsafe(no_mangle)]
pub extern "C" fn hf_status_name(status: hf_status) -> *const c_char {
    let name = match status {
        HF_OK => c"HF_OK",
        HF_NOT_FOUND => c"HF_NOT_FOUND",
        HF_ERR_INVALID_ARGUMENT => c"HF_ERR_INVALID_ARGUMENT",
        HF_ERR_INVALID_REFERENCE => c"HF_ERR_INVALID_REFERENCE",
        HF_ERR_CONFIG => c"HF_ERR_CONFIG",
        HF_ERR_AUTH => c"HF_ERR_AUTH",
        HF_ERR_PERMISSION_DENIED => c"HF_ERR_PERMISSION_DENIED",
        HF_ERR_CONNECTION => c"HF_ERR_CONNECTION",
        HF_ERR_TLS => c"HF_ERR_TLS",
        HF_ERR_TIMEOUT => c"HF_ERR_TIMEOUT",
        HF_ERR_UNAVAILABLE => c"HF_ERR_UNAVAILABLE",
        HF_ERR_RATE_LIMITED => c"HF_ERR_RATE_LIMITED",
        HF_ERR_CONFLICT => c"HF_ERR_CONFLICT",
        HF_ERR_TOO_LARGE => c"HF_ERR_TOO_LARGE",
        HF_ERR_PROTOCOL => c"HF_ERR_PROTOCOL",
        HF_ERR_UNSUPPORTED => c"HF_ERR_UNSUPPORTED",
        HF_ERR_CANCELLED => c"HF_ERR_CANCELLED",
        HF_ERR_INTERNAL => c"HF_ERR_INTERNAL",
        _ => c"HF_UNKNOWN",
    };
    name.as_ptr()
}

impl hf_error {
    /// The error as an object of the caller's, or, where there is no memory for one, the static error of its status.
    pub(super) fn into_raw(error: &Error) -> *mut hf_error {
        hf_error::allocate(error).map_or_else(|| fallback(error.status()), Box::into_raw)
    }

    /// `None` where there is no memory.
    fn allocate(error: &Error) -> Option<Box<hf_error>> {
        let mut text = Vec::new();
        text.try_reserve_exact(error.message().len().checked_add(1)?).ok()?;
        // The message is one line for C: nothing in it may end it early.
        text.extend(error.message().bytes().map(|byte| if byte < b' ' { b' ' } else { byte }));
        let message = Cow::Owned(CString::new(text).ok()?);
        let status = error.status().code();
        try_box(hf_error { status, http_status: error.http_status().into(), message })
    }
}

/// `Box::new` that gives `None` where there is no memory.
fn try_box<T>(value: T) -> Option<Box<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(1).ok()?;
    room.push(value);
    // A slice of one has the layout of its element.
    let one = Box::into_raw(room.into_boxed_slice()).cast::<T>();
    // SAFETY: `one` owns a block of exactly the layout of `T`, with a `T` in it.
    Some(unsafe { Box::from_raw(one) })
}

/// One error for each failing status, for when there is no memory to make one. Never freed, never written to.
static FALLBACKS: [hf_error; 16] = {
    const fn of(status: hf_status) -> hf_error {
        let message = Cow::Borrowed(c"the call failed, and there is no memory left to say why");
        hf_error { status, http_status: 0, message }
    }
    [
        of(HF_ERR_INTERNAL),
        of(HF_ERR_INVALID_ARGUMENT),
        of(HF_ERR_INVALID_REFERENCE),
        of(HF_ERR_CONFIG),
        of(HF_ERR_AUTH),
        of(HF_ERR_PERMISSION_DENIED),
        of(HF_ERR_CONNECTION),
        of(HF_ERR_TLS),
        of(HF_ERR_TIMEOUT),
        of(HF_ERR_UNAVAILABLE),
        of(HF_ERR_RATE_LIMITED),
        of(HF_ERR_CONFLICT),
        of(HF_ERR_TOO_LARGE),
        of(HF_ERR_PROTOCOL),
        of(HF_ERR_UNSUPPORTED),
        of(HF_ERR_CANCELLED),
    ]
};

fn fallback(status: Status) -> *mut hf_error {
    let same = FALLBACKS.iter().find(|fallback| fallback.status == status.code());
    std::ptr::from_ref(same.unwrap_or(&FALLBACKS[0])).cast_mut()
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "what the pointers point at stands in sight")]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_header_are_those_of_the_library() {
        for status in Status::ALL {
            let name = unsafe { CStr::from_ptr(hf_status_name(status.code())) }.to_str().unwrap();
            let words = name.trim_start_matches("HF_").trim_start_matches("ERR_").replace('_', "");
            assert_eq!(words, format!("{status:?}").to_uppercase(), "{}", status.code());
        }
        assert_eq!(unsafe { CStr::from_ptr(hf_status_name(-17)) }, c"HF_UNKNOWN");
    }

    #[test]
    fn there_is_an_error_for_each_status_that_needs_no_memory() {
        for status in Status::ALL.into_iter().filter(|status| status.code() < 0) {
            let error = fallback(status);
            unsafe {
                assert_eq!(hf_error_status(error), status.code());
                assert!(CStr::from_ptr(hf_error_message(error)).to_str().unwrap().contains("no memory"));
                hf_error_free(error);
                hf_error_free(error);
            }
        }
    }

    #[test]
    fn a_message_reaches_c_whole_and_in_one_line() {
        let error = Error::new(Status::Auth, "a\0b\nü").with_http_status(403);
        let raw = hf_error::into_raw(&error);
        unsafe {
            assert_eq!(CStr::from_ptr(hf_error_message(raw)), c"a b ü");
            assert_eq!((hf_error_status(raw), hf_error_http_status(raw)), (HF_ERR_AUTH, 403));
            hf_error_free(raw);
        }
    }
}
