//! How C owns what it gets. A type has exactly one of these kinds, so that no function can free it in the wrong way.

use std::sync::Arc;

/// An object with one owner: made by one function, freed by one other.
pub(super) trait Owned: Sized {
    /// Hands the object over to C.
    fn into_raw(self) -> *mut Self {
        Box::into_raw(Box::new(self))
    }

    /// Frees what `into_raw` handed over. NULL is fine.
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

/// An object with any number of owners, which dies with the last of them. All of it can be used from any thread.
pub(super) trait Counted: Sized + Send + Sync {
    /// Hands C the first reference.
    fn into_raw(self) -> *mut Self {
        Self::share(Arc::new(self))
    }

    /// Hands C one more reference.
    fn share(this: Arc<Self>) -> *mut Self {
        Arc::into_raw(this).cast_mut()
    }

    /// Adds a reference. NULL stays NULL.
    ///
    /// # Safety
    /// `pointer` is NULL, or a reference that is not freed before this returns.
    unsafe fn add_reference(pointer: *const Self) -> *mut Self {
        if !pointer.is_null() {
            // SAFETY: the caller's promise; the pointer comes from an `Arc`.
            unsafe { Arc::increment_strong_count(pointer) };
        }
        pointer.cast_mut()
    }

    /// Drops a reference. NULL is fine.
    ///
    /// # Safety
    /// `pointer` is NULL, or a reference of the caller's own that is not used again.
    unsafe fn free(pointer: *mut Self) {
        if !pointer.is_null() {
            // SAFETY: the caller's promise; the pointer comes from an `Arc`.
            unsafe { Arc::decrement_strong_count(pointer) };
        }
    }
}
