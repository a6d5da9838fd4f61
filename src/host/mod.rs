//! What the library has to know of the process that it lives in: which side of a fork this is, a lock that a fork cannot
//! leave locked, and a panic hook that prints nothing.

pub mod fork;
pub mod fork_lock;
pub(crate) mod panic_hook;
