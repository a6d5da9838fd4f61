//! The host process: fork detection, locks that survive forks, AWS-LC between forks and at
//! exit, a panic hook that prints nothing,
//! file descriptors above the standard streams, a descriptor for the event loop of a program, reading files of any type,
//! waiting for descriptors of the program, writing without signals, and random numbers.

pub(crate) mod crypto;
pub(crate) mod descriptors;
pub(crate) mod exit;
pub(crate) mod file;
pub mod fork;
pub mod fork_lock;
pub mod held;
pub(crate) mod notifier;
pub(crate) mod panic_hook;
pub(crate) mod random;
pub(crate) mod signals;
pub(crate) mod transfer;
