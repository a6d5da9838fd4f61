//! An allocator for values: excluded from core dumps, lock-free, and returning unused memory to the system.
//!
//! Values are stored in slots of a few sizes, in chunks. A chunk is one mapping, each larger than the one before, so
//! that a value costs neither a mapping nor a system call. There are no locks: a child forked at any time can allocate
//! and free. Pages that have not been used yet occupy no memory.
//!
//! A block of 64 KiB without a value is idle. When more than [`IDLE_BLOCKS`] are idle, the memory of all of them is
//! returned to the system. The blocks stay mapped, since another thread may be about to allocate there.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicIsize, AtomicPtr, Ordering};

use super::chunk::{BLOCK, Chunk, Shape};
use super::pages;

/// The sizes of slots, in bytes, smallest first. The unused rest of a slot of several pages occupies no memory.
const SIZES: [usize; 7] = [64, 128, 256, 1024, 4 * 1024, 16 * 1024, BLOCK];

/// The number of blocks in the first chunk of a class (1 MiB), and how often the size doubles from one chunk to the
/// next (up to 128 MiB).
const FIRST_BLOCKS: usize = 16;
const DOUBLINGS: usize = 7;

/// The maximum number of chunks of a class, which is 13 GiB or more.
const CHUNKS: usize = 112;

/// How many idle blocks may keep their memory. The first block of each class always keeps it and is not counted.
const IDLE_BLOCKS: isize = 8;

/// Slots of one size.
struct Class {
    slot: usize,
    /// Filled in order; null after the last one. A chunk is never unmapped.
    chunks: [AtomicPtr<u8>; CHUNKS],
}

impl Class {
    const fn new(slot: usize) -> Class {
        Class { slot, chunks: [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS] }
    }

    /// The shape of chunk `number`.
    fn shape(&self, number: usize) -> Shape {
        let blocks = FIRST_BLOCKS << number.min(DOUBLINGS);
        // The first block is enough for a program with few values at a time, which so avoids the bookkeeping of idle
        // blocks.
        Shape { slot: self.slot, blocks, kept: usize::from(number == 0) }
    }

    fn chunks<'a>(&'a self, idle_blocks: &'a AtomicIsize) -> impl Iterator<Item = Chunk<'a>> {
        let bases = self.chunks.iter().map_while(|chunk| NonNull::new(chunk.load(Ordering::Acquire)));
        bases.enumerate().map(move |(number, base)| {
            // SAFETY: `add_chunk` has mapped it in the same shape, and it is not unmapped.
            unsafe { Chunk::new(base, self.shape(number), idle_blocks) }
        })
    }

    /// Maps the next chunk, unless another thread does. `false` if the system has no memory.
    fn add_chunk(&self, map: impl Fn(usize) -> Option<NonNull<u8>>) -> bool {
        let empty = |chunk: &AtomicPtr<u8>| chunk.load(Ordering::Acquire).is_null();
        let Some((number, place)) = self.chunks.iter().enumerate().find(|(_, chunk)| empty(chunk)) else {
            return false;
        };
        let bytes = self.shape(number).bytes();
        let Some(fresh) = map(bytes) else { return false };
        let null = std::ptr::null_mut();
        if place.compare_exchange(null, fresh.as_ptr(), Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: no other thread has seen these pages.
            unsafe { pages::unmap(fresh, bytes) };
        }
        true
    }
}

/// Slots of all sizes.
pub(super) struct Arena {
    classes: [Class; SIZES.len()],
    /// How many blocks are idle.
    idle_blocks: AtomicIsize,
}

impl Arena {
    /// An empty arena.
    pub(super) const fn new() -> Arena {
        let [a, b, c, d, e, f, g] = SIZES;
        let classes =
            [Class::new(a), Class::new(b), Class::new(c), Class::new(d), Class::new(e), Class::new(f), Class::new(g)];
        Arena { classes, idle_blocks: AtomicIsize::new(0) }
    }

    /// Allocates a slot of at least `size` bytes, aligned to 64 and zeroed. `None` if no slot is that large, or the
    /// system has no memory.
    pub(super) fn allocate(&self, size: usize) -> Option<NonNull<u8>> {
        self.allocate_in(size, pages::map)
    }

    fn allocate_in(&self, size: usize, map: impl Fn(usize) -> Option<NonNull<u8>>) -> Option<NonNull<u8>> {
        let class = self.class_of(size)?;
        loop {
            if let Some(slot) = class.chunks(&self.idle_blocks).find_map(|chunk| chunk.allocate()) {
                return Some(slot);
            }
            if !class.add_chunk(&map) {
                return None;
            }
        }
    }

    /// Frees a slot of `size` bytes, which the caller has wiped. Does nothing and returns `false` for an address
    /// outside the arena.
    pub(super) fn free(&self, slot: NonNull<u8>, size: usize) -> bool {
        let Some(class) = self.class_of(size) else { return false };
        let Some(newly_idle) = class.chunks(&self.idle_blocks).find_map(|chunk| chunk.free(slot)) else {
            return false;
        };
        if newly_idle && self.idle_blocks.load(Ordering::Relaxed) > IDLE_BLOCKS {
            self.return_idle_memory();
        }
        true
    }

    /// Returns the memory of all idle blocks at once, so that repeatedly allocating and freeing a value in an otherwise
    /// empty block does not cause a system call each time.
    fn return_idle_memory(&self) {
        for chunk in self.classes.iter().flat_map(|class| class.chunks(&self.idle_blocks)) {
            chunk.return_idle_memory();
        }
    }

    fn class_of(&self, size: usize) -> Option<&Class> {
        self.classes.iter().find(|class| size <= class.slot)
    }
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the tests show what the pointers refer to")]
mod tests {
    use super::*;

    impl Arena {
        fn in_use(&self) -> u32 {
            self.classes.iter().flat_map(|class| class.chunks(&self.idle_blocks)).map(|chunk| chunk.in_use()).sum()
        }

        fn mappings(&self) -> usize {
            self.classes.iter().map(|class| class.chunks(&self.idle_blocks).count()).sum()
        }
    }

    /// The sorted addresses of slots. Asserts that they are distinct.
    fn addresses(slots: &[NonNull<u8>]) -> Vec<usize> {
        let mut addresses: Vec<usize> = slots.iter().map(|slot| slot.as_ptr() as usize).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), slots.len());
        addresses
    }

    /// How many pages at these addresses have memory.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn resident(addresses: &[usize]) -> usize {
        let is_resident = |&&address: &&usize| {
            let mut state = 0;
            assert_eq!(unsafe { libc::mincore((address & !0xfff) as *mut libc::c_void, 1, &mut state) }, 0);
            state & 1 == 1
        };
        addresses.iter().filter(is_resident).count()
    }

    #[test]
    fn every_slot_is_allocated_once_and_reused_after_it_is_freed() {
        let arena = Arena::new();
        // The slots of the two first chunks: 16 and 32 blocks of 64 or of one slot.
        for (size, count) in [(1024, if cfg!(miri) { 1_100 } else { 48 * 64 }), (BLOCK, 48)] {
            let slots: Vec<_> = (0..count).map(|_| arena.allocate(size).unwrap()).collect();
            let first = addresses(&slots);
            assert!(first.iter().all(|address| address % 64 == 0));
            assert!(slots.iter().all(|slot| arena.free(*slot, size)));
            assert_eq!(arena.in_use(), 0);
            let again: Vec<_> = (0..count).map(|_| arena.allocate(size).unwrap()).collect();
            assert_eq!(addresses(&again), first);
            assert!(again.iter().all(|slot| arena.free(*slot, size)));
        }
        assert_eq!(arena.mappings(), 4);
    }

    #[test]
    fn a_slot_freed_in_a_full_block_is_reused() {
        let arena = Arena::new();
        let slots: Vec<_> = (0..1024).map(|_| arena.allocate(1024).unwrap()).collect();
        for slot in [slots[700], slots[3], slots[1023]] {
            // This search for a slot marks all blocks as full and maps another chunk.
            let other = arena.allocate(1024).unwrap();
            assert!(arena.free(slot, 1024));
            assert_eq!(arena.allocate(1024), Some(slot));
            assert!(arena.free(other, 1024));
        }
    }

    #[test]
    fn allocation_fails_if_the_system_has_no_memory() {
        let arena = Arena::new();
        assert_eq!(arena.allocate_in(1, |_| None), None);
        assert_eq!(arena.in_use(), 0);
        assert!(arena.allocate(1).is_some(), "it allocates again when the system has memory");
    }

    #[test]
    fn a_slot_has_at_least_the_requested_size() {
        let arena = Arena::new();
        for size in [1, 64, 65, 128, 256, 257, 1024, 1025, 4096, 16384, 16385, 65536] {
            let (one, other) = (arena.allocate(size).unwrap(), arena.allocate(size).unwrap());
            assert!((one.as_ptr() as usize).abs_diff(other.as_ptr() as usize) >= size);
            unsafe { one.write_bytes(1, size) };
            unsafe { other.write_bytes(2, size) };
            assert_eq!(unsafe { one.add(size - 1).read() }, 1);
        }
        assert_eq!(arena.allocate(65537), None);
    }

    #[test]
    fn an_address_outside_the_arena_is_not_freed() {
        let arena = Arena::new();
        let elsewhere = NonNull::from(&mut 0_u8);
        assert!(!arena.free(elsewhere, 1));
        let slot = arena.allocate(1).unwrap();
        assert!(!arena.free(elsewhere, 1));
        assert!(!arena.free(slot, BLOCK + 1));
    }

    #[test]
    fn the_number_of_idle_blocks_is_limited() {
        let arena = Arena::new();
        let slots: Vec<_> = (0..40).map(|_| arena.allocate(BLOCK).unwrap()).collect();
        assert_eq!(arena.idle_blocks.load(Ordering::Relaxed), 0);
        for slot in &slots {
            unsafe { slot.write(1) };
            unsafe { slot.write(0) };
            assert!(arena.free(*slot, BLOCK));
            assert!((0..=IDLE_BLOCKS).contains(&arena.idle_blocks.load(Ordering::Relaxed)));
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        assert!(resident(&addresses(&slots)) <= IDLE_BLOCKS as usize + 1);
    }

    #[test]
    fn allocating_and_freeing_at_the_edge_of_a_block_costs_no_system_call() {
        let arena = Arena::new();
        let held: Vec<_> = (0..2 * 64).map(|_| arena.allocate(1024).unwrap()).collect();
        let edge = arena.allocate(1024).unwrap();
        arena.free(edge, 1024);
        for _ in 0..100 {
            unsafe { edge.write(7) };
            assert_eq!(arena.allocate(1024), Some(edge));
            // Pages that had been given back would be zero.
            assert_eq!(unsafe { edge.read() }, 7);
            arena.free(edge, 1024);
            assert_eq!(arena.idle_blocks.load(Ordering::Relaxed), 1);
        }
        assert!(held.iter().all(|slot| arena.free(*slot, 1024)));
    }

    #[test]
    fn threads_never_share_a_slot() {
        let arena = Arena::new();
        std::thread::scope(|scope| {
            for mark in 1..=8_u8 {
                let arena = &arena;
                scope.spawn(move || {
                    for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
                        let slot = arena.allocate(100).unwrap();
                        unsafe { slot.write_bytes(mark, 100) };
                        std::hint::spin_loop();
                        let content = unsafe { std::slice::from_raw_parts(slot.as_ptr(), 100) };
                        assert!(content.iter().all(|&byte| byte == mark));
                        arena.free(slot, 100);
                    }
                });
            }
        });
        assert_eq!(arena.in_use(), 0);
    }

    /// Large slots: blocks become idle, and their memory is returned, all the time.
    #[test]
    fn memory_is_returned_while_other_threads_allocate() {
        let arena = Arena::new();
        let (rounds, held) = if cfg!(miri) { (2, 6) } else { (300, 12) };
        std::thread::scope(|scope| {
            for mark in 1..=4_u8 {
                let arena = &arena;
                scope.spawn(move || {
                    for _ in 0..rounds {
                        let slots: Vec<_> = (0..held).map(|_| arena.allocate(16_384).unwrap()).collect();
                        for slot in &slots {
                            assert_eq!(unsafe { slot.read() }, 0, "it was wiped");
                            unsafe { slot.write(mark) };
                        }
                        for slot in slots {
                            assert_eq!(unsafe { slot.read() }, mark);
                            unsafe { slot.write(0) };
                            assert!(arena.free(slot, 16_384));
                        }
                    }
                });
            }
        });
        assert_eq!(arena.in_use(), 0);
        let slots: Vec<_> = (0..16 * 4).map(|_| arena.allocate(16_384).unwrap()).collect();
        addresses(&slots);
        assert!(arena.mappings() <= 2, "no block was lost");
    }
}
