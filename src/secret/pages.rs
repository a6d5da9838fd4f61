//! Whole pages from the system, kept out of core dumps.

use std::ptr::NonNull;

/// Twice the size of a large page on most processors.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
const LARGE: usize = 4 << 20;

/// Maps zeroed pages of `size` bytes in total. Returns `None` if the system has no memory. If the system cannot exclude
/// pages from core dumps, they are ordinary pages.
#[cfg(not(miri))]
pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: asks for new pages at an address of the system's choice; no existing memory is touched.
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

/// As [`map`], for pages that are going to be used all. The system may use large ones, which cause fewer faults.
pub(super) fn map_at_once(size: usize) -> Option<NonNull<u8>> {
    let pages = map(size)?;
    #[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
    if size >= LARGE {
        // SAFETY: advice about pages that are ours alone, and which does not change what they hold.
        let _ = unsafe { libc::madvise(pages.as_ptr().cast(), size, libc::MADV_HUGEPAGE) };
    }
    Some(pages)
}

/// Unmaps pages.
///
/// # Safety
/// `pages` come from [`map`] with the same `size`, and are not used again.
#[cfg(not(miri))]
pub(super) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    // SAFETY: guaranteed by the caller.
    if unsafe { libc::munmap(pages.as_ptr().cast(), size) } != 0 {
        // Unmapping the middle of a mapping fails if the process has as many mappings as the system allows.
        // SAFETY: guaranteed by the caller.
        unsafe { discard(pages, size) };
    }
}

/// Returns the memory of pages to the system and keeps them mapped. Afterwards they hold zeroes or what they held
/// before.
///
/// # Safety
/// `pages` are whole pages from [`map`], `size` bytes in total. Their content is not needed, and not accessed during the
/// call.
#[cfg(not(miri))]
pub(super) unsafe fn discard(pages: NonNull<u8>, size: usize) {
    // Elsewhere MADV_DONTNEED does not free memory.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let advice = libc::MADV_DONTNEED;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let advice = libc::MADV_FREE;
    // SAFETY: guaranteed by the caller.
    let _ = unsafe { libc::madvise(pages.as_ptr().cast(), size, advice) };
}

/// As above; here the pages stay.
#[cfg(miri)]
pub(super) unsafe fn discard(_pages: NonNull<u8>, _size: usize) {}

#[cfg(miri)]
fn layout(size: usize) -> std::alloc::Layout {
    std::alloc::Layout::from_size_align(size, 4096).unwrap_or(std::alloc::Layout::new::<u8>())
}

/// Miri does not support `madvise`: the pages come from the allocator.
#[cfg(miri)]
pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: `size` is never 0.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout(size)) })
}

/// As above.
///
/// # Safety
/// `pages` come from [`map`] with the same `size`, and are not used again.
#[cfg(miri)]
pub(super) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    // SAFETY: guaranteed by the caller.
    unsafe { std::alloc::dealloc(pages.as_ptr(), layout(size)) }
}
