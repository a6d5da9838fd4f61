//! Keeps the data keys of envelopes for a while, so that not each envelope costs a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;

use crate::call::Deadline;
use crate::config::DataKeyLimits;
use crate::error::Result;
use crate::host::fork;
use crate::host::fork_lock::ForkLock;
use crate::secret::Bytes;

/// How many keys of each kind are kept: one for each context, and one for each wrapped key that was decrypted.
const MOST_KEYS: usize = 64;

/// The number of locks for the requests for new keys. A context has one of them.
const LOCKS: usize = 8;

/// A key that has encrypted this much is not used for another envelope.
const MOST_BYTES: u64 = 64 << 30;

/// The data keys of one key of the engine. A key is wiped when nothing uses it any more, and it is kept beyond its age only
/// until the next envelope. A child of a fork starts without any.
pub struct DataKeys {
    limits: DataKeyLimits,
    /// From the server, which made them for us.
    made: ArcSwap<Kept>,
    /// From envelopes, whose authors know them, so that they must never encrypt anything.
    unwrapped: ArcSwap<Kept>,
    requests: [ForkLock; LOCKS],
}

/// An unchangeable list, so that no thread waits for another one, and no fork finds a lock taken.
struct Kept {
    generation: u32,
    keys: Vec<Arc<DataKey>>,
}

/// A data key.
pub struct DataKey {
    /// The key itself.
    pub plaintext: Bytes,
    /// The key, encrypted by the engine.
    pub wrapped: String,
    /// The context that it was wrapped with; empty if there was none.
    pub context: Vec<u8>,
    made: Instant,
    uses: AtomicU32,
    bytes: AtomicU64,
}

impl DataKey {
    /// A key that was made or unwrapped just now.
    pub fn new(plaintext: Bytes, wrapped: String, context: Vec<u8>) -> DataKey {
        let (uses, bytes) = (AtomicU32::new(0), AtomicU64::new(0));
        DataKey { plaintext, wrapped, context, made: Instant::now(), uses, bytes }
    }

    /// Counts what was encrypted with the key.
    pub fn add_bytes(&self, count: usize) {
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn is_within(&self, limits: &DataKeyLimits) -> bool {
        self.made.elapsed() < limits.max_age
            && self.uses.load(Ordering::Relaxed) < limits.max_uses
            && self.bytes.load(Ordering::Relaxed) < MOST_BYTES
    }

    /// Counts one use, unless there were enough of them.
    fn claim(&self, limits: &DataKeyLimits) -> bool {
        let count = |uses: u32| (uses < limits.max_uses).then_some(uses + 1);
        self.uses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }
}

impl DataKeys {
    /// Keeps no key yet.
    pub fn new(limits: DataKeyLimits) -> DataKeys {
        let none = || ArcSwap::from_pointee(Kept { generation: fork::generation(), keys: Vec::new() });
        DataKeys { limits, made: none(), unwrapped: none(), requests: Default::default() }
    }

    /// A key to encrypt one more envelope with this context.
    pub fn to_encrypt(&self, context: &[u8]) -> Option<Arc<DataKey>> {
        self.find(&self.made, |key| key.context == context)
    }

    /// As [`DataKeys::to_encrypt`], with a key from `make` if there is none. Threads that need one for the same context at
    /// the same time wait for one of them, so that a single key is made.
    pub fn to_encrypt_or_make(
        &self,
        context: &[u8],
        deadline: &Deadline,
        make: impl FnOnce() -> Result<DataKey>,
    ) -> Result<Arc<DataKey>> {
        if let Some(key) = self.to_encrypt(context) {
            return Ok(key);
        }
        let are_shared = self.limits.max_uses > 1 && !self.limits.max_age.is_zero();
        let lock = self.requests.get(lock_of(context)).filter(|_| are_shared);
        let _guard = lock.map(|lock| lock.lock(deadline)).transpose()?;
        match self.to_encrypt(context) {
            Some(key) => Ok(key),
            None => Ok(self.keep_made(make()?)),
        }
    }

    /// The key of an envelope with this wrapped key and context.
    pub fn to_decrypt(&self, wrapped: &str, context: &[u8]) -> Option<Arc<DataKey>> {
        self.find(&self.unwrapped, |key| key.wrapped == wrapped && key.context == context)
    }

    /// Keeps a key that the server has made, which counts as used once, and returns it.
    fn keep_made(&self, key: DataKey) -> Arc<DataKey> {
        self.keep(&self.made, key)
    }

    /// The same for a key from an envelope.
    pub fn keep_unwrapped(&self, key: DataKey) -> Arc<DataKey> {
        self.keep(&self.unwrapped, key)
    }

    fn keep(&self, list: &ArcSwap<Kept>, key: DataKey) -> Arc<DataKey> {
        let key = Arc::new(key);
        key.claim(&self.limits);
        self.replace(list, Some(&key));
        key
    }

    fn find(&self, list: &ArcSwap<Kept>, is_it: impl Fn(&DataKey) -> bool) -> Option<Arc<DataKey>> {
        for list in [&self.made, &self.unwrapped] {
            let kept = list.load();
            if kept.is_inherited() || kept.keys.iter().any(|key| !key.is_within(&self.limits)) {
                drop(kept);
                self.replace(list, None);
            }
        }
        list.load().keys.iter().find(|key| is_it(key) && key.claim(&self.limits)).cloned()
    }

    /// Drops what is beyond its limits or of another process, and adds `new`, for which the oldest one goes if need be.
    fn replace(&self, list: &ArcSwap<Kept>, new: Option<&Arc<DataKey>>) {
        list.rcu(|kept| {
            let is_valid = |key: &&Arc<DataKey>| key.is_within(&self.limits);
            let of_this_process = kept.keys.iter().filter(|_| !kept.is_inherited());
            let mut keys: Vec<_> = of_this_process.filter(is_valid).cloned().collect();
            let new = new.filter(is_valid);
            if new.is_some() && keys.len() == MOST_KEYS {
                keys.remove(0);
            }
            keys.extend(new.cloned());
            Kept { generation: fork::generation(), keys }
        });
    }
}

/// The number of the lock of a context.
fn lock_of(context: &[u8]) -> usize {
    let sum = context.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    sum % LOCKS
}

impl Kept {
    fn is_inherited(&self) -> bool {
        self.generation != fork::generation()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::call::Call;

    fn limited(max_age: Duration, max_uses: u32) -> DataKeys {
        DataKeys::new(DataKeyLimits { max_age, max_uses })
    }

    fn key(name: &str) -> DataKey {
        DataKey::new(Bytes::try_copy_of(&[7; 32]).unwrap(), name.to_owned(), b"c".to_vec())
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_key_is_used_as_often_as_it_may_and_then_dropped() {
        let keys = limited(HOUR, 3);
        keys.keep_made(key("a"));
        assert!(keys.to_encrypt(b"other").is_none());
        assert!(keys.to_encrypt(b"c").is_some() && keys.to_encrypt(b"c").is_some());
        assert!(keys.to_encrypt(b"c").is_none(), "three uses");
        assert!(keys.made.load().keys.is_empty(), "and it is not kept");
    }

    #[test]
    fn a_key_that_is_old_or_has_encrypted_much_is_dropped() {
        let keys = limited(Duration::from_millis(20), 100);
        keys.keep_made(key("a"));
        std::thread::sleep(Duration::from_millis(30));
        assert!(keys.to_encrypt(b"c").is_none() && keys.made.load().keys.is_empty());
        let keys = limited(HOUR, 100);
        let kept = keys.keep_made(key("a"));
        kept.add_bytes(MOST_BYTES as usize);
        assert!(keys.to_encrypt(b"c").is_none() && keys.made.load().keys.is_empty());
    }

    #[test]
    fn a_key_from_an_envelope_encrypts_nothing() {
        let keys = limited(HOUR, 100);
        keys.keep_unwrapped(key("a"));
        assert!(keys.to_encrypt(b"c").is_none());
        assert!(keys.to_decrypt("b", b"c").is_none() && keys.to_decrypt("a", b"d").is_none());
        assert!(keys.to_decrypt("a", b"c").is_some());
    }

    #[test]
    fn the_oldest_of_many_keys_is_dropped() {
        let keys = limited(HOUR, 100);
        (0..=MOST_KEYS).for_each(|number| drop(keys.keep_unwrapped(key(&number.to_string()))));
        assert!(keys.to_decrypt("0", b"c").is_none());
        assert!(keys.to_decrypt("1", b"c").is_some() && keys.to_decrypt(&MOST_KEYS.to_string(), b"c").is_some());
    }

    #[test]
    fn keys_of_envelopes_take_no_place_of_those_that_were_made() {
        let keys = limited(HOUR, 1000);
        keys.keep_made(key("a"));
        (0..=MOST_KEYS).for_each(|number| drop(keys.keep_unwrapped(key(&number.to_string()))));
        assert!(keys.to_encrypt(b"c").is_some());
    }

    #[test]
    fn threads_that_need_a_key_at_the_same_time_make_one() {
        let keys = limited(HOUR, 1000);
        let made = AtomicU32::new(0);
        let make = || {
            made.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(20));
            Ok(key("a"))
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let deadline = Call::default().start(HOUR);
                    assert!(keys.to_encrypt_or_make(b"c", &deadline, make).is_ok());
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
        let single = limited(HOUR, 1);
        let _held = single.requests[lock_of(b"c")].try_lock();
        let deadline = Call::default().start(HOUR);
        assert!(single.to_encrypt_or_make(b"c", &deadline, || Ok(key("a"))).is_ok(), "keys of their own need no wait");
    }

    #[test]
    fn nothing_is_kept_without_age_or_for_one_use() {
        for keys in [limited(Duration::ZERO, 100), limited(HOUR, 1)] {
            keys.keep_made(key("a"));
            assert!(keys.to_encrypt(b"c").is_none());
        }
    }
}
