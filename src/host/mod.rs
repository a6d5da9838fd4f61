//! What the library has to know of the process that it lives in: which side of a fork this is, a lock that a fork cannot
//! leave locked, a panic hook that prints nothing, descriptors that are no standard streams, and files of any type.

pub(crate) mod descriptors;
pub(crate) mod file;
pub mod fork;
pub mod fork_lock;
pub(crate) mod panic_hook;
