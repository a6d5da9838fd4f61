//! A blocking client for HashiCorp Vault and OpenBao, made to be linked from C, C++, Go and older languages.
//!
//! The map of the house; arrows run down only:
//!
//! - [`ffi`]: the `extern "C"` surface, the only raw pointers; pointer in, status out, no decisions
//! - [`mod@open`]: a store from options, and the process-wide default
//! - [`mod@env`] and [`vault`]: the two backends; `vault` stands on `http` and `net`
//! - [`config`]: names to typed configuration; [`mod@reference`]: the grammar of references and keys; both pure
//! - [`store`]: what every backend can do; [`call`]: deadline and cancellation; [`error`]: all that can go wrong;
//!   [`status`]: the table of statuses
//! - [`observe`]: log lines and redaction; [`secret`]: the wiping allocator, and buffers of secrets; `host`: forks and
//!   panics of the process around us

pub mod call;
pub mod config;
pub mod env;
pub mod error;
pub mod ffi;
pub mod host;
mod http;
mod net;
pub mod observe;
pub mod open;
pub mod reference;
pub mod secret;
pub mod status;
pub mod store;
pub mod vault;
