//! A chunk of the arena: one mapping that consists of bitmaps and blocks of slots of equal size. The bitmaps record
//! which slots are taken.
//!
//! ```text
//! | full: 1 bit per block | idle: 1 bit per block | taken: 1 bit per slot |  block 0  |  block 1  | ...
//! ```
//!
//! The bitmaps are changed by single atomic operations. `taken` alone decides who owns a slot; the other two speed up
//! searches. If a process forks between two operations, a `full` or `idle` bit in the child may be wrong: the block
//! stays usable, or at worst is not used again.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering::SeqCst};

use super::pages;

/// The unit in which memory is returned to the system: a multiple of every page size in use.
pub(super) const BLOCK: usize = 64 * 1024;

const BITS: usize = u64::BITS as usize;
const WORD_BYTES: usize = size_of::<AtomicU64>();

/// The parameters that determine the layout of a chunk.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// The size of a slot in bytes: a power of two, at most [`BLOCK`].
    pub(super) slot: usize,
    pub(super) blocks: usize,
    /// The number of blocks at the start whose memory is never returned.
    pub(super) kept: usize,
}

impl Shape {
    const fn slots_in_block(self) -> usize {
        BLOCK / self.slot
    }

    const fn words_in_block(self) -> usize {
        self.slots_in_block().div_ceil(BITS)
    }

    /// A word of `taken` with all slots taken.
    const fn full_word(self) -> u64 {
        if self.slots_in_block() < BITS { (1 << self.slots_in_block()) - 1 } else { u64::MAX }
    }

    /// The number of words of a bitmap with one bit per block.
    const fn summary_words(self) -> usize {
        self.blocks.div_ceil(BITS)
    }

    /// The size of the bitmaps in bytes, rounded up to the start of the first block.
    const fn bitmap_bytes(self) -> usize {
        let words = 2 * self.summary_words() + self.blocks * self.words_in_block();
        (words * WORD_BYTES).next_multiple_of(BLOCK)
    }

    /// The size of the mapping in bytes.
    pub(super) const fn bytes(self) -> usize {
        self.bitmap_bytes() + self.blocks * BLOCK
    }
}

/// A mapped chunk. It is never unmapped.
pub(super) struct Chunk<'a> {
    base: NonNull<u8>,
    shape: Shape,
    /// The number of `idle` bits that are set in all chunks of the arena.
    idle_blocks: &'a AtomicIsize,
}

impl<'a> Chunk<'a> {
    /// # Safety
    /// `base` points to `shape.bytes()` bytes that were zero when they were mapped, are used by chunks of this `shape`
    /// only, and outlive `'a`.
    pub(super) unsafe fn new(base: NonNull<u8>, shape: Shape, idle_blocks: &'a AtomicIsize) -> Chunk<'a> {
        Chunk { base, shape, idle_blocks }
    }

    /// Takes a free slot. `None` if all are taken.
    pub(super) fn allocate(&self) -> Option<NonNull<u8>> {
        for (index, word) in self.full().iter().enumerate() {
            let mut candidates = !word.load(SeqCst);
            while candidates != 0 {
                let block = index * BITS + candidates.trailing_zeros() as usize;
                if block >= self.shape.blocks {
                    break;
                }
                if let Some(slot) = self.take_slot(block) {
                    self.clear_idle(block);
                    return Some(slot);
                }
                self.mark_full(block);
                candidates &= candidates - 1;
            }
        }
        None
    }

    /// Frees a slot. Returns whether its block has become idle; `None` if the address is outside the blocks of this
    /// chunk.
    pub(super) fn free(&self, slot: NonNull<u8>) -> Option<bool> {
        let offset = (slot.as_ptr() as usize).checked_sub(self.block_start(0).as_ptr() as usize)?;
        let block = offset / BLOCK;
        if block >= self.shape.blocks {
            return None;
        }
        let index = offset % BLOCK / self.shape.slot;
        let taken = self.taken(block);
        taken.get(index / BITS)?.fetch_and(!(1 << (index % BITS)), SeqCst);
        self.clear_full(block);
        let empty = block >= self.shape.kept && taken.iter().all(|word| word.load(SeqCst) == 0);
        Some(empty && self.mark_idle(block))
    }

    /// Returns the memory of idle blocks to the system.
    pub(super) fn return_idle_memory(&self) {
        for (index, word) in self.idle().iter().enumerate() {
            let mut idle = word.load(SeqCst);
            while idle != 0 {
                self.return_memory(index * BITS + idle.trailing_zeros() as usize);
                idle &= idle - 1;
            }
        }
    }

    /// Returns the memory of a block, unless one of its slots is taken. It takes all slots meanwhile, so that no other
    /// thread can take one. A child forked at this time does not use the block again.
    fn return_memory(&self, block: usize) {
        self.clear_idle(block);
        let taken = self.taken(block);
        let claim = |word: &&AtomicU64| word.compare_exchange(0, self.shape.full_word(), SeqCst, SeqCst).is_ok();
        let claimed = taken.iter().take_while(claim).count();
        if claimed == taken.len() {
            // SAFETY: the pages are part of the chunk, and no slot in them is taken by another thread.
            unsafe { pages::discard(self.block_start(block), BLOCK) };
        }
        for word in taken.iter().take(claimed) {
            word.store(0, SeqCst);
        }
        self.clear_full(block);
    }

    fn take_slot(&self, block: usize) -> Option<NonNull<u8>> {
        let full = self.shape.full_word();
        let with_lowest_free = |bits: u64| (bits != full).then(|| bits | (bits + 1));
        for (index, word) in self.taken(block).iter().enumerate() {
            if let Ok(before) = word.fetch_update(SeqCst, SeqCst, with_lowest_free) {
                let slot = index * BITS + before.trailing_ones() as usize;
                // SAFETY: the slot lies inside its block.
                return Some(unsafe { self.block_start(block).add(slot * self.shape.slot) });
            }
        }
        None
    }

    /// Makes searches skip a block. The check after setting the bit finds a slot that was freed before; one that is
    /// freed later clears the bit itself.
    fn mark_full(&self, block: usize) {
        let Some((word, bit)) = bit_of(self.full(), block) else { return };
        word.fetch_or(bit, SeqCst);
        if self.taken(block).iter().any(|taken| taken.load(SeqCst) != self.shape.full_word()) {
            word.fetch_and(!bit, SeqCst);
        }
    }

    fn clear_full(&self, block: usize) {
        let Some((word, bit)) = bit_of(self.full(), block) else { return };
        if word.load(SeqCst) & bit != 0 {
            word.fetch_and(!bit, SeqCst);
        }
    }

    /// Marks a block as idle. Returns whether it was not marked before.
    fn mark_idle(&self, block: usize) -> bool {
        let Some((word, bit)) = bit_of(self.idle(), block) else { return false };
        let new = word.fetch_or(bit, SeqCst) & bit == 0;
        if new {
            self.idle_blocks.fetch_add(1, SeqCst);
        }
        new
    }

    fn clear_idle(&self, block: usize) {
        let Some((word, bit)) = bit_of(self.idle(), block) else { return };
        if word.load(SeqCst) & bit != 0 && word.fetch_and(!bit, SeqCst) & bit != 0 {
            self.idle_blocks.fetch_sub(1, SeqCst);
        }
    }

    /// A bit is set while its block has no free slot.
    fn full(&self) -> &[AtomicU64] {
        self.words(0, self.shape.summary_words())
    }

    /// A bit is set while its block has no taken slot but still has memory.
    fn idle(&self) -> &[AtomicU64] {
        self.words(self.shape.summary_words(), self.shape.summary_words())
    }

    /// A bit is set while its slot of the block is taken.
    fn taken(&self, block: usize) -> &[AtomicU64] {
        let words = self.shape.words_in_block();
        self.words(2 * self.shape.summary_words() + block * words, words)
    }

    fn words(&self, first: usize, count: usize) -> &[AtomicU64] {
        debug_assert!((first + count) * WORD_BYTES <= self.shape.bitmap_bytes());
        // SAFETY: these words lie in the bitmaps, which are used only by chunks and only as atomics.
        unsafe { std::slice::from_raw_parts(self.base.cast::<AtomicU64>().as_ptr().add(first), count) }
    }

    fn block_start(&self, block: usize) -> NonNull<u8> {
        // SAFETY: the blocks follow the bitmaps in the same mapping.
        unsafe { self.base.add(self.shape.bitmap_bytes() + block * BLOCK) }
    }

    /// The number of taken slots.
    #[cfg(test)]
    pub(super) fn in_use(&self) -> u32 {
        let blocks = (0..self.shape.blocks).flat_map(|block| self.taken(block));
        blocks.map(|word| word.load(SeqCst).count_ones()).sum()
    }
}

/// The word and the mask of a block in a bitmap with one bit per block.
fn bit_of(words: &[AtomicU64], block: usize) -> Option<(&AtomicU64, u64)> {
    words.get(block / BITS).map(|word| (word, 1 << (block % BITS)))
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the tests show what the pointers refer to")]
mod tests {
    use super::*;

    /// Between taking a slot and clearing its block's `idle` bit, another thread may see the bit.
    #[test]
    fn a_block_marked_idle_but_in_use_keeps_its_memory() {
        let (idle_blocks, shape) = (AtomicIsize::new(0), Shape { slot: 64, blocks: 2, kept: 0 });
        let chunk = unsafe { Chunk::new(pages::map(shape.bytes()).unwrap(), shape, &idle_blocks) };
        // The last slot is in the second word of its block.
        let slots: Vec<_> = (0..65).map(|_| chunk.allocate().unwrap()).collect();
        let last = *slots.last().unwrap();
        unsafe { last.write(7) };
        assert!(slots.iter().take(64).all(|slot| chunk.free(*slot) == Some(false)));
        assert!(chunk.mark_idle(0));
        chunk.return_idle_memory();
        assert_eq!((unsafe { last.read() }, chunk.in_use(), idle_blocks.load(SeqCst)), (7, 1, 0));
        assert_eq!(chunk.allocate(), slots.first().copied(), "what was claimed for it is free again");
    }

    #[test]
    fn the_memory_of_an_idle_block_is_returned() {
        let (idle_blocks, shape) = (AtomicIsize::new(0), Shape { slot: 16_384, blocks: 1, kept: 0 });
        let chunk = unsafe { Chunk::new(pages::map(shape.bytes()).unwrap(), shape, &idle_blocks) };
        let slot = chunk.allocate().unwrap();
        unsafe { slot.write(7) };
        assert_eq!(chunk.free(slot), Some(true));
        chunk.return_idle_memory();
        // A program does not see this value: it wipes its slots before it frees them.
        let expected = if cfg!(any(miri, not(target_os = "linux"))) { 7 } else { 0 };
        assert_eq!((unsafe { slot.read() }, chunk.in_use(), idle_blocks.load(SeqCst)), (expected, 0, 0));
        assert_eq!(chunk.allocate(), Some(slot));
    }
}
