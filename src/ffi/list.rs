//! Lists of strings

use std::ffi::{CString, c_char};

use super::guard;
use super::handle::Owned;
use crate::error::{Error, Result, Status};

/// A list of strings. Immutable, and so usable from any thread. One owner, who frees it with `hf_string_list_free`.
pub struct hf_string_list {
    strings: Box<[CString]>,
}

impl Owned for hf_string_list {}

impl hf_string_list {
    /// The list of `strings`, none of which has a NUL.
    pub(super) fn new(strings: Vec<String>) -> Result<hf_string_list> {
        let strings: Result<Box<[CString]>, _> = strings.into_iter().map(CString::new).collect();
        let strings = strings.map_err(|_| Error::new(Status::Internal, "a reference with a NUL in it"))?;
        Ok(hf_string_list { strings })
    }
}

/// How many strings the list has.
///
/// Any thread; does not block.
///
/// @param list  The list.
/// @return The number; 0 where `list` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_string_list_len(list: *const hf_string_list) -> usize {
    // SAFETY: the caller's promise.
    unsafe { list.as_ref() }.map_or(0, |list| list.strings.len())
}

/// One string of the list.
///
/// Any thread; does not block.
///
/// @param list   The list.
/// @param index  From 0.
/// @return UTF-8. Borrowed: it lives as long as `list`, and is not freed. NULL past the end, or where `list` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_string_list_get(list: *const hf_string_list, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    let string = unsafe { list.as_ref() }.and_then(|list| list.strings.get(index));
    string.map_or(std::ptr::null(), |string| string.as_ptr())
}

/// Frees a list, its strings included.
///
/// Any thread, when no other uses it; does not block.
///
/// @param list  The list. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_string_list_free(list: *mut hf_string_list) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_string_list::free(list) });
}
