//! Conversion of C arguments: NULL and UTF-8 checks, copies, and out-parameters.
//!
//! A function that does not block borrows its arguments; a function that may block copies them for its job.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

use crate::error::{Error, Result, Status};
use crate::secret::{Bytes, Secret, try_to_owned};

/// A required text.
///
/// # Safety
/// `pointer` is NULL, or a NUL-terminated string that nobody changes during `'a`.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| null(name))
}

/// An optional text.
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

/// A copy of a required text.
///
/// # Safety
/// As [`text`], until this returns.
pub(super) unsafe fn copied_text(pointer: *const c_char, name: &str) -> Result<String> {
    // SAFETY: the caller's promise.
    copy(unsafe { text(pointer, name) }?, name)
}

/// A copy of an optional text.
///
/// # Safety
/// As [`text`], until this returns.
pub(super) unsafe fn copied_optional_text(pointer: *const c_char, name: &str) -> Result<Option<String>> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(pointer, name) }?.map(|text| copy(text, name)).transpose()
}

/// A copy of a required value, which is wiped after use.
///
/// # Safety
/// As [`text`], until this returns.
pub(super) unsafe fn copied_secret(pointer: *const c_char, name: &str) -> Result<Secret> {
    // SAFETY: the caller's promise.
    let text = unsafe { text(pointer, name) }?;
    Secret::try_copy_of(text).ok_or_else(|| Error::no_memory(name, text.len()))
}

/// A copy of bytes, which is wiped after use. NULL only where the length is 0.
///
/// # Safety
/// As [`slice`], until this returns.
pub(super) unsafe fn copied_bytes(data: *const c_void, length: usize, name: &str) -> Result<Bytes> {
    // SAFETY: the caller's promise.
    let data = unsafe { slice(data.cast(), length, name) }?;
    Bytes::try_copy_of(data).ok_or_else(|| Error::no_memory(name, length))
}

/// A fallible copy: the length is controlled by the caller.
pub(super) fn copy(text: &str, name: &str) -> Result<String> {
    try_to_owned(text).ok_or_else(|| Error::no_memory(name, text.len()))
}

/// An empty list with room for as many items as the caller says.
pub(super) fn room_for<T>(count: usize, name: &str) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(count).map_err(|_| Error::no_memory(name, count))?;
    Ok(items)
}

/// A required object.
///
/// # Safety
/// `pointer` is NULL, or points at a `T` that lives and is not changed during `'a`.
pub(super) unsafe fn object<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// A required object that is going to be changed.
///
/// # Safety
/// `pointer` is NULL, or points at a `T` that lives and that nobody else uses during `'a`.
pub(super) unsafe fn object_mut<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// An out-parameter for a result that the caller will own.
pub(super) struct Out<T>(NonNull<*mut T>);

// SAFETY: it only writes one pointer, once. The caller of the exported function promised that the place may be written
// to until the call has ended, by whichever thread, and that no other thread uses it meanwhile.
unsafe impl<T> Send for Out<T> {}

impl<T> Out<T> {
    /// Clears the out-parameter. Called before any other argument is checked, so that a caller who ignores the status
    /// finds NULL.
    ///
    /// # Safety
    /// `pointer` is NULL, or may be written to until the call ends.
    pub(super) unsafe fn clear(pointer: *mut *mut T, name: &str) -> Result<Out<T>> {
        // SAFETY: the caller's promise.
        unsafe { Out::clear_optional(pointer) }.ok_or_else(|| null(name))
    }

    /// As [`Out::clear`], for an optional out-parameter.
    ///
    /// # Safety
    /// As [`Out::clear`].
    pub(super) unsafe fn clear_optional(pointer: *mut *mut T) -> Option<Out<T>> {
        let place = NonNull::new(pointer)?;
        // SAFETY: the caller's promise; the pointer is not NULL.
        unsafe { place.write(std::ptr::null_mut()) };
        Some(Out(place))
    }

    /// Writes the result.
    pub(super) fn set(self, value: *mut T) {
        // SAFETY: `clear`'s caller promised that the place may be written to.
        unsafe { self.0.write(value) }
    }
}

/// An optional out-parameter for a number.
pub(super) struct OutNumber<T>(Option<NonNull<T>>);

// SAFETY: as for `Out`.
unsafe impl<T> Send for OutNumber<T> {}

impl<T: Default> OutNumber<T> {
    /// Sets the out-parameter to 0, before any other argument is checked.
    ///
    /// # Safety
    /// `pointer` is NULL, or may be written to until the call ends.
    pub(super) unsafe fn clear(pointer: *mut T) -> OutNumber<T> {
        let number = OutNumber(NonNull::new(pointer));
        // SAFETY: the caller's promise.
        unsafe { number.write(T::default()) };
        number
    }

    /// Writes what a call that ends before its job leaves.
    pub(super) fn preset(&self, value: T) {
        // SAFETY: `clear`'s caller promised that the place may be written to.
        unsafe { self.write(value) }
    }

    /// Writes the result.
    pub(super) fn set(self, value: T) {
        self.preset(value);
    }

    /// # Safety
    /// As for [`OutNumber::clear`].
    unsafe fn write(&self, value: T) {
        if let Some(place) = self.0 {
            // SAFETY: the caller's promise.
            unsafe { place.write(value) }
        }
    }
}

/// Bytes: NULL only where the length is 0.
///
/// # Safety
/// `data` is NULL, or points at `length` elements that nobody changes during `'a`.
pub(super) unsafe fn slice<'a, T>(data: *const T, length: usize, name: &str) -> Result<&'a [T]> {
    // Nothing in memory is longer.
    let most = isize::MAX as usize / size_of::<T>().max(1);
    match (data.is_null(), length) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(null(name)),
        (false, _) if length > most => Err(impossible_length(name, length)),
        // SAFETY: the caller's promise.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(data, length) }),
    }
}

#[cold]
fn impossible_length(name: &str, length: usize) -> Error {
    let message = format!("{name}: the length {length} is more than memory can hold; was a negative number converted?");
    Error::new(Status::TooLarge, message)
}

/// A buffer of the caller for a text, and the out-parameter for the text's length.
pub(super) struct OutBuffer {
    start: NonNull<u8>,
    capacity: usize,
    length: NonNull<usize>,
}

// SAFETY: as for `Out`.
unsafe impl Send for OutBuffer {}

impl OutBuffer {
    /// Clears the length and the first byte of the buffer, before the check of any other argument.
    ///
    /// # Safety
    /// `buffer` is NULL, or may be written to for `capacity` bytes until the call ends; `length` is NULL, or may be
    /// written to as long.
    pub(super) unsafe fn clear(buffer: *mut c_char, capacity: usize, length: *mut usize) -> Result<OutBuffer> {
        let (start, length) = (NonNull::new(buffer), NonNull::new(length));
        // SAFETY: the caller's promise; neither is NULL.
        unsafe {
            if let Some(length) = length {
                length.write(0);
            }
            if let Some(start) = start.filter(|_| capacity > 0) {
                start.write(0);
            }
        }
        let start = start.ok_or_else(|| null("buffer"))?.cast();
        Ok(OutBuffer { start, capacity, length: length.ok_or_else(|| null("out_length"))? })
    }

    /// Copies a text that fits ([`check_fits`]), its NUL and its length.
    pub(super) fn set(self, text: &Secret) {
        let length = text.len();
        if length >= self.capacity {
            return;
        }
        // SAFETY: `clear`'s caller promised that the places may be written to; the text and its NUL fit.
        unsafe {
            self.start.copy_from_nonoverlapping(NonNull::from(text.as_bytes()).cast(), length);
            self.start.add(length).write(0);
            self.length.write(length);
        }
    }
}

/// `HF_ERR_TOO_LARGE` unless the text and its NUL fit into `capacity` bytes.
pub(super) fn check_fits(text: &Secret, capacity: usize) -> Result<()> {
    if text.len() < capacity {
        return Ok(());
    }
    let needed = text.len().saturating_add(1);
    let message =
        format!("Failed to retrieve secret: the value and its NUL take {needed} bytes, and capacity is {capacity}");
    Err(Error::new(Status::TooLarge, message))
}

/// The error of a missing argument.
#[cold]
pub(super) fn null(name: &str) -> Error {
    Error::invalid_argument(format!("{name} is NULL, where a value is needed"))
}
