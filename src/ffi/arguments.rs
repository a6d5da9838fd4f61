//! From pointers to arguments: what may be NULL, what must be UTF-8, and where results go.

use std::ffi::{CStr, c_char};
use std::ptr::NonNull;

use crate::error::{Error, Result};

/// A text that must be there.
///
/// # Safety
/// `pointer` is NULL, or a NUL-terminated string that nobody changes during `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| null(name))
}

/// A text that may be missing.
///
/// # Safety
/// As [`text`].
pub(super) unsafe fn optional_text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise; the pointer is not NULL.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|invalid| {
        Error::invalid_argument(format!(
            "{name} is not valid UTF-8 from byte {} on; convert it to UTF-8 first",
            invalid.valid_up_to()
        ))
    })
}

/// An object that must be there.
///
/// # Safety
/// `pointer` is NULL, or points at a `T` that lives and is not changed during `'a`.
pub(super) unsafe fn object<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// An object that must be there, to be changed.
///
/// # Safety
/// `pointer` is NULL, or points at a `T` that lives and that nobody else uses during `'a`.
pub(super) unsafe fn object_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// Where a result goes that the caller will own.
pub(super) struct Out<T>(NonNull<*mut T>);

impl<T> Out<T> {
    /// Clears the out-parameter. Comes before the check of any other argument, so that a caller who forgets to look at
    /// the status finds NULL.
    ///
    /// # Safety
    /// `pointer` is NULL, or may be written to until the call ends.
    pub(super) unsafe fn clear(pointer: *mut *mut T, name: &str) -> Result<Out<T>> {
        // SAFETY: the caller's promise.
        unsafe { Out::clear_optional(pointer) }.ok_or_else(|| null(name))
    }

    /// As [`Out::clear`], for a result that the caller may not want.
    ///
    /// # Safety
    /// As [`Out::clear`].
    pub(super) unsafe fn clear_optional(pointer: *mut *mut T) -> Option<Out<T>> {
        let place = NonNull::new(pointer)?;
        // SAFETY: the caller's promise; the pointer is not NULL.
        unsafe { place.write(std::ptr::null_mut()) };
        Some(Out(place))
    }

    /// Hands the result over.
    pub(super) fn set(self, value: *mut T) {
        // SAFETY: `clear`'s caller promised that the place may be written to.
        unsafe { self.0.write(value) }
    }
}

/// The error of a missing argument.
#[cold]
pub(super) fn null(name: &str) -> Error {
    Error::invalid_argument(format!("{name} is NULL, where a value is needed"))
}
