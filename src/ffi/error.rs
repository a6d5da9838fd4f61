//! Statuses and errors
//!
//! Every function that can fail returns an `hf_status`. Only `HF_OK` means success. `HF_NOT_FOUND` is neither a success
//! nor a failure. All negative numbers are failures. Later versions may add statuses: treat an unknown negative number
//! as a failure.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};

use super::guard;
use crate::error::{Error, Status};
pub use crate::status::numbers::*;

/// The outcome of a call: one of the `HF_*` numbers below.
pub type hf_status = i32;

/// Why a call failed. Immutable, so any thread may read it. Owned by the caller of the failed function, who frees it
/// with `hf_error_free`.
pub struct hf_error {
    status: hf_status,
    http_status: i32,
    message: Cow<'static, CStr>,
}

/// Returns the status of the failed call.
///
/// May be called from any thread. Does not block.
///
/// @param error  The error.
/// @return The status that the failed function returned; `HF_ERR_INVALID_ARGUMENT` if `error` is NULL.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_status(error: *const hf_error) -> hf_status {
    // SAFETY: the caller's promise: NULL or an error.
    unsafe { error.as_ref() }.map_or(HF_ERR_INVALID_ARGUMENT, |error| error.status)
}

/// Returns the message of an error: what failed, with which path, variable or parameter, and what to do next. The
/// message is English text for people and may change between versions; programs test the status instead. It never
/// contains a secret value, a token or a secret_id.
///
/// May be called from any thread. Does not block.
///
/// @param error  The error.
/// @return One line of UTF-8; "" if `error` is NULL. Borrowed: valid as long as `error`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_message(error: *const hf_error) -> *const c_char {
    // SAFETY: the caller's promise: NULL or an error.
    unsafe { error.as_ref() }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
}

/// Returns the HTTP status of the response that caused the failure.
///
/// May be called from any thread. Does not block.
///
/// @param error  The error.
/// @return A number such as 403; 0 if no HTTP response was involved, or `error` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_http_status(error: *const hf_error) -> i32 {
    // SAFETY: the caller's promise: NULL or an error.
    unsafe { error.as_ref() }.map_or(0, |error| error.http_status)
}

/// Frees an error.
///
/// May be called from any thread. Does not block.
///
/// @param error  The error. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_error_free(error: *mut hf_error) {
    if error.is_null() || FALLBACKS.as_ptr_range().contains(&error.cast_const()) {
        return;
    }
    // SAFETY: the caller's promise; what is no fallback came from `hf_error::into_raw`'s box.
    guard::infallible((), || drop(unsafe { Box::from_raw(error) }));
}

/// Returns the name of a status, for log lines.
///
/// May be called from any thread. Does not block.
///
/// @param status  Any number.
/// @return A name such as "HF_NOT_FOUND"; "HF_UNKNOWN" for a number that this version does not know. Borrowed: valid
///     until the process ends; do not free it.
#[unsafe(no_mangle)]
pub extern "C" fn hf_status_name(status: hf_status) -> *const c_char {
    let known = Status::ALL.iter().find(|known| known.code() == status);
    known.map_or(c"HF_UNKNOWN", |known| known.name()).as_ptr()
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

/// One error for each status, for when there is no memory to make one. Never freed, never written to.
static FALLBACKS: [hf_error; Status::ALL.len()] = {
    let mut errors = [const { FALLBACK }; Status::ALL.len()];
    let mut rest: &mut [hf_error] = &mut errors;
    let mut statuses = Status::ALL;
    while let ([error, errors @ ..], [status, others @ ..]) = (rest, statuses) {
        error.status = status.code();
        (rest, statuses) = (errors, others);
    }
    errors
};

const FALLBACK: hf_error = hf_error {
    status: HF_ERR_INTERNAL,
    http_status: 0,
    message: Cow::Borrowed(c"the call failed, and there is no memory left to say why"),
};

fn fallback(status: Status) -> *mut hf_error {
    let same = FALLBACKS.iter().find(|fallback| fallback.status == status.code());
    same.map_or(std::ptr::null_mut(), |same| std::ptr::from_ref(same).cast_mut())
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "what the pointers point at stands in sight")]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_name_and_other_numbers_are_unknown() {
        for status in Status::ALL {
            let name = unsafe { CStr::from_ptr(hf_status_name(status.code())) }.to_str().unwrap();
            let words = name.trim_start_matches("HF_").trim_start_matches("ERR_").replace('_', "");
            assert_eq!(words, format!("{status:?}").to_uppercase(), "{}", status.code());
        }
        for unknown in [i32::MIN, i32::MAX] {
            assert_eq!(unsafe { CStr::from_ptr(hf_status_name(unknown)) }, c"HF_UNKNOWN");
        }
    }

    #[test]
    fn there_is_an_error_for_each_status_that_needs_no_memory() {
        for status in Status::ALL.iter().filter(|status| status.code() < 0) {
            let error = fallback(*status);
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
