//! Pages for values: kept out of core dumps, and shared by all threads without a lock.
//!
//! The kernel is told once about all pages of the arena, so a value costs no system call. Slots of three sizes are
//! handed out by bitmaps that change by single atomic steps: nothing is ever locked, so a child that is forked at any
//! moment finds them usable. Pages that no value has touched yet take up no memory.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The sizes of slots, in bytes, smallest first; each class has one bitmap's worth of words.
const CLASSES: [Class; 3] = [Class::new(128, 8), Class::new(1024, 4), Class::new(8192, 1)];

/// What a system without a smaller unit would use, so that every part of the arena starts on a page.
const PAGE: usize = 64 * 1024;

/// Slots of one size.
#[derive(Clone, Copy)]
struct Class {
    size: usize,
    words: usize,
}

impl Class {
    const fn new(size: usize, words: usize) -> Class {
        Class { size, words }
    }

    const fn bytes(self) -> usize {
        self.size * self.words * SLOTS_IN_A_WORD
    }
}

const SLOTS_IN_A_WORD: usize = u64::BITS as usize;

/// All classes, one behind the other.
const BYTES: usize = {
    let [small, medium, large] = CLASSES;
    small.bytes() + medium.bytes() + large.bytes()
};

const WORDS: usize = {
    let [small, medium, large] = CLASSES;
    small.words + medium.words + large.words
};

const _: () = assert!(BYTES % PAGE == 0);

/// A fixed number of slots, in pages of their own.
pub(super) struct Arena {
    /// Null until the first slot is asked for.
    base: AtomicPtr<u8>,
    /// A bit is set while its slot is taken.
    taken: [AtomicU64; WORDS],
}

impl Arena {
    /// An arena whose pages do not exist yet.
    pub(super) const fn new() -> Arena {
        Arena { base: AtomicPtr::new(std::ptr::null_mut()), taken: [const { AtomicU64::new(0) }; WORDS] }
    }

    /// A slot of at least `size` bytes, aligned to 128, zeroed or wiped; `None` where there is none left.
    pub(super) fn allocate(&self, size: usize) -> Option<NonNull<u8>> {
        self.allocate_in(size, || self.pages())
    }

    /// The pages come first: a slot that was taken where there are none would never come back.
    fn allocate_in(&self, size: usize, pages: impl Fn() -> Option<NonNull<u8>>) -> Option<NonNull<u8>> {
        let (mut first_word, mut offset) = (0, 0);
        for class in CLASSES {
            if size <= class.size {
                let base = pages()?;
                for word in 0..class.words {
                    if let Some(bit) = self.take_bit(first_word + word) {
                        let slot = offset + (word * SLOTS_IN_A_WORD + bit) * class.size;
                        // SAFETY: the slot lies inside of the arena's pages.
                        return Some(unsafe { base.add(slot) });
                    }
                }
            }
            first_word += class.words;
            offset += class.bytes();
        }
        None
    }

    /// Gives a slot back, which has been wiped. `false`, and nothing happens, for a block from elsewhere.
    pub(super) fn free(&self, block: NonNull<u8>) -> bool {
        let base = self.base.load(Ordering::Acquire);
        let Some(mut offset) = (block.as_ptr() as usize).checked_sub(base as usize) else { return false };
        if base.is_null() || offset >= BYTES {
            return false;
        }
        let mut first_word = 0;
        for class in CLASSES {
            if offset < class.bytes() {
                let slot = offset / class.size;
                if let Some(word) = self.taken.get(first_word + slot / SLOTS_IN_A_WORD) {
                    // Release: whoever takes the slot next sees it wiped.
                    word.fetch_and(!(1 << (slot % SLOTS_IN_A_WORD)), Ordering::Release);
                }
                return true;
            }
            first_word += class.words;
            offset -= class.bytes();
        }
        false
    }

    fn take_bit(&self, word: usize) -> Option<usize> {
        let word = self.taken.get(word)?;
        let lowest_free = |bits: u64| (bits != u64::MAX).then(|| bits | (bits + 1));
        let before = word.fetch_update(Ordering::Acquire, Ordering::Relaxed, lowest_free).ok()?;
        Some(before.trailing_ones() as usize)
    }

    /// The pages, made by the first thread that needs them. `None` where the system has no room for them.
    fn pages(&self) -> Option<NonNull<u8>> {
        if let Some(base) = NonNull::new(self.base.load(Ordering::Acquire)) {
            return Some(base);
        }
        let fresh = super::pages::map(BYTES)?;
        let empty = std::ptr::null_mut();
        match self.base.compare_exchange(empty, fresh.as_ptr(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(fresh),
            Err(other) => {
                // SAFETY: nobody has seen these pages.
                unsafe { super::pages::unmap(fresh, BYTES) };
                NonNull::new(other)
            }
        }
    }

    /// How many slots are taken.
    #[cfg(test)]
    fn in_use(&self) -> u32 {
        self.taken.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum()
    }
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "what the pointers point at stands in sight")]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_handed_out_once_and_again_when_it_is_back() {
        let arena = Arena::new();
        let mut slots = Vec::new();
        while let Some(slot) = arena.allocate(1) {
            slots.push(slot);
        }
        assert_eq!(slots.len(), WORDS * SLOTS_IN_A_WORD, "a full class passes on to the next larger one");
        let mut addresses: Vec<usize> = slots.iter().map(|slot| slot.as_ptr() as usize).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), slots.len());
        assert!(addresses.iter().all(|address| address % 128 == 0));
        for slot in &slots {
            assert!(arena.free(*slot));
        }
        assert_eq!(arena.in_use(), 0);
        assert!(arena.allocate(1).is_some());
    }

    #[test]
    fn no_slot_is_taken_where_the_system_has_no_pages() {
        let arena = Arena::new();
        assert_eq!(arena.allocate_in(1, || None), None);
        assert_eq!(arena.in_use(), 0);
        assert!(arena.allocate(1).is_some(), "and once it has some again, all goes well");
    }

    #[test]
    fn a_slot_has_room_for_what_was_asked_for() {
        let arena = Arena::new();
        for size in [1, 128, 129, 1024, 1025, 8192] {
            let (one, other) = (arena.allocate(size).unwrap(), arena.allocate(size).unwrap());
            assert!((one.as_ptr() as usize).abs_diff(other.as_ptr() as usize) >= size);
            unsafe { one.write_bytes(1, size) };
            unsafe { other.write_bytes(2, size) };
            assert_eq!(unsafe { one.add(size - 1).read() }, 1);
        }
        assert_eq!(arena.allocate(8193), None);
    }

    #[test]
    fn a_block_from_elsewhere_is_not_taken_back() {
        let arena = Arena::new();
        let elsewhere = NonNull::from(&mut 0_u8);
        assert!(!arena.free(elsewhere));
        arena.allocate(1).unwrap();
        assert!(!arena.free(elsewhere));
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
                        arena.free(slot);
                    }
                });
            }
        });
        assert_eq!(arena.in_use(), 0);
    }
}
