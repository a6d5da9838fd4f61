//! A few mappings for values that are too large for the arena, kept from one value to the next: the faults of fresh pages
//! take longer than all else that is done with such a value.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::pages;

/// The size of a mapping: a value of 1 MiB, with its header and what encryption adds. Pages that no value has used occupy no
/// memory.
const SIZE: usize = (1 << 20) + (64 << 10);

/// The number of mappings: the input and the output of two streams.
const COUNT: usize = 4;

/// In place of the address of a mapping that holds a value.
const TAKEN: *mut u8 = ptr::without_provenance_mut(1);

/// The mappings. They are never unmapped.
pub(super) struct Spares {
    /// Null: not mapped yet.
    places: [AtomicPtr<u8>; COUNT],
}

impl Spares {
    /// Nothing is mapped yet.
    pub(super) const fn new() -> Spares {
        Spares { places: [const { AtomicPtr::new(ptr::null_mut()) }; COUNT] }
    }

    /// Zeroed memory of at least `size` bytes. `None` if no mapping is that large, all hold values, or the system has no
    /// memory.
    pub(super) fn take(&self, size: usize) -> Option<NonNull<u8>> {
        if size > SIZE {
            return None;
        }
        self.places.iter().find_map(take_from)
    }

    /// Takes back memory that the caller has wiped.
    pub(super) fn give_back(&self, memory: NonNull<u8>) {
        // As many places are taken as mappings are out. A child that was forked while another thread took one may lose it.
        self.places.iter().any(|place| replace(place, TAKEN, memory.as_ptr()));
    }
}

fn take_from(place: &AtomicPtr<u8>) -> Option<NonNull<u8>> {
    let found = place.load(Ordering::Acquire);
    if found == TAKEN {
        return None;
    }
    let memory = NonNull::new(found).or_else(|| pages::map(SIZE))?;
    if replace(place, found, TAKEN) {
        return Some(memory);
    }
    if found.is_null() {
        // SAFETY: mapped just now, in this size; no other thread has seen these pages.
        unsafe { pages::unmap(memory, SIZE) };
    }
    None
}

fn replace(place: &AtomicPtr<u8>, old: *mut u8, new: *mut u8) -> bool {
    place.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

#[cfg(test)]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the tests show what the pointers refer to")]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_given_back_is_taken_again() {
        let spares = Spares::new();
        assert_eq!(spares.take(SIZE + 1), None);
        let all: Vec<_> = (0..COUNT).map(|_| spares.take(SIZE).unwrap()).collect();
        assert_eq!(spares.take(1), None, "all are taken");
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        spares.give_back(all[2]);
        assert_eq!(spares.take(70_000), Some(all[2]));
        all.iter().for_each(|memory| spares.give_back(*memory));
        assert!((0..COUNT).all(|_| all.contains(&spares.take(1).unwrap())));
    }

    #[test]
    fn threads_never_share_memory() {
        let spares = Spares::new();
        std::thread::scope(|scope| {
            for mark in 1..=8_u8 {
                let spares = &spares;
                scope.spawn(move || {
                    for _ in 0..if cfg!(miri) { 10 } else { 2_000 } {
                        let Some(memory) = spares.take(100) else { continue };
                        unsafe { memory.write_bytes(mark, 100) };
                        std::hint::spin_loop();
                        let content = unsafe { std::slice::from_raw_parts(memory.as_ptr(), 100) };
                        assert!(content.iter().all(|&byte| byte == mark));
                        spares.give_back(memory);
                    }
                });
            }
        });
        assert!((0..COUNT).all(|_| spares.take(SIZE).is_some()), "none was lost");
    }
}
