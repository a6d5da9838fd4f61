//! Random numbers of the operating system, for pauses and identifiers: each process, children of a fork included, has
//! others. There is no generator in between, which would need thread-local state.

/// A random number.
pub fn number() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX / 2)
}

/// A random fraction, from 0 to 1.
pub fn fraction() -> f64 {
    number() as f64 / u64::MAX as f64
}
