//! A blocking client for HashiCorp Vault (KV version 2), made to be linked from C, C++, Go and older languages.
//!
//! The map of the house; arrows run down only:
//!
//! - [`ffi`]: the `extern "C"` surface, the only raw pointers; pointer in, status out, no decisions
//! - [`manager`]: the five operations, opening a manager, the process-wide default
//! - [`mod@env`] and [`vault`]: the two backends
//! - [`options`]: names to typed configuration; [`mod@reference`]: the grammar of references and keys; both pure
//! - [`call`]: deadline and cancellation of one call; [`error`]: everything that can go wrong, and its number
//! - [`log`]: where log lines go; [`memory`]: the wiping allocator and the buffer that holds a value; `quiet`: panics
//!   print nothing

pub mod call;
pub mod env;
pub mod error;
pub mod ffi;
mod fork;
pub mod log;
pub mod manager;
pub mod memory;
pub mod options;
mod quiet;
pub mod reference;
pub mod vault;
