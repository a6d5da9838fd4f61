//! Whole pages from the system, kept out of core dumps.

use std::ptr::NonNull;

/// Zeroed pages of `size` bytes in all; `None` where the system has none. Where the system cannot keep them out of core
/// dumps they are pages like others.
#[cfg(not(miri))]
pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: asks for new pages at an address of the system's choice; no memory of ours is touched.
    let pages = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
    if pages == libc::MAP_FAILED {
        return None;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: advice about pages that are ours alone, and which does not change what they hold.
    let _ = unsafe { libc::madvise(pages, size, libc::MADV_DONTDUMP) };
    #[cfg(target_os = "freebsd")]
    // SAFETY: as above.
    let _ = unsafe { libc::madvise(pages, size, libc::MADV_NOCORE) };
    NonNull::new(pages.cast())
}

/// Gives pages back.
///
/// # Safety
/// `pages` come from [`map`] with the same `size`, and are not used again.
#[cfg(not(miri))]
pub(super) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    if unsafe { libc::munmap(pages.as_ptr().cast(), size) } != 0 {
        // A process with as many mappings as the system allows cannot unmap the middle of one.
        // SAFETY: the caller's promise.
        unsafe { discard(pages, size) };
    }
}

/// Gives the memory of pages back, but not their addresses. Afterwards they are as they were or zeroed.
///
/// # Safety
/// `pages` are whole pages from [`map`], `size` bytes in all, whose content nobody needs or touches at this time.
#[cfg(not(miri))]
pub(super) unsafe fn discard(pages: NonNull<u8>, size: usize) {
    // Elsewhere MADV_DONTNEED does not free memory.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let advice = libc::MADV_DONTNEED;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let advice = libc::MADV_FREE;
    // SAFETY: the caller's promise.
    let _ = unsafe { libc::madvise(pages.as_ptr().cast(), size, advice) };
}

/// As above; here the pages stay.
#[cfg(miri)]
pub(super) unsafe fn discard(_pages: NonNull<u8>, _size: usize) {}

#[cfg(miri)]
fn layout(size: usize) -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(size, 4096).unwrap_or(std::alloc::Layout::new::<u8>())
}

/// The interpreter of the undefined-behaviour tests knows no `madvise`: there the allocator gives the pages.
#[cfg(miri)]
pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: nobody asks for no pages.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout(size)) })
}

/// As above.
///
/// # Safety
/// `pages` come from [`map`] with the same `size`, and are not used again.
#[cfg(miri)]
pub(super) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::alloc::dealloc(pages.as_ptr(), layout(size)) }
}
