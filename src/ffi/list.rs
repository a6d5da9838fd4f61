//! Lists of strings

use std::ffi::{CString, c_char};

use super::guard;
use super::handle::Owned;
use crate::error::{Error, Result, Status};

/// A list of strings. Immutable, so any thread may read it. One owner, who frees it with `hf_string_list_free`.
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

/// Returns the number of strings in a list.
///
/// May be called from any thread. Does not block.
///
/// @param list  The list.
/// @return The number; 0 if `list` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_string_list_len(list: *const hf_string_list) -> usize {
    // SAFETY: the caller's promise.
    unsafe { list.as_ref() }.map_or(0, |list| list.strings.len())
}

/// Returns one string of a list.
///
/// May be called from any thread. Does not block.
///
/// @param list   The list.
/// @param index  The index, from 0.
/// @return UTF-8; NULL if `index` is past the end or `list` is NULL. Borrowed: valid as long as `list`; do not free it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_string_list_get(list: *const hf_string_list, index: usize) -> *const c_char {
    // SAFETY: the caller's promise.
    let string = unsafe { list.as_ref() }.and_then(|list| list.strings.get(index));
    string.map_or(std::ptr::null(), |string| string.as_ptr())
}

/// Frees a list and its strings.
///
/// May be called from any thread while no other thread uses the object. Does not block.
///
/// @param list  The list. May be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hf_string_list_free(list: *mut hf_string_list) {
    // SAFETY: the caller's promise.
    guard::infallible((), || unsafe { hf_string_list::free(list) });
}
