//! The ownership kinds of C objects. Each type has exactly one kind, so no function can free it in the wrong way.

use std::sync::Arc;

use super::arguments::null;
use crate::error::Result;

/// An object with one owner: one function creates it and one function frees it.
pub(super) trait Owned: Sized {
    /// Transfers the object to C.
    fn into_raw(self) -> *mut Self {
        Box::into_raw(Box::new(self))
    }

    /// Frees an object that `into_raw` transferred. NULL is ignored.
    ///
    /// # Safety
    /// `pointer` is NULL, or comes from `into_raw` and is not used again.
    unsafe fn free(pointer: *mut Self) {
        if !pointer.is_null() {
            // SAFETY: the caller's promise.
            drop(unsafe { Box::from_raw(pointer) });
        }
    }
}

/// The C name of a reference-counted object. A pointer to the C type is a pointer to the object; the C type itself has
/// no values.
pub(super) trait Counted: Sized {
    /// The object.
    type Object: Send + Sync;

    /// Transfers one reference to C.
    fn into_raw(object: Arc<Self::Object>) -> *mut Self {
        Arc::into_raw(object).cast_mut().cast()
    }

    /// The object, for as long as the caller's reference lives; `None` for NULL.
    ///
    /// # Safety
    /// `pointer` is NULL, or a reference that is not freed during `'a`.
    unsafe fn borrow<'a>(pointer: *const Self) -> Option<&'a Self::Object> {
        // SAFETY: the caller's promise; `into_raw` made the pointer.
        unsafe { pointer.cast::<Self::Object>().as_ref() }
    }

    /// Another reference to the object, for a job to keep.
    ///
    /// # Safety
    /// `pointer` is NULL, or a reference that is not freed before this returns.
    unsafe fn share(pointer: *const Self, name: &str) -> Result<Arc<Self::Object>> {
        // SAFETY: the caller's promise; the new reference is owned by the `Arc`.
        unsafe {
            let object = Self::add_reference(pointer).cast::<Self::Object>();
            if object.is_null() { Err(null(name)) } else { Ok(Arc::from_raw(object)) }
        }
    }

    /// Adds a reference. Returns NULL for NULL.
    ///
    /// # Safety
    /// As for [`Counted::share`].
    unsafe fn add_reference(pointer: *const Self) -> *mut Self {
        if !pointer.is_null() {
            // SAFETY: the caller's promise; the pointer comes from an `Arc`.
            unsafe { Arc::increment_strong_count(pointer.cast::<Self::Object>()) };
        }
        pointer.cast_mut()
    }

    /// Drops a reference. NULL is ignored.
    ///
    /// # Safety
    /// `pointer` is NULL, or a reference of the caller's own that is not used again.
    unsafe fn free(pointer: *mut Self) {
        if !pointer.is_null() {
            // SAFETY: the caller's promise; the pointer comes from an `Arc`.
            unsafe { Arc::decrement_strong_count(pointer.cast_const().cast::<Self::Object>()) };
        }
    }
}
