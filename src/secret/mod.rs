//! Memory for secrets, which is wiped before it is freed.
//!
//! [`Secret`] is a string that stores its own length, also while C holds it as a `char *`. With the cargo feature
//! `wiping-allocator` (on by default) the whole library allocates through `zeroizing_alloc`, which wipes each block
//! before it is freed or moved, including copies made by parsers, string formatting and error paths. A Rust program
//! that links this crate and defines its own `#[global_allocator]` turns the feature off (`default-features = false`);
//! [`Secret`] wipes itself in either case.
//!
//! Secrets are stored in pages excluded from core dumps: up to 64 KiB in slots of an arena, a few of up to 1 MiB in
//! mappings that are kept, and others in pages of their own.

mod arena;
mod buffer;
mod chunk;
mod pages;
mod spare;

use std::alloc::{Layout, handle_alloc_error};
use std::ffi::c_char;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use zeroize::Zeroize;

use self::arena::Arena;
pub use self::buffer::{Buffer, make_room, try_to_owned};
use self::spare::Spares;

#[cfg(feature = "wiping-allocator")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// A NUL-terminated string in a block of its own, which is wiped when it is dropped.
///
/// C gets the address of the text ([`Secret::into_raw`]). The length is stored in front of the text, so the whole block
/// is wiped even if the C program wrote an early NUL into it.
pub struct Secret {
    text: NonNull<u8>,
}

/// Precedes the text in its block.
#[repr(C)]
struct Header {
    /// Bytes of the text, without the NUL.
    length: usize,
    /// Where the block was allocated.
    home: Home,
}

/// Where a block was allocated.
#[derive(Clone, Copy)]
enum Home {
    /// A slot of the arena.
    Arena,
    /// A mapping that is kept for other values.
    Spare,
    /// Pages of its own.
    Pages,
    /// The heap, if the system could not map pages.
    Heap,
}

/// The offset of the text in its block: past the header, and aligned like a pointer from `malloc`.
const TEXT_OFFSET: usize = 16;

/// The alignment of a block.
const ALIGNMENT: usize = 16;

const _: () = assert!(size_of::<Header>() <= TEXT_OFFSET && align_of::<Header>() <= ALIGNMENT);

// SAFETY: a `Secret` owns its block alone and gives out shared references only.
unsafe impl Send for Secret {}
// SAFETY: as above; there is no interior mutability.
unsafe impl Sync for Secret {}

impl Secret {
    /// Copies `text`. Aborts the process if there is no memory.
    pub fn copy_of(text: &str) -> Secret {
        Secret::try_copy_of(text).unwrap_or_else(|| handle_alloc_error(Block::layout(text.len())))
    }

    /// Fallible copy, for text whose length is not controlled by this library. Returns `None` if there is no memory.
    pub fn try_copy_of(text: &str) -> Option<Secret> {
        let mut draft = Draft::try_new(text.len())?;
        draft.push(text);
        Some(draft.finish())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // SAFETY: a `Draft` writes whole `str`s between zeroes, which are UTF-8 as well; while a `Secret` exists
        // nothing else writes to its bytes, and `from_raw` requires that they are still UTF-8.
        unsafe { std::str::from_utf8_unchecked(self.as_bytes()) }
    }

    /// The text's bytes, without the NUL that follows them in memory.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the block holds `len` initialised bytes of text, and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.text.as_ptr(), self.len()) }
    }

    /// The length of the text in bytes.
    pub fn len(&self) -> usize {
        self.header().length
    }

    fn header(&self) -> &Header {
        // SAFETY: each `Secret` has its header `TEXT_OFFSET` in front of its text.
        unsafe { self.block().cast::<Header>().as_ref() }
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of the NUL-terminated text, valid as long as `self`.
    pub fn as_ptr(&self) -> *const c_char {
        self.text.as_ptr().cast()
    }

    /// Releases ownership and returns the address of the NUL-terminated text, to be passed to [`Secret::from_raw`]
    /// once.
    pub fn into_raw(self) -> *mut c_char {
        let text = self.text;
        std::mem::forget(self);
        text.as_ptr().cast()
    }

    /// Takes ownership back of a secret released by [`Secret::into_raw`].
    ///
    /// # Safety
    /// `text` comes from [`Secret::into_raw`], has not been passed to this function before, and is not used elsewhere
    /// afterwards. If its bytes may have been changed to something other than UTF-8, it may only be dropped.
    pub unsafe fn from_raw(text: NonNull<c_char>) -> Secret {
        Secret { text: text.cast() }
    }

    fn block(&self) -> NonNull<u8> {
        // SAFETY: the text stands `TEXT_OFFSET` bytes into its block.
        unsafe { self.text.sub(TEXT_OFFSET) }
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        let Header { length, home } = *self.header();
        let block = Block { start: self.block(), home };
        // SAFETY: the block came from `Block::allocate` with this length and home, and `self` was its only owner.
        unsafe {
            block.wipe(length);
            block.free(length);
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Bytes in a block of their own, which is wiped when it is dropped. A NUL that is not counted follows them.
pub struct Bytes(Secret);

impl Bytes {
    /// Fallible copy. Returns `None` if there is no memory.
    pub fn try_copy_of(bytes: &[u8]) -> Option<Bytes> {
        let mut draft = Draft::try_new(bytes.len())?;
        draft.push_bytes(bytes);
        Some(Bytes(draft.finish()))
    }

    /// Zeroes, to be overwritten in place. Returns `None` if there is no memory.
    pub fn try_zeroed(length: usize) -> Option<Bytes> {
        Draft::try_new(length).map(|draft| Bytes(draft.secret))
    }

    /// The bytes, without the NUL.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The bytes, to be written to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the block holds that many initialised bytes, lives as long as `self`, and is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.0.text.as_ptr(), self.0.len()) }
    }
}

/// A secret of known length that is written piece by piece, in place, so that no other copy is made. Bytes not yet
/// written are zero.
pub struct Draft {
    secret: Secret,
    written: usize,
}

impl Draft {
    /// Allocates a secret of `length` bytes. Returns `None` if there is no memory.
    pub fn try_new(length: usize) -> Option<Draft> {
        let block = Block::allocate(length)?;
        // SAFETY: the block has room for the header, the text and a NUL, is aligned for the header, and is all zeroes.
        let text = unsafe {
            block.start.cast::<Header>().write(Header { length, home: block.home });
            block.start.add(TEXT_OFFSET)
        };
        Some(Draft { secret: Secret { text }, written: 0 })
    }

    /// Appends `text`. Writes nothing if the remaining length is too short for all of it.
    pub fn push(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    /// As [`Draft::push`]. A draft with bytes that are not UTF-8 must not become a [`Secret`] that anybody reads as text.
    fn push_bytes(&mut self, bytes: &[u8]) {
        if bytes.len() <= self.secret.len() - self.written {
            // SAFETY: there is room for it; `bytes` cannot overlap the block, to which no other reference exists.
            unsafe {
                let end = self.secret.text.add(self.written);
                end.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
            }
            self.written += bytes.len();
        }
    }

    /// Returns the finished secret.
    pub fn finish(self) -> Secret {
        debug_assert_eq!(self.written, self.secret.len(), "a draft that was not written to its end");
        self.secret
    }
}

/// The arena of the process.
static ARENA: Arena = Arena::new();

/// The kept mappings of the process.
static SPARES: Spares = Spares::new();

/// Memory for a header, a text and its NUL.
struct Block {
    start: NonNull<u8>,
    home: Home,
}

impl Block {
    /// Allocates a zeroed block for a text of `length` bytes. Returns `None` if there is no memory.
    fn allocate(length: usize) -> Option<Block> {
        let layout = Block::try_layout(length)?;
        let size = layout.size();
        if let Some(start) = ARENA.allocate(size) {
            return Some(Block { start, home: Home::Arena });
        }
        if let Some(start) = SPARES.take(size) {
            return Some(Block { start, home: Home::Spare });
        }
        if let Some(start) = pages::map_at_once(size) {
            return Some(Block { start, home: Home::Pages });
        }
        // SAFETY: the layout is never empty.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        Some(Block { start, home: Home::Heap })
    }

    /// Zeroes the whole block of a text of `length` bytes. The compiler does not optimize the writes away.
    ///
    /// # Safety The block comes from [`Block::allocate`] with the same `length`, and nothing else reads or writes it.
    unsafe fn wipe(&self, length: usize) {
        let size = Block::layout(length).size();
        // SAFETY: guaranteed by the caller; `MaybeUninit` because the gap behind the header was never written.
        let bytes: &mut [MaybeUninit<u8>] = unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().cast(), size) };
        bytes.zeroize();
    }

    /// Frees the block.
    ///
    /// # Safety
    /// The block comes from [`Block::allocate`] with the same `length`, and is not used again.
    unsafe fn free(self, length: usize) {
        let layout = Block::layout(length);
        match self.home {
            Home::Arena => {
                ARENA.free(self.start, layout.size());
            }
            Home::Spare => SPARES.give_back(self.start),
            // SAFETY: guaranteed by the caller.
            Home::Pages => unsafe { pages::unmap(self.start, layout.size()) },
            // SAFETY: guaranteed by the caller.
            Home::Heap => unsafe { std::alloc::dealloc(self.start.as_ptr(), layout) },
        }
    }

    /// The layout of a block whose text has `length` bytes; `None` if memory cannot hold it.
    fn try_layout(length: usize) -> Option<Layout> {
        Layout::from_size_align(length.saturating_add(TEXT_OFFSET + 1), ALIGNMENT).ok()
    }

    /// The layout of a block that exists.
    fn layout(length: usize) -> Layout {
        Block::try_layout(length).unwrap_or_else(|| handle_alloc_error(Layout::new::<Header>()))
    }
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the tests show what the pointers refer to")]
mod tests {
    use super::*;
    use std::alloc::{GlobalAlloc, System};
    use std::mem::ManuallyDrop;
    use std::sync::Mutex;
    use zeroizing_alloc::ZeroAlloc;

    /// Allocates from the system, and records the content of each block when it is freed.
    struct Inspector {
        freed: Mutex<Vec<Vec<u8>>>,
    }

    // SAFETY: forwards all calls to the system's allocator.
    unsafe impl GlobalAlloc for Inspector {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // Zeroed, so that reading a block that was not written completely is not undefined behaviour.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            let content = unsafe { std::slice::from_raw_parts(block, layout.size()) }.to_vec();
            self.freed.lock().unwrap().push(content);
            unsafe { System.dealloc(block, layout) }
        }
    }

    #[test]
    fn the_allocator_wipes_freed_and_moved_blocks() {
        let allocator = ZeroAlloc(Inspector { freed: Mutex::default() });
        let small = Layout::from_size_align(48, 8).unwrap();
        let large = Layout::from_size_align(96, 8).unwrap();
        unsafe {
            let block = allocator.alloc(small);
            block.write_bytes(0xAA, small.size());
            let moved = allocator.realloc(block, small, large.size());
            assert_eq!(*moved.add(47), 0xAA, "a moved block keeps its content");
            moved.write_bytes(0xBB, large.size());
            allocator.dealloc(moved, large);
        }
        assert_eq!(*allocator.0.freed.lock().unwrap(), [vec![0; 48], vec![0; 96]]);
    }

    #[test]
    fn a_secret_keeps_its_text_and_ends_with_a_nul() {
        for text in ["", "a", "ü😀", &"x".repeat(100_000)] {
            let secret = Secret::copy_of(text);
            assert_eq!((secret.as_str(), secret.len(), secret.is_empty()), (text, text.len(), text.is_empty()));
            let raw = NonNull::new(secret.into_raw()).unwrap();
            assert_eq!(raw.as_ptr() as usize % 16, 0, "as aligned as what malloc returns");
            assert_eq!(unsafe { std::ffi::CStr::from_ptr(raw.as_ptr()) }.to_bytes(), text.as_bytes());
            assert_eq!(unsafe { Secret::from_raw(raw) }.as_str(), text);
        }
    }

    #[test]
    fn a_draft_is_written_in_place_and_ends_with_a_nul() {
        for pieces in [&["a", "ü", "", "😀b"][..], &[&"x".repeat(100_000), "y"]] {
            let text = pieces.concat();
            let mut draft = Draft::try_new(text.len()).unwrap();
            let address = draft.secret.as_ptr();
            pieces.iter().for_each(|piece| draft.push(piece));
            let secret = draft.finish();
            assert_eq!((secret.as_str(), secret.as_ptr()), (&*text, address));
            assert_eq!(unsafe { std::ffi::CStr::from_ptr(secret.as_ptr()) }.to_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn a_reused_block_is_zeroed() {
        for length in [20, 8_000, 60_000, 100_000] {
            drop(Secret::copy_of(&"x".repeat(length)));
            let draft = Draft::try_new(length).unwrap();
            assert!(draft.secret.as_bytes().iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "the interpreter ends where it has no memory itself")]
    fn a_draft_that_does_not_fit_in_memory_is_none() {
        assert!(Draft::try_new(isize::MAX as usize - 100).is_none());
    }

    #[test]
    fn a_secret_larger_than_a_slot_gets_a_mapping() {
        let home = |length: usize| Secret::copy_of(&"x".repeat(length)).header().home;
        assert!(matches!(home(20), Home::Arena));
        assert!(matches!(home(65_519), Home::Arena));
        assert!(matches!(home(65_520), Home::Spare | Home::Pages));
        assert!(matches!(home(2 << 20), Home::Pages));
    }

    #[test]
    fn debug_output_does_not_show_a_secret() {
        assert_eq!(format!("{:?}", Some(Secret::copy_of("canary"))), "Some([redacted])");
    }

    #[test]
    fn a_secret_with_an_early_nul_is_wiped_completely() {
        let raw = NonNull::new(Secret::copy_of("canary canary").into_raw()).unwrap();
        unsafe {
            raw.write(0);
            let secret = ManuallyDrop::new(Secret::from_raw(raw));
            let Header { length, home } = *secret.header();
            assert_eq!(length, 13, "an early NUL does not make it shorter");
            let block = Block { start: secret.block(), home };
            block.wipe(length);
            assert_eq!(std::slice::from_raw_parts(block.start.as_ptr(), 16 + 13 + 1), [0; 30]);
            block.free(length);
        }
    }
}
