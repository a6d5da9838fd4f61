//! The host process: fork detection, a lock that survives forks, a panic hook that prints nothing, file descriptors
//! above the standard streams, and reading files of any type.

pub(crate) mod crypto;
pub(crate) mod descriptors;
pub(crate) mod file;
pub mod fork;
pub mod fork_lock;
pub(crate) mod panic_hook;
